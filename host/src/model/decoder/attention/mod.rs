//! Attention of a packed batch over a shared past and within each token tree.

mod composed;
mod cpu;
mod plan;
mod product;
mod softmax;

use candle_core::{DType, Device, Result, Tensor};

use super::cache::LayerCache;
use super::config::DecoderConfig;
use super::tree::TokenTree;
use cpu::{CpuPlan, CpuSetting};
use plan::ComposedPlan;

/// One layer's queries `[tokens, heads, head_dim]`, keys and values `[tokens, kv_heads, head_dim]`, positions already applied.
pub struct Projections {
    /// Queries.
    pub queries: Tensor,
    /// Keys.
    pub keys: Tensor,
    /// Values.
    pub values: Tensor,
}

/// What attention needs to know about a batch: which token sees which. Made once and used by every layer.
pub enum AttentionPlan {
    /// Single precision on the CPU.
    Cpu(CpuPlan),
    /// Everything else.
    Composed(ComposedPlan),
}

impl AttentionPlan {
    /// Plans attention over `past` cached positions and within each tree.
    ///
    /// # Errors
    /// A failed transfer to the device.
    pub fn new(
        config: &DecoderConfig,
        trees: &[TokenTree],
        past: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        match (device, dtype) {
            (Device::Cpu, DType::F32) => Ok(Self::Cpu(CpuPlan::new(config, trees, past))),
            _ => Ok(Self::Composed(ComposedPlan::new(config, trees, past, device)?)),
        }
    }

    /// The heads' outputs, `[tokens, heads * head_dim]`. `fresh` are the batch's own keys and values,
    /// `[kv_heads, tokens, head_dim]`; a query sees at most `window` keys, its own included.
    ///
    /// # Errors
    /// A failed computation.
    pub fn attend(
        &self,
        scale: f64,
        window: Option<usize>,
        projections: &Projections,
        fresh: &LayerCache,
        past: Option<&LayerCache>,
    ) -> Result<Tensor> {
        match self {
            Self::Cpu(plan) => {
                let setting = CpuSetting { scale: scale as f32, window };
                cpu::attend(plan, setting, &projections.queries, fresh, past)
            }
            Self::Composed(plan) => {
                let setting = composed::Setting { scale, variant: plan.variant(window) };
                composed::attend(plan, setting, projections, fresh, past)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::config::{Activation, NormKind, Positions, Residual};
    use super::*;

    fn config(heads: usize, kv_heads: usize, window: Option<usize>, alibi: bool) -> DecoderConfig {
        DecoderConfig {
            vocabulary: 10,
            hidden: 8,
            embedding: 8,
            intermediate: 8,
            layers: 1,
            heads,
            kv_heads,
            head_dim: 4,
            max_positions: None,
            positions: if alibi { Positions::Alibi } else { Positions::Learned { offset: 0 } },
            norm: NormKind::Rms,
            norm_eps: 1e-5,
            residual: Residual::Sequential,
            activation: Activation::Relu,
            attention_scales: vec![0.5],
            windows: vec![window],
        }
    }

    /// Trees from lists of tokens over a tiny alphabet, so that prefixes are shared.
    fn trees(texts: &[Vec<Vec<u32>>]) -> Vec<TokenTree> {
        let tree = |texts: &Vec<Vec<u32>>| {
            let mut tree = TokenTree::default();
            for text in texts {
                text.iter().fold(None, |parent, token| Some(tree.insert(*token, parent)));
            }
            tree
        };
        texts.iter().map(tree).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn both_ways_agree(
            texts in prop::collection::vec(
                prop::collection::vec(prop::collection::vec(0u32..3, 1..9), 1..4), 1..6),
            long in prop::option::of(90usize..230),
            (kv_heads, repeats) in (1usize..3, 1usize..4),
            past in 0usize..12,
            window in prop::option::of(1usize..9),
            alibi in any::<bool>(),
        ) {
            let device = Device::Cpu;
            let mut trees = trees(&texts);
            if let Some(length) = long {
                trees.push(TokenTree::chain(&vec![1; length]));
            }
            let config = config(kv_heads * repeats, kv_heads, window, alibi);
            let tokens: usize = trees.iter().map(TokenTree::len).sum();
            let random = |shape: (usize, usize, usize)| Tensor::randn(0f32, 1.0, shape, &device).unwrap();
            let projections = Projections {
                queries: random((tokens, kv_heads * repeats, 4)),
                keys: random((tokens, kv_heads, 4)),
                values: random((tokens, kv_heads, 4)),
            };
            let by_head = |t: &Tensor| t.transpose(0, 1).unwrap().contiguous().unwrap();
            let fresh = LayerCache { keys: by_head(&projections.keys), values: by_head(&projections.values) };
            let cached = LayerCache { keys: random((kv_heads, past, 4)), values: random((kv_heads, past, 4)) };
            let cached = (past > 0).then_some(&cached);
            let attend = |plan: AttentionPlan| plan.attend(0.5, window, &projections, &fresh, cached).unwrap();
            let cpu = attend(AttentionPlan::Cpu(CpuPlan::new(&config, &trees, past)));
            let composed = attend(AttentionPlan::Composed(ComposedPlan::new(&config, &trees, past, &device).unwrap()));
            let worst: f32 =
                (cpu - composed).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap();
            prop_assert!(worst < 1e-5, "{worst}");
        }
    }
}
