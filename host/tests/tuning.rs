//! The iteration over tiny models: what an optimizer may ask of a step, and what a context is.

mod support_tiny;

use candle_core::Tensor;
use ft_engine::model::decoder::{Batch, Origin, Provenance, TokenTree};
use ft_engine::model::{Context, Decoder, KvCache, ModelError};
use ft_engine::score::{self, ChoiceScore, ChoiceTokens, QueryTokens};
use ft_engine::tune::{
    Demonstrations, MetaOptimizer, Momentum, OptimizerError, Positions, State, StepContext, StepPolicy, StepReport,
    TuneError, Update, Verdict,
};
use support_tiny::{FAMILIES, load};

const DEMONSTRATIONS: [u32; 9] = [5, 17, 80, 3, 41, 41, 9, 62, 28];
const START: [u32; 3] = [7, 90, 12];
/// Log-likelihoods and hidden states of the same tokens in one pass or in two, in f32.
const TOLERANCE: f64 = 1e-4;

fn demonstrations() -> Demonstrations {
    Demonstrations::of_tokens(DEMONSTRATIONS)
}

/// An optimizer that leaves the cache as it is, after asking so many times for the proposal.
#[derive(Default)]
struct Still {
    asks: usize,
    /// What it was told in the latest step.
    proposals: Vec<KvCache>,
}

impl MetaOptimizer for Still {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        self.proposals = (0..self.asks).map(|_| context.propose()).collect::<Result<_, _>>()?;
        Ok(Update { cache: matrices(context.cache()), verdict: Verdict::Continue, report: StepReport::default() })
    }
}

/// An optimizer that takes what is proposed.
struct Take;

impl MetaOptimizer for Take {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        Ok(Update { cache: matrices(&context.propose()?), verdict: Verdict::Continue, report: StepReport::default() })
    }
}

/// An optimizer that fails before it asks for anything.
struct Fails;

impl MetaOptimizer for Fails {
    fn step(&mut self, _context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        Err("no such luck".into())
    }
}

fn matrices(cache: &KvCache) -> Vec<Tensor> {
    cache.matrices().cloned().collect()
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    numbers.into_iter().map(f32::to_bits).collect()
}

fn cache_bits(cache: &KvCache) -> Vec<Vec<u32>> {
    matrices(cache).iter().map(bits).collect()
}

fn context_bits(context: &Context) -> (Vec<Vec<u32>>, Option<Vec<u32>>, usize, Provenance) {
    let last_hidden = context.last_hidden.as_ref().map(bits);
    (cache_bits(&context.cache), last_hidden, context.next_position, context.provenance)
}

/// A query with a choice of one token, one of two, and one that is scored from its first token on.
fn queries() -> Vec<QueryTokens> {
    let choice = |ids: &[u32], span_start| ChoiceTokens { ids: ids.into(), span_start };
    vec![QueryTokens { choices: vec![choice(&[4, 33, 8], 2), choice(&[4, 33, 9, 2], 2), choice(&[11, 70], 0)] }]
}

fn scores(decoder: &Decoder, context: &Context) -> Vec<ChoiceScore> {
    score::score(decoder, context, &queries()).unwrap().remove(0)
}

#[test]
fn an_optimizer_that_never_asks_has_the_hidden_state_of_its_steps_pass() {
    for family in FAMILIES {
        let decoder = load(family);
        let first = State::first(&decoder, &DEMONSTRATIONS).unwrap();
        let next = |asks| {
            let mut still = Still { asks, ..Still::default() };
            first.next(&decoder, &demonstrations(), StepPolicy::PUBLISHED, &mut still).unwrap()
        };
        let (silent, asking) = (next(0), next(1));
        assert_eq!(silent.step(), 2);
        assert_eq!(context_bits(&silent.context), context_bits(&asking.context), "{family}");
        assert_eq!(silent.norms, asking.norms, "{family}");
        // The cache stood still, and the pass over it did not give what the first gave.
        assert_eq!(cache_bits(&silent.context.cache), cache_bits(&first.context.cache), "{family}");
        let last_hidden = |state: &State| state.context.last_hidden.as_ref().map(bits).unwrap();
        assert_ne!(last_hidden(&silent), last_hidden(&first), "{family}");
    }
}

#[test]
fn an_optimizer_that_asks_again_is_given_the_matrices_of_one_pass() {
    let decoder = load("llama");
    let first = State::first(&decoder, &DEMONSTRATIONS).unwrap();
    let mut still = Still { asks: 3, ..Still::default() };
    first.next(&decoder, &demonstrations(), StepPolicy::PUBLISHED, &mut still).unwrap();
    // Another pass would have tensors of its own.
    let ids = |cache: &KvCache| matrices(cache).iter().map(Tensor::id).collect::<Vec<_>>();
    assert_eq!(still.proposals.len(), 3);
    assert_eq!(ids(&still.proposals[0]), ids(&still.proposals[1]));
    assert_eq!(ids(&still.proposals[0]), ids(&still.proposals[2]));
}

#[test]
fn a_proposal_is_a_pass_behind_the_cache_at_the_positions_of_the_policy() {
    let decoder = load("llama");
    let first = State::first(&decoder, &DEMONSTRATIONS).unwrap();
    let trees = [TokenTree::chain(&DEMONSTRATIONS)];
    let last = [DEMONSTRATIONS.len() - 1];
    for (positions, first_position) in [(Positions::Continue, DEMONSTRATIONS.len()), (Positions::Restart, 0)] {
        let policy = StepPolicy { positions, ..StepPolicy::PUBLISHED };
        let next = first.next(&decoder, &demonstrations(), policy, &mut Take).unwrap();
        let batch = Batch { first_position, ..Batch::after(&first.context, &trees, &last) };
        let pass = decoder.forward(batch).unwrap();
        assert_eq!(cache_bits(&next.context.cache), cache_bits(&pass.cache), "{positions:?}");
        assert_eq!(next.context.last_hidden.as_ref().map(bits), Some(bits(&pass.hidden_states)), "{positions:?}");
        // Queries go on behind the demonstrations, wherever the pass stood.
        assert_eq!(next.context.next_position, DEMONSTRATIONS.len(), "{positions:?}");
    }
}

#[test]
fn a_pass_that_fails_is_the_models_failure_whoever_asked_for_it() {
    let decoder = load("gpt2");
    // 128 positions: one pass fits, and a second behind it does not.
    let long: Vec<u32> = (0..70).collect();
    let first = State::first(&decoder, &long).unwrap();
    let mut optimizers: [&mut dyn MetaOptimizer; 2] = [&mut Take, &mut Still::default()];
    for optimizer in &mut optimizers {
        let error = first
            .next(&decoder, &Demonstrations::of_tokens(long.clone()), StepPolicy::PUBLISHED, *optimizer)
            .unwrap_err();
        assert!(matches!(error, TuneError::Model(ModelError::PositionOutOfRange { .. })), "{error:?}");
    }
}

#[test]
fn a_context_of_another_model_is_refused() {
    let decoder = load("gpt_neox");
    let mut foreign = State::first(&decoder, &DEMONSTRATIONS).unwrap().context;
    let layers = foreign.cache.layers();
    foreign.cache = KvCache::new([layers, &layers[..1]].concat()).unwrap();
    let error = score::score(&decoder, &foreign, &queries()).unwrap_err().to_string();
    let expected = decoder.config().layers.len();
    assert_eq!(error, format!("expected a context of {expected} layers, got one of {}", expected + 1));
}

#[test]
fn steps_are_counted_and_a_step_that_fails_names_itself() {
    let decoder = load("gpt_neox");
    let (mut momentum, mut apart) = (Momentum::new(0.1, 0.5), Momentum::new(0.1, 0.5));
    let mut state = State::first(&decoder, &DEMONSTRATIONS).unwrap();
    let mut expected = state.clone();
    for step in 1..=4 {
        if step > 1 {
            state = state.next(&decoder, &demonstrations(), StepPolicy::PUBLISHED, &mut momentum).unwrap();
            expected = expected.next(&decoder, &demonstrations(), StepPolicy::PUBLISHED, &mut apart).unwrap();
        }
        assert_eq!((state.step(), context_bits(&state.context)), (step, context_bits(&expected.context)));
    }
    let error = state.next(&decoder, &demonstrations(), StepPolicy::PUBLISHED, &mut Fails).unwrap_err();
    assert!(matches!(error, TuneError::Optimizer { step: 5, .. }), "{error:?}");
    assert_eq!((state.step(), context_bits(&state.context)), (4, context_bits(&expected.context)));
}

#[test]
fn a_context_that_is_extended_equals_one_that_was_read_in_one_go() {
    for family in FAMILIES {
        let decoder = load(family);
        let demonstrations = State::first(&decoder, &DEMONSTRATIONS).unwrap().context;
        let extended = score::extended(&decoder, &demonstrations, &START).unwrap();
        let whole = State::first(&decoder, &[&DEMONSTRATIONS[..], &START].concat()).unwrap().context;
        assert_eq!(extended.next_position, whole.next_position, "{family}");
        let origin = Origin::Demonstrations { step: 1 };
        assert_eq!(extended.provenance, Provenance { origin, shared_start: START.len() }, "{family}");
        for (found, expected) in scores(&decoder, &extended).iter().zip(scores(&decoder, &whole)) {
            assert_eq!(found.tokens, expected.tokens, "{family}");
            assert!((found.loglik - expected.loglik).abs() <= TOLERANCE, "{family}: {found:?}, {expected:?}");
        }
    }
}

#[test]
fn a_shared_start_behind_nothing_is_the_pass_over_it() {
    let decoder = load("opt");
    let extended = score::extended(&decoder, &Context::zero_shot(Some(2)), &START).unwrap();
    let read = State::first(&decoder, &START).unwrap().context;
    let origin = Origin::ZeroShot { bos: Some(2) };
    assert_eq!((extended.step(), extended.provenance), (0, Provenance { origin, shared_start: START.len() }));
    assert_eq!(context_bits(&Context { provenance: read.provenance, ..extended }), context_bits(&read));
}

#[test]
fn a_context_that_was_kept_scores_as_a_fresh_one_whatever_came_after() {
    let decoder = load("llama");
    let first = State::first(&decoder, &DEMONSTRATIONS).unwrap();
    let kept = first.context.clone();
    let before = scores(&decoder, &kept);
    first.next(&decoder, &demonstrations(), StepPolicy::PUBLISHED, &mut Momentum::new(0.5, 0.9)).unwrap();
    score::extended(&decoder, &kept, &START).unwrap();
    drop(first);
    let fresh = State::first(&decoder, &DEMONSTRATIONS).unwrap().context;
    assert_eq!(context_bits(&kept), context_bits(&fresh));
    assert_eq!(scores(&decoder, &kept), before);
    assert_eq!(scores(&decoder, &fresh), before);
}
