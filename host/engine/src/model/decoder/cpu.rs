//! One pass on the CPU: states stay where they are, and every product writes or adds where its result is wanted.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;

use super::attention::cpu::{CpuPlan, CpuSetting, Packed, attend};
use super::block::Block;
use super::cache::LayerCache;
use super::config::{Activation, Residual};
use super::linear::{Linear, Matrix};
use super::norm::Norm;
use super::rotary::{Rotator, Table};
use crate::model::floats::floats;
use crate::model::kernels::{Panels, Rows, RowsMut, elementwise, padded, product, product_of};

/// Rows that a thread takes at a time where little is done to each.
const ROWS: usize = 8;

/// A matrix of states, rows a little apart.
pub struct States {
    data: Vec<f32>,
    count: usize,
    width: usize,
}

impl States {
    /// Zeros.
    pub fn new(count: usize, width: usize) -> Self {
        Self { data: vec![0.0; count * padded(width)], count, width }
    }

    /// All rows.
    pub fn rows(&self) -> Rows<'_> {
        self.part(self.width)
    }

    /// The first numbers of every row.
    fn part(&self, width: usize) -> Rows<'_> {
        Rows::new(&self.data, self.count, width, padded(self.width))
    }

    fn rows_mut(&mut self) -> RowsMut<'_> {
        RowsMut::new(&mut self.data, self.count, self.width, padded(self.width))
    }

    /// Does something to each row, with its index.
    pub fn each(&mut self, work: impl Fn(usize, &mut [f32]) + Sync) {
        let (width, stride) = (self.width, padded(self.width).max(1));
        let rows = self.data.par_chunks_mut(stride).enumerate().with_min_len(ROWS);
        rows.for_each(|(index, row)| work(index, &mut row[..width]));
    }

    /// Some of the rows, in the order given.
    pub fn keep(&mut self, rows: &[usize]) {
        let mut kept = Self::new(rows.len(), self.width);
        kept.each(|index, row| row.copy_from_slice(self.rows().row(rows[index])));
        *self = kept;
    }

    /// As a tensor `[rows, width]`.
    ///
    /// # Errors
    /// None on the CPU.
    pub fn to_tensor(&self) -> Result<Tensor> {
        let numbers = (0..self.count).flat_map(|row| self.rows().row(row).iter().copied()).collect();
        Tensor::from_vec(numbers, (self.count, self.width), &Device::Cpu)
    }
}

impl Norm {
    /// Normalises rows into others of the same form.
    ///
    /// # Errors
    /// Weights elsewhere than in the CPU's memory.
    pub fn apply(&self, from: &States, to: &mut States) -> Result<()> {
        match self {
            Norm::Layer { gain, bias, eps } => {
                let (gain, bias) = (floats(gain)?, floats(bias)?);
                let (gain, bias) = (&*gain, &*bias);
                to.each(|index, out| elementwise::layer_norm(from.rows().row(index), gain, bias, *eps, out));
            }
            Norm::Rms { gain, eps } => {
                let gain = floats(gain)?;
                let gain = &*gain;
                to.each(|index, out| elementwise::rms_norm(from.rows().row(index), gain, *eps, out));
            }
        }
        Ok(())
    }

    /// Normalises one row in place.
    fn in_place(&self, x: &mut [f32]) -> Result<()> {
        let from = x.to_vec();
        match self {
            Norm::Layer { gain, bias, eps } => {
                elementwise::layer_norm(&from, &floats(gain)?, &floats(bias)?, *eps, x);
            }
            Norm::Rms { gain, eps } => elementwise::rms_norm(&from, &floats(gain)?, *eps, x),
        }
        Ok(())
    }
}

impl Linear {
    /// `out = x W^T + b`, or with `add` that much more.
    ///
    /// # Errors
    /// Weights that are not packed for the CPU.
    pub fn apply(&self, x: Rows<'_>, out: &mut States, add: bool) -> Result<()> {
        let weights = self.packed()?;
        let bias = self.bias.as_ref().map(floats).transpose()?;
        product(x, weights, bias.as_deref(), out.rows_mut(), add);
        Ok(())
    }

    /// Some outputs of `x W^T + b`, row after row.
    ///
    /// # Errors
    /// Weights that are not packed for the CPU.
    pub fn apply_part(&self, x: Rows<'_>, outputs: Range<usize>, out: &mut [f32]) -> Result<()> {
        let weights = self.packed()?;
        let bias = self.bias.as_ref().map(floats).transpose()?;
        let bias = bias.as_deref().map(|bias| &bias[outputs.clone()]);
        let target = RowsMut::new(out, x.count(), outputs.len(), outputs.len());
        product_of(x, weights, outputs, bias, target);
        Ok(())
    }

    fn packed(&self) -> Result<&Panels> {
        match &self.matrix {
            Matrix::Packed(weights) => Ok(weights),
            _ => candle_core::bail!("the weights are not packed for the CPU"),
        }
    }
}

/// What all blocks share during one pass.
pub struct CpuPass<'a> {
    /// Who sees whom.
    pub plan: &'a CpuPlan,
    /// Rotation of queries and keys, for rotary models.
    pub rotation: Option<(&'a Rotator, &'a Table)>,
    /// The number format of keys and values.
    pub dtype: DType,
}

/// Room for what one block computes on the way; the next block uses it again.
pub struct Workspace {
    normed: States,
    qkv: States,
    queries: Vec<f32>,
    attended: States,
    up: States,
}

impl Workspace {
    /// For blocks of this form.
    pub fn new(block: &Block, tokens: usize) -> Self {
        let (heads, kv_heads, width) = block.heads;
        Self {
            normed: States::new(tokens, block.hidden),
            qkv: States::new(tokens, (heads + 2 * kv_heads) * width),
            queries: vec![0.0; tokens * heads * width],
            attended: States::new(tokens, heads * width),
            up: States::new(tokens, block.inner * if block.gated { 2 } else { 1 }),
        }
    }
}

impl Block {
    /// The states `x` through the block, in place; gives the tokens' own keys and values. With `only`, of the states those
    /// rows are left: behind the last block's attention nobody reads the others.
    ///
    /// # Errors
    /// Tensors elsewhere than in the CPU's memory.
    pub fn advance(
        &self,
        x: &mut States,
        work: &mut Workspace,
        pass: &CpuPass<'_>,
        past: Option<&LayerCache>,
        only: Option<&[usize]>,
    ) -> Result<LayerCache> {
        let keep = |x: &mut States, work: &mut Workspace| {
            if let Some(rows) = only {
                x.keep(rows);
                work.normed.keep(rows);
                work.attended.keep(rows);
                work.up = States::new(rows.len(), work.up.width);
            }
        };
        let mlp_norm = self.mlp_norm.as_ref().unwrap_or(&self.attention_norm);
        match self.residual {
            Residual::Sequential => {
                self.attention_norm.apply(x, &mut work.normed)?;
                let cache = self.attend(None, work, pass, past)?;
                keep(x, work);
                self.attention_output.apply(work.attended.rows(), x, true)?;
                mlp_norm.apply(x, &mut work.normed)?;
                self.widen(None, work)?;
                self.down.apply(work.up.part(self.inner), x, true)?;
                Ok(cache)
            }
            Residual::SequentialFromNorm => {
                self.attention_norm.apply(x, &mut work.normed)?;
                std::mem::swap(x, &mut work.normed);
                let cache = self.attend(Some(x), work, pass, past)?;
                keep(x, work);
                self.attention_output.apply(work.attended.rows(), x, true)?;
                mlp_norm.apply(x, &mut work.normed)?;
                std::mem::swap(x, &mut work.normed);
                self.widen(Some(x), work)?;
                self.down.apply(work.up.part(self.inner), x, true)?;
                Ok(cache)
            }
            Residual::SequentialPostNorm => {
                let cache = self.attend(Some(x), work, pass, past)?;
                keep(x, work);
                self.attention_output.apply(work.attended.rows(), x, true)?;
                self.attention_norm.apply(x, &mut work.normed)?;
                std::mem::swap(x, &mut work.normed);
                self.widen(Some(x), work)?;
                self.down.apply(work.up.part(self.inner), x, true)?;
                mlp_norm.apply(x, &mut work.normed)?;
                std::mem::swap(x, &mut work.normed);
                Ok(cache)
            }
            Residual::Parallel => {
                self.attention_norm.apply(x, &mut work.normed)?;
                let cache = self.attend(None, work, pass, past)?;
                keep(x, work);
                if let Some(norm) = &self.mlp_norm {
                    norm.apply(x, &mut work.normed)?;
                }
                self.widen(None, work)?;
                self.attention_output.apply(work.attended.rows(), x, true)?;
                self.down.apply(work.up.part(self.inner), x, true)?;
                Ok(cache)
            }
        }
    }

    /// Attention of `x`, or of the normed states, into `work.attended`.
    fn attend(
        &self,
        x: Option<&States>,
        work: &mut Workspace,
        pass: &CpuPass<'_>,
        past: Option<&LayerCache>,
    ) -> Result<LayerCache> {
        let (heads, kv_heads, width) = self.heads;
        self.qkv.apply(x.unwrap_or(&work.normed).rows(), &mut work.qkv, false)?;
        let (query_norm, key_norm) = self.head_norms.as_ref().map(|(query, key)| (query, key)).unzip();
        self.split(&work.qkv, 0, query_norm, self.scale as f32, pass, &mut work.queries)?;
        let tokens = work.qkv.count;
        let mut keys = vec![0f32; tokens * kv_heads * width];
        self.split(&work.qkv, heads, key_norm, 1.0, pass, &mut keys)?;
        let mut values = vec![0f32; tokens * kv_heads * width];
        copy_heads(&work.qkv, heads + kv_heads, width, &mut values, |_, _| Ok(()))?;
        let tensor = |numbers| Tensor::from_vec(numbers, (kv_heads, tokens, width), &Device::Cpu)?.to_dtype(pass.dtype);
        let cache = LayerCache { keys: tensor(keys)?, values: tensor(values)? };
        let fresh = LayerCache { keys: wide(&cache.keys)?, values: wide(&cache.values)? };
        let (keys, values) = (floats(&fresh.keys)?, floats(&fresh.values)?);
        let fresh = Packed::new(&keys, &values, (kv_heads, tokens, width));
        let past = match past {
            Some(past) => Some(LayerCache { keys: wide(&past.keys)?, values: wide(&past.values)? }),
            None => None,
        };
        let past = match &past {
            Some(past) => Some((floats(&past.keys)?, floats(&past.values)?, past.keys.dims3()?)),
            None => None,
        };
        let past = past.as_ref().map(|(keys, values, form)| Packed::new(keys, values, *form));
        let setting = CpuSetting { heads, kv_heads, width, window: self.window };
        let stride = padded(heads * width);
        attend(pass.plan, setting, &work.queries, &fresh, past.as_ref(), &mut work.attended.data, stride);
        Ok(cache)
    }

    /// Queries or keys out of the joint product, a head after the other, normed, rotated and scaled.
    fn split(
        &self,
        qkv: &States,
        first: usize,
        norm: Option<&Norm>,
        scale: f32,
        pass: &CpuPass<'_>,
        out: &mut [f32],
    ) -> Result<()> {
        let rotation = pass.rotation.filter(|_| self.rotated);
        copy_heads(qkv, first, self.heads.2, out, |token, x| {
            if let Some(norm) = norm {
                norm.in_place(x)?;
            }
            if let Some((rotator, table)) = rotation {
                rotator.rotate_row(x, table, token);
            }
            if scale != 1.0 {
                elementwise::scale(x, scale);
            }
            Ok(())
        })
    }

    /// The MLP up to its second matrix, of `x` or of the normed states: the first numbers of each row of `work.up`.
    fn widen(&self, x: Option<&States>, work: &mut Workspace) -> Result<()> {
        let Workspace { normed, up, .. } = work;
        self.up.apply(x.unwrap_or(normed).rows(), up, false)?;
        let (inner, gated, activation) = (self.inner, self.gated, self.activation);
        up.each(|_, row| {
            let (row, factors) = row.split_at_mut(inner);
            match activation {
                Activation::Relu => elementwise::relu(row),
                Activation::Gelu => elementwise::gelu(row),
                Activation::GeluTanh => elementwise::gelu_tanh(row),
                Activation::Silu => elementwise::silu(row),
            }
            if gated {
                elementwise::multiply(row, factors);
            }
        });
        Ok(())
    }
}

/// Heads from `first` on, out of rows of all heads, to `[heads, tokens, width]`, each treated by `work` with its token.
fn copy_heads(
    qkv: &States,
    first: usize,
    width: usize,
    out: &mut [f32],
    work: impl Fn(usize, &mut [f32]) -> Result<()> + Sync,
) -> Result<()> {
    let tokens = qkv.count;
    out.par_chunks_mut(ROWS * width).enumerate().try_for_each(|(chunk, out)| {
        for (index, out) in out.chunks_mut(width).enumerate() {
            let index = chunk * ROWS + index;
            let (head, token) = (first + index / tokens, index % tokens);
            out.copy_from_slice(&qkv.rows().row(token)[head * width..][..width]);
            work(token, out)?;
        }
        Ok(())
    })
}

/// In single precision and in order.
fn wide(tensor: &Tensor) -> Result<Tensor> {
    tensor.to_dtype(DType::F32)?.contiguous()
}
