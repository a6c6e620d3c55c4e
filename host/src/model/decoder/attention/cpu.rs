//! Attention in single precision on the CPU: scores of the shared past and of a token's own tree side by side in one
//! row, one softmax over both, and no copy, transposition or padding of anything.

use candle_core::{Device, Layout, Result, Storage, Tensor};
use rayon::prelude::*;

use super::super::cache::LayerCache;
use super::super::config::{DecoderConfig, Positions};
use super::super::tree::TokenTree;
use super::plan::alibi_slopes;
use super::product::{Matrix, multiply};

/// Rows that one thread takes at a time: enough for the products, few enough for its scores to stay in its cache.
const ROWS: usize = 96;

/// Some rows of one tree.
struct Part {
    /// The first row, in the batch's packed order.
    first: usize,
    /// The number of rows.
    rows: usize,
    /// The tree's first token, in packed order.
    tree: usize,
    /// Tokens of the tree up to the last of these rows; none of the rows sees later ones.
    keys: usize,
    /// For each row its place in the tree's longest text so far: its key's index beyond the past.
    depths: Vec<usize>,
    /// For each key its depth.
    key_depths: Vec<usize>,
    /// For each row which keys it sees, `[rows * keys]`; `None` where each row sees all keys up to its own.
    seen: Option<Vec<bool>>,
}

/// Consecutive parts that one thread takes together.
struct Unit {
    first: usize,
    rows: usize,
    parts: Vec<Part>,
}

/// What attention needs to know about a batch.
pub struct CpuPlan {
    units: Vec<Unit>,
    past: usize,
    slopes: Option<Vec<f32>>,
}

/// A layer's settings.
#[derive(Clone, Copy)]
pub struct CpuSetting {
    /// What scores are multiplied by.
    pub scale: f32,
    /// How many keys a query sees, its own included.
    pub window: Option<usize>,
}

impl CpuPlan {
    /// Plans attention over `past` cached positions and within each tree.
    pub fn new(config: &DecoderConfig, trees: &[TokenTree], past: usize) -> Self {
        let mut units: Vec<Unit> = Vec::new();
        let mut tree_start = 0;
        for tree in trees {
            for start in (0..tree.len()).step_by(ROWS) {
                let part = Part::new(tree, tree_start, start..tree.len().min(start + ROWS));
                match units.last_mut() {
                    Some(unit) if unit.rows + part.rows <= ROWS => {
                        unit.rows += part.rows;
                        unit.parts.push(part);
                    }
                    _ => units.push(Unit { first: part.first, rows: part.rows, parts: vec![part] }),
                }
            }
            tree_start += tree.len();
        }
        let slopes = matches!(config.positions, Positions::Alibi).then(|| alibi_slopes(config.heads));
        Self { units, past, slopes }
    }
}

impl Part {
    fn new(tree: &TokenTree, tree_start: usize, rows: std::ops::Range<usize>) -> Self {
        let depths = tree.depths();
        // In a single text a token's depth is its index.
        let is_chain = depths[..rows.end].iter().enumerate().all(|(index, depth)| index == *depth);
        let seen = (!is_chain).then(|| {
            let mut seen = vec![false; rows.len() * rows.end];
            for (row, node) in rows.clone().enumerate() {
                tree.path(node).for_each(|ancestor| seen[row * rows.end + ancestor] = true);
            }
            seen
        });
        Self {
            first: tree_start + rows.start,
            rows: rows.len(),
            tree: tree_start,
            keys: rows.end,
            depths: depths[rows.clone()].to_vec(),
            key_depths: depths[..rows.end].to_vec(),
            seen,
        }
    }
}

/// The inputs as slices: queries `[tokens, heads, width]`, keys and values `[kv_heads, tokens, width]`, the past's alike.
struct Inputs<'a> {
    queries: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    past: Option<(&'a [f32], &'a [f32])>,
    tokens: usize,
    heads: usize,
    kv_heads: usize,
    width: usize,
}

/// The heads' outputs, `[tokens, heads * width]`, for queries `[tokens, heads, width]`; `fresh` are the batch's own keys and values.
///
/// # Errors
/// Tensors that are not contiguous, not in single precision or not in the CPU's memory.
pub fn attend(
    plan: &CpuPlan,
    setting: CpuSetting,
    queries: &Tensor,
    fresh: &LayerCache,
    past: Option<&LayerCache>,
) -> Result<Tensor> {
    let (tokens, heads, width) = queries.dims3()?;
    let kv_heads = fresh.keys.dim(0)?;
    let past = match past {
        Some(past) => Some((past.keys.contiguous()?, past.values.contiguous()?)),
        None => None,
    };
    let (queries, keys, values) =
        (queries.storage_and_layout(), fresh.keys.storage_and_layout(), fresh.values.storage_and_layout());
    let past = past.as_ref().map(|(keys, values)| (keys.storage_and_layout(), values.storage_and_layout()));
    let inputs = Inputs {
        queries: numbers(&queries.0, queries.1)?,
        keys: numbers(&keys.0, keys.1)?,
        values: numbers(&values.0, values.1)?,
        past: match &past {
            Some((keys, values)) => Some((numbers(&keys.0, keys.1)?, numbers(&values.0, values.1)?)),
            None => None,
        },
        tokens,
        heads,
        kv_heads,
        width,
    };
    let mut out = vec![0f32; tokens * heads * width];
    run(plan, setting, &inputs, &mut out);
    Tensor::from_vec(out, (tokens, heads * width), &Device::Cpu)
}

/// The numbers of a contiguous tensor.
fn numbers<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => Ok(&storage.as_slice::<f32>()?[start..end]),
        _ => candle_core::bail!("attention on the CPU takes contiguous tensors, and {layout:?} came"),
    }
}

fn run(plan: &CpuPlan, setting: CpuSetting, inputs: &Inputs<'_>, out: &mut [f32]) {
    let row = inputs.heads * inputs.width;
    let mut rest = out;
    let mut work = Vec::with_capacity(plan.units.len());
    for unit in &plan.units {
        let (own, after) = rest.split_at_mut(unit.rows * row);
        work.push((unit, own));
        rest = after;
    }
    work.into_par_iter().for_each(|(unit, own)| run_unit(plan, setting, inputs, unit, own));
}

fn run_unit(plan: &CpuPlan, setting: CpuSetting, inputs: &Inputs<'_>, unit: &Unit, out: &mut [f32]) {
    let Inputs { heads, kv_heads, width, tokens, .. } = *inputs;
    let row = heads * width;
    let past = inputs.past.map_or(0, |_| plan.past);
    let stride = past + unit.parts.iter().map(|part| part.keys).max().unwrap_or(0);
    let mut scores = vec![0f32; unit.rows * stride];
    for head in 0..heads {
        let group = head / (heads / kv_heads);
        let queries_from = |first: usize| Matrix::rows(&inputs.queries[first * row + head * width..], row);
        let of_group = |all: &'_ [f32], first: usize| group * (all.len() / kv_heads) + first * width;
        if let Some((keys, _)) = inputs.past {
            let keys = Matrix::rows(&keys[of_group(keys, 0)..], width).transposed();
            let shape = (unit.rows, width, past);
            multiply(shape, setting.scale, queries_from(unit.first), keys, &mut scores, stride, false);
        }
        for part in &unit.parts {
            debug_assert!(part.tree + part.keys <= tokens);
            let keys = Matrix::rows(&inputs.keys[of_group(inputs.keys, part.tree)..], width).transposed();
            let own = &mut scores[(part.first - unit.first) * stride..];
            let shape = (part.rows, width, part.keys);
            multiply(shape, setting.scale, queries_from(part.first), keys, &mut own[past..], stride, false);
            let slope = plan.slopes.as_ref().map(|slopes| slopes[head]);
            for (index, scores) in own.chunks_mut(stride).take(part.rows).enumerate() {
                weigh(part, index, &mut scores[..past + part.keys], past, setting.window, slope);
            }
        }
        let outputs = &mut out[head * width..];
        if let Some((_, values)) = inputs.past {
            let values = Matrix::rows(&values[of_group(values, 0)..], width);
            let shape = (unit.rows, past, width);
            multiply(shape, 1.0, Matrix::rows(&scores, stride), values, outputs, row, false);
        }
        for part in &unit.parts {
            let own = (part.first - unit.first) * stride;
            let values = Matrix::rows(&inputs.values[of_group(inputs.values, part.tree)..], width);
            let outputs = &mut outputs[(part.first - unit.first) * row..];
            let shape = (part.rows, part.keys, width);
            let weights = Matrix::rows(&scores[own + past..], stride);
            multiply(shape, 1.0, weights, values, outputs, row, inputs.past.is_some());
        }
    }
}

/// Turns one row's scores into weights that sum to 1: past and own keys in one softmax, what the row does not see at 0.
fn weigh(part: &Part, row: usize, scores: &mut [f32], past: usize, window: Option<usize>, slope: Option<f32>) {
    let (of_past, of_tree) = scores.split_at_mut(past);
    if let Some(slope) = slope {
        of_past.iter_mut().enumerate().for_each(|(index, score)| *score += slope * index as f32);
        let depths = part.key_depths.iter();
        of_tree.iter_mut().zip(depths).for_each(|(score, depth)| *score += slope * (past + depth) as f32);
    }
    let depth = part.depths[row];
    // Keys with an index below this one are out of the window.
    let nearest = window.map_or(0, |window| (past + depth + 1).saturating_sub(window));
    let hidden = nearest.min(past);
    let unseen = f32::NEG_INFINITY;
    of_past[..hidden].fill(unseen);
    match &part.seen {
        Some(seen) => {
            let seen = &seen[row * part.keys..][..part.keys];
            let keys = of_tree.iter_mut().zip(seen).zip(&part.key_depths);
            for ((score, seen), depth) in keys {
                if !seen || past + depth < nearest {
                    *score = unseen;
                }
            }
        }
        None => {
            of_tree[depth + 1..].fill(unseen);
            of_tree[..nearest.saturating_sub(past).min(depth)].fill(unseen);
        }
    }
    let max = scores.iter().copied().fold(unseen, f32::max);
    let mut sum = 0f32;
    for score in scores.iter_mut() {
        *score = (*score - max).exp();
        sum += *score;
    }
    let share = 1.0 / sum;
    scores.iter_mut().for_each(|score| *score *= share);
}
