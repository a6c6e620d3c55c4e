//! Attention's pass back: some rows at a time, their weights computed again, so that the memory does not grow with the number of
//! scores.
//!
//! With weights `p` of scores `s = q k`, outputs `o = p v` and the derivative `d` with respect to `o`:
//!
//! ```text
//! dv = p^T d        dp = d v^T        ds = p (dp - sum(p dp))        dq = ds k        dk = ds^T q
//! ```
//!
//! A head of keys and values belongs to several rows and heads of queries: a thread takes one such head and a chunk of rows,
//! and the chunks are added up in their order. Neither their size nor their order depends on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::super::HiddenStates;
use super::{AttentionPlan, Columns, PackedKv, Scores, Tile};
use ft_kernels::elementwise::{add, scale};
use ft_kernels::{Rows, WIDTH, derivatives, strip};

/// Rows whose scores are there at once. The products over them have so many steps, which more than a few should be.
const ROWS: usize = 48;
/// Chunks that the rows are divided into, at most: each has a sum of its own for every key and value.
const CHUNKS: usize = 4;

/// Keys and values as products read them from both sides.
pub(crate) struct BothWays<'a> {
    /// Panels of keys, rows of values.
    keys: PackedKv<'a>,
    /// Panels of values, rows of keys.
    values: PackedKv<'a>,
}

impl<'a> BothWays<'a> {
    /// Packs keys and values of the shape `[kv_heads, positions, head_dim]`.
    pub(crate) fn new(keys: &'a [f32], values: &'a [f32], shape: (usize, usize, usize)) -> Self {
        Self { keys: PackedKv::new(keys, values, shape), values: PackedKv::new(values, keys, shape) }
    }
}

/// Derivatives with respect to keys and values, both `[kv_heads, positions, head_dim]`.
pub(crate) struct OfKv {
    pub(crate) keys: Vec<f32>,
    pub(crate) values: Vec<f32>,
}

/// Derivatives with respect to what attention reads.
pub(crate) struct OfAttention {
    /// Scaled queries, `[heads, tokens, head_dim]`.
    pub(crate) queries: Vec<f32>,
    /// The batch's own keys and values.
    pub(crate) fresh: OfKv,
    /// The past's.
    pub(crate) past: OfKv,
}

/// Attention back, for the derivative `d` `[tokens, heads * head_dim]` with respect to the heads' outputs; all else as
/// [`super::attend`] takes it.
pub(crate) fn attend_back(
    plan: &AttentionPlan,
    layer: Scores,
    queries: &[f32],
    fresh: &BothWays<'_>,
    past: &BothWays<'_>,
    d: &HiddenStates,
) -> OfAttention {
    let tokens = plan.tokens.len();
    let height = tokens.div_ceil(CHUNKS).max(2 * ROWS).next_multiple_of(ROWS);
    let chunks = tokens.div_ceil(height);
    let groups = layer.heads.kv;
    let back = Back { plan, layer, queries, fresh, past, d };
    let parts: Vec<Part> = (0..groups * chunks)
        .into_par_iter()
        .map(|index| {
            let first = index % chunks * height;
            back.part(index / chunks, first..tokens.min(first + height))
        })
        .collect();
    collect(&parts, chunks, (layer, tokens, past.keys.positions))
}

/// The derivatives that some rows give, for one head of keys and values. Rows are `head_dim` numbers to the next multiple of
/// [`WIDTH`].
struct Part {
    /// Of each of the group's heads the chunk's queries.
    queries: Vec<f32>,
    rows: Range<usize>,
    past_keys: Vec<f32>,
    past_values: Vec<f32>,
    /// Of the batch's tokens that the chunk's rows see.
    fresh_keys: Vec<f32>,
    fresh_values: Vec<f32>,
    seen: Range<usize>,
}

/// Adds up the parts, in their order.
fn collect(parts: &[Part], chunks: usize, (layer, tokens, past): (Scores, usize, usize)) -> OfAttention {
    let (head_dim, repeats) = (layer.heads.head_dim, layer.heads.query / layer.heads.kv);
    let row = head_dim.next_multiple_of(WIDTH);
    let mut queries = vec![0f32; layer.heads.query * tokens * head_dim];
    let zeros = |positions: usize| OfKv {
        keys: vec![0f32; layer.heads.kv * positions * head_dim],
        values: vec![0f32; layer.heads.kv * positions * head_dim],
    };
    let (mut fresh, mut of_past) = (zeros(tokens), zeros(past));
    let add_rows = |sums: &mut [f32], rows: &[f32]| {
        sums.chunks_mut(head_dim).zip(rows.chunks(row)).for_each(|(sum, row)| add(sum, &row[..head_dim]));
    };
    for (index, part) in parts.iter().enumerate() {
        let group = index / chunks;
        for (head, of_head) in part.queries.chunks(part.rows.len() * row).enumerate() {
            add_rows(&mut queries[((group * repeats + head) * tokens + part.rows.start) * head_dim..], of_head);
        }
        let own = (group * tokens + part.seen.start) * head_dim;
        add_rows(&mut fresh.keys[own..], &part.fresh_keys);
        add_rows(&mut fresh.values[own..], &part.fresh_values);
        add_rows(&mut of_past.keys[group * past * head_dim..], &part.past_keys);
        add_rows(&mut of_past.values[group * past * head_dim..], &part.past_values);
    }
    OfAttention { queries, fresh, past: of_past }
}

/// What all parts read.
struct Back<'a> {
    plan: &'a AttentionPlan,
    layer: Scores,
    queries: &'a [f32],
    fresh: &'a BothWays<'a>,
    past: &'a BothWays<'a>,
    d: &'a HiddenStates,
}

/// A thread's room for some rows of one head.
#[derive(Default)]
struct Room {
    /// Weights, `[rows, columns]`.
    weights: Vec<f32>,
    /// Scores behind their cap, where there is one.
    capped: Vec<f32>,
    /// Derivatives with respect to weights, then to scores.
    d: Vec<f32>,
    /// `weights` or `d` turned, `[columns, ROWS]`.
    turned: Vec<f32>,
    /// Rows of queries, filled up to whole panels.
    queries: Vec<f32>,
    /// Rows of derivatives with respect to outputs, likewise.
    outputs: Vec<f32>,
}

impl Back<'_> {
    fn part(&self, group: usize, rows: Range<usize>) -> Part {
        let head_dim = self.layer.heads.head_dim;
        let (row, repeats) = (head_dim.next_multiple_of(WIDTH), self.layer.heads.query / self.layer.heads.kv);
        let past = self.past.keys.positions;
        // Parents come before their children, and trees after each other: the first row's tree is the first that is seen.
        let seen = self.plan.tokens[rows.start].tree..rows.end;
        let zeros = |rows: usize| vec![0f32; rows * row];
        let mut part = Part {
            queries: zeros(repeats * rows.len()),
            past_keys: zeros(past),
            past_values: zeros(past),
            fresh_keys: zeros(seen.len()),
            fresh_values: zeros(seen.len()),
            rows: rows.clone(),
            seen,
        };
        let mut room = Room::default();
        for first in rows.clone().step_by(ROWS) {
            let (plan, layer, queries) = (self.plan, self.layer, self.queries);
            let (fresh, past) = (&self.fresh.keys, Some(&self.past.keys));
            let tile = Tile { plan, layer, queries, fresh, past, first, rows: ROWS.min(rows.end - first) };
            let columns = tile.columns();
            for head in 0..repeats {
                self.scores_back(&tile, group * repeats + head, &columns, &mut room);
                let place = (head * rows.len() + first - rows.start) * row;
                self.queries_back(&tile, group, &columns, &room, &mut part.queries[place..]);
                turn(&room.d, tile.rows, columns.line(), columns.count(), &mut room.turned);
                let keys = (&mut *part.past_keys, &mut *part.fresh_keys);
                add_turned(&room.turned, &room.queries, (&tile, &columns, row), keys, &part.seen);
                turn(&room.weights, tile.rows, columns.line(), columns.count(), &mut room.turned);
                let values = (&mut *part.past_values, &mut *part.fresh_values);
                add_turned(&room.turned, &room.outputs, (&tile, &columns, row), values, &part.seen);
            }
        }
        part
    }

    /// One head's weights and the derivatives with respect to its scores, and its rows of queries and of `d`.
    fn scores_back(&self, tile: &Tile<'_>, head: usize, columns: &Columns, room: &mut Room) {
        let head_dim = self.layer.heads.head_dim;
        let (row, line, count, rows) = (head_dim.next_multiple_of(WIDTH), columns.line(), columns.count(), tile.rows);
        let mut shares = [0f32; ROWS];
        tile.weights(head, columns, &mut room.weights, &mut shares, Some(&mut room.capped));
        room.weights.chunks_mut(line).zip(shares).for_each(|(weights, share)| scale(&mut weights[..count], share));
        room.queries.resize(ROWS * row, 0.0);
        room.outputs.resize(ROWS * row, 0.0);
        let tokens = self.plan.tokens.len();
        for index in 0..rows {
            let query = &self.queries[(head * tokens + tile.first + index) * head_dim..][..head_dim];
            room.queries[index * row..][..head_dim].copy_from_slice(query);
            let output = &self.d.rows().row(tile.first + index)[head * head_dim..][..head_dim];
            room.outputs[index * row..][..head_dim].copy_from_slice(output);
        }
        room.d.resize(line * rows, 0.0);
        let outputs = Rows::new(&room.outputs, rows, head_dim, row);
        let group = tile.group(head);
        for panel in 0..columns.past / WIDTH {
            let values = self.past.values.panel(group, panel, head_dim);
            strip(outputs, values, WIDTH, WIDTH, &mut room.d[panel * WIDTH..], line, false);
        }
        for (index, panel) in columns.panels.clone().enumerate() {
            let values = self.fresh.values.panel(group, panel, head_dim);
            strip(outputs, values, WIDTH, WIDTH, &mut room.d[columns.past + index * WIDTH..], line, false);
        }
        for (index, (weights, d)) in room.weights.chunks(line).zip(room.d.chunks_mut(line)).enumerate() {
            derivatives::softmax(&weights[..count], &mut d[..count]);
            if let Some(cap) = self.layer.softcap {
                derivatives::softcap(&room.capped[index * line..][..count], cap as f32, &mut d[..count]);
            }
        }
    }

    /// Derivatives with respect to a tile's queries.
    fn queries_back(&self, tile: &Tile<'_>, group: usize, columns: &Columns, room: &Room, out: &mut [f32]) {
        let head_dim = self.layer.heads.head_dim;
        let (row, line, rows) = (head_dim.next_multiple_of(WIDTH), columns.line(), tile.rows);
        let Columns { past_keys, seen, panels, .. } = columns;
        for first in (0..row).step_by(WIDTH) {
            let out = &mut out[first..];
            let keys = &self.past.values.values[group * past_keys * row + first..];
            strip(Rows::new(&room.d, rows, *past_keys, line), keys, row, WIDTH, out, row, false);
            let keys = &self.fresh.values.values[(group * self.plan.tokens.len() + seen.start) * row + first..];
            let of_seen = &room.d[columns.past + seen.start - panels.start * WIDTH..];
            strip(Rows::new(of_seen, rows, seen.len(), line), keys, row, WIDTH, out, row, true);
        }
    }
}

/// The first `count` columns of `rows` rows, `line` apart, as rows of [`ROWS`].
fn turn(matrix: &[f32], rows: usize, line: usize, count: usize, out: &mut Vec<f32>) {
    out.resize(count * ROWS, 0.0);
    for (column, out) in out.chunks_mut(ROWS).enumerate() {
        for (row, out) in out.iter_mut().enumerate().take(rows) {
            *out = matrix[row * line + column];
        }
    }
}

/// Adds the products of turned weights or scores with a tile's rows to what keys or values have, of the past and of the batch.
fn add_turned(
    turned: &[f32],
    of_rows: &[f32],
    (tile, columns, row): (&Tile<'_>, &Columns, usize),
    (past, fresh): (&mut [f32], &mut [f32]),
    of_part: &Range<usize>,
) {
    let Columns { past_keys, seen, panels, .. } = columns;
    let of_seen = &turned[(columns.past + seen.start - panels.start * WIDTH) * ROWS..];
    let fresh = &mut fresh[(seen.start - of_part.start) * row..];
    for first in (0..row).step_by(WIDTH) {
        let of_rows = &of_rows[first..];
        if *past_keys > 0 {
            let of_past = Rows::new(turned, *past_keys, tile.rows, ROWS);
            strip(of_past, of_rows, row, WIDTH, &mut past[first..], row, true);
        }
        strip(Rows::new(of_seen, seen.len(), tile.rows, ROWS), of_rows, row, WIDTH, &mut fresh[first..], row, true);
    }
}
