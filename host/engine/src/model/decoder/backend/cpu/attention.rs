//! Attention on the CPU: a few rows at a time, their scores of the shared past and of their own trees side by side in one
//! row, one softmax over both. Keys are packed once per pass and layer, so that all heads' products are the kernels' own.

mod back;

use std::ops::Range;

use rayon::prelude::*;

use super::super::super::alibi::alibi_slopes;
use super::super::super::config::{DecoderConfig, Positions};
use super::super::super::tree::TokenTree;
use super::super::Heads;
pub(super) use back::{BothWays, attend_back};
use ft_kernels::elementwise::{add_ramp, exponentiate, scale, softcap, sum};
use ft_kernels::{Rows, WIDTH, padded, padded_bytes, strip};

/// Rows whose scores are there at once: as many as a product takes together.
const TILE: usize = 12;
/// Tiles that one thread takes at a time, at most.
const TILES: usize = 4;

/// Keys of a tree that a token sees and that stand one after the other, each the next one's parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// The first, in packed order.
    first: usize,
    length: usize,
    /// Tokens of the tree before the first.
    depth: usize,
}

/// One token of the batch.
struct Token {
    /// The first token of its tree, in packed order.
    tree: usize,
    /// Which tree of the batch it is in.
    place: usize,
    /// Tokens of its tree before it.
    depth: usize,
    /// What it sees of its tree, itself included, in the order of the text.
    runs: Vec<Run>,
}

/// What attention needs to know about a batch: made once, used by every layer.
pub(crate) struct AttentionPlan {
    tokens: Vec<Token>,
    past: usize,
    /// For each tree the cached positions that it does not see; empty where all trees see all.
    hidden: Vec<Vec<Range<usize>>>,
    slopes: Option<Vec<f32>>,
}

/// What one layer's scores go through.
#[derive(Clone, Copy)]
pub(crate) struct Scores {
    pub heads: Heads,
    /// How many keys a query sees, its own included.
    pub window: Option<usize>,
    /// Scores `s` become `cap * tanh(s / cap)` before anything is added to them.
    pub softcap: Option<f64>,
}

impl AttentionPlan {
    /// Plans attention over `past` cached positions, but for those that are hidden from a tree, and within each tree.
    pub(crate) fn new(config: &DecoderConfig, trees: &[TokenTree], past: usize, hidden: &[Vec<Range<usize>>]) -> Self {
        let mut tokens: Vec<Token> = Vec::with_capacity(trees.iter().map(TokenTree::len).sum());
        for (place, tree) in trees.iter().enumerate() {
            let start = tokens.len();
            for (node, (parent, depth)) in tree.parents().iter().zip(tree.depths()).enumerate() {
                // A token sees what its parent sees, and itself: right behind the parent it lengthens the parent's last run,
                // behind a sibling's branch it begins another.
                let mut runs = parent.map_or_else(Vec::new, |parent| tokens[start + parent].runs.clone());
                match runs.last_mut() {
                    Some(run) if run.first + run.length == start + node => run.length += 1,
                    _ => runs.push(Run { first: start + node, length: 1, depth: *depth }),
                }
                tokens.push(Token { tree: start, place, depth: *depth, runs });
            }
        }
        let slopes = matches!(config.positions, Positions::Alibi).then(|| alibi_slopes(config.heads));
        Self { tokens, past, hidden: hidden.to_vec(), slopes }
    }
}

/// Keys and values of some positions as products read them, a head after the other.
///
/// Scores are products of queries with transposed keys, and outputs are products of weights with values; both take their
/// right factor in panels of [`WIDTH`] columns. A panel of keys is `[head_dim, WIDTH]`: 32 positions side by side, those
/// beyond the last 0. Values stay rows, filled up to whole panels where a head is no multiple of a panel wide.
pub(crate) struct PackedKv<'a> {
    positions: usize,
    /// `[kv_heads, panels, head_dim, WIDTH]`.
    keys: Vec<f32>,
    /// `[kv_heads, positions, head_dim to the next multiple of WIDTH]`.
    values: std::borrow::Cow<'a, [f32]>,
}

impl<'a> PackedKv<'a> {
    /// Packs keys and values of the shape `[kv_heads, positions, head_dim]`.
    pub(crate) fn new(keys: &[f32], values: &'a [f32], (kv_heads, positions, head_dim): (usize, usize, usize)) -> Self {
        let panels = positions.div_ceil(WIDTH);
        let mut packed = vec![0f32; kv_heads * panels * head_dim * WIDTH];
        packed.par_chunks_mut(head_dim * WIDTH).enumerate().with_min_len(2).for_each(|(index, panel)| {
            let (head, first) = (index / panels, index % panels * WIDTH);
            let count = WIDTH.min(positions - first);
            let keys = &keys[(head * positions + first) * head_dim..][..count * head_dim];
            for (position, key) in keys.chunks(head_dim).enumerate() {
                key.iter().enumerate().for_each(|(at, number)| panel[at * WIDTH + position] = *number);
            }
        });
        let row = head_dim.next_multiple_of(WIDTH);
        let values = if row == head_dim {
            values.into()
        } else {
            let mut padded = vec![0f32; kv_heads * positions * row];
            let rows = padded.chunks_mut(row).zip(values.chunks(head_dim));
            rows.for_each(|(padded, value)| padded[..head_dim].copy_from_slice(value));
            padded.into()
        };
        Self { positions, keys: packed, values }
    }

    /// Bytes that keys and values of this shape take once more when they are packed.
    pub(crate) fn bytes((kv_heads, positions, head_dim): (usize, usize, usize)) -> u64 {
        let row = head_dim.next_multiple_of(WIDTH);
        let keys = (positions.next_multiple_of(WIDTH) as u64).saturating_mul(head_dim as u64);
        // Values whose rows are whole panels are read where they are.
        let values = if row == head_dim { 0 } else { (positions as u64).saturating_mul(row as u64) };
        keys.saturating_add(values).saturating_mul(kv_heads as u64 * size_of::<f32>() as u64)
    }

    fn panel(&self, head: usize, index: usize, head_dim: usize) -> &[f32] {
        let panels = self.positions.div_ceil(WIDTH);
        &self.keys[(head * panels + index) * head_dim * WIDTH..][..head_dim * WIDTH]
    }
}

/// Bytes of the scores that are there at a time for trees of at most `largest_tree` tokens, over all threads.
pub(super) fn scores_bytes(tokens: usize, largest_tree: usize, past: usize) -> u64 {
    let columns = past.next_multiple_of(WIDTH) + (largest_tree + TILE).next_multiple_of(WIDTH);
    let tiles = tokens.div_ceil(TILE).min(rayon::current_num_threads());
    padded_bytes(TILE, columns).saturating_mul(tiles as u64)
}

/// The heads' outputs into `out`, rows of `heads * head_dim` numbers `stride` apart, for queries `[heads, tokens, head_dim]` that
/// are scaled already. `fresh` are the batch's own keys and values.
pub(crate) fn attend(
    plan: &AttentionPlan,
    layer: Scores,
    queries: &[f32],
    fresh: &PackedKv<'_>,
    past: Option<&PackedKv<'_>>,
    out: &mut [f32],
    stride: usize,
) {
    let tokens = plan.tokens.len();
    let tiles = tokens.div_ceil(TILE * 4 * rayon::current_num_threads()).clamp(1, TILES);
    out.par_chunks_mut(tiles * TILE * stride).enumerate().for_each(|(chunk, out)| {
        let first = chunk * tiles * TILE;
        let mut scores = Vec::new();
        for (tile, out) in out.chunks_mut(TILE * stride).enumerate() {
            let first = first + tile * TILE;
            let rows = TILE.min(tokens.saturating_sub(first));
            if rows > 0 {
                let tile = Tile { plan, layer, queries, fresh, past, first, rows };
                let columns = tile.columns();
                for head in 0..layer.heads.query {
                    let mut shares = [0f32; TILE];
                    tile.weights(head, &columns, &mut scores, &mut shares, None);
                    tile.outputs(head, &columns, &scores, shares, out, stride);
                }
            }
        }
    });
}

/// Some rows of the batch.
struct Tile<'a> {
    plan: &'a AttentionPlan,
    layer: Scores,
    queries: &'a [f32],
    fresh: &'a PackedKv<'a>,
    past: Option<&'a PackedKv<'a>>,
    first: usize,
    rows: usize,
}

/// The keys that a tile's rows of scores have a column for: the past's first, then those of some of the batch's own panels,
/// each part in whole panels. One softmax over a row is one over both.
struct Columns {
    past_keys: usize,
    /// Columns of the past's part.
    past: usize,
    /// Tokens of the batch that any of the rows sees.
    seen: Range<usize>,
    /// The panels that these tokens' keys are in.
    panels: Range<usize>,
}

impl Columns {
    fn count(&self) -> usize {
        self.past + self.panels.len() * WIDTH
    }

    /// Numbers from one row of scores to the next.
    fn line(&self) -> usize {
        padded(self.count())
    }
}

impl Tile<'_> {
    fn own(&self) -> &[Token] {
        &self.plan.tokens[self.first..][..self.rows]
    }

    fn columns(&self) -> Columns {
        // Nothing before the first row's tree is seen, and nothing behind the last row, since parents come before their
        // children.
        let seen = self.own()[0].tree..self.first + self.rows;
        let panels = seen.start / WIDTH..seen.end.div_ceil(WIDTH);
        let past_keys = self.past.map_or(0, |past| past.positions);
        Columns { past_keys, past: past_keys.next_multiple_of(WIDTH), seen, panels }
    }

    /// The head of keys and values that a query head reads.
    fn group(&self, head: usize) -> usize {
        let Heads { query, kv, .. } = self.layer.heads;
        head / (query / kv)
    }

    /// One head's weights of all keys, before they are divided by their sum: `scores` holds them, and `shares` becomes what
    /// each row is to be multiplied by. `capped` takes a copy of the scores behind their cap.
    fn weights(
        &self,
        head: usize,
        columns: &Columns,
        scores: &mut Vec<f32>,
        shares: &mut [f32],
        mut capped: Option<&mut Vec<f32>>,
    ) {
        let head_dim = self.layer.heads.head_dim;
        let (group, count, line) = (self.group(head), columns.count(), columns.line());
        scores.resize(line * self.rows, 0.0);
        let queries = &self.queries[(head * self.plan.tokens.len() + self.first) * head_dim..][..self.rows * head_dim];
        let queries = Rows::new(queries, self.rows, head_dim, head_dim);
        if let Some(past) = self.past {
            for panel in 0..columns.past / WIDTH {
                let keys = past.panel(group, panel, head_dim);
                strip(queries, keys, WIDTH, WIDTH, &mut scores[panel * WIDTH..], line, false);
            }
        }
        for (index, panel) in columns.panels.clone().enumerate() {
            let keys = self.fresh.panel(group, panel, head_dim);
            strip(queries, keys, WIDTH, WIDTH, &mut scores[columns.past + index * WIDTH..], line, false);
        }
        let slope = self.plan.slopes.as_ref().map(|slopes| slopes[head]);
        if let Some(cap) = self.layer.softcap {
            scores.chunks_mut(line).for_each(|scores| softcap(&mut scores[..count], cap as f32));
            if let Some(capped) = &mut capped {
                capped.clone_from(scores);
            }
        }
        for ((token, scores), share) in self.own().iter().zip(scores.chunks_mut(line)).zip(shares) {
            let (of_past, of_trees) = scores[..count].split_at_mut(columns.past);
            self.bias(token, &mut of_past[..columns.past_keys], of_trees, columns.panels.start * WIDTH, slope);
            // What a last panel of the past is filled up with is no key.
            of_past[columns.past_keys..].fill(f32::NEG_INFINITY);
            exponentiate(&mut scores[..count]);
            // The outputs are divided by the sum, of which there are fewer than of weights.
            *share = 1.0 / self.sum_of_weights(token, &scores[..count], columns);
        }
    }

    /// The sum of a row's weights. Its terms are those of the past, then those of each run of the token's path: where a tree stands
    /// in the batch, and which trees stand beside it, is not in their order. Nor is it in the order of anything else that a
    /// row's result is made of, so that a query has one and the same score in every batch.
    fn sum_of_weights(&self, token: &Token, weights: &[f32], columns: &Columns) -> f32 {
        let (of_past, of_trees) = weights.split_at(columns.past);
        let from = columns.panels.start * WIDTH;
        let runs = token.runs.iter().map(|run| sum(&of_trees[run.first - from..][..run.length]));
        sum(of_past) + runs.sum::<f32>()
    }

    /// One head's outputs: the values' sums by the weights that [`Self::weights`] gives.
    fn outputs(
        &self,
        head: usize,
        columns: &Columns,
        weights: &[f32],
        shares: [f32; TILE],
        out: &mut [f32],
        stride: usize,
    ) {
        let head_dim = self.layer.heads.head_dim;
        let (group, line) = (self.group(head), columns.line());
        let Columns { past_keys, seen, panels, .. } = columns;
        let value_row = head_dim.next_multiple_of(WIDTH);
        for first in (0..head_dim).step_by(WIDTH) {
            let count = WIDTH.min(head_dim - first);
            let out = &mut out[head * head_dim + first..];
            if let Some(past) = self.past {
                let values = &past.values[group * past_keys * value_row + first..];
                // Hidden keys have the weight 0, so that all of them can be multiplied.
                let weights = Rows::new(weights, self.rows, *past_keys, line);
                strip(weights, values, value_row, count, out, stride, false);
            }
            let values = &self.fresh.values[(group * self.plan.tokens.len() + seen.start) * value_row + first..];
            let weights = &weights[columns.past + seen.start - panels.start * WIDTH..];
            let weights = Rows::new(weights, self.rows, seen.len(), line);
            strip(weights, values, value_row, count, out, stride, self.past.is_some());
        }
        for (out, share) in out.chunks_mut(stride).zip(shares).take(self.rows) {
            scale(&mut out[head * head_dim..][..head_dim], share);
        }
    }

    /// Adds ALiBi, and hides what a token does not see. `from` is the packed index of the first column of `of_trees`.
    fn bias(&self, token: &Token, of_past: &mut [f32], of_trees: &mut [f32], from: usize, slope: Option<f32>) {
        let past = self.plan.past;
        // Keys with an index below this one are out of the window.
        let nearest = self.layer.window.map_or(0, |window| (past + token.depth + 1).saturating_sub(window));
        if let Some(slope) = slope {
            add_ramp(of_past, slope, 0.0);
        }
        let hidden = nearest.min(of_past.len());
        of_past[..hidden].fill(f32::NEG_INFINITY);
        for positions in self.plan.hidden.get(token.place).into_iter().flatten() {
            of_past[positions.clone()].fill(f32::NEG_INFINITY);
        }
        // Between the runs of tokens that it sees lie its siblings and their children, and other trees.
        let mut behind = 0;
        for run in &token.runs {
            let outside = nearest.saturating_sub(past + run.depth).min(run.length);
            let (start, end) = (run.first + outside - from, run.first + run.length - from);
            of_trees[behind..start].fill(f32::NEG_INFINITY);
            if let Some(slope) = slope {
                add_ramp(&mut of_trees[start..end], slope, (past + run.depth + outside) as f32);
            }
            behind = end;
        }
        of_trees[behind..].fill(f32::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokens_runs_are_its_path() {
        let mut tree = TokenTree::default();
        for text in [[1, 2, 3, 4], [1, 2, 5, 6], [1, 2, 3, 7]] {
            text.iter().fold(None, |parent, token| Some(tree.insert(*token, parent)));
        }
        let trees = [TokenTree::chain(&[9, 9]), tree.clone()];
        let plan = AttentionPlan::new(&super::super::super::attention_tests::config(1, 1, None, false), &trees, 0, &[]);
        for (node, token) in plan.tokens[2..].iter().enumerate() {
            assert_eq!((token.tree, token.depth), (2, tree.depths()[node]));
            let mut keys: Vec<usize> = tree.path(node).map(|node| node + 2).collect();
            keys.reverse();
            let of_runs = token.runs.iter().flat_map(|run| run.first..run.first + run.length);
            assert_eq!(of_runs.collect::<Vec<_>>(), keys);
            for run in &token.runs {
                assert_eq!(run.depth, tree.depths()[run.first - 2]);
            }
        }
        assert_eq!(plan.tokens[7].runs, [Run { first: 2, length: 2, depth: 0 }, Run { first: 6, length: 2, depth: 2 }]);
    }
}
