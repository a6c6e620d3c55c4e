//! One block of the decoder: attention and MLP around the residual stream, by the tensor library's operations.

use candle_core::{Result, Tensor};

use super::attention::{ComposedPlan, Projections, composed};
use super::cache::LayerCache;
use super::config::{Activation, Residual};
use super::linear::Linear;
use super::norm::Norm;
use super::rotary::{Angles, Rotator};

/// The weights of one block.
pub struct Block {
    /// Before (or after) attention.
    pub attention_norm: Norm,
    /// Before (or after) the MLP; `None` where both halves share the first.
    pub mlp_norm: Option<Norm>,
    /// All queries, all keys, all values in one product.
    pub qkv: Linear,
    /// Over each head's query and key, before rotation.
    pub head_norms: Option<(Norm, Norm)>,
    /// Of the heads' outputs.
    pub attention_output: Linear,
    /// The MLP's first matrix; with a gate, gate and up in one product.
    pub up: Linear,
    /// The MLP's second matrix.
    pub down: Linear,
    /// Whether `up` starts with a gate.
    pub gated: bool,
    /// The MLP's non-linearity.
    pub activation: Activation,
    /// How the halves join.
    pub residual: Residual,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the MLP.
    pub inner: usize,
    /// Query heads, key/value heads, width of a head.
    pub heads: (usize, usize, usize),
    /// The attention scores' scale.
    pub scale: f64,
    /// How many keys a query sees.
    pub window: Option<usize>,
    /// Whether queries and keys are rotated, in a rotary model.
    pub rotated: bool,
}

/// What all blocks share during one pass.
pub struct Pass<'a> {
    /// Who sees whom.
    pub plan: &'a ComposedPlan,
    /// Rotation of queries and keys, for rotary models.
    pub rotation: Option<(&'a Rotator, &'a Angles)>,
}

impl Block {
    /// `x` `[tokens, hidden]` through the block; also the tokens' own keys and values.
    ///
    /// # Errors
    /// A failed computation.
    pub fn forward(&self, x: &Tensor, pass: &Pass<'_>, past: Option<&LayerCache>) -> Result<(Tensor, LayerCache)> {
        match self.residual {
            Residual::Sequential => {
                let (attended, cache) = self.attention(&self.attention_norm.forward(x)?, pass, past)?;
                let x = (x + attended)?;
                let out = (&x + self.mlp(&self.normed_for_mlp(&x)?)?)?;
                Ok((out, cache))
            }
            Residual::SequentialFromNorm => {
                let normed = self.attention_norm.forward(x)?;
                let (attended, cache) = self.attention(&normed, pass, past)?;
                let normed = self.normed_for_mlp(&(normed + attended)?)?;
                let out = (&normed + self.mlp(&normed)?)?;
                Ok((out, cache))
            }
            Residual::SequentialPostNorm => {
                let (attended, cache) = self.attention(x, pass, past)?;
                let x = self.attention_norm.forward(&(x + attended)?)?;
                let out = self.normed_for_mlp(&(&x + self.mlp(&x)?)?)?;
                Ok((out, cache))
            }
            Residual::Parallel => {
                let normed = self.attention_norm.forward(x)?;
                let (attended, cache) = self.attention(&normed, pass, past)?;
                let for_mlp = match &self.mlp_norm {
                    Some(norm) => norm.forward(x)?,
                    None => normed,
                };
                let out = ((x + attended)? + self.mlp(&for_mlp)?)?;
                Ok((out, cache))
            }
        }
    }

    fn normed_for_mlp(&self, x: &Tensor) -> Result<Tensor> {
        self.mlp_norm.as_ref().unwrap_or(&self.attention_norm).forward(x)
    }

    fn attention(&self, x: &Tensor, pass: &Pass<'_>, past: Option<&LayerCache>) -> Result<(Tensor, LayerCache)> {
        let (heads, kv_heads, width) = self.heads;
        let tokens = x.dim(0)?;
        let qkv = self.qkv.forward(x)?;
        let part = |start: usize, count: usize| {
            qkv.narrow(1, start * width, count * width)?.contiguous()?.reshape((tokens, count, width))
        };
        let mut queries = part(0, heads)?;
        let mut keys = part(heads, kv_heads)?;
        let values = part(heads + kv_heads, kv_heads)?;
        if let Some((query_norm, key_norm)) = &self.head_norms {
            queries = query_norm.forward(&queries)?;
            keys = key_norm.forward(&keys)?;
        }
        if let Some((rotator, angles)) = pass.rotation.filter(|_| self.rotated) {
            queries = rotator.rotate(&queries, angles)?;
            keys = rotator.rotate(&keys, angles)?;
        }
        let fresh =
            LayerCache { keys: keys.transpose(0, 1)?.contiguous()?, values: values.transpose(0, 1)?.contiguous()? };
        let projections = Projections { queries, keys, values };
        let setting = composed::Setting { scale: self.scale, variant: pass.plan.variant(self.window) };
        let attended = composed::attend(pass.plan, setting, &projections, &fresh, past)?;
        Ok((self.attention_output.forward(&attended)?, fresh))
    }

    fn mlp(&self, x: &Tensor) -> Result<Tensor> {
        let up = self.up.forward(x)?;
        let inner = if self.gated {
            let width = up.dim(1)? / 2;
            (self.activate(&up.narrow(1, 0, width)?)? * up.narrow(1, width, width)?)?
        } else {
            self.activate(&up)?
        };
        self.down.forward(&inner)
    }

    fn activate(&self, x: &Tensor) -> Result<Tensor> {
        match self.activation {
            Activation::Relu => x.relu(),
            Activation::Gelu => x.gelu_erf(),
            Activation::GeluTanh => x.gelu(),
            Activation::Silu => x.silu(),
        }
    }
}
