//! The two backends' attention, held to each other.

use candle_core::{Device, Tensor};
use proptest::prelude::*;

use super::super::cache::LayerCache;
use super::super::config::{Activation, DecoderConfig, LayerConfig, NormKind, Positions};
use super::super::tree::TokenTree;
use super::library::Projections;
use super::{Heads, cpu, library};

/// One layer of attention on the CPU, from tensors.
fn on_cpu(
    plan: &cpu::AttentionPlan,
    scores: cpu::Scores,
    scale: f64,
    projections: &Projections,
    past: Option<&LayerCache>,
) -> Vec<f32> {
    let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let by_head = |t: &Tensor| flat(&t.transpose(0, 1).unwrap().contiguous().unwrap());
    let tokens = projections.queries.dim(0).unwrap();
    let Heads { query: heads, kv: kv_heads, head_dim } = scores.heads;
    let queries = by_head(&(&projections.queries * scale).unwrap());
    let (keys, values) = (by_head(&projections.keys), by_head(&projections.values));
    let fresh = cpu::PackedKv::new(&keys, &values, (kv_heads, tokens, head_dim));
    let past = past.map(|past| (flat(&past.keys), flat(&past.values), past.keys.dim(1).unwrap()));
    let past =
        past.as_ref().map(|(keys, values, count)| cpu::PackedKv::new(keys, values, (kv_heads, *count, head_dim)));
    let mut out = vec![0.0; tokens * heads * head_dim];
    cpu::attend(plan, scores, &queries, &fresh, past.as_ref(), &mut out, heads * head_dim);
    out
}

pub(super) fn config(heads: usize, kv_heads: usize, window: Option<usize>, alibi: bool) -> DecoderConfig {
    DecoderConfig {
        vocabulary: 10,
        hidden: 8,
        embedding: 8,
        embedding_scale: None,
        intermediate: 8,
        gated: false,
        heads,
        kv_heads,
        head_dim: 4,
        max_positions: None,
        positions: if alibi { Positions::Alibi } else { Positions::Learned { offset: 0 } },
        norm: NormKind::Rms,
        norm_eps: 1e-5,
        norm_gain_offset: 0.0,
        activation: Activation::Relu,
        logit_softcap: None,
        layers: vec![LayerConfig { window, ..LayerConfig::pre_norm(4) }],
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
        softcap in prop::option::of(0.5f64..3.0),
        hides in any::<bool>(),
    ) {
        let device = Device::Cpu;
        let mut trees = trees(&texts);
        if let Some(length) = long {
            trees.push(TokenTree::chain(&vec![1; length]));
        }
        // Of every tree another part of the past.
        let hide = |tree: usize| vec![tree.min(past)..(tree + 3).min(past), past / 2..past / 2 + usize::from(past > 0)];
        let hidden: Vec<_> = if hides { (0..trees.len()).map(hide).collect() } else { Vec::new() };
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
        let heads = Heads { query: kv_heads * repeats, kv: kv_heads, head_dim: width };
        let plan = cpu::AttentionPlan::new(&config, &trees, past, &hidden);
        let ours = on_cpu(&plan, cpu::Scores { heads, window, softcap }, 0.5, &projections, cached);
        let plan = library::AttentionPlan::new(&config, &trees, past, &hidden, &device).unwrap();
        let scores = library::Scores { scale: 0.5, softcap, variant: plan.variant(window) };
        let composed = library::attend(&plan, scores, &projections, &fresh, cached).unwrap();
        let composed = composed.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let worst = ours.iter().zip(&composed).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        prop_assert!(worst < 2e-5, "{worst}");
    }
}
