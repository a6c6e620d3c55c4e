//! The scorer against the plain one.

mod support_plain;
mod support_tiny;

use candle_core::DType;
use ft_engine::model::{Context, Decoder};
use ft_engine::score::{self, ChoiceScore, ChoiceTokens, QueryTokens};
use ft_engine::tune::State;
use proptest::prelude::*;
use support_plain::plain;
use support_tiny::{FAMILIES, load, load_as};

/// Tokens of the tiny models.
const VOCABULARY: u32 = 96;

/// Queries whose choices share beginnings of any length, differ in number, and may be one token or scored from their start.
fn queries() -> impl Strategy<Value = Vec<QueryTokens>> {
    let tokens = |most: usize| prop::collection::vec(0..VOCABULARY, 0..most);
    let query = (tokens(9), prop::collection::vec((0usize..9, tokens(4), 0..VOCABULARY, any::<u8>()), 1..5)).prop_map(
        |(context, choices)| {
            let choices = choices.into_iter().map(|(shared, own, last, start)| {
                let shared = &context[..shared.min(context.len())];
                let ids = [shared, &own, &[last]].concat();
                let span_start = start as usize % ids.len();
                ChoiceTokens { ids, span_start }
            });
            QueryTokens { choices: choices.collect() }
        },
    );
    prop::collection::vec(query, 1..7)
}

fn in_batches(
    decoder: &Decoder,
    context: &Context,
    queries: &[QueryTokens],
    most_tokens: usize,
) -> Vec<Vec<ChoiceScore>> {
    let runs = score::batches(queries, most_tokens);
    runs.into_iter().flat_map(|run| score::score(decoder, context, &queries[run]).unwrap()).collect()
}

fn check(found: &[Vec<ChoiceScore>], expected: &[Vec<ChoiceScore>], what: &str) -> Result<(), TestCaseError> {
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        prop_assert_eq!(found.tokens, expected.tokens, "{}", what);
        prop_assert!((found.loglik - expected.loglik).abs() < 1e-4, "{}: {:?} and {:?}", what, found, expected);
    }
    prop_assert_eq!(found.len(), expected.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn shared_and_packed_equals_plain(
        queries in queries(),
        demonstrations in prop::collection::vec(0..VOCABULARY, 1..20),
        most_tokens in 1usize..60,
    ) {
        for family in FAMILIES {
            let decoder = load(family);
            let each = |before: &[u32]| -> Vec<Vec<ChoiceScore>> {
                let of_query = |query: &QueryTokens| query.choices.iter().map(|c| plain(&decoder, before, c)).collect();
                queries.iter().map(of_query).collect()
            };
            let context = State::first(&decoder, &demonstrations).unwrap().context;
            check(&in_batches(&decoder, &context, &queries, most_tokens), &each(&demonstrations), family)?;
            check(&in_batches(&decoder, &Context::zero_shot(None), &queries, most_tokens), &each(&[]), family)?;
        }
    }

    #[test]
    fn a_shared_start_that_runs_once_equals_plain(
        queries in queries(),
        start in prop::collection::vec(0..VOCABULARY, 1..6),
        demonstrations in prop::collection::vec(0..VOCABULARY, 1..20),
    ) {
        let behind = |choice: &ChoiceTokens| {
            ChoiceTokens { ids: [&start[..], &choice.ids].concat(), span_start: start.len() + choice.span_start }
        };
        let whole: Vec<QueryTokens> = queries
            .iter()
            .chain(&queries)
            .map(|query| QueryTokens { choices: query.choices.iter().map(behind).collect() })
            .collect();
        let shared = score::shared_start(&whole);
        prop_assert!(shared.len() >= start.len());
        let rest: Vec<QueryTokens> = whole.iter().map(|query| query.without_start(shared.len())).collect();
        for family in FAMILIES {
            let decoder = load(family);
            let context = State::first(&decoder, &demonstrations).unwrap().context;
            for (context, before) in [(context, &demonstrations[..]), (Context::zero_shot(None), &[])] {
                let expected: Vec<Vec<ChoiceScore>> = whole
                    .iter()
                    .map(|query| query.choices.iter().map(|choice| plain(&decoder, before, choice)).collect())
                    .collect();
                let extended = score::extended(&decoder, &context, shared).unwrap();
                check(&score::score(&decoder, &extended, &rest).unwrap(), &expected, family)?;
            }
        }
    }

    #[test]
    fn choices_in_another_order_have_the_same_scores(queries in queries()) {
        let decoder = load("llama");
        let reversed: Vec<QueryTokens> = queries
            .iter()
            .map(|query| QueryTokens { choices: query.choices.iter().rev().cloned().collect() })
            .collect();
        let context = Context::zero_shot(None);
        let found = score::score(&decoder, &context, &reversed).unwrap();
        let found: Vec<Vec<ChoiceScore>> = found.into_iter().map(|scores| scores.into_iter().rev().collect()).collect();
        check(&found, &score::score(&decoder, &context, &queries).unwrap(), "reversed")?;
    }
}

/// Whether the CPU's products are the host's own, whose rows do not depend on each other.
fn has_own_products() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Not within a tolerance: a row of a saved context's predictions is that of the run, whichever rows stand beside it.
    #[test]
    fn a_query_has_one_score_in_every_batch(
        queries in queries(),
        demonstrations in prop::collection::vec(0..VOCABULARY, 1..70),
        most_tokens in 1usize..60,
    ) {
        for (family, dtype) in FAMILIES.into_iter().flat_map(|family| {
            [DType::F32, DType::BF16, DType::F16].map(|dtype| (family, dtype))
        }) {
            let decoder = load_as(family, dtype);
            let context = State::first(&decoder, &demonstrations).unwrap().context;
            let logliks = |scores: &[Vec<ChoiceScore>]| {
                scores.iter().flatten().map(|score| score.loglik.to_bits()).collect::<Vec<u64>>()
            };
            let alone: Vec<Vec<ChoiceScore>> =
                queries.iter().flat_map(|query| in_batches(&decoder, &context, std::slice::from_ref(query), 1)).collect();
            let batched = in_batches(&decoder, &context, &queries, most_tokens);
            let together = score::score(&decoder, &context, &queries).unwrap();
            let backwards: Vec<QueryTokens> = queries.iter().rev().cloned().collect();
            let mut backwards = score::score(&decoder, &context, &backwards).unwrap();
            backwards.reverse();
            for found in [&batched, &together, &backwards] {
                match has_own_products() {
                    true => prop_assert_eq!(logliks(found), logliks(&alone), "{}, {:?}", family, dtype),
                    false => check(found, &alone, family)?,
                }
            }
        }
    }
}

#[test]
fn batches_keep_to_their_limit_and_to_the_order() {
    let query =
        |length: u32| QueryTokens { choices: vec![ChoiceTokens { ids: (0..=length).collect(), span_start: 1 }] };
    let queries: Vec<QueryTokens> = [3, 3, 9, 1, 1].map(query).into();
    assert_eq!(score::batches(&queries, 6), [0..2, 2..3, 3..5]);
    assert_eq!(score::batches(&queries, 1), [0..1, 1..2, 2..3, 3..4, 4..5]);
    assert_eq!(score::batches(&queries, 100), std::slice::from_ref(&(0..5)));
    assert!(score::batches(&[], 100).is_empty());
}
