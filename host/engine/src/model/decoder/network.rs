//! The whole network: embedding, positions, blocks, final norm and output head, for every backend.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};

use super::backend::{Backend, Backward, Head, Linear, Norm, PackedBatch, turned};
use super::batch::{Batch, Output};
use super::block::{Block, Pass};
use super::cache::{KvCache, LayerCache};
use super::config::{DecoderConfig, Positions};
use super::gradient::Loss;
use super::rotary::Rotator;

/// A decoder's weights as a backend holds them.
pub(super) struct Network<B: Backend> {
    pub backend: B,
    pub embedding: B::Matrix,
    /// Learned positions, `[rows, hidden]`.
    pub positions: Option<B::Vector>,
    pub embedding_norm: Option<Norm<B>>,
    pub project_in: Option<Linear<B>>,
    pub project_out: Option<Linear<B>>,
    /// One for each rotation that layers name.
    pub rotators: Vec<Rotator>,
    pub blocks: Vec<Block<B>>,
    pub final_norm: Option<Norm<B>>,
    pub head: Head<B>,
}

/// A network on whichever backend.
pub(super) trait Forward: Send + Sync {
    /// Where keys and values lie, and hidden states.
    fn device(&self) -> &Device;

    /// The number format of keys and values.
    fn cache_dtype(&self) -> DType;

    /// The number format of hidden states.
    fn states_dtype(&self) -> DType;

    /// Runs a batch whose tokens have these ids and position ids, all within the model's range.
    fn forward(&self, config: &DecoderConfig, batch: &Batch<'_>, ids: &[u32], position_ids: &[u32]) -> Result<Output>;

    /// Runs a batch behind a past and goes back; gives the derivative of the loss with respect to the past, in f32.
    fn context_gradient(
        &self,
        config: &DecoderConfig,
        batch: &Batch<'_>,
        past: &KvCache,
        ids: (&[u32], &[u32]),
        loss: &mut Loss<'_>,
    ) -> Result<KvCache>;

    /// A cache with each key turned from one position to another.
    fn turned(&self, cache: &KvCache, from: &[u32], to: &[u32]) -> Result<KvCache>;

    /// Logits `[rows, vocabulary]` in f32.
    fn logits(&self, states: &Tensor) -> Result<Tensor>;

    /// The derivative with respect to states, from logits and the derivative with respect to them.
    fn logits_back(&self, logits: &Tensor, d: &Tensor) -> Result<Tensor>;

    /// The logits of some tokens, row after row.
    fn logits_of(&self, states: &Tensor, tokens: Range<usize>, out: &mut Vec<f32>) -> Result<()>;
}

impl<B: Backward> Forward for Network<B> {
    fn device(&self) -> &Device {
        self.backend.device()
    }

    fn cache_dtype(&self) -> DType {
        self.backend.cache_dtype()
    }

    fn states_dtype(&self) -> DType {
        self.backend.states_dtype()
    }

    fn forward(&self, config: &DecoderConfig, batch: &Batch<'_>, ids: &[u32], position_ids: &[u32]) -> Result<Output> {
        let past = batch.past();
        let packed = PackedBatch {
            trees: batch.trees,
            position_ids,
            past: past.map_or(0, KvCache::positions),
            hidden: batch.hidden,
        };
        let plan = self.backend.plan(config, &packed, &self.rotators)?;
        let mut pass = Pass { backend: &self.backend, plan: &plan, work: self.backend.workspace(), tape: None };
        let mut x = self.embed(config, ids, position_ids, &mut pass)?;
        let mut layers = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.iter().enumerate() {
            let last = index + 1 == self.blocks.len();
            let output_rows = (last && !batch.output_rows.is_empty()).then_some(batch.output_rows);
            let (next, cache) = block.forward(x, past.map(|past| &past.layers()[index]), output_rows, &mut pass)?;
            x = next;
            layers.push(cache);
        }
        // Operations on no rows are not what a device's libraries are tested with: the blocks run on all rows instead.
        if batch.output_rows.is_empty() || self.blocks.is_empty() {
            x = self.backend.retain_rows(x, batch.output_rows, &mut pass.work)?;
        }
        let normed = pass.normed(self.final_norm.as_ref(), &x)?;
        pass.replace(&mut x, normed);
        let projected = pass.projected(self.project_out.as_ref(), &x)?;
        pass.replace(&mut x, projected);
        Ok(Output { hidden_states: self.backend.to_tensor(&x)?, cache: KvCache::new(layers)? })
    }

    fn context_gradient(
        &self,
        config: &DecoderConfig,
        batch: &Batch<'_>,
        past: &KvCache,
        ids: (&[u32], &[u32]),
        loss: &mut Loss<'_>,
    ) -> Result<KvCache> {
        self.past_gradient(config, batch, past, ids, loss)
    }

    fn turned(&self, cache: &KvCache, from: &[u32], to: &[u32]) -> Result<KvCache> {
        let layers = self.blocks.iter().zip(cache.layers()).map(|(block, layer)| {
            let keys = match block.attention.rotator {
                Some(index) => turned(&layer.keys, &self.rotators[index], from, to)?,
                None => layer.keys.clone(),
            };
            Ok(LayerCache { keys, values: layer.values.clone() })
        });
        KvCache::new(layers.collect::<Result<_>>()?)
    }

    fn logits_back(&self, logits: &Tensor, d: &Tensor) -> Result<Tensor> {
        self.backend.logits_back(&self.head, logits, d)
    }

    fn logits(&self, states: &Tensor) -> Result<Tensor> {
        self.backend.logits(&self.head, states)
    }

    fn logits_of(&self, states: &Tensor, tokens: Range<usize>, out: &mut Vec<f32>) -> Result<()> {
        self.backend.logits_of(&self.head, states, tokens, out)
    }
}

impl<B: Backend> Network<B> {
    /// The residual stream before the first block, `[tokens, hidden]`.
    pub(super) fn embed(
        &self,
        config: &DecoderConfig,
        ids: &[u32],
        position_ids: &[u32],
        pass: &mut Pass<'_, B>,
    ) -> Result<B::HiddenStates> {
        let mut x = self.backend.embed(&self.embedding, ids, &mut pass.work)?;
        if let Some(factor) = config.embedding_scale {
            self.backend.scale(&mut x, factor)?;
        }
        let projected = pass.projected(self.project_in.as_ref(), &x)?;
        pass.replace(&mut x, projected);
        if let (Some(table), Positions::Learned { offset }) = (&self.positions, &config.positions) {
            let rows: Vec<u32> = position_ids.iter().map(|position| position + *offset as u32).collect();
            self.backend.add_rows(&mut x, table, &rows)?;
        }
        let normed = pass.normed(self.embedding_norm.as_ref(), &x)?;
        pass.replace(&mut x, normed);
        Ok(x)
    }
}

impl<B: Backend> Pass<'_, B> {
    /// The states in another width, where there is a projection.
    pub(super) fn projected(
        &mut self,
        project: Option<&Linear<B>>,
        x: &B::HiddenStates,
    ) -> Result<Option<B::HiddenStates>> {
        project.map(|project| self.backend.linear(project, x, &mut self.work)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::super::Placement;
    use super::super::backend::{Cpu, cpu_states_bytes};
    use super::super::tree::TokenTree;
    use super::*;
    use crate::model::ModelError;
    use crate::model::families::{Family, UnknownSettings, from_config_json};
    use crate::model::weights::{TensorSource, WeightFormat};

    /// Every weight is 1.
    struct Ones;

    impl TensorSource for Ones {
        fn file(&self) -> &str {
            "ones"
        }

        fn names(&self) -> Vec<&str> {
            Vec::new()
        }

        fn shape(&self, _name: &str) -> Option<&[usize]> {
            None
        }

        fn check(&self, _name: &str, _shape: &[usize]) -> std::result::Result<(), ModelError> {
            Ok(())
        }

        fn tensor(
            &self,
            _name: &str,
            shape: &[usize],
            dtype: DType,
            device: &Device,
        ) -> std::result::Result<Tensor, ModelError> {
            Ok(Tensor::ones(shape, dtype, device)?)
        }
    }

    #[test]
    fn a_pass_takes_the_memory_that_is_stated() {
        const TOKENS: usize = 40;
        let models = [
            r#"{"model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "vocab_size": 50,
                "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}"#,
            r#"{"model_type": "qwen3", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "vocab_size": 50,
                "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 64}"#,
            r#"{"model_type": "gptj", "n_embd": 64, "n_layer": 3, "vocab_size": 50, "n_head": 4, "rotary_dim": 8,
                "n_positions": 64}"#,
            r#"{"model_type": "opt", "hidden_size": 64, "ffn_dim": 48, "num_hidden_layers": 3, "vocab_size": 50,
                "num_attention_heads": 4, "max_position_embeddings": 64, "word_embed_proj_dim": 32,
                "do_layer_norm_before": false}"#,
        ];
        for json in models {
            let family = from_config_json("config.json", json.as_bytes(), UnknownSettings::Refuse).unwrap();
            let Family { config, layout, .. } = family;
            let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
            let network = Network::load(&config, &layout, &Ones, &placement, Cpu::new(&placement)).unwrap();
            let (trees, ids) = ([TokenTree::chain(&[1; TOKENS])], [1; TOKENS]);
            let position_ids: Vec<u32> = (0..TOKENS as u32).collect();
            let packed = PackedBatch { trees: &trees, position_ids: &position_ids, past: 0, hidden: &[] };
            let plan = network.backend.plan(&config, &packed, &network.rotators).unwrap();
            let mut pass =
                Pass { backend: &network.backend, plan: &plan, work: network.backend.workspace(), tape: None };
            let mut x = network.embed(&config, &ids, &position_ids, &mut pass).unwrap();
            for block in &network.blocks {
                x = block.forward(x, None, None, &mut pass).unwrap().0;
            }
            network.backend.release(x, &mut pass.work);
            // All that was taken has been given back: no block takes new memory after the first.
            let (taken, stated) = (pass.work.spare_bytes(), cpu_states_bytes(&config, TOKENS));
            assert!(taken <= stated && stated <= taken * 3 / 2, "{}: {taken} taken, {stated} stated", &json[..24]);
        }
    }
}
