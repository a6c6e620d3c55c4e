//! Attention from the tensor library's operations, for any device and number format.
//!
//! The two parts are computed apart and merged by their log-sum-exps (shared-prefix attention; Juravsky et al. 2024,
//! arXiv 2402.05099): the past's keys and values meet the queries of all trees in one product per head.

use candle_core::{DType, Result, Tensor};

use super::super::cache::LayerCache;
use super::Projections;
use super::plan::{ComposedPlan, Padded};
use super::softmax::{Bias, Rows, masked_softmax};

/// What a part of attention gives: outputs `[tokens, heads, head_dim]` and log-sum-exps `[tokens, heads, 1]`.
struct Part {
    outputs: Tensor,
    log_sums: Tensor,
}

/// A layer's settings.
#[derive(Clone, Copy)]
pub struct Setting {
    /// What scores are multiplied by.
    pub scale: f64,
    /// Which of the plan's masks to use.
    pub variant: usize,
}

/// The heads' outputs, `[tokens, heads * head_dim]`. `fresh` are the batch's own keys and values, `[kv_heads, tokens, head_dim]`.
///
/// # Errors
/// A failed computation.
pub fn attend(
    plan: &ComposedPlan,
    setting: Setting,
    projections: &Projections,
    fresh: &LayerCache,
    past: Option<&LayerCache>,
) -> Result<Tensor> {
    let local = match &plan.padded {
        Some(padded) => within_trees(plan, padded, setting, projections)?,
        None => chunked(plan, setting, projections, fresh, false)?,
    };
    let merged = match past {
        Some(past) => merge(chunked(plan, setting, projections, past, true)?, local)?,
        None => local.outputs,
    };
    let (tokens, heads, width) = merged.dims3()?;
    merged.reshape((tokens, heads * width))?.to_dtype(projections.queries.dtype())
}

/// All queries, in runs, over keys that all of them share: the past, or the one tree's own.
fn chunked(
    plan: &ComposedPlan,
    setting: Setting,
    projections: &Projections,
    cache: &LayerCache,
    is_past: bool,
) -> Result<Part> {
    let (_, heads, width) = projections.queries.dims3()?;
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
        let queries = queries.reshape((chunk.len, kv_heads, repeats, width))?.permute((1, 2, 0, 3))?.contiguous()?;
        let queries = queries.reshape((kv_heads, repeats * chunk.len, width))?;
        let index = plan.alibi.as_ref().and_then(|alibi| {
            let index = if is_past { &alibi.past_index } else { &alibi.local_index };
            index.as_ref().map(|index| (&alibi.slopes, index))
        });
        let index = match index {
            Some((slopes, index)) => Some((slopes, index.narrow(1, 0, seen)?)),
            None => None,
        };
        let mask = if is_past {
            chunk.past_masks.get(setting.variant).and_then(Option::as_ref)
        } else {
            chunk.local_masks.get(setting.variant)
        };
        let bias = Bias { mask, alibi: index.as_ref().map(|(slopes, index)| (*slopes, index)) };
        let rows = Rows { kv_heads, repeats, queries: chunk.len };
        let scores = queries.matmul(&keys.t()?)?;
        let (weights, sums) = masked_softmax(&scores, rows, setting.scale, bias)?;
        let output = weights.to_dtype(values.dtype())?.matmul(&values.contiguous()?)?;
        let per_token = |t: &Tensor, width: usize| t.reshape((heads, chunk.len, width))?.transpose(0, 1)?.contiguous();
        outputs.push(per_token(&output, width)?);
        log_sums.push(per_token(&sums, 1)?);
    }
    Ok(Part { outputs: Tensor::cat(&outputs, 0)?, log_sums: Tensor::cat(&log_sums, 0)? })
}

/// Every query over the tokens before it in its own tree, all trees side by side.
fn within_trees(plan: &ComposedPlan, padded: &Padded, setting: Setting, projections: &Projections) -> Result<Part> {
    let (_, heads, width) = projections.queries.dims3()?;
    let (_, kv_heads, _) = projections.keys.dims3()?;
    let repeats = heads / kv_heads;
    let Padded { trees, width: places, .. } = *padded;
    let queries = projections.queries.index_select(&padded.gather, 0)?;
    let queries = queries.reshape((trees, places, kv_heads, repeats, width))?.permute((0, 2, 3, 1, 4))?;
    let queries = queries.contiguous()?.reshape((trees * kv_heads, repeats * places, width))?;
    let side_by_side = |t: &Tensor| {
        let t = t.index_select(&padded.gather, 0)?.reshape((trees, places, kv_heads, width))?;
        t.transpose(1, 2)?.contiguous()?.reshape((trees * kv_heads, places, width))
    };
    let keys = side_by_side(&projections.keys)?;
    let values = side_by_side(&projections.values)?;
    let alibi = plan.alibi.as_ref().and_then(|alibi| padded.key_index.as_ref().map(|index| (&alibi.slopes, index)));
    let bias = Bias { mask: padded.masks.get(setting.variant), alibi };
    let rows = Rows { kv_heads, repeats, queries: places };
    let (weights, sums) = masked_softmax(&queries.matmul(&keys.t()?)?, rows, setting.scale, bias)?;
    let output = weights.to_dtype(values.dtype())?.matmul(&values)?;
    let per_token = |t: &Tensor, width: usize| {
        let t = t.reshape((trees, heads, places, width))?.transpose(1, 2)?.contiguous()?;
        t.reshape((trees * places, heads, width))?.index_select(&padded.scatter, 0)
    };
    Ok(Part { outputs: per_token(&output, width)?, log_sums: per_token(&sums, 1)? })
}

/// Attention over the union of two sets of keys from attention over each: a mean weighted by the sums of exponentials.
fn merge(past: Part, local: Part) -> Result<Tensor> {
    let share = candle_nn::ops::sigmoid(&(past.log_sums - local.log_sums)?)?;
    let past = past.outputs.to_dtype(DType::F32)?;
    let local = local.outputs.to_dtype(DType::F32)?;
    &local + (past - &local)?.broadcast_mul(&share)?
}
