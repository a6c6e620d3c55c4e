//! Every rule as a component against its formula, written down once more: number by number in double precision.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use candle_core::{DType, Device, Tensor};
use ft_engine::tune::{Slot, SlotKind};
use ft_sandbox::{EngineOptions, Limits, OptimizerPlugin, PluginBinary, PluginEngine, PluginError, options};

static ENGINE: LazyLock<PluginEngine> =
    LazyLock::new(|| PluginEngine::new(EngineOptions::default()).expect("wasmtime runs here"));

const LAYERS: usize = 3;
/// Heads, positions, and numbers of a head at a position.
const DIMS: [usize; 3] = [2, 4, 3];
/// Enough for the window of `anderson` to slide.
const STEPS: usize = 5;

fn plugins() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins"))
}

/// A rule, opened with these options of the user.
fn open(name: &str, given: &[(&str, &str)], limits: Limits) -> OptimizerPlugin {
    let path = plugins().join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; build them with `cargo xtask plugins`", path.display()));
    let binary = PluginBinary::new(format!("{name}.wasm"), bytes);
    let mut rule = OptimizerPlugin::load(&ENGINE, binary, limits, Arc::new(|_| ()), &Device::Cpu).expect("loads");
    let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = options::resolve(&rule.description().options, &given).expect("good options");
    rule.open(&settings).expect("opens");
    rule
}

/// Reproducible numbers between -1 and 1, other ones for each slot and step; step 1 is the first cache.
fn numbers(step: usize, slot: usize) -> Vec<f32> {
    let count = DIMS.iter().product();
    (0..count).map(|index| ((1 + step * 1009 + slot * 101 + index * 7) as f32 * 0.37).sin()).collect()
}

fn kind(slot: usize) -> SlotKind {
    if slot.is_multiple_of(2) { SlotKind::Key } else { SlotKind::Value }
}

fn first_cache(dtype: DType) -> Vec<Tensor> {
    (0..2 * LAYERS).map(|slot| matrix(1, slot, dtype)).collect()
}

fn matrix(step: usize, slot: usize, dtype: DType) -> Tensor {
    let tensor = Tensor::from_vec(numbers(step, slot), &DIMS, &Device::Cpu);
    tensor.and_then(|tensor| tensor.to_dtype(dtype)).expect("a small tensor")
}

/// One step of the component: a new cache.
fn advance(rule: &mut OptimizerPlugin, step: usize, cache: Vec<Tensor>) -> Result<Vec<Tensor>, PluginError> {
    let slots = cache.into_iter().enumerate().map(|(slot, previous)| {
        let proposed = matrix(step, slot, previous.dtype());
        Slot { layer: slot / 2, kind: kind(slot), previous, proposed }
    });
    Ok(rule.step(step, slots.collect())?.cache)
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().and_then(|flat| flat.to_dtype(DType::F64)?.to_vec1()).expect("numbers")
}

/// What a formula gets of a step: for each matrix that moves its layer, what it was, and what is proposed.
struct Part {
    layer: usize,
    previous: Vec<f64>,
    proposed: Vec<f64>,
}

impl Part {
    fn gradient(&self) -> Vec<f64> {
        self.proposed.iter().zip(&self.previous).map(|(proposed, previous)| proposed - previous).collect()
    }
}

/// A formula with its memory: the parts of a step become new matrices.
type Formula = Box<dyn FnMut(&[Part]) -> Vec<Vec<f64>>>;

/// A formula that treats every number alike: its gradient, its two remembered numbers (zero at first) and the count of
/// steps, from 1, give what is added to it.
fn each_number(change: impl Fn(f64, &mut [f64; 2], i32) -> f64 + 'static) -> Formula {
    let mut memory: Vec<[f64; 2]> = Vec::new();
    let mut count = 0;
    Box::new(move |parts| {
        count += 1;
        memory.resize(parts.iter().map(|part| part.previous.len()).sum(), [0.0; 2]);
        let mut remembered = memory.iter_mut();
        let moved = parts.iter().map(|part| {
            let pairs = part.previous.iter().zip(part.gradient());
            pairs
                .map(|(previous, g)| previous + change(g, remembered.next().expect("as many as numbers"), count))
                .collect()
        });
        moved.collect()
    })
}

fn momentum(step_size: f64, momentum: f64) -> Formula {
    each_number(move |g, [m, _], _| {
        *m = g + momentum * *m;
        step_size * *m
    })
}

fn gate(eta: f64) -> Formula {
    Box::new(move |parts| {
        let mix =
            |part: &Part| part.previous.iter().zip(&part.proposed).map(|(c, p)| eta * p + (1.0 - eta) * c).collect();
        parts.iter().map(mix).collect()
    })
}

fn sgd(step_size: f64) -> Formula {
    each_number(move |g, _, _| step_size * g)
}

fn nesterov(step_size: f64, momentum: f64) -> Formula {
    each_number(move |g, [m, _], _| {
        *m = g + momentum * *m;
        step_size * (g + momentum * *m)
    })
}

fn adam(step_size: f64, beta1: f64, beta2: f64, epsilon: f64) -> Formula {
    each_number(move |g, [m, v], count| {
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        let (mean, square) = (*m / (1.0 - beta1.powi(count)), *v / (1.0 - beta2.powi(count)));
        step_size * mean / (square.sqrt() + epsilon)
    })
}

fn rmsprop(step_size: f64, decay: f64, epsilon: f64) -> Formula {
    each_number(move |g, [v, _], _| {
        *v = decay * *v + (1.0 - decay) * g * g;
        step_size * g / (v.sqrt() + epsilon)
    })
}

fn lion(step_size: f64, beta1: f64, beta2: f64) -> Formula {
    each_number(move |g, [m, _], _| {
        let direction = beta1 * *m + (1.0 - beta1) * g;
        assert!(direction.abs() > 1e-6, "the test's numbers leave this sign to rounding");
        *m = beta2 * *m + (1.0 - beta2) * g;
        step_size * direction.signum()
    })
}

fn norm<'a>(vectors: impl Iterator<Item = &'a Vec<f64>>) -> f64 {
    vectors.flatten().map(|number| number * number).sum::<f64>().sqrt()
}

fn trust_ratio(step_size: f64, momentum: f64) -> Formula {
    let mut moments: Vec<Vec<f64>> = Vec::new();
    Box::new(move |parts| {
        let gradients: Vec<Vec<f64>> = parts.iter().map(Part::gradient).collect();
        moments.resize_with(parts.len(), || vec![0.0; parts[0].previous.len()]);
        let mut moved = Vec::new();
        for (slot, part) in parts.iter().enumerate() {
            let same_layer = |other: &usize| parts[*other].layer == part.layer;
            let size = norm((0..parts.len()).filter(same_layer).map(|other| &parts[other].previous));
            let push = norm((0..parts.len()).filter(same_layer).map(|other| &gradients[other]));
            for (moment, gradient) in moments[slot].iter_mut().zip(&gradients[slot]) {
                *moment = momentum * *moment + step_size * size / push * gradient;
            }
            moved.push(part.previous.iter().zip(&moments[slot]).map(|(previous, moment)| previous + moment).collect());
        }
        moved
    })
}

/// By the vectors themselves: the penalised problem is an ordinary one with more rows, orthogonalised column by column.
fn anderson(window: usize, mixing: f64, regularization: f64) -> Formula {
    let mut history: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    Box::new(move |parts| {
        let residual: Vec<f64> = parts.iter().flat_map(Part::gradient).collect();
        let previous = parts.iter().flat_map(|part| part.previous.iter());
        let mixed: Vec<f64> = previous.zip(&residual).map(|(previous, r)| previous + mixing * r).collect();
        let mut columns: Vec<Vec<f64>> = history
            .iter()
            .map(|(earlier, _)| residual.iter().zip(earlier).map(|(new, old)| new - old).collect())
            .collect();
        let mean = columns.iter().map(|column| norm([column].into_iter()).powi(2)).sum::<f64>() / columns.len() as f64;
        let count = columns.len();
        for (index, column) in columns.iter_mut().enumerate() {
            column.extend((0..count).map(|row| if row == index { (regularization * mean).sqrt() } else { 0.0 }));
        }
        let mut right = residual.clone();
        right.resize(residual.len() + count, 0.0);
        let weights = least_squares(columns, right);
        let moved: Vec<f64> = mixed
            .iter()
            .enumerate()
            .map(|(index, own)| {
                let towards = history.iter().zip(&weights).map(|((_, other), weight)| weight * (own - other[index]));
                own - towards.sum::<f64>()
            })
            .collect();
        history.push((residual, mixed));
        if history.len() > window {
            history.remove(0);
        }
        moved.chunks(parts[0].previous.len()).map(<[f64]>::to_vec).collect()
    })
}

/// The `w` that makes `|right - sum of w_i * columns_i|` least, by Gram and Schmidt's method.
fn least_squares(columns: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let subtract = |from: &mut [f64], factor: f64, what: &[f64]| {
        from.iter_mut().zip(what).for_each(|(from, what)| *from -= factor * what);
    };
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut upper: Vec<Vec<f64>> = Vec::new();
    let mut rotated = Vec::new();
    for mut column in columns {
        let mut entries = Vec::new();
        for direction in &basis {
            let entry = dot(direction, &column);
            subtract(&mut column, entry, direction);
            entries.push(entry);
        }
        let length = dot(&column, &column).sqrt();
        column.iter_mut().for_each(|number| *number /= length);
        entries.push(length);
        let entry = dot(&column, &right);
        subtract(&mut right, entry, &column);
        rotated.push(entry);
        basis.push(column);
        upper.push(entries);
    }
    for row in (0..rotated.len()).rev() {
        for later in row + 1..rotated.len() {
            rotated[row] -= upper[later][row] * rotated[later];
        }
        rotated[row] /= upper[row][row];
    }
    rotated
}

/// A rule, options for it, and the formula that belongs to them.
type Case = (&'static str, &'static [(&'static str, &'static str)], fn() -> Formula);

/// Every rule, with its defaults first and then with other options.
const CASES: [Case; 22] = [
    ("momentum", &[], || momentum(0.01, 0.9)),
    ("momentum", &[("step_size", "0.3"), ("momentum", "0.5")], || momentum(0.3, 0.5)),
    ("gate", &[], || gate(0.1)),
    ("gate", &[("eta", "0.7")], || gate(0.7)),
    ("sgd", &[], || sgd(0.1)),
    ("sgd", &[("step_size", "-0.4")], || sgd(-0.4)),
    ("nesterov", &[], || nesterov(0.01, 0.9)),
    ("nesterov", &[("step_size", "0.3"), ("momentum", "0.5")], || nesterov(0.3, 0.5)),
    ("adam", &[], || adam(0.01, 0.9, 0.999, 1e-8)),
    ("adam", &[("step_size", "0.2"), ("beta1", "0.6"), ("beta2", "0.8"), ("epsilon", "0.1")], || {
        adam(0.2, 0.6, 0.8, 0.1)
    }),
    ("rmsprop", &[], || rmsprop(0.01, 0.9, 1e-8)),
    ("rmsprop", &[("step_size", "0.2"), ("decay", "0.5"), ("epsilon", "0.1")], || rmsprop(0.2, 0.5, 0.1)),
    ("lion", &[], || lion(0.003, 0.9, 0.99)),
    ("lion", &[("step_size", "0.1"), ("beta1", "0.5"), ("beta2", "0.6")], || lion(0.1, 0.5, 0.6)),
    // The demonstrations of these tests are not known one by one, so there is no other order.
    ("orders", &[], || momentum(0.01, 0.9)),
    ("orders", &[("step_size", "0.3"), ("momentum", "0.5")], || momentum(0.3, 0.5)),
    ("trust-ratio", &[], || trust_ratio(0.001, 0.9)),
    ("trust-ratio", &[("step_size", "0.2"), ("momentum", "0.4")], || trust_ratio(0.2, 0.4)),
    ("anderson", &[], || anderson(2, 0.1, 1e-6)),
    ("anderson", &[("window", "3"), ("mixing", "1"), ("regularization", "1e-9")], || anderson(3, 1.0, 1e-9)),
    ("anderson", &[("window", "1"), ("mixing", "0.5"), ("regularization", "0.7")], || anderson(1, 0.5, 0.7)),
    ("anderson", &[("window", "0"), ("mixing", "0.25")], || sgd(0.25)),
];

/// Rules that ask the model for more than a proposal. `tests/asking` holds them to their formulas.
const ASKING: [&str; 4] = ["agreement", "context-tuning", "line-search", "spsa"];

/// Which numbers move: options, and whether they take a number by its slot and position.
type Choice = (&'static [(&'static str, &'static str)], fn(slot: usize, position: usize) -> bool);

const SELECTIONS: [Choice; 6] = [
    (&[], |_, _| true),
    (&[("update", "keys")], |slot, _| slot % 2 == 0),
    (&[("update", "values"), ("skip_first", "1")], |slot, position| slot % 2 == 1 && position >= 1),
    (&[("layers", "1..3")], |slot, _| slot >= 2),
    (&[("skip_first", "3"), ("layers", "0..2")], |slot, position| slot < 4 && position >= 3),
    (&[("update", "values"), ("skip_first", "2"), ("layers", "1..2")], |slot, position| slot == 3 && position >= 2),
];

/// The component's cache after each step beside the formula's.
fn compare((name, own, formula): &Case, (selection, takes): &Choice) {
    let given: Vec<_> = own.iter().chain(*selection).copied().collect();
    let mut rule = open(name, &given, Limits::default());
    let mut formula = formula();
    let mut cache = first_cache(DType::F32);
    let mut expected: Vec<Vec<f64>> = cache.iter().map(values).collect();
    let untouched = expected.clone();
    let [_, positions, width] = DIMS;
    let moves: Vec<Vec<bool>> = (0..2 * LAYERS)
        .map(|slot| (0..expected[slot].len()).map(|index| takes(slot, index / width % positions)).collect())
        .collect();
    let moving: Vec<(usize, Vec<usize>)> = moves
        .iter()
        .map(|matrix| (0..matrix.len()).filter(|index| matrix[*index]).collect())
        .enumerate()
        .filter(|(_, indices): &(usize, Vec<usize>)| !indices.is_empty())
        .collect();
    for step in 2..2 + STEPS {
        let parts: Vec<Part> = moving
            .iter()
            .map(|(slot, indices)| {
                let proposed = numbers(step, *slot);
                Part {
                    layer: slot / 2,
                    previous: indices.iter().map(|index| expected[*slot][*index]).collect(),
                    proposed: indices.iter().map(|index| f64::from(proposed[*index])).collect(),
                }
            })
            .collect();
        for ((slot, indices), moved) in moving.iter().zip(formula(&parts)) {
            indices.iter().zip(moved).for_each(|(index, number)| expected[*slot][*index] = number);
        }
        cache = advance(&mut rule, step, cache).unwrap();
        assert_eq!(cache.len(), expected.len());
        for (slot, (found, expected)) in cache.iter().zip(&expected).enumerate() {
            assert_eq!((found.dims(), found.dtype()), (DIMS.as_slice(), DType::F32));
            for (index, (found, expected)) in values(found).iter().zip(expected).enumerate() {
                let place = format!("{name} {given:?}, step {step}, slot {slot}, number {index}");
                if !moves[slot][index] {
                    assert_eq!(*found, untouched[slot][index], "{place}");
                }
                assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{place}: {found}, {expected}");
            }
        }
    }
    let now: Vec<f64> = cache.iter().flat_map(values).collect();
    let moved = now.iter().zip(untouched.iter().flatten()).filter(|(now, first)| now != first).count();
    assert_eq!(moved, moves.iter().flatten().filter(|moves| **moves).count(), "{name} moves all that is selected");
}

#[test]
fn every_rule_equals_its_formula() {
    for case in &CASES {
        compare(case, &SELECTIONS[0]);
    }
}

#[test]
fn every_rule_moves_what_is_selected_and_nothing_else() {
    // The defaults of each rule; `update`, `skip_first` and `layers` do not meet its own options.
    for case in CASES.iter().filter(|(_, own, _)| own.is_empty()) {
        for selection in &SELECTIONS[1..] {
            compare(case, selection);
        }
    }
}

/// The rules of this project, by their sources.
fn rules() -> BTreeSet<String> {
    let folders =
        std::fs::read_dir(plugins()).expect("the guests' folder").map(|entry| entry.expect("an entry").path());
    let exports = |folder: &PathBuf| {
        std::fs::read_to_string(folder.join("src/lib.rs"))
            .is_ok_and(|source| source.contains("\nft_plugin::export_optimizer!("))
    };
    let names =
        folders.filter(exports).map(|folder| folder.file_name().expect("a name").to_string_lossy().into_owned());
    names.collect()
}

/// The rules that need nothing but a proposal.
fn proposing() -> impl Iterator<Item = String> {
    rules().into_iter().filter(|name| !ASKING.contains(&name.as_str()))
}

#[test]
fn no_rule_is_without_a_formula_here_and_all_say_what_they_are() {
    let tested: BTreeSet<String> = CASES.iter().map(|(name, ..)| *name).chain(ASKING).map(str::to_owned).collect();
    assert_eq!(rules(), tested);
    for name in tested {
        let rule = open(&name, &[], Limits::default());
        let description = rule.description();
        assert_eq!(description.name, name);
        let shared: Vec<&str> = description.options.iter().rev().take(3).map(|option| option.name.as_str()).collect();
        assert_eq!(shared, ["layers", "skip_first", "update"], "{name}");
        assert!(
            description.summary.contains("arXiv")
                || description.summary.contains("19")
                || description.summary.contains("20")
        );
    }
}

#[test]
fn a_selection_that_does_not_fit_the_cache_is_told_in_words() {
    let cases: [(&[(&str, &str)], &str); 3] = [
        (&[("skip_first", "4")], "`skip_first=4` leaves nothing to move, since the cache has 4 positions"),
        (&[("skip_first", "4294967295")], "`skip_first=4294967295` leaves nothing to move"),
        (&[("layers", "2..4")], "`layers=2..4` goes beyond the model, which has the layers 0..3"),
    ];
    for (given, message) in cases {
        let mut rule = open("momentum", given, Limits::default());
        let error = advance(&mut rule, 2, first_cache(DType::F32)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn layers_that_are_none_are_refused_when_the_rule_is_opened() {
    let mut rule = open("gate", &[], Limits::default());
    for (layers, message) in [("2..2", "`layers=2..2` holds no layer"), ("low", "`layers` takes FROM..TO")] {
        let given = [("layers".to_owned(), layers.to_owned())];
        let settings = options::resolve(&rule.description().options, &given).unwrap();
        let error = rule.open(&settings).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn rules_work_in_bfloat16_and_those_with_squares_refuse_half_precision() {
    for name in proposing() {
        let mut rule = open(&name, &[], Limits::default());
        let mut cache = first_cache(DType::BF16);
        for step in 2..2 + STEPS {
            cache = advance(&mut rule, step, cache).unwrap();
        }
        for matrix in &cache {
            assert_eq!((matrix.dims(), matrix.dtype()), (DIMS.as_slice(), DType::BF16), "{name}");
            assert!(values(matrix).iter().all(|number| number.is_finite()), "{name}");
        }
        let outcome = advance(&mut open(&name, &[], Limits::default()), 2, first_cache(DType::F16));
        match name.as_str() {
            "adam" | "rmsprop" => {
                let error = outcome.unwrap_err().to_string();
                assert!(error.contains("half precision does not hold the squares of small gradients"), "{error}");
            }
            _ => assert_eq!(outcome.unwrap()[0].dtype(), DType::F16),
        }
    }
}

#[test]
fn no_rule_keeps_more_and_more_tensors() {
    let cache_bytes = (2 * LAYERS * DIMS.iter().product::<usize>() * 4) as u64;
    for name in proposing() {
        // `anderson` with its window of 2 holds three steps of two caches each, and makes a new one.
        let limits = Limits { tensor_bytes: 8 * cache_bytes, ..Limits::default() };
        let mut rule = open(&name, &[("skip_first", "1")], limits);
        let mut cache = first_cache(DType::F32);
        for step in 2..30 {
            cache = advance(&mut rule, step, cache).unwrap_or_else(|error| panic!("{name}, step {step}: {error}"));
        }
    }
}
