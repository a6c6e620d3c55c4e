//! Hidden states in the CPU's memory, and the memory that a pass uses for them again and again.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use super::super::super::config::DecoderConfig;
use ft_kernels::{Rows, RowsMut, padded};

/// Rows that a thread takes at a time where little is done to each.
pub(super) const ROWS: usize = 8;

/// A matrix of f32, its rows a little apart: rows that lie a large power of two apart share few sets of a cache.
pub(crate) struct HiddenStates {
    /// At least `rows` times `stride` numbers; what lies between rows and behind them is never read.
    data: Vec<f32>,
    rows: usize,
    width: usize,
    stride: usize,
}

impl HiddenStates {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Numbers from the beginning of a row to that of the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// The rows, to read.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::new(&self.data, self.rows, self.width, self.stride)
    }

    /// The rows, to write.
    pub(crate) fn rows_mut(&mut self) -> RowsMut<'_> {
        RowsMut::new(&mut self.data, self.rows, self.width, self.stride)
    }

    /// The rows with what lies between them.
    pub(crate) fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data[..self.rows * self.stride]
    }

    /// Does something to each row, with its index.
    pub(crate) fn each(&mut self, work: impl Fn(usize, &mut [f32]) + Sync) {
        let (width, stride) = (self.width, self.stride.max(1));
        let rows = self.data_mut().par_chunks_mut(stride).enumerate().with_min_len(ROWS);
        rows.for_each(|(index, row)| work(index, &mut row[..width]));
    }

    /// Leaves the first numbers of every row, where they lie.
    pub(crate) fn narrow(&mut self, width: usize) {
        self.width = self.width.min(width);
    }

    /// A copy as a tensor `[rows, width]`.
    pub(crate) fn to_tensor(&self) -> Result<Tensor> {
        let numbers = (0..self.rows).flat_map(|row| self.rows().row(row).iter().copied()).collect();
        Tensor::from_vec(numbers, (self.rows, self.width), &Device::Cpu)
    }
}

/// Memory that states are made in. Fresh pages cost more than what most operations do with them, so that what one operation
/// is done with serves the next.
#[derive(Default)]
pub(crate) struct Workspace {
    spare: Vec<Vec<f32>>,
}

impl Workspace {
    /// States with any numbers in them, to be written.
    pub(crate) fn states(&mut self, rows: usize, width: usize) -> HiddenStates {
        let stride = padded(width);
        HiddenStates { data: self.take(rows * stride), rows, width, stride }
    }

    /// States with numbers of their own, as many as they need: what is kept for long must not hold spare memory that is larger.
    pub(crate) fn kept(rows: usize, width: usize) -> HiddenStates {
        let stride = padded(width);
        HiddenStates { data: vec![0.0; rows * stride], rows, width, stride }
    }

    /// Any `length` numbers or more: the smallest spare memory that is enough, or new memory.
    pub(crate) fn take(&mut self, length: usize) -> Vec<f32> {
        let enough = self.spare.iter().enumerate().filter(|(_, spare)| spare.len() >= length);
        match enough.min_by_key(|(_, spare)| spare.len()) {
            Some((index, _)) => self.spare.swap_remove(index),
            None => vec![0.0; length],
        }
    }

    /// Takes memory for the next to come.
    pub(crate) fn give_back(&mut self, spare: Vec<f32>) {
        self.spare.push(spare);
    }

    /// Takes the memory of states for the next to come.
    pub(crate) fn release(&mut self, states: HiddenStates) {
        self.give_back(states.data);
    }

    /// Bytes of all states that a pass over so many tokens makes, the residual stream included, at most.
    pub(crate) fn bytes(config: &DecoderConfig, tokens: usize) -> u64 {
        // The stream and its norm; the queries, or else the norm of what a half gives; the joint product, whose memory the
        // heads' outputs take afterwards; the MLP's first product. A projected embedding has been there before.
        let heads = padded(config.heads.saturating_mul(config.head_dim));
        let hidden = padded(config.hidden);
        let embedding = if config.embedding == config.hidden { 0 } else { padded(config.embedding) };
        let (qkv, mlp_up) = (padded(config.qkv_width()), padded(config.mlp_up_width()));
        let row =
            [hidden, hidden, heads.max(hidden), qkv, mlp_up, embedding].into_iter().fold(0, usize::saturating_add);
        (tokens as u64).saturating_mul(row as u64).saturating_mul(size_of::<f32>() as u64)
    }

    /// Bytes of the memory that nothing is in at the moment.
    #[cfg(test)]
    pub(crate) fn spare_bytes(&self) -> u64 {
        self.spare.iter().map(|spare| size_of_val(spare.as_slice()) as u64).sum()
    }
}
