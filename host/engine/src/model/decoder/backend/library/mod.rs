//! The tensor library's backend: its operations, on any device and in any number format.
//!
//! Devices other than the CPU run on it. It runs on the CPU too, slowly, so that it is tested on every machine.

mod attention;
mod backward;
mod matrix;
mod norm;
mod plan;
mod rotation;
mod softmax;

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};

use super::super::cache::LayerCache;
use super::super::config::{Activation, DecoderConfig};
use super::super::placement::Placement;
use super::super::rotary::Rotator;
use super::{Attention, Backend, Head, Heads, Linear, Norm, PackedBatch};
use crate::model::weights::WeightFormat;
pub(super) use attention::{Projections, Scores, attend};
use matrix::Matrix;
pub(super) use plan::AttentionPlan;
use rotation::Rotation;
pub(crate) use rotation::turned;
use softmax::capped;

/// The tensor library's operations. States are in the number format of dense weights, keys and values.
pub(crate) struct Library {
    device: Device,
    dtype: DType,
    weights: WeightFormat,
}

/// A batch's attention and rotations.
pub(crate) struct BatchPlan {
    attention: AttentionPlan,
    /// What rotates queries and keys, one for each of the decoder's rotators.
    rotations: Vec<Rotation>,
}

impl Backend for Library {
    type Matrix = Matrix;
    type Vector = Tensor;
    type HiddenStates = Tensor;
    /// The library's allocator keeps memory for the next to come itself.
    type Workspace = ();
    type BatchPlan = BatchPlan;

    fn device(&self) -> &Device {
        &self.device
    }

    fn cache_dtype(&self) -> DType {
        self.dtype
    }

    fn states_dtype(&self) -> DType {
        self.dtype
    }

    fn vector_dtype(&self) -> DType {
        self.dtype
    }

    fn matrix(&self, weight: &Tensor) -> Result<Matrix> {
        Matrix::new(weight, self.dtype, self.weights, &self.device)
    }

    fn vector(&self, values: &Tensor) -> Result<Tensor> {
        Ok(values.clone())
    }

    fn workspace(&self) {}

    fn release(&self, _states: Tensor, _workspace: &mut ()) {}

    fn plan(&self, config: &DecoderConfig, batch: &PackedBatch<'_>, rotators: &[Rotator]) -> Result<BatchPlan> {
        let attention = AttentionPlan::new(config, batch.trees, batch.past, batch.hidden, &self.device)?;
        let rotations =
            rotators.iter().map(|rotator| Rotation::new(rotator, batch.position_ids, self.dtype, &self.device));
        Ok(BatchPlan { attention, rotations: rotations.collect::<Result<_>>()? })
    }

    fn embed(&self, table: &Matrix, ids: &[u32], _work: &mut ()) -> Result<Tensor> {
        table.rows(&Tensor::new(ids, &self.device)?, self.dtype)
    }

    fn add_rows(&self, x: &mut Tensor, table: &Tensor, rows: &[u32]) -> Result<()> {
        *x = (&*x + table.index_select(&Tensor::new(rows, &self.device)?, 0)?)?;
        Ok(())
    }

    fn add(&self, x: &mut Tensor, y: &Tensor) -> Result<()> {
        *x = (&*x + y)?;
        Ok(())
    }

    fn scale(&self, x: &mut Tensor, factor: f64) -> Result<()> {
        *x = (&*x * factor)?;
        Ok(())
    }

    fn norm(&self, norm: &Norm<Self>, x: &Tensor, _work: &mut ()) -> Result<Tensor> {
        norm.normalised(x)
    }

    fn linear(&self, linear: &Linear<Self>, x: &Tensor, _work: &mut ()) -> Result<Tensor> {
        let product = linear.matrix.product(x, None)?;
        match &linear.bias {
            Some(bias) => product.broadcast_add(&bias.to_dtype(x.dtype())?),
            None => Ok(product),
        }
    }

    fn add_linear(&self, linear: &Linear<Self>, x: &Tensor, sum: &mut Tensor) -> Result<()> {
        *sum = (&*sum + self.linear(linear, x, &mut ())?)?;
        Ok(())
    }

    fn activate(&self, x: &mut Tensor, activation: Activation, gated: bool) -> Result<()> {
        let activated = |x: &Tensor| match activation {
            Activation::Relu => x.relu(),
            Activation::Gelu => x.gelu_erf(),
            Activation::GeluTanh => x.gelu(),
            Activation::Silu => x.silu(),
        };
        *x = if gated {
            let intermediate = x.dim(1)? / 2;
            (activated(&x.narrow(1, 0, intermediate)?)? * x.narrow(1, intermediate, intermediate)?)?
        } else {
            activated(x)?
        };
        Ok(())
    }

    fn attend(
        &self,
        attention: &Attention<Self>,
        qkv: Tensor,
        plan: &BatchPlan,
        past: Option<&LayerCache>,
        _work: &mut (),
    ) -> Result<(Tensor, LayerCache)> {
        let Projections { queries, keys, values } = projections(attention, &qkv, plan)?;
        let fresh =
            LayerCache { keys: keys.transpose(0, 1)?.contiguous()?, values: values.transpose(0, 1)?.contiguous()? };
        let projections = Projections { queries, keys, values };
        let scores = Scores {
            scale: attention.scale,
            softcap: attention.softcap,
            variant: plan.attention.variant(attention.window),
        };
        Ok((attend(&plan.attention, scores, &projections, &fresh, past)?, fresh))
    }

    fn retain_rows(&self, x: Tensor, rows: &[usize], _work: &mut ()) -> Result<Tensor> {
        let rows: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        x.index_select(&Tensor::new(rows, &self.device)?, 0)
    }

    fn copied(&self, x: &Tensor, _work: &mut ()) -> Result<Tensor> {
        // Tensors are not written to.
        Ok(x.clone())
    }

    fn to_tensor(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn logits(&self, head: &Head<Self>, states: &Tensor) -> Result<Tensor> {
        let logits = self.linear(&head.linear, states, &mut ())?.to_dtype(DType::F32)?;
        capped(logits, head.softcap)
    }

    fn logits_of(&self, head: &Head<Self>, states: &Tensor, tokens: Range<usize>, out: &mut Vec<f32>) -> Result<()> {
        let mut logits = head.linear.matrix.product(states, Some(tokens.clone()))?;
        if let Some(bias) = &head.linear.bias {
            logits = logits.broadcast_add(&bias.narrow(0, tokens.start, tokens.len())?.to_dtype(states.dtype())?)?;
        }
        *out = capped(logits.to_dtype(DType::F32)?, head.softcap)?.flatten_all()?.to_vec1()?;
        Ok(())
    }
}

/// Queries, keys and values of one layer, normed and rotated.
fn projections(attention: &Attention<Library>, qkv: &Tensor, plan: &BatchPlan) -> Result<Projections> {
    let Heads { query: heads, kv: kv_heads, head_dim } = attention.heads;
    let tokens = qkv.dim(0)?;
    let part = |start: usize, count: usize| {
        qkv.narrow(1, start * head_dim, count * head_dim)?.contiguous()?.reshape((tokens, count, head_dim))
    };
    let mut queries = part(0, heads)?;
    let mut keys = part(heads, kv_heads)?;
    let values = part(heads + kv_heads, kv_heads)?;
    if let Some((query_norm, key_norm)) = &attention.head_norms {
        queries = query_norm.normalised(&queries)?;
        keys = key_norm.normalised(&keys)?;
    }
    if let Some(rotation) = attention.rotator.map(|index| &plan.rotations[index]) {
        queries = rotation.rotated(&queries)?;
        keys = rotation.rotated(&keys)?;
    }
    Ok(Projections { queries, keys, values })
}

impl Library {
    /// A backend that holds weights, keys and values in these formats on this device.
    pub(crate) fn new(placement: &Placement) -> Self {
        Self { device: placement.device.clone(), dtype: placement.dtype, weights: placement.weights }
    }

    /// Bytes of a weight matrix `[outputs, inputs]` as it is stored.
    pub(crate) fn matrix_bytes(dtype: DType, weights: WeightFormat, outputs: usize, inputs: usize) -> u64 {
        matrix::bytes(outputs, inputs, dtype, weights)
    }

    /// Bytes of states that are alive at once in a pass over so many tokens and past positions, beside the weights and the
    /// caches. Scores of trees side by side are left out: they depend on the trees.
    pub(crate) fn pass_bytes(
        config: &DecoderConfig,
        dtype: DType,
        weights: WeightFormat,
        tokens: usize,
        largest_tree: usize,
        past: usize,
    ) -> u64 {
        let (hidden, up, qkv) = (config.hidden as u64, config.mlp_up_width() as u64, config.qkv_width() as u64);
        // The block's input, the sum with attention, its norm; the products, activated, and multiplied with the gate.
        let mlp = hidden.saturating_mul(3).saturating_add(up.saturating_mul(2));
        // The block's input, its norm; the product, its three parts, rotated, and the heads' outputs.
        let attention = hidden.saturating_mul(2).saturating_add(qkv.saturating_mul(4));
        let states = (tokens as u64).saturating_mul(mlp.max(attention)).saturating_mul(dtype.size_in_bytes() as u64);
        let unpacked = match weights {
            WeightFormat::Dense => 0,
            WeightFormat::Quantized => {
                let largest = config.vocabulary.max(config.mlp_up_width()).max(config.qkv_width());
                matrix::unpacked_bytes(largest, config.hidden)
            }
        };
        states.saturating_add(attention::scores_bytes(config, tokens, largest_tree, past)).saturating_add(unpacked)
    }
}
