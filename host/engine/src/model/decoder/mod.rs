//! One forward pass for all families: a packed batch of token trees over a shared key/value cache.

mod assemble;
mod attention;
mod block;
mod cache;
pub mod config;
mod context;
mod cpu;
pub mod layout;
mod linear;
mod norm;
mod rotary;
pub mod tensors;
mod tree;

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

pub use cache::{KvCache, LayerCache};
pub use config::DecoderConfig;
pub use context::{Context, Origin, Provenance};
pub use tree::TokenTree;

use super::ModelError;
use super::floats::floats;
use super::kernels::elementwise::add;
use super::kernels::{Rows, WIDTH};
pub use assemble::Placement;
use attention::ComposedPlan;
use attention::cpu::CpuPlan;
use block::{Block, Pass};
use config::Positions;
use cpu::{CpuPass, States, Workspace};
use linear::{Linear, Matrix};
use norm::Norm;
use rotary::Rotator;

/// A decoder-only transformer with its weights.
pub struct Decoder {
    config: DecoderConfig,
    device: Device,
    dtype: DType,
    embedding: Matrix,
    positions: Option<Tensor>,
    embedding_norm: Option<Norm>,
    project_in: Option<Linear>,
    project_out: Option<Linear>,
    rotator: Option<Rotator>,
    blocks: Vec<Block>,
    final_norm: Option<Norm>,
    head: Linear,
}

/// What to run: trees of tokens that all follow the same context.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// What the model has read before every tree.
    pub context: &'a Context,
    /// The position id of every tree's first token. [`Batch::after`] takes the context's next position; a pass over
    /// demonstrations that the context holds already may have others.
    pub first_position: usize,
    /// The trees; their tokens are packed in this order, without padding.
    pub trees: &'a [TokenTree],
    /// The packed indices of the tokens whose final hidden states are given back.
    pub output_rows: &'a [usize],
}

impl<'a> Batch<'a> {
    /// Trees that go on where the context ends.
    pub fn after(context: &'a Context, trees: &'a [TokenTree], output_rows: &'a [usize]) -> Self {
        Self { context, first_position: context.next_position, trees, output_rows }
    }

    /// Keys and values that stand before every tree; `None` where there are none.
    fn past(&self) -> Option<&'a KvCache> {
        Some(&self.context.cache).filter(|past| past.positions() > 0)
    }
}

/// What a pass gives.
pub struct Output {
    /// The final hidden states of the batch's output rows, in their order, ready for [`Decoder::logits`],
    /// `[output_rows, embedding]`.
    pub hidden_states: Tensor,
    /// The keys and values of the batch's own tokens, in packed order.
    pub cache: KvCache,
}

impl Decoder {
    /// The model's shape.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Where it runs.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The number format of states, keys and values.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Runs a batch. Logits are not computed here: pass the hidden states to [`Self::logits`].
    ///
    /// # Errors
    /// A token or position outside the model's range, or a failed computation.
    pub fn forward(&self, batch: Batch<'_>) -> Result<Output, ModelError> {
        let (ids, places) = self.checked(&batch)?;
        let pass = if self.device.is_cpu() { Self::by_kernels } else { Self::by_library };
        Ok(pass(self, &batch, &ids, &places)?)
    }

    /// The same by the tensor library's operations whatever the device is, which is how devices other than the CPU run.
    /// On the CPU it takes f32 and is slow; it is there so that these operations are tested on every machine.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_by_library(&self, batch: Batch<'_>) -> Result<Output, ModelError> {
        let (ids, places) = self.checked(&batch)?;
        Ok(self.by_library(&batch, &ids, &places)?)
    }

    /// The tokens and their position ids.
    fn checked(&self, batch: &Batch<'_>) -> Result<(Vec<u32>, Vec<u32>), ModelError> {
        let ids: Vec<u32> = batch.trees.iter().flat_map(|tree| tree.tokens().iter().copied()).collect();
        let depths = batch.trees.iter().flat_map(|tree| tree.depths());
        let places: Vec<u32> = depths.map(|depth| (batch.first_position + depth) as u32).collect();
        self.check(&ids, &places)?;
        Ok((ids, places))
    }

    /// A pass by the CPU's kernels.
    fn by_kernels(&self, batch: &Batch<'_>, ids: &[u32], places: &[u32]) -> candle_core::Result<Output> {
        let past = batch.past();
        let mut x = self.embedding.states(ids)?;
        if let Some(project) = &self.project_in {
            let mut wide = States::new(ids.len(), self.config.hidden);
            project.apply(x.rows(), &mut wide, false)?;
            x = wide;
        }
        if let (Some(table), Positions::Learned { offset }) = (&self.positions, &self.config.positions) {
            let table = floats(table)?;
            let (table, width) = (&*table, self.config.hidden);
            x.each(|index, row| add(row, &table[(places[index] as usize + offset) * width..][..width]));
        }
        if let Some(norm) = &self.embedding_norm {
            x = normed(norm, &x)?;
        }
        let plan = CpuPlan::new(&self.config, batch.trees, past.map_or(0, KvCache::positions));
        let table = self.rotator.as_ref().map(|rotator| rotator.table(places));
        let pass = CpuPass { plan: &plan, rotation: self.rotator.as_ref().zip(table.as_ref()), dtype: self.dtype };
        let mut layers = Vec::with_capacity(self.blocks.len());
        let mut work = self.blocks.first().map(|block| Workspace::new(block, ids.len()));
        for (index, block) in self.blocks.iter().enumerate() {
            let only = (index + 1 == self.blocks.len()).then_some(batch.output_rows);
            if let Some(work) = &mut work {
                layers.push(block.advance(&mut x, work, &pass, past.map(|past| &past.layers()[index]), only)?);
            }
        }
        drop(work);
        if self.blocks.is_empty() {
            x.keep(batch.output_rows);
        }
        let mut states = x;
        if let Some(norm) = &self.final_norm {
            states = normed(norm, &states)?;
        }
        if let Some(project) = &self.project_out {
            let mut narrow = States::new(batch.output_rows.len(), self.config.embedding);
            project.apply(states.rows(), &mut narrow, false)?;
            states = narrow;
        }
        Ok(Output { hidden_states: states.to_tensor()?, cache: KvCache::new(layers)? })
    }

    /// A pass by the tensor library's operations.
    fn by_library(&self, batch: &Batch<'_>, ids: &[u32], places: &[u32]) -> candle_core::Result<Output> {
        let past = batch.past();
        let mut x = self.embed(ids, places)?;
        let plan = ComposedPlan::new(&self.config, batch.trees, past.map_or(0, KvCache::positions), &self.device)?;
        let angles = match &self.rotator {
            Some(rotator) => Some(rotator.angles(places, self.dtype, &self.device)?),
            None => None,
        };
        let pass = Pass { plan: &plan, rotation: self.rotator.as_ref().zip(angles.as_ref()) };
        let mut layers = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.iter().enumerate() {
            let (next, cache) = block.forward(&x, &pass, past.map(|past| &past.layers()[index]))?;
            x = next;
            layers.push(cache);
        }
        let rows: Vec<u32> = batch.output_rows.iter().map(|index| *index as u32).collect();
        let mut states = x.index_select(&Tensor::new(rows, &self.device)?, 0)?;
        if let Some(norm) = &self.final_norm {
            states = norm.forward(&states)?;
        }
        if let Some(project) = &self.project_out {
            states = project.forward(&states)?;
        }
        Ok(Output { hidden_states: states, cache: KvCache::new(layers)? })
    }

    /// The output head: logits `[rows, vocabulary]` in f32 for final states `[rows, embedding]`.
    ///
    /// # Errors
    /// A failed product.
    pub fn logits(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.head.forward(states)?.to_dtype(DType::F32)?)
    }

    /// The logits of some tokens `[rows, tokens]` on the CPU, from a multiple of [`Self::LOGIT_STEP`] on, written to `out`.
    ///
    /// # Errors
    /// A decoder elsewhere than on the CPU.
    pub fn logits_of(&self, states: &Tensor, tokens: Range<usize>, out: &mut Vec<f32>) -> Result<(), ModelError> {
        let states = states.contiguous()?;
        let (rows, width) = states.dims2()?;
        out.resize(rows * tokens.len(), 0.0);
        Ok(self.head.apply_part(Rows::new(&floats(&states)?, rows, width, width), tokens, out)?)
    }

    /// What the first of some tokens is a multiple of.
    pub const LOGIT_STEP: usize = WIDTH;

    fn check(&self, ids: &[u32], places: &[u32]) -> Result<(), ModelError> {
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.config.vocabulary) {
            return Err(ModelError::TokenOutOfRange { id: *id, vocabulary: self.config.vocabulary });
        }
        if let Some(limit) = self.config.max_positions
            && let Some(position) = places.iter().find(|place| **place as usize >= limit)
        {
            return Err(ModelError::PositionOutOfRange { position: *position as usize, limit });
        }
        Ok(())
    }

    fn embed(&self, ids: &[u32], places: &[u32]) -> candle_core::Result<Tensor> {
        let mut x = self.embedding.rows(ids, self.dtype, &self.device)?;
        if let Some(project) = &self.project_in {
            x = project.forward(&x)?;
        }
        if let (Some(table), Positions::Learned { offset }) = (&self.positions, &self.config.positions) {
            let rows: Vec<u32> = places.iter().map(|place| place + *offset as u32).collect();
            x = (x + table.index_select(&Tensor::new(rows, &self.device)?, 0)?)?;
        }
        match &self.embedding_norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        }
    }
}

fn normed(norm: &Norm, x: &States) -> candle_core::Result<States> {
    let rows = x.rows();
    let mut out = States::new(rows.count(), rows.width());
    norm.apply(x, &mut out)?;
    Ok(out)
}
