//! Attention of a packed batch over a shared past and within each token tree: on the CPU by kernels of our own, elsewhere
//! by the tensor library's operations.

pub mod composed;
pub mod cpu;
mod plan;
mod softmax;

use candle_core::Tensor;

pub use plan::ComposedPlan;

/// One layer's queries `[tokens, heads, head_dim]`, keys and values `[tokens, kv_heads, head_dim]`, positions already applied.
pub struct Projections {
    /// Queries.
    pub queries: Tensor,
    /// Keys.
    pub keys: Tensor,
    /// Values.
    pub values: Tensor,
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::super::cache::LayerCache;
    use super::super::config::{Activation, DecoderConfig, NormKind, Positions, Residual};
    use super::super::tree::TokenTree;
    use super::cpu::{CpuPlan, CpuSetting, Packed};
    use super::*;

    /// One layer of attention on the CPU, from tensors.
    fn on_cpu(
        plan: &CpuPlan,
        setting: CpuSetting,
        scale: f64,
        projections: &Projections,
        past: Option<&LayerCache>,
    ) -> Vec<f32> {
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let by_head = |t: &Tensor| flat(&t.transpose(0, 1).unwrap().contiguous().unwrap());
        let tokens = projections.queries.dim(0).unwrap();
        let CpuSetting { heads, kv_heads, width, .. } = setting;
        let queries = by_head(&(&projections.queries * scale).unwrap());
        let (keys, values) = (by_head(&projections.keys), by_head(&projections.values));
        let fresh = Packed::new(&keys, &values, (kv_heads, tokens, width));
        let past = past.map(|past| (flat(&past.keys), flat(&past.values), past.keys.dim(1).unwrap()));
        let past = past.as_ref().map(|(keys, values, count)| Packed::new(keys, values, (kv_heads, *count, width)));
        let mut out = vec![0.0; tokens * heads * width];
        cpu::attend(plan, setting, &queries, &fresh, past.as_ref(), &mut out, heads * width);
        out
    }

    pub(super) fn config(heads: usize, kv_heads: usize, window: Option<usize>, alibi: bool) -> DecoderConfig {
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
            long in prop::option::of(20usize..230),
            width in prop_oneof![Just(4usize), Just(32), Just(40)],
            (kv_heads, repeats) in (1usize..3, 1usize..4),
            past in prop_oneof![0usize..12, 30usize..70],
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
                queries: random((tokens, kv_heads * repeats, width)),
                keys: random((tokens, kv_heads, width)),
                values: random((tokens, kv_heads, width)),
            };
            let by_head = |t: &Tensor| t.transpose(0, 1).unwrap().contiguous().unwrap();
            let fresh = LayerCache { keys: by_head(&projections.keys), values: by_head(&projections.values) };
            let cached = LayerCache { keys: random((kv_heads, past, width)), values: random((kv_heads, past, width)) };
            let cached = (past > 0).then_some(&cached);
            let setting = CpuSetting { heads: kv_heads * repeats, kv_heads, width, window };
            let ours = on_cpu(&CpuPlan::new(&config, &trees, past), setting, 0.5, &projections, cached);
            let plan = ComposedPlan::new(&config, &trees, past, &device).unwrap();
            let setting = composed::Setting { scale: 0.5, variant: plan.variant(window) };
            let composed = composed::attend(&plan, setting, &projections, &fresh, cached).unwrap();
            let composed = composed.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let worst = ours.iter().zip(&composed).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            prop_assert!(worst < 2e-5, "{worst}");
        }
    }
}
