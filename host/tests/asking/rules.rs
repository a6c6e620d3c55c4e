//! The rules that ask the model, as components over a tiny one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use candle_core::{DType, Device, Tensor};
use ft_engine::model::Decoder;
use ft_engine::tune::{
    Demonstrations, Dropout, Examples, MetaOptimizer, Objective, OptimizerError, Slot, SlotKind, State, StepContext,
    StepPolicy, StepReport, TuneError, Update, Verdict,
};
use ft_sandbox::{EngineOptions, Limits, OptimizerPlugin, PluginBinary, PluginEngine, options};

use super::shown::demonstrations;
use super::support_tiny::{FAMILIES, load, load_as};
use super::{ask, bits, matrices, values};

static ENGINE: LazyLock<PluginEngine> =
    LazyLock::new(|| PluginEngine::new(EngineOptions::default()).expect("wasmtime runs here"));

/// The rules that ask, with options under which a few steps move much.
const RULES: [(&str, &[(&str, &str)]); 4] = [
    ("agreement", &[]),
    ("context-tuning", &[("stop_below", "0"), ("dropout", "0.5")]),
    ("line-search", &[]),
    ("spsa", &[("directions", "3")]),
];
const STEPS: usize = 4;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(format!("{name}.wasm"))
}

/// A rule as a component, opened with these options of the user.
fn open(name: &str, given: &[(&str, &str)]) -> OptimizerPlugin {
    let bytes = std::fs::read(file(name)).unwrap_or_else(|error| panic!("{name}: {error}; run `cargo xtask plugins`"));
    let binary = PluginBinary::new(format!("{name}.wasm"), bytes);
    let mut rule =
        OptimizerPlugin::load(&ENGINE, binary, Limits::default(), Arc::new(|_| ()), &Device::Cpu).expect("loads");
    let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = options::resolve(&rule.description().options, &given).expect("good options");
    rule.open(&settings).expect("opens");
    rule
}

/// Step 1 and so many more of a rule.
fn run(
    decoder: &Decoder,
    demonstrations: &Demonstrations,
    rule: &mut dyn MetaOptimizer,
    steps: usize,
) -> Result<Vec<State>, TuneError> {
    let mut states = vec![State::first(decoder, &demonstrations.ids)?];
    for _ in 0..steps {
        let next = states[states.len() - 1].next(decoder, demonstrations, StepPolicy::PUBLISHED, rule)?;
        states.push(next);
    }
    Ok(states)
}

/// The caches after each step, number by number.
fn caches(states: &[State]) -> Vec<Vec<Vec<u64>>> {
    states.iter().map(|state| bits(&state.context.cache)).collect()
}

/// The mean over the demonstrations of the log-likelihood of their answers, each left out.
fn leave_one_out(decoder: &Decoder, state: &State, demonstrations: &Demonstrations) -> f64 {
    let likelihoods = ask(decoder, state, demonstrations, |context| {
        let cache = context.cache().clone();
        context.likelihood(&cache, Examples::LeaveOneOut, Objective::Answer)
    });
    let likelihoods = likelihoods.unwrap();
    likelihoods.iter().sum::<f64>() / likelihoods.len() as f64
}

#[test]
fn every_rule_moves_the_cache_and_does_the_same_again() {
    for (family, count) in [("llama", 3), ("gpt2", 3), ("gpt2", 2), ("gpt2", 1)] {
        let (decoder, demonstrations) = (load(family), demonstrations(count));
        for (name, given) in RULES {
            let place = format!("{name}, {family}, {count} demonstrations");
            let states = run(&decoder, &demonstrations, &mut open(name, given), STEPS).unwrap();
            for pair in states.windows(2) {
                let stood_still = bits(&pair[0].context.cache) == bits(&pair[1].context.cache);
                let rejected = pair[1].report.accepted == Some(false);
                // A line search accepts what is as likely, and its shortest step may be too short to move anything.
                let is_one = stood_still == rejected || (stood_still && name == "line-search");
                assert!(is_one, "{place}, {:?}", pair[1].report);
                assert!(pair[1].passes > 0, "{place}");
                assert_eq!(pair[1].report.loss.is_some(), name != "spsa", "{place}");
            }
            // Towards what is proposed then, the demonstrations get less likely at once.
            let stays = name == "line-search" && (family == "llama" || count == 1);
            assert_eq!(bits(&states[0].context.cache) == bits(&states[1].context.cache), stays, "{place}");
            let again = run(&decoder, &demonstrations, &mut open(name, given), STEPS).unwrap();
            assert!(caches(&states) == caches(&again), "{place}");
            let other_seed = Demonstrations { seed: 8, ..demonstrations.clone() };
            let other = run(&decoder, &other_seed, &mut open(name, given), 1).unwrap();
            let is_random = ["context-tuning", "spsa"].contains(&name);
            assert_eq!(caches(&states[..2]) != caches(&other), is_random, "{place}");
        }
    }
}

#[test]
fn the_rules_work_in_bfloat16_and_those_of_small_gradients_refuse_half_precision() {
    let demonstrations = demonstrations(3);
    let decoder = load_as("llama", DType::BF16);
    for (name, given) in RULES {
        let states = run(&decoder, &demonstrations, &mut open(name, given), STEPS).unwrap();
        let last = matrices(&states[STEPS].context.cache);
        assert!(last.iter().all(|matrix| matrix.dtype() == DType::BF16), "{name}");
        assert!(last.iter().flat_map(values).all(f64::is_finite), "{name}");
    }
    let decoder = load_as("llama", DType::F16);
    for (name, given) in RULES {
        let outcome = run(&decoder, &demonstrations, &mut open(name, given), 1);
        match name {
            "agreement" | "context-tuning" => {
                let TuneError::Optimizer { source, .. } = outcome.unwrap_err() else { panic!("{name}") };
                assert!(source.to_string().contains("half precision does not hold"), "{source}");
            }
            _ => {
                let states = outcome.unwrap();
                assert_eq!(matrices(&states[1].context.cache)[0].dtype(), DType::F16, "{name}");
            }
        }
    }
}

/// Adam in double precision, on the gradients of the caches that another rule went through.
struct Adam {
    step_size: f64,
    dropout: f64,
    moments: Vec<Vec<[f64; 2]>>,
    updates: i32,
    /// What it would make of the latest cache.
    moved: Vec<Vec<f64>>,
    loss: f64,
}

impl Adam {
    fn new(step_size: f64, dropout: f64) -> Self {
        Self { step_size, dropout, moments: Vec::new(), updates: 0, moved: Vec::new(), loss: f64::NAN }
    }

    /// Kingma & Ba, arXiv 1412.6980, algorithm 1, with the paper's betas and epsilon.
    fn update(&mut self, cache: &[Tensor], gradients: &[Tensor]) {
        self.updates += 1;
        self.moments.resize_with(cache.len(), Vec::new);
        let (first, second) = (1.0 - 0.9_f64.powi(self.updates), 1.0 - 0.999_f64.powi(self.updates));
        let slots = cache.iter().zip(gradients).zip(&mut self.moments);
        let moved = slots.map(|((matrix, gradient), moments)| {
            let (matrix, gradient) = (values(matrix), values(gradient));
            moments.resize(matrix.len(), [0.0; 2]);
            let numbers = matrix.iter().zip(gradient).zip(moments);
            let moved = numbers.map(|((number, g), [m, v])| {
                *m = 0.9 * *m + 0.1 * g;
                *v = 0.999 * *v + 0.001 * g * g;
                number - self.step_size * (*m / first) / ((*v / second).sqrt() + 1e-8)
            });
            moved.collect()
        });
        self.moved = moved.collect();
    }
}

impl MetaOptimizer for Adam {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        let cache = context.cache().clone();
        let dropout = Dropout { rate: self.dropout, seed: context.seed() };
        let gradient = context.gradient(&cache, Examples::LeaveOneOut, Objective::Answer, dropout)?;
        self.update(&matrices(&cache), &gradient.slots);
        self.loss = gradient.loss;
        Ok(Update { cache: matrices(&cache), verdict: Verdict::Continue, report: StepReport::default() })
    }
}

#[test]
fn context_tuning_is_adam_down_the_leave_one_out_gradient() {
    let (decoder, demonstrations) = (load("llama"), demonstrations(3));
    for (given, mut adam) in [
        (&[("stop_below", "0")][..], Adam::new(0.003, 0.05)),
        (&[("stop_below", "0"), ("step_size", "0.05"), ("dropout", "0.5")], Adam::new(0.05, 0.5)),
    ] {
        let states = run(&decoder, &demonstrations, &mut open("context-tuning", given), 6).unwrap();
        for pair in states.windows(2) {
            pair[0].next(&decoder, &demonstrations, StepPolicy::PUBLISHED, &mut adam).unwrap();
            assert_eq!(pair[1].report, StepReport { loss: Some(adam.loss), accepted: Some(true) });
            assert_eq!(pair[1].passes, 2);
            let found = matrices(&pair[1].context.cache);
            for (slot, (found, expected)) in found.iter().zip(&adam.moved).enumerate() {
                for (found, expected) in values(found).iter().zip(expected) {
                    let place = format!("{given:?}, step {}, slot {slot}", pair[1].step());
                    assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{place}: {found}, {expected}");
                }
            }
        }
    }
}

#[test]
fn context_tuning_lowers_the_loss_of_demonstrations_that_are_left_out() {
    let demonstrations = demonstrations(3);
    for family in ["llama", "gpt2", "bloom"] {
        let decoder = load(family);
        let mut rule = open("context-tuning", &[("stop_below", "0")]);
        let states = run(&decoder, &demonstrations, &mut rule, 10).unwrap();
        let likelihoods: Vec<f64> =
            states.iter().map(|state| leave_one_out(&decoder, state, &demonstrations)).collect();
        assert!(likelihoods[10] > likelihoods[5] && likelihoods[5] > likelihoods[0], "{family}: {likelihoods:?}");
        assert!(likelihoods[10] - likelihoods[0] > 0.01, "{family}: {likelihoods:?}");
    }
}

#[test]
fn line_search_never_makes_demonstrations_that_are_left_out_less_likely() {
    let demonstrations = demonstrations(3);
    let mut accepted = 0;
    for family in FAMILIES {
        let decoder = load(family);
        let states = run(&decoder, &demonstrations, &mut open("line-search", &[]), 6).unwrap();
        let likelihoods: Vec<f64> =
            states.iter().map(|state| leave_one_out(&decoder, state, &demonstrations)).collect();
        assert!(likelihoods.is_sorted(), "{family}: {likelihoods:?}");
        for (state, before) in states[1..].iter().zip(&likelihoods) {
            assert_eq!(state.report.loss, Some(-before), "{family}, step {}", state.step());
            accepted += usize::from(state.report.accepted == Some(true));
        }
    }
    assert!(accepted > 6, "{accepted} steps were accepted");
}

#[test]
fn agreement_moves_where_the_proposal_goes_against_the_gradient() {
    let (decoder, demonstrations) = (load("llama"), demonstrations(3));
    let states = run(&decoder, &demonstrations, &mut open("agreement", &[("step_size", "0.5")]), 1).unwrap();
    let (proposed, gradient) = ask(&decoder, &states[0], &demonstrations, |context| {
        let cache = context.cache().clone();
        let dropout = Dropout { rate: 0.0, seed: 0 };
        let gradient = context.gradient(&cache, Examples::LeaveOneOut, Objective::Answer, dropout)?;
        Ok((context.propose()?, gradient.slots))
    })
    .unwrap();
    let (before, after) = (matrices(&states[0].context.cache), matrices(&states[1].context.cache));
    let (mut moved, mut count) = (0, 0);
    for (slot, proposed) in matrices(&proposed).iter().enumerate() {
        let [before, after] = [&before, &after].map(|cache| values(&cache[slot]));
        for ((before, after), (proposed, g)) in
            before.iter().zip(after).zip(values(proposed).into_iter().zip(values(&gradient[slot])))
        {
            let direction = proposed - before;
            let goes = direction != 0.0 && g != 0.0 && direction.signum() == -g.signum();
            let expected = if goes { before + 0.5 * direction } else { *before };
            assert!((after - expected).abs() <= 1e-6 * expected.abs().max(1.0), "slot {slot}: {after}, {expected}");
            count += 1;
            moved += usize::from(goes);
        }
    }
    assert!(moved * 5 > count && moved * 5 < count * 4, "{moved} of {count}");
}

#[test]
fn orders_are_the_momentum_optimizer_with_one_order_and_another_with_more() {
    let (decoder, demonstrations) = (load("llama"), demonstrations(3));
    let sizes = [("step_size", "0.3"), ("momentum", "0.5")];
    let of_orders = |count: &str| {
        let given = [&sizes[..], &[("orders", count)]].concat();
        run(&decoder, &demonstrations, &mut open("orders", &given), STEPS).unwrap()
    };
    let momentum = run(&decoder, &demonstrations, &mut open("momentum", &sizes), STEPS).unwrap();
    let (one, four) = (of_orders("1"), of_orders("4"));
    assert!(caches(&one) == caches(&momentum));
    assert!(caches(&four)[1] != caches(&momentum)[1]);
    assert_eq!([one[1].passes, four[1].passes], [0, 3]);
    // A single demonstration has one order.
    let alone = super::shown::demonstrations(1);
    let given = [&sizes[..], &[("orders", "4")]].concat();
    let orders = run(&decoder, &alone, &mut open("orders", &given), STEPS).unwrap();
    let momentum = run(&decoder, &alone, &mut open("momentum", &sizes), STEPS).unwrap();
    assert!(caches(&orders) == caches(&momentum));
}

#[test]
fn a_question_that_a_step_over_slots_has_no_answer_to_is_told() {
    let cache = [SlotKind::Key, SlotKind::Value].map(|kind| {
        let matrix = Tensor::ones((2, 4, 3), DType::F32, &Device::Cpu).unwrap();
        Slot { layer: 0, kind, previous: matrix.clone(), proposed: matrix }
    });
    for (name, given) in RULES {
        let error = open(name, given).step(2, cache.to_vec()).unwrap_err().to_string();
        assert!(error.contains("reported (unsupported): the demonstrations of this run are not known"), "{error}");
    }
}
