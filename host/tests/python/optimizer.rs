//! A rule in Python beside the same one in Rust.

use candle_core::{DType, Tensor};
use ft_engine::tune::{Slot, SlotKind, State, StepPolicy, Verdict};
use ft_sandbox::{Failure, Limits, OptimizerPlugin};

use crate::shared::{bits, tensor};
use crate::shown::demonstrations;
use crate::support::{binary, optimizer};
use crate::support_tiny::load;

/// A cache of some layers, and what a pass proposes for it.
fn slots(seed: u64, layers: usize, dims: &[usize], dtype: DType) -> Vec<Slot> {
    (0..2 * layers)
        .map(|index| Slot {
            layer: index / 2,
            kind: [SlotKind::Key, SlotKind::Value][index % 2],
            previous: tensor(seed + 2 * index as u64, dims, dtype),
            proposed: tensor(seed + 2 * index as u64 + 1, dims, dtype),
        })
        .collect()
}

/// The cache after each of some steps.
fn caches(rule: &mut OptimizerPlugin, steps: usize, dtype: DType) -> Vec<Vec<Tensor>> {
    let mut current = slots(1, 3, &[2, 7, 4], dtype);
    let mut after = Vec::new();
    for step in 2..2 + steps {
        let update = rule.step(step, current.clone()).unwrap();
        assert_eq!(update.verdict, Verdict::Continue);
        let proposals = slots(1000 * step as u64, 3, &[2, 7, 4], dtype);
        let next = current.into_iter().zip(&update.cache).zip(proposals);
        current =
            next.map(|((slot, cache), new)| Slot { previous: cache.clone(), proposed: new.proposed, ..slot }).collect();
        after.push(update.cache);
    }
    after
}

#[test]
fn gate_in_python_is_gate_in_rust_bit_by_bit() {
    let Some(python) = binary("python/gate") else { return };
    let settings: [&[(&str, &str)]; 5] = [
        &[],
        &[("eta", "0.37")],
        &[("update", "values"), ("skip_first", "2")],
        &[("update", "keys"), ("layers", "1..3")],
        &[("layers", " 0 .. 1 "), ("skip_first", "6"), ("eta", "1")],
    ];
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for pairs in settings {
            let mut ours = optimizer(python.clone(), Limits::default(), pairs).unwrap();
            let mut theirs = optimizer(binary("gate").unwrap(), Limits::default(), pairs).unwrap();
            assert_eq!(ours.description(), theirs.description());
            let (ours, theirs) = (caches(&mut ours, 6, dtype), caches(&mut theirs, 6, dtype));
            let bits = |caches: &[Vec<Tensor>]| caches.iter().flatten().map(bits).collect::<Vec<_>>();
            assert_eq!(bits(&ours), bits(&theirs), "{dtype:?}, {pairs:?}");
        }
    }
}

#[test]
fn a_line_search_in_python_describes_itself_as_the_one_in_rust() {
    let Some(python) = binary("python/line_search") else { return };
    let ours = optimizer(python, Limits::default(), &[]).unwrap();
    let theirs = optimizer(binary("line-search").unwrap(), Limits::default(), &[]).unwrap();
    assert_eq!(ours.description(), theirs.description());
}

#[test]
fn what_does_not_fit_is_told_in_the_same_words() {
    let Some(python) = binary("python/gate") else { return };
    for pairs in [[("layers", "2..1")], [("layers", "x")], [("layers", "0..4")], [("skip_first", "7")]] {
        let message = |name| {
            let opened = optimizer(name, Limits::default(), &pairs);
            let error = opened.and_then(|mut rule| rule.step(2, slots(1, 3, &[2, 7, 4], DType::F32))).unwrap_err();
            match error.failure() {
                Failure::Returned { kind, message } => format!("{kind}: {message}"),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(message(python.clone()), message(binary("gate").unwrap()));
    }
}

#[test]
fn tensors_go_with_the_variables_that_have_them() {
    // A slot is 2 * 4 * 8 * 4 = 256 bytes. A step makes a scaled and a new matrix for each of two slots, and what it is
    // lent counts as soon as it is kept beyond the call.
    let Some(python) = binary("python/gate") else { return };
    let limits = Limits { tensor_bytes: 6 * 256, ..Limits::default() };
    for pairs in [&[][..], &[("skip_first", "3"), ("update", "values")]] {
        let mut rule = optimizer(python.clone(), limits.clone(), pairs).unwrap();
        for step in 2..52 {
            rule.step(step, slots(step as u64, 1, &[2, 4, 8], DType::F32)).unwrap();
        }
        let peak = rule.usage().peak_tensor_bytes;
        assert!((256..=6 * 256).contains(&peak), "{peak}");
    }
}

#[test]
fn a_rule_may_keep_what_it_gives_back_and_give_it_twice() {
    let Some(python) = binary("python/keeper") else { return };
    // Both matrices of the last step are kept, the two of the proposal are the plugin's, and two more are made beside them.
    let limits = Limits { tensor_bytes: 8 * 256, ..Limits::default() };
    let mut rule = optimizer(python, limits, &[]).unwrap();
    let step =
        |rule: &mut OptimizerPlugin, step| rule.step(step, slots(step as u64, 1, &[2, 4, 8], DType::F32)).unwrap();
    let first = step(&mut rule, 2);
    assert_eq!(first.verdict, Verdict::Continue);
    assert_eq!(bits(&first.cache[0]), bits(&slots(2, 1, &[2, 4, 8], DType::F32)[0].proposed));
    let mut last = first.cache[0].clone();
    for index in 3..53 {
        let update = step(&mut rule, index);
        let proposed = &slots(index as u64, 1, &[2, 4, 8], DType::F32)[0].proposed;
        let expected = (proposed + (&last * 0.5).unwrap()).unwrap();
        assert_eq!((bits(&update.cache[0]), bits(&update.cache[1])), (bits(&expected), bits(&expected)));
        assert_eq!(update.verdict == Verdict::Converged, index > 3);
        last = expected;
    }
}

#[test]
fn an_exception_in_a_step_is_an_error_with_its_place() {
    let Some(python) = binary("python/keeper") else { return };
    let mut rule = optimizer(python, Limits::default(), &[("missing", "3")]).unwrap();
    rule.step(2, slots(1, 1, &[2, 4, 8], DType::F32)).unwrap();
    let error = rule.step(3, slots(1, 1, &[2, 4, 8], DType::F32)).unwrap_err();
    let expected = "in `meta-optimizer.session.step`: reported (failed): IndexError: list index out of range (app.py, line 18, in ";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_step_costs_little() {
    let Some(python) = binary("python/gate") else { return };
    for (language, binary) in [("Python", python), ("Rust", binary("gate").unwrap())] {
        let mut rule = optimizer(binary, Limits::default(), &[]).unwrap();
        // As many slots as SmolLM2-135M has, with next to nothing in them.
        let cache = slots(1, 30, &[1, 1, 1], DType::F32);
        rule.step(2, cache.clone()).unwrap();
        let before = rule.usage();
        for step in 3..53 {
            rule.step(step, cache.clone()).unwrap();
        }
        let (fuel, time) = (rule.usage().fuel - before.fuel, rule.usage().time - before.time);
        println!("{language}: a step of 60 slots: fuel {}, {:?}; {:?}", fuel / 50, time / 50, rule.usage());
        assert!(fuel / 50 < 100_000_000, "{fuel}");
    }
}

#[test]
fn line_search_in_python_is_line_search_in_rust_bit_by_bit() {
    let Some(python) = binary("python/line_search") else { return };
    // Some steps are accepted there, and some are not.
    let decoder = load("gpt2");
    let settings: [&[(&str, &str)]; 3] =
        [&[], &[("objective", "choice"), ("step_size", "0.3")], &[("update", "values"), ("skip_first", "2")]];
    for (pairs, count) in settings.into_iter().zip([3, 3, 1]) {
        let demonstrations = demonstrations(count);
        let mut ours = optimizer(python.clone(), Limits::default(), pairs).unwrap();
        let mut theirs = optimizer(binary("line-search").unwrap(), Limits::default(), pairs).unwrap();
        let first = State::first(&decoder, &demonstrations.ids).unwrap();
        let (mut python, mut rust) = (first.clone(), first);
        for _ in 0..5 {
            python = python.next(&decoder, &demonstrations, StepPolicy::PUBLISHED, &mut ours).unwrap();
            rust = rust.next(&decoder, &demonstrations, StepPolicy::PUBLISHED, &mut theirs).unwrap();
            let bits = |state: &State| {
                let layers = state.context.cache.layers().iter();
                layers.flat_map(|layer| [bits(&layer.keys), bits(&layer.values)]).collect::<Vec<_>>()
            };
            let told = format!("{pairs:?}, step {}: {:?}, {:?}", rust.step(), python.report, rust.report);
            assert!(bits(&python) == bits(&rust), "{told}");
            assert_eq!(
                (python.report, python.verdict, python.passes),
                (rust.report, rust.verdict, rust.passes),
                "{told}"
            );
        }
    }
}
