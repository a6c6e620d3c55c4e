//! Attention of a packed batch over a shared past and within each token tree, from the tensor library's operations.
//!
//! The two parts are computed apart and merged by their log-sum-exps (shared-prefix attention; Juravsky et al. 2024,
//! arXiv 2402.05099): the past's keys and values meet the queries of all trees in one product per head.

use candle_core::{DType, Result, Tensor};

use super::super::super::cache::LayerCache;
use super::super::super::config::DecoderConfig;
use super::plan::{AttentionPlan, CHUNK, Padded};
use super::softmax::{Bias, Rows, masked_softmax};

/// What a part of attention gives: outputs `[tokens, heads, head_dim]` and log-sum-exps `[tokens, heads, 1]`.
struct Part {
    outputs: Tensor,
    log_sums: Tensor,
}

/// One layer's queries `[tokens, heads, head_dim]`, keys and values `[tokens, kv_heads, head_dim]`, rotated already.
pub(crate) struct Projections {
    pub queries: Tensor,
    pub keys: Tensor,
    pub values: Tensor,
}

/// What one layer's scores go through.
#[derive(Clone, Copy)]
pub(crate) struct Scores {
    /// What scores are multiplied by.
    pub scale: f64,
    /// Scaled scores `s` become `cap * tanh(s / cap)` before anything is added to them.
    pub softcap: Option<f64>,
    /// Which of the plan's masks to use.
    pub variant: usize,
}

/// The heads' outputs, `[tokens, heads * head_dim]`. `fresh` are the batch's own keys and values, `[kv_heads, tokens, head_dim]`.
///
/// # Errors
/// A failed computation.
pub(crate) fn attend(
    plan: &AttentionPlan,
    layer: Scores,
    projections: &Projections,
    fresh: &LayerCache,
    past: Option<&LayerCache>,
) -> Result<Tensor> {
    let local = match &plan.padded {
        Some(padded) => within_trees(plan, padded, layer, projections)?,
        None => chunked(plan, layer, projections, fresh, false)?,
    };
    let merged = match past {
        Some(past) => merge(chunked(plan, layer, projections, past, true)?, local)?,
        None => local.outputs,
    };
    let (tokens, heads, head_dim) = merged.dims3()?;
    merged.reshape((tokens, heads * head_dim))?.to_dtype(projections.queries.dtype())
}

/// All queries, in runs, over keys that all of them share: the past, or the one tree's own.
fn chunked(
    plan: &AttentionPlan,
    layer: Scores,
    projections: &Projections,
    cache: &LayerCache,
    is_past: bool,
) -> Result<Part> {
    let (_, heads, head_dim) = projections.queries.dims3()?;
    let kv_heads = cache.keys.dim(0)?;
    let repeats = heads / kv_heads;
    let mut outputs = Vec::with_capacity(plan.chunks.len());
    let mut log_sums = Vec::with_capacity(plan.chunks.len());
    for chunk in &plan.chunks {
        // Within one tree a token never follows a later one: keys beyond the run are not seen.
        let seen = if is_past { cache.keys.dim(1)? } else { chunk.start + chunk.len };
        let keys = cache.keys.narrow(1, 0, seen)?;
        let values = cache.values.narrow(1, 0, seen)?;
        let queries = projections.queries.narrow(0, chunk.start, chunk.len)?;
        // The queries of all heads that share a key/value head stand below each other: one product with its keys.
        let queries = queries.reshape((chunk.len, kv_heads, repeats, head_dim))?.permute((1, 2, 0, 3))?.contiguous()?;
        let queries = queries.reshape((kv_heads, repeats * chunk.len, head_dim))?;
        let index = plan.alibi.as_ref().and_then(|alibi| {
            let index = if is_past { &alibi.past_index } else { &alibi.local_index };
            index.as_ref().map(|index| (&alibi.slopes, index))
        });
        let index = match index {
            Some((slopes, index)) => Some((slopes, index.narrow(1, 0, seen)?)),
            None => None,
        };
        let mask = if is_past {
            chunk.past_masks.get(layer.variant).and_then(Option::as_ref)
        } else {
            chunk.local_masks.get(layer.variant)
        };
        let bias = Bias { mask, alibi: index.as_ref().map(|(slopes, index)| (*slopes, index)) };
        let rows = Rows { kv_heads, repeats, queries: chunk.len };
        let scores = queries.matmul(&keys.t()?)?;
        let (weights, sums) = masked_softmax(&scores, rows, layer.scale, layer.softcap, bias)?;
        let output = weights.to_dtype(values.dtype())?.matmul(&values.contiguous()?)?;
        let per_token =
            |t: &Tensor, numbers: usize| t.reshape((heads, chunk.len, numbers))?.transpose(0, 1)?.contiguous();
        outputs.push(per_token(&output, head_dim)?);
        log_sums.push(per_token(&sums, 1)?);
    }
    Ok(Part { outputs: Tensor::cat(&outputs, 0)?, log_sums: Tensor::cat(&log_sums, 0)? })
}

/// Every query over the tokens before it in its own tree, all trees side by side.
fn within_trees(plan: &AttentionPlan, padded: &Padded, layer: Scores, projections: &Projections) -> Result<Part> {
    let (_, heads, head_dim) = projections.queries.dims3()?;
    let (_, kv_heads, _) = projections.keys.dims3()?;
    let repeats = heads / kv_heads;
    let Padded { trees, width, .. } = *padded;
    let queries = projections.queries.index_select(&padded.gather, 0)?;
    let queries = queries.reshape((trees, width, kv_heads, repeats, head_dim))?.permute((0, 2, 3, 1, 4))?;
    let queries = queries.contiguous()?.reshape((trees * kv_heads, repeats * width, head_dim))?;
    let side_by_side = |t: &Tensor| {
        let t = t.index_select(&padded.gather, 0)?.reshape((trees, width, kv_heads, head_dim))?;
        t.transpose(1, 2)?.contiguous()?.reshape((trees * kv_heads, width, head_dim))
    };
    let keys = side_by_side(&projections.keys)?;
    let values = side_by_side(&projections.values)?;
    let alibi = plan.alibi.as_ref().and_then(|alibi| padded.key_index.as_ref().map(|index| (&alibi.slopes, index)));
    let bias = Bias { mask: padded.masks.get(layer.variant), alibi };
    let rows = Rows { kv_heads, repeats, queries: width };
    let (weights, sums) = masked_softmax(&queries.matmul(&keys.t()?)?, rows, layer.scale, layer.softcap, bias)?;
    let output = weights.to_dtype(values.dtype())?.matmul(&values)?;
    let per_token = |t: &Tensor, numbers: usize| {
        let t = t.reshape((trees, heads, width, numbers))?.transpose(1, 2)?.contiguous()?;
        t.reshape((trees * width, heads, numbers))?.index_select(&padded.scatter, 0)
    };
    Ok(Part { outputs: per_token(&output, head_dim)?, log_sums: per_token(&sums, 1)? })
}

/// Attention over the union of two sets of keys from attention over each: a mean weighted by the sums of exponentials.
fn merge(past: Part, local: Part) -> Result<Tensor> {
    // e^a / (e^a + e^b) is sigmoid(a - b), which does not overflow.
    let share = candle_nn::ops::sigmoid(&(past.log_sums - local.log_sums)?)?;
    let past = past.outputs.to_dtype(DType::F32)?;
    let local = local.outputs.to_dtype(DType::F32)?;
    &local + (past - &local)?.broadcast_mul(&share)?
}

/// Bytes of the scores of one run of queries, scaled, masked and as weights, over the past or over the largest tree's tokens.
pub(super) fn scores_bytes(config: &DecoderConfig, tokens: usize, largest_tree: usize, past: usize) -> u64 {
    let (queries, keys) = (tokens.min(CHUNK) as u64, largest_tree.max(past) as u64);
    let scores = (config.heads as u64).saturating_mul(queries).saturating_mul(keys);
    scores.saturating_mul(3 * size_of::<f32>() as u64)
}
