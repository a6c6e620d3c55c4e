//! Gradients with respect to the cache, against differences, against the other backend, and against queries one by one.

use std::ops::Range;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use ft_engine::model::decoder::{LayerCache, Placement};
use ft_engine::model::weights::WeightFormat;
use ft_engine::model::{Context, Decoder, KvCache};
use ft_engine::score::{ChoiceScore, ChoiceTokens, MaskedQueries, QueryTokens, masked_gradient, masked_scores, score};
use ft_engine::tune::State;

use crate::gradient_golden::GradientGolden;
use crate::support::{F32, Golden, families, load, load_for_library, name, variants, worst};

/// Queries with choices that share a beginning, each with other positions hidden from it.
fn queries(golden: &Golden) -> (Vec<QueryTokens>, Vec<Vec<Range<usize>>>) {
    let ids = &golden.demonstrations;
    let choice = |ids: &[u32], span_start| ChoiceTokens { ids: ids.to_vec(), span_start };
    let other = |id: u32| (id + 3) % 50 + 2;
    let queries = vec![
        QueryTokens { choices: vec![choice(&ids[..5], 3), choice(&[&ids[..4], &[other(ids[4])]].concat(), 3)] },
        QueryTokens { choices: vec![choice(&ids[4..11], 2)] },
        QueryTokens { choices: vec![choice(&ids[11..], 1), choice(&[&ids[11..13], &[other(ids[0])]].concat(), 2)] },
    ];
    let past = ids.len();
    let hidden = vec![vec![0..5, 9..10], vec![4..11], vec![past - 2..past, 7..8, 1..2]];
    (queries, hidden)
}

/// The mean over the queries of the negative log-likelihood of the first choice, per token for a query of one choice.
fn weights(scores: &[Vec<ChoiceScore>]) -> (f64, Vec<Vec<f64>>) {
    let count = scores.len() as f64;
    let of_query = scores.iter().map(|scores| match scores.as_slice() {
        [only] => (-only.loglik / only.tokens as f64, vec![-1.0 / only.tokens as f64 / count]),
        choices => {
            let sum: f64 = choices.iter().map(|choice| choice.loglik.exp()).sum();
            let shares: Vec<f64> = choices.iter().map(|choice| choice.loglik.exp() / sum).collect();
            let weights = shares.iter().enumerate().map(|(at, share)| (share - f64::from(at == 0)) / count);
            (-shares[0].ln(), weights.collect())
        }
    });
    let (losses, weights): (Vec<f64>, Vec<Vec<f64>>) = of_query.unzip();
    (losses.iter().sum::<f64>() / count, weights)
}

fn gradient(decoder: &Decoder, context: &Context, masked: MaskedQueries<'_>) -> KvCache {
    let mut weigh = |scores: &[Vec<ChoiceScore>]| weights(scores).1;
    masked_gradient(decoder, context, masked, &mut weigh).unwrap().1.unwrap()
}

fn matrices(cache: &KvCache) -> Vec<Tensor> {
    cache.matrices().cloned().collect()
}

fn of_matrices(matrices: &[Tensor]) -> KvCache {
    let layers = matrices.chunks(2).map(|pair| LayerCache { keys: pair[0].clone(), values: pair[1].clone() });
    KvCache::new(layers.collect()).unwrap()
}

fn dot(a: &[Tensor], b: &[Tensor]) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| {
        let (a, b) = (a.to_dtype(DType::F64).unwrap(), b.to_dtype(DType::F64).unwrap());
        (a * b).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
    });
    products.sum()
}

/// The largest difference of matrices over the largest of `expected`, kind by kind.
fn relative(found: &[Tensor], expected: &[Tensor]) -> f32 {
    let of_kind = |kind: usize| {
        let pairs = || found.iter().zip(expected).skip(kind).step_by(2);
        let most = pairs().map(|(_, e)| worst(e, &e.zeros_like().unwrap())).fold(0f32, f32::max);
        pairs().map(|(f, e)| worst(f, e)).fold(0f32, f32::max) / most.max(1e-20)
    };
    of_kind(0).max(of_kind(1))
}

fn models() -> Vec<std::path::PathBuf> {
    families().into_iter().chain(variants()).collect()
}

fn first(decoder: &Decoder, folder: &Path) -> (Golden, Context) {
    let golden = Golden::read(folder);
    let context = State::first(decoder, &golden.demonstrations).unwrap().context;
    (golden, context)
}

#[test]
fn gradients_are_what_differences_say() {
    for folder in models() {
        let decoder = load(&folder, &F32);
        let (golden, context) = first(&decoder, &folder);
        let (queries, hidden) = queries(&golden);
        let masked = MaskedQueries { queries: &queries, hidden: &hidden };
        let found = matrices(&gradient(&decoder, &context, masked));
        let loss = |along: &[Tensor], by: f64| {
            let moved = matrices(&context.cache)
                .iter()
                .zip(along)
                .map(|(c, d)| (c + (d * by).unwrap()).unwrap())
                .collect::<Vec<_>>();
            let context = Context { cache: of_matrices(&moved), ..context.clone() };
            weights(&masked_scores(&decoder, &context, masked).unwrap()).0
        };
        // Along itself, where rounding matters least, and along keys and values apart.
        for part in 0..3 {
            let along: Vec<Tensor> = found
                .iter()
                .enumerate()
                .map(|(at, g)| if part == 2 || at % 2 == part { g.clone() } else { g.zeros_like().unwrap() })
                .collect();
            let length = dot(&along, &along).sqrt();
            assert!(length > 1e-6, "{}: nothing to go along", name(&folder));
            let along: Vec<Tensor> = along.iter().map(|g| (g / length).unwrap()).collect();
            let step = 0.02;
            let slope = (8.0 * (loss(&along, step) - loss(&along, -step)) - loss(&along, 2.0 * step)
                + loss(&along, -2.0 * step))
                / (12.0 * step);
            assert!(
                (slope - length).abs() < 0.01 * length + 2e-4,
                "{}: {slope} along a gradient of {length}",
                name(&folder)
            );
        }
    }
}

/// Where a golden's queries do not see the cache.
fn hidden_of(golden: &GradientGolden) -> Vec<Vec<Range<usize>>> {
    let ranges = |row: &Vec<bool>| {
        let hidden = row.iter().enumerate().filter(|(_, hidden)| **hidden);
        hidden.map(|(position, _)| position..position + 1).collect()
    };
    golden.hidden.iter().map(ranges).collect()
}

/// A golden's queries: each span with its answer, or with its three choices.
fn queries_of(golden: &GradientGolden, with_choices: bool) -> Vec<QueryTokens> {
    let spans = golden.spans.iter().map(|span| &golden.demonstrations[span.clone()]);
    let queries = spans.zip(&golden.choice_ids).map(|(span, choices)| {
        if !with_choices {
            return QueryTokens { choices: vec![ChoiceTokens { ids: span.to_vec(), span_start: span.len() - 2 }] };
        }
        let text = &span[..span.len() - 1];
        let choice = |ids: &Vec<u32>| ChoiceTokens { ids: [text, ids].concat(), span_start: text.len() };
        QueryTokens { choices: choices.iter().map(choice).collect() }
    });
    queries.collect()
}

fn layer_by_layer(keys: &Tensor, values: &Tensor) -> Vec<Tensor> {
    let layers = (0..keys.dim(0).unwrap()).flat_map(|layer| [keys.get(layer).unwrap(), values.get(layer).unwrap()]);
    layers.collect()
}

#[test]
fn gradients_are_those_of_pytorch() {
    for folder in models() {
        let golden = GradientGolden::read(&folder);
        let hidden = hidden_of(&golden);
        for decoder in [load(&folder, &F32), load_for_library(&folder, &F32)] {
            let context = Context {
                cache: of_matrices(&layer_by_layer(&golden.keys, &golden.values)),
                ..State::first(&decoder, &golden.demonstrations).unwrap().context
            };
            for (with_choices, expected) in [(false, &golden.answer), (true, &golden.choice)] {
                let queries = queries_of(&golden, with_choices);
                let masked = MaskedQueries { queries: &queries, hidden: &hidden };
                let mut found = (0.0, Vec::new());
                let mut weigh = |scores: &[Vec<ChoiceScore>]| {
                    let (loss, weights) = weights(scores);
                    found = (loss, scores.iter().flatten().map(|score| score.loglik as f32).collect());
                    weights
                };
                let gradient = masked_gradient(&decoder, &context, masked, &mut weigh).unwrap().1.unwrap();
                let of = format!("{} {with_choices}", name(&folder));
                assert!((found.0 as f32 - expected.loss).abs() < 1e-4, "{of}: {} is not {}", found.0, expected.loss);
                let logliks: Vec<f32> = expected.log_likelihoods.flatten_all().unwrap().to_vec1().unwrap();
                for (found, expected) in found.1.iter().zip(&logliks) {
                    assert!((found - expected).abs() < 1e-4, "{of}: {found} is not {expected}");
                }
                let expected = layer_by_layer(&expected.gradient_keys, &expected.gradient_values);
                let difference = relative(&matrices(&gradient), &expected);
                assert!(difference < 1e-4, "{of}: {difference}");
            }
        }
    }
}

#[test]
fn both_backends_give_the_same_gradient() {
    for folder in models() {
        let (ours, library) = (load(&folder, &F32), load_for_library(&folder, &F32));
        let (golden, context) = first(&ours, &folder);
        let (queries, hidden) = queries(&golden);
        let masked = MaskedQueries { queries: &queries, hidden: &hidden };
        let (ours, library) = (gradient(&ours, &context, masked), gradient(&library, &context, masked));
        let difference = relative(&matrices(&ours), &matrices(&library));
        assert!(difference < 1e-4, "{}: {difference}", name(&folder));
    }
}

#[test]
fn coarse_weights_have_the_gradient_of_what_they_are() {
    for (dtype, weights) in [(DType::BF16, WeightFormat::Dense), (DType::F32, WeightFormat::Quantized)] {
        let placement = Placement { device: Device::Cpu, dtype, weights };
        for folder in families() {
            let (ours, library) = (load(&folder, &placement), load_for_library(&folder, &placement));
            let (golden, context) = first(&ours, &folder);
            let (queries, hidden) = queries(&golden);
            let masked = MaskedQueries { queries: &queries, hidden: &hidden };
            let (ours, library) = (gradient(&ours, &context, masked), gradient(&library, &context, masked));
            // The forward passes round at different places.
            let difference = relative(&matrices(&ours), &matrices(&library));
            assert!(difference < 0.08, "{} {dtype:?} {weights:?}: {difference}", name(&folder));
        }
    }
}

#[test]
fn packed_queries_are_the_sum_of_single_ones() {
    for folder in models() {
        let decoder = load(&folder, &F32);
        let (golden, context) = first(&decoder, &folder);
        let (queries, hidden) = queries(&golden);
        let masked = MaskedQueries { queries: &queries, hidden: &hidden };
        let packed = matrices(&gradient(&decoder, &context, masked));
        let mut sum: Vec<Tensor> = packed.iter().map(|g| g.zeros_like().unwrap()).collect();
        for (query, hidden) in queries.iter().zip(&hidden) {
            let one = MaskedQueries { queries: std::slice::from_ref(query), hidden: std::slice::from_ref(hidden) };
            let single = matrices(&gradient(&decoder, &context, one));
            sum = sum.iter().zip(single).map(|(sum, g)| (sum + (g / 3.0).unwrap()).unwrap()).collect();
        }
        let difference = relative(&packed, &sum);
        assert!(difference < 1e-5, "{}: {difference}", name(&folder));
    }
}

/// What is hidden has no part in a gradient, and what its tokens hold changes nothing.
#[test]
fn hidden_positions_have_no_gradient() {
    let mut changed = 0;
    for folder in models() {
        let decoder = load(&folder, &F32);
        let (golden, context) = first(&decoder, &folder);
        let (queries, _) = queries(&golden);
        let hidden = vec![vec![2..5, 8..9]; queries.len()];
        let masked = MaskedQueries { queries: &queries, hidden: &hidden };
        for matrix in matrices(&gradient(&decoder, &context, masked)) {
            for (start, length) in [(2, 3), (8, 1)] {
                let part = matrix.narrow(1, start, length).unwrap();
                assert_eq!(worst(&part, &part.zeros_like().unwrap()), 0.0, "{}", name(&folder));
            }
        }
        let zeroed: Vec<Tensor> = matrices(&context.cache)
            .iter()
            .map(|matrix| {
                let part = |start, length| matrix.narrow(1, start, length).unwrap();
                let past = matrix.dim(1).unwrap();
                let zeros = |length| part(0, length).zeros_like().unwrap();
                Tensor::cat(&[part(0, 2), zeros(3), part(5, 3), zeros(1), part(9, past - 9)], 1).unwrap()
            })
            .collect();
        let other = Context { cache: of_matrices(&zeroed), ..context.clone() };
        let (seen, unseen) =
            (masked_scores(&decoder, &context, masked).unwrap(), masked_scores(&decoder, &other, masked).unwrap());
        assert_eq!(seen, unseen, "{}", name(&folder));
        // With nothing hidden, they are the scores of queries.
        let nothing = MaskedQueries { queries: &queries, hidden: &[] };
        let (plain, masked) =
            (score(&decoder, &context, &queries).unwrap(), masked_scores(&decoder, &context, nothing).unwrap());
        assert_eq!(plain, masked, "{}", name(&folder));
        changed += usize::from(plain != seen);
    }
    // Some windows do not reach the positions.
    assert!(changed >= 24, "{changed}");
}
