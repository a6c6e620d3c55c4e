//! The CPU's backend, by kernels of our own: states are f32 whatever the number format of weights, keys and values, and
//! every product writes or adds where its result is wanted.

mod attention;
mod backward;
mod matrix;
mod states;

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;

use super::super::cache::LayerCache;
use super::super::config::{Activation, DecoderConfig};
use super::super::placement::Placement;
use super::super::rotary::{Angles, Rotator};
use super::{Attention, Backend, Head, Heads, Linear, Norm, PackedBatch};
use crate::model::floats::floats;
use crate::model::weights::WeightFormat;
pub(super) use attention::{AttentionPlan, PackedKv, Scores, attend};
use ft_kernels::elementwise::{self, rotate_halves, rotate_neighbours};
use ft_kernels::{Panels, Rows, RowsMut, product, product_bytes, product_of};
use states::{HiddenStates, ROWS, Workspace};

/// Kernels of our own.
pub(crate) struct Cpu {
    /// The number format of dense weights, keys and values.
    dtype: DType,
    weights: WeightFormat,
}

/// Bytes of a pass's states.
#[cfg(test)]
pub(crate) fn states_bytes(config: &DecoderConfig, tokens: usize) -> u64 {
    Workspace::bytes(config, tokens)
}

/// A batch's attention and rotations.
pub(crate) struct BatchPlan {
    attention: AttentionPlan,
    /// What rotates queries and keys, one for each of the decoder's rotators.
    rotations: Vec<Rotation>,
}

/// A rotation of one head's numbers by angles that depend on the token.
struct Rotation {
    angles: Angles,
    pairs: usize,
    dimensions: usize,
    interleaved: bool,
}

impl Backend for Cpu {
    type Matrix = Arc<Panels>;
    type Vector = Vec<f32>;
    type HiddenStates = HiddenStates;
    type Workspace = Workspace;
    type BatchPlan = BatchPlan;

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn cache_dtype(&self) -> DType {
        self.dtype
    }

    fn states_dtype(&self) -> DType {
        DType::F32
    }

    fn vector_dtype(&self) -> DType {
        DType::F32
    }

    fn matrix(&self, weight: &Tensor) -> Result<Arc<Panels>> {
        let format = matrix::format(self.dtype, self.weights == WeightFormat::Quantized, weight.dim(1)?);
        Ok(Arc::new(matrix::packed(weight, format)?))
    }

    fn vector(&self, values: &Tensor) -> Result<Vec<f32>> {
        values.flatten_all()?.to_vec1()
    }

    fn workspace(&self) -> Workspace {
        Workspace::default()
    }

    fn release(&self, states: HiddenStates, workspace: &mut Workspace) {
        workspace.release(states);
    }

    fn plan(&self, config: &DecoderConfig, batch: &PackedBatch<'_>, rotators: &[Rotator]) -> Result<BatchPlan> {
        let attention = AttentionPlan::new(config, batch.trees, batch.past, batch.hidden);
        let rotations = rotators.iter().map(|rotator| Rotation {
            angles: rotator.angles(batch.position_ids),
            pairs: rotator.pairs(),
            dimensions: rotator.dimensions,
            interleaved: rotator.interleaved,
        });
        Ok(BatchPlan { attention, rotations: rotations.collect() })
    }

    fn embed(&self, table: &Arc<Panels>, ids: &[u32], work: &mut Workspace) -> Result<HiddenStates> {
        let mut x = work.states(ids.len(), table.inputs());
        x.each(|index, row| table.row(ids[index] as usize, row));
        Ok(x)
    }

    fn add_rows(&self, x: &mut HiddenStates, table: &Vec<f32>, rows: &[u32]) -> Result<()> {
        x.each(|index, row| {
            let width = row.len();
            elementwise::add(row, &table[rows[index] as usize * width..][..width]);
        });
        Ok(())
    }

    fn add(&self, x: &mut HiddenStates, y: &HiddenStates) -> Result<()> {
        x.each(|index, row| elementwise::add(row, y.rows().row(index)));
        Ok(())
    }

    fn scale(&self, x: &mut HiddenStates, factor: f64) -> Result<()> {
        x.each(|_, row| elementwise::scale(row, factor as f32));
        Ok(())
    }

    fn norm(&self, norm: &Norm<Self>, x: &HiddenStates, work: &mut Workspace) -> Result<HiddenStates> {
        let mut normed = work.states(x.len(), x.rows().width());
        normed.each(|index, out| norm.row(x.rows().row(index), out));
        Ok(normed)
    }

    fn linear(&self, linear: &Linear<Self>, x: &HiddenStates, work: &mut Workspace) -> Result<HiddenStates> {
        let mut out = work.states(x.len(), linear.matrix.outputs());
        product(x.rows(), &linear.matrix, linear.bias.as_deref(), out.rows_mut(), false);
        Ok(out)
    }

    fn add_linear(&self, linear: &Linear<Self>, x: &HiddenStates, sum: &mut HiddenStates) -> Result<()> {
        product(x.rows(), &linear.matrix, linear.bias.as_deref(), sum.rows_mut(), true);
        Ok(())
    }

    fn activate(&self, x: &mut HiddenStates, activation: Activation, gated: bool) -> Result<()> {
        let width = x.rows().width();
        let intermediate = if gated { width / 2 } else { width };
        x.each(|_, row| {
            let (row, factors) = row.split_at_mut(intermediate);
            activate(row, activation);
            if gated {
                elementwise::multiply(row, factors);
            }
        });
        x.narrow(intermediate);
        Ok(())
    }

    fn attend(
        &self,
        attention: &Attention<Self>,
        qkv: HiddenStates,
        plan: &BatchPlan,
        past: Option<&LayerCache>,
        work: &mut Workspace,
    ) -> Result<(HiddenStates, LayerCache)> {
        let Heads { query: heads, kv: kv_heads, head_dim } = attention.heads;
        let tokens = qkv.len();
        let mut query_room = work.take(tokens * heads * head_dim);
        let queries = &mut query_room[..tokens * heads * head_dim];
        let cache = self.projections(attention, &qkv, plan, queries)?;
        work.release(qkv);
        // Keys and values are read back as they are held, so that a token sees its own batch as it would see a past.
        let fresh = in_f32(&cache)?;
        let (keys, values) = (floats(&fresh.keys)?, floats(&fresh.values)?);
        let fresh = PackedKv::new(&keys, &values, (kv_heads, tokens, head_dim));
        let past = past.map(in_f32).transpose()?;
        let past = match &past {
            Some(past) => Some((floats(&past.keys)?, floats(&past.values)?, past.keys.dims3()?)),
            None => None,
        };
        let past = past.as_ref().map(|(keys, values, shape)| PackedKv::new(keys, values, *shape));
        let mut attended = work.states(tokens, heads * head_dim);
        let stride = attended.stride();
        let scores = Scores { heads: attention.heads, window: attention.window, softcap: attention.softcap };
        attend(&plan.attention, scores, queries, &fresh, past.as_ref(), attended.data_mut(), stride);
        work.give_back(query_room);
        Ok((attended, cache))
    }

    fn retain_rows(&self, x: HiddenStates, rows: &[usize], work: &mut Workspace) -> Result<HiddenStates> {
        let mut retained = work.states(rows.len(), x.rows().width());
        retained.each(|index, row| row.copy_from_slice(x.rows().row(rows[index])));
        work.release(x);
        Ok(retained)
    }

    fn copied(&self, x: &HiddenStates, _work: &mut Workspace) -> Result<HiddenStates> {
        let mut copy = Workspace::kept(x.len(), x.rows().width());
        copy.each(|index, row| row.copy_from_slice(x.rows().row(index)));
        Ok(copy)
    }

    fn to_tensor(&self, x: &HiddenStates) -> Result<Tensor> {
        x.to_tensor()
    }

    fn logits(&self, head: &Head<Self>, states: &Tensor) -> Result<Tensor> {
        let (rows, vocabulary) = (states.dim(0)?, head.linear.matrix.outputs());
        let mut logits = Vec::new();
        self.logits_of(head, states, 0..vocabulary, &mut logits)?;
        Tensor::from_vec(logits, (rows, vocabulary), &Device::Cpu)
    }

    fn logits_of(&self, head: &Head<Self>, states: &Tensor, tokens: Range<usize>, out: &mut Vec<f32>) -> Result<()> {
        let states = states.to_dtype(DType::F32)?.contiguous()?;
        let (rows, width) = states.dims2()?;
        out.resize(rows * tokens.len(), 0.0);
        let Linear { matrix, bias } = &head.linear;
        let bias = bias.as_ref().map(|bias| &bias[tokens.clone()]);
        let target = RowsMut::new(out, rows, tokens.len(), tokens.len());
        product_of(Rows::new(&floats(&states)?, rows, width, width), matrix, tokens.clone(), bias, target);
        if let Some(cap) = head.softcap {
            out.par_chunks_mut(tokens.len().max(1)).for_each(|logits| elementwise::softcap(logits, cap as f32));
        }
        Ok(())
    }
}

impl Cpu {
    /// Queries, normed, rotated and scaled, into `[heads, tokens, head_dim]`; keys and values, normed and rotated, as they are
    /// held.
    fn projections(
        &self,
        attention: &Attention<Self>,
        qkv: &HiddenStates,
        plan: &BatchPlan,
        queries: &mut [f32],
    ) -> Result<LayerCache> {
        let Heads { query: heads, kv: kv_heads, head_dim } = attention.heads;
        let tokens = qkv.len();
        let (query_norm, key_norm) = attention.head_norms.as_ref().map(|(query, key)| (query, key)).unzip();
        let rotation = attention.rotator.map(|index| &plan.rotations[index]);
        // Queries are scaled instead of scores, of which there are more.
        let scale = attention.scale as f32;
        gather_heads(qkv, 0, head_dim, queries, |token, x| {
            prepare_head(x, token, query_norm, rotation);
            if scale != 1.0 {
                elementwise::scale(x, scale);
            }
        });
        let mut keys = vec![0f32; tokens * kv_heads * head_dim];
        gather_heads(qkv, heads, head_dim, &mut keys, |token, x| prepare_head(x, token, key_norm, rotation));
        let mut values = vec![0f32; tokens * kv_heads * head_dim];
        gather_heads(qkv, heads + kv_heads, head_dim, &mut values, |_, _| ());
        let tensor =
            |numbers| Tensor::from_vec(numbers, (kv_heads, tokens, head_dim), &Device::Cpu)?.to_dtype(self.dtype);
        Ok(LayerCache { keys: tensor(keys)?, values: tensor(values)? })
    }

    /// A backend that holds weights, keys and values in these formats.
    pub(crate) fn new(placement: &Placement) -> Self {
        Self { dtype: placement.dtype, weights: placement.weights }
    }

    /// Bytes of a weight matrix `[outputs, inputs]` as it is stored.
    pub(crate) fn matrix_bytes(dtype: DType, weights: WeightFormat, outputs: usize, inputs: usize) -> u64 {
        matrix::bytes(dtype, weights == WeightFormat::Quantized, outputs, inputs)
    }

    /// Bytes of states, and of what attention or a product makes besides, that are alive at once in a pass over so many
    /// tokens, in trees of at most `largest_tree`, and past positions. The weights and the caches are not counted.
    pub(crate) fn pass_bytes(
        config: &DecoderConfig,
        dtype: DType,
        weights: WeightFormat,
        tokens: usize,
        largest_tree: usize,
        past: usize,
    ) -> u64 {
        let packed = |positions| PackedKv::bytes((config.kv_heads, positions, config.head_dim));
        // Keys and values that are not f32 are there as f32 too while they are packed.
        let numbers = config.kv_heads.saturating_mul(config.head_dim).saturating_mul(2);
        let floats =
            if dtype == DType::F32 { 0 } else { (tokens as u64 + past as u64).saturating_mul(numbers as u64 * 4) };
        let scores = attention::scores_bytes(tokens, largest_tree, past);
        let attention = [packed(tokens), packed(past), floats, scores].into_iter().fold(0, u64::saturating_add);
        // Attention and the products take turns, and a block's keys and values are there from its attention on: those of the
        // last block are not beside a product over all tokens.
        let quantized = weights == WeightFormat::Quantized;
        let inputs = [config.hidden, config.heads.saturating_mul(config.head_dim), config.intermediate];
        let product = inputs.map(|inputs| product_bytes(matrix::format(dtype, quantized, inputs), tokens, inputs));
        let own = (tokens as u64).saturating_mul(numbers as u64).saturating_mul(dtype.size_in_bytes() as u64);
        let product = product.into_iter().fold(0, u64::max).saturating_sub(own);
        Workspace::bytes(config, tokens).saturating_add(attention.max(product))
    }
}

impl Norm<Cpu> {
    /// Normalises one row into another.
    fn row(&self, x: &[f32], out: &mut [f32]) {
        match self {
            Self::Layer { gain, bias, eps } => elementwise::layer_norm(x, gain, bias, *eps, out),
            Self::Rms { gain, eps } => elementwise::rms_norm(x, gain, *eps, out),
        }
    }
}

impl Rotation {
    /// Rotates one head of one token, in place.
    fn rotate(&self, x: &mut [f32], token: usize) {
        let Angles { cos, sin } = &self.angles;
        let (cos, sin) = (&cos[token * self.pairs..][..self.pairs], &sin[token * self.pairs..][..self.pairs]);
        let rotated = &mut x[..self.dimensions];
        if self.interleaved {
            rotate_neighbours(rotated, cos, sin);
        } else {
            let (first, second) = rotated.split_at_mut(self.pairs);
            rotate_halves(first, second, cos, sin);
        }
    }
}

impl Rotation {
    /// Rotates one head of one token back, in place: what a derivative goes through.
    fn rotate_back(&self, x: &mut [f32], token: usize) {
        let Angles { cos, sin } = &self.angles;
        let (cos, sin) = (&cos[token * self.pairs..][..self.pairs], &sin[token * self.pairs..][..self.pairs]);
        let rotated = &mut x[..self.dimensions];
        if self.interleaved {
            let sin: Vec<f32> = sin.iter().map(|sin| -sin).collect();
            rotate_neighbours(rotated, cos, &sin);
        } else {
            // The other way round is the other direction.
            let (first, second) = rotated.split_at_mut(self.pairs);
            rotate_halves(second, first, cos, sin);
        }
    }
}

/// The MLP's non-linearity, in place.
fn activate(x: &mut [f32], activation: Activation) {
    match activation {
        Activation::Relu => elementwise::relu(x),
        Activation::Gelu => elementwise::gelu(x),
        Activation::GeluTanh => elementwise::gelu_tanh(x),
        Activation::Silu => elementwise::silu(x),
    }
}

/// Norm and rotation of one head's query or key, in place.
fn prepare_head(x: &mut [f32], token: usize, norm: Option<&Norm<Cpu>>, rotation: Option<&Rotation>) {
    if let Some(norm) = norm {
        let before = x.to_vec();
        norm.row(&before, x);
    }
    if let Some(rotation) = rotation {
        rotation.rotate(x, token);
    }
}

/// Heads from `first` on, out of rows of all heads, to `[heads, tokens, head_dim]`, each treated by `work` with its token:
/// attention reads one head's rows after the other.
fn gather_heads(
    qkv: &HiddenStates,
    first: usize,
    head_dim: usize,
    out: &mut [f32],
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let tokens = qkv.len();
    out.par_chunks_mut(ROWS * head_dim).enumerate().for_each(|(chunk, out)| {
        for (index, out) in out.chunks_mut(head_dim).enumerate() {
            let index = chunk * ROWS + index;
            let (head, token) = (first + index / tokens, index % tokens);
            out.copy_from_slice(&qkv.rows().row(token)[head * head_dim..][..head_dim]);
            work(token, out);
        }
    });
}

/// Keys and values in single precision and in order; those that are already share their memory.
fn in_f32(cache: &LayerCache) -> Result<LayerCache> {
    let converted = |tensor: &Tensor| tensor.to_dtype(DType::F32)?.contiguous();
    Ok(LayerCache { keys: converted(&cache.keys)?, values: converted(&cache.values)? })
}
