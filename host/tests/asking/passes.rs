//! Passes over the demonstrations as an optimizer asks for them: behind any cache, with parts of it hidden, in any order.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use ft_engine::model::decoder::{Batch, LayerCache, TokenTree};
use ft_engine::model::{Context, Decoder, KvCache};
use ft_engine::tune::{Demonstrations, Positions, ProposalPass, QuestionError, State, Unanswerable};

use super::shown::demonstrations;
use super::support_tiny::{FAMILIES, load};
use super::{ask, bits, matrices, values};

/// Those whose keys are turned by their position.
const ROTARY: [&str; 3] = ["llama", "gptj", "gpt_neox"];
/// The same numbers in two ways, in f32.
const TOLERANCE: f64 = 1e-4;
const ORDER: [usize; 3] = [2, 0, 1];

/// The pass in this order behind the first cache.
fn pass_of(decoder: &Decoder, demonstrations: &Demonstrations, pass: &ProposalPass) -> Result<KvCache, QuestionError> {
    let first = State::first(decoder, &demonstrations.ids).unwrap();
    pass_behind(decoder, demonstrations, &first.context.cache, pass)
}

fn pass_behind(
    decoder: &Decoder,
    demonstrations: &Demonstrations,
    cache: &KvCache,
    pass: &ProposalPass,
) -> Result<KvCache, QuestionError> {
    let first = State::first(decoder, &demonstrations.ids).unwrap();
    ask(decoder, &first, demonstrations, |context| context.propose_behind(cache, pass))
}

fn ordered(order: &[usize]) -> ProposalPass {
    ProposalPass { order: order.to_vec(), ..ProposalPass::default() }
}

/// For each token of a pass in [`ORDER`] its place at home; the first token of all stays where it is.
fn homes(demonstrations: &Demonstrations) -> Vec<usize> {
    let spans = ORDER.iter().flat_map(|at| demonstrations.spans[*at].tokens.clone());
    std::iter::once(0).chain(spans).collect()
}

/// A plain pass over tokens behind a cache.
fn plain(decoder: &Decoder, cache: &KvCache, first_position: usize, ids: &[u32]) -> KvCache {
    let context = Context { cache: cache.clone(), ..Context::zero_shot(None) };
    let (trees, last) = ([TokenTree::chain(ids)], [ids.len() - 1]);
    decoder.forward(Batch { first_position, ..Batch::after(&context, &trees, &last) }).unwrap().cache
}

/// Positions of a matrix `[heads, positions, width]`, in this order.
fn rows(matrix: &Tensor, positions: &[usize]) -> Vec<f64> {
    let index: Vec<u32> = positions.iter().map(|position| *position as u32).collect();
    values(&matrix.index_select(&Tensor::new(index, &Device::Cpu).unwrap(), 1).unwrap())
}

fn assert_near(found: &[f64], expected: &[f64], place: &str) {
    assert_eq!(found.len(), expected.len(), "{place}");
    let apart = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max);
    assert!(apart <= TOLERANCE, "{place}: {apart}");
}

#[test]
fn the_default_pass_and_the_cache_s_own_order_are_the_proposal() {
    let demonstrations = demonstrations(3);
    for family in FAMILIES {
        let decoder = load(family);
        let first = State::first(&decoder, &demonstrations.ids).unwrap();
        let proposal = ask(&decoder, &first, &demonstrations, |context| context.propose()).unwrap();
        let continued = ProposalPass { positions: Some(Positions::Continue), ..ProposalPass::default() };
        for pass in [ProposalPass::default(), continued, ordered(&[0, 1, 2])] {
            let found = pass_of(&decoder, &demonstrations, &pass).unwrap();
            assert!(bits(&found) == bits(&proposal), "{family}, {pass:?}");
        }
        let restarted = ProposalPass { positions: Some(Positions::Restart), ..ProposalPass::default() };
        let found = pass_of(&decoder, &demonstrations, &restarted).unwrap();
        let expected = plain(&decoder, &first.context.cache, 0, &demonstrations.ids);
        assert!(bits(&found) == bits(&expected), "{family}");
        // Distances in the cache alone say where a token of BLOOM stands.
        assert_eq!(bits(&found) == bits(&proposal), family == "bloom", "{family}");
    }
}

#[test]
fn another_order_is_a_plain_pass_in_that_order_moved_home() {
    let demonstrations = demonstrations(3);
    let homes = homes(&demonstrations);
    let ids: Vec<u32> = homes.iter().map(|home| demonstrations.ids[*home]).collect();
    assert_ne!(ids, demonstrations.ids);
    for family in FAMILIES {
        let decoder = load(family);
        let first = State::first(&decoder, &demonstrations.ids).unwrap();
        let found = pass_of(&decoder, &demonstrations, &ordered(&ORDER)).unwrap();
        let read = plain(&decoder, &first.context.cache, ids.len(), &ids);
        let there: Vec<usize> = (0..ids.len()).collect();
        for (layer, (found, read)) in found.layers().iter().zip(read.layers()).enumerate() {
            assert_eq!(rows(&found.values, &homes), rows(&read.values, &there), "{family}, values of layer {layer}");
            let keys_as_read = rows(&found.keys, &homes) == rows(&read.keys, &there);
            assert_eq!(keys_as_read, !ROTARY.contains(&family), "{family}, keys of layer {layer}");
        }
    }
}

/// Attention over rotary keys depends on distances alone. So the pass in another order has the same states where all positions,
/// the cache's among them, lie further back or forth; by as much as one demonstration is away from home, its keys come out as
/// those at home.
#[test]
fn rotary_keys_of_another_order_are_turned_to_their_places() {
    let demonstrations = demonstrations(3);
    let (homes, length) = (homes(&demonstrations), demonstrations.ids.len());
    let ids: Vec<u32> = homes.iter().map(|home| demonstrations.ids[*home]).collect();
    for family in ROTARY {
        let decoder = load(family);
        let nothing = KvCache::default();
        let cache_at = |position: usize| plain(&decoder, &nothing, position, &demonstrations.ids);
        let found = pass_behind(&decoder, &demonstrations, &cache_at(length), &ordered(&ORDER)).unwrap();
        let mut there = 1;
        for at in ORDER {
            let span = demonstrations.spans[at].tokens.clone();
            let (home, read): (Vec<usize>, Vec<usize>) =
                (span.clone().collect(), (there..there + span.len()).collect());
            // The second pass is a text's length behind the first position in the cache: both are moved by home - there.
            let shifted = |position: usize| position + span.start - there;
            let reference = plain(&decoder, &cache_at(shifted(length)), shifted(length), &ids);
            for (layer, (found, reference)) in found.layers().iter().zip(reference.layers()).enumerate() {
                let place = format!("{family}, demonstration {at}, layer {layer}");
                assert_near(&rows(&found.keys, &home), &rows(&reference.keys, &read), &format!("{place}, keys"));
                assert_near(&rows(&found.values, &home), &rows(&reference.values, &read), &format!("{place}, values"));
            }
            there += span.len();
        }
    }
}

/// The cache with other numbers at some positions.
fn changed_at(cache: &KvCache, positions: &Range<usize>) -> KvCache {
    let changed = |matrix: &Tensor| {
        let inside: Vec<f32> =
            (0..matrix.dim(1).unwrap()).map(|at| if positions.contains(&at) { 1.0 } else { 0.0 }).collect();
        let inside = Tensor::new(inside, &Device::Cpu).unwrap().reshape((1, (), 1)).unwrap();
        let more = (matrix.affine(-3.0, 0.5).unwrap()).broadcast_mul(&inside).unwrap();
        (matrix + more).unwrap()
    };
    let layers = cache.layers().iter();
    let layers = layers.map(|layer| LayerCache { keys: changed(&layer.keys), values: changed(&layer.values) });
    KvCache::new(layers.collect()).unwrap()
}

#[test]
fn what_is_hidden_has_no_influence_and_what_is_not_has() {
    let demonstrations = demonstrations(3);
    let span = demonstrations.spans[1].tokens.clone();
    for family in FAMILIES {
        let decoder = load(family);
        let first = State::first(&decoder, &demonstrations.ids).unwrap();
        let (cache, other) = (&first.context.cache, &changed_at(&first.context.cache, &span));
        assert!(bits(cache) != bits(other));
        let pass =
            |cache: &KvCache, pass: &ProposalPass| bits(&pass_behind(&decoder, &demonstrations, cache, pass).unwrap());
        for order in [Vec::new(), ORDER.to_vec()] {
            let seen = ProposalPass { order, ..ProposalPass::default() };
            let hidden = ProposalPass { hidden: vec![span.clone()], ..seen.clone() };
            assert!(pass(cache, &hidden) == pass(other, &hidden), "{family}");
            assert!(pass(cache, &seen) != pass(other, &seen), "{family}");
            assert!(pass(cache, &seen) != pass(cache, &hidden), "{family}");
            // The same positions in other words.
            let parts = vec![span.start + 1..span.end, span.start..span.start + 2, span.end..span.end];
            assert!(pass(cache, &ProposalPass { hidden: parts, ..seen }) == pass(cache, &hidden), "{family}");
        }
        // With all hidden, nothing but the pass itself is left: that of another cache is the same.
        let all = ProposalPass { hidden: std::iter::once(0..cache.positions()).collect(), ..ProposalPass::default() };
        assert!(pass(cache, &all) == pass(&changed_at(cache, &(0..cache.positions())), &all), "{family}");
        assert!(pass(cache, &all).iter().flatten().all(|bits| f64::from_bits(*bits).is_finite()), "{family}");
    }
}

#[test]
fn passes_that_do_not_fit_are_refused() {
    let (decoder, demonstrations) = (load("llama"), demonstrations(3));
    let length = demonstrations.ids.len();
    let refused = |pass: &ProposalPass| match pass_of(&decoder, &demonstrations, pass) {
        Err(QuestionError::Invalid(problem)) => problem,
        other => panic!("{other:?}"),
    };
    for order in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3], &[0, 1, 2, 2]] {
        let expected = format!("expected an order of 3 demonstrations, each once, got {order:?}");
        assert_eq!(refused(&ordered(order)), expected);
    }
    let beyond = ProposalPass { hidden: vec![0..1, 3..length + 1], ..ProposalPass::default() };
    assert_eq!(refused(&beyond), format!("expected positions within 0..{length} to hide, got 3..{}", length + 1));
    let tokens = Demonstrations::of_tokens(demonstrations.ids.clone());
    let unknown = pass_of(&decoder, &tokens, &ordered(&[0])).unwrap_err();
    assert!(matches!(unknown, QuestionError::Unanswerable(Unanswerable::NotApart)), "{unknown:?}");
    let first = State::first(&decoder, &demonstrations.ids).unwrap();
    let halved: Vec<Tensor> =
        matrices(&first.context.cache).iter().map(|matrix| matrix.to_dtype(DType::F16).unwrap()).collect();
    let layers = halved.chunks(2).map(|pair| LayerCache { keys: pair[0].clone(), values: pair[1].clone() });
    let halved = KvCache::new(layers.collect()).unwrap();
    let error = pass_behind(&decoder, &demonstrations, &halved, &ProposalPass::default()).unwrap_err();
    assert!(error.to_string().contains(" f32 in layer 0, got "), "{error}");
}
