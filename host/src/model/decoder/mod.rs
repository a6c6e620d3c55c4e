//! One forward pass for all families: a packed batch of token trees over a shared key/value cache.

mod assemble;
mod attention;
mod block;
mod blocks;
mod cache;
pub mod config;
pub mod layout;
mod linear;
mod norm;
mod rotary;
mod tree;

use candle_core::{DType, Device, Tensor};

pub use cache::{KvCache, LayerCache};
pub use config::DecoderConfig;
pub use tree::TokenTree;

use super::ModelError;
pub use assemble::Placement;
use attention::AttentionPlan;
use block::{Block, Pass};
use config::Positions;
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

/// What to run: trees of tokens that all follow the same past.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The trees; their tokens are packed in this order, without padding.
    pub trees: &'a [TokenTree],
    /// The position id of every tree's first token.
    pub first_position: usize,
    /// Keys and values that stand before every tree.
    pub past: Option<&'a KvCache>,
    /// The packed indices of the tokens whose final states are wanted.
    pub wanted: &'a [usize],
}

/// What a pass gives.
pub struct Output {
    /// The wanted tokens' final states, ready for [`Decoder::logits`], `[wanted, embedding]`.
    pub states: Tensor,
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

    /// Runs a batch. Logits are not computed here: pass the states that are wanted to [`Self::logits`].
    ///
    /// # Errors
    /// A token or position outside the model's range, or a failed computation.
    pub fn forward(&self, batch: Batch<'_>) -> Result<Output, ModelError> {
        let ids: Vec<u32> = batch.trees.iter().flat_map(|tree| tree.tokens().iter().copied()).collect();
        let places: Vec<u32> = batch
            .trees
            .iter()
            .flat_map(|tree| tree.depths().iter().map(|depth| (batch.first_position + depth) as u32))
            .collect();
        self.check(&ids, &places)?;
        let mut x = self.embed(&ids, &places)?;
        let past_positions = batch.past.map_or(0, KvCache::positions);
        let past = batch.past.filter(|past| past.positions() > 0);
        let plan = AttentionPlan::new(&self.config, batch.trees, past_positions, self.dtype, &self.device)?;
        let angles = match &self.rotator {
            Some(rotator) => Some(rotator.angles(&places, self.dtype, &self.device)?),
            None => None,
        };
        let pass = Pass { plan: &plan, rotation: self.rotator.as_ref().zip(angles.as_ref()) };
        let mut layers = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.iter().enumerate() {
            let (next, cache) = block.forward(&x, &pass, past.map(|past| &past.layers()[index]))?;
            x = next;
            layers.push(cache);
        }
        let wanted: Vec<u32> = batch.wanted.iter().map(|index| *index as u32).collect();
        let mut states = x.index_select(&Tensor::new(wanted, &self.device)?, 0)?;
        if let Some(norm) = &self.final_norm {
            states = norm.forward(&states)?;
        }
        if let Some(project) = &self.project_out {
            states = project.forward(&states)?;
        }
        Ok(Output { states, cache: KvCache::new(layers)? })
    }

    /// The output head: logits `[rows, vocabulary]` in f32 for final states `[rows, embedding]`.
    ///
    /// # Errors
    /// A failed product.
    pub fn logits(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.head.forward(states)?.to_dtype(DType::F32)?)
    }

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
        let mut x = self.embedding.rows(&Tensor::new(ids, &self.device)?, self.dtype)?;
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
