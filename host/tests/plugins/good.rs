//! The real guests.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use ft_engine::model::KvCache;
use ft_engine::model::decoder::LayerCache;
use ft_engine::task::example::{Example, Split};
use ft_engine::tune::{MetaOptimizer, QuestionError, Slot, StepContext, Verdict};
use ft_sandbox::{EngineOptions, Failure, Limits, OptionError, PluginEngine, PluginKind, TaskPlugin, inspect, options};

use super::support::*;

#[test]
fn sst2_turns_rows_into_examples_and_text() {
    let mut task = task(binary("sst2"), Limits::default(), no_log(), &[]).unwrap();
    assert_eq!(task.description().name, "sst2");
    let sources = task.sources().unwrap();
    assert_eq!(
        sources.iter().map(|s| (s.split, s.folder.as_str(), s.name.as_str())).collect::<Vec<_>>(),
        [(Split::Demonstrations, "sst2", "train"), (Split::Evaluation, "sst2", "validation")]
    );
    assert_eq!(task.labels().unwrap(), ["negative", "positive"]);
    assert_eq!(task.written().unwrap(), []);

    // More rows than one batch holds.
    let outcome = task.read_all(Split::Evaluation, Box::new(Rows::sst2(700))).unwrap();
    assert_eq!((outcome.examples.len(), outcome.rejected.len()), (700, 0));
    let last = Example {
        id: "699".into(),
        query: "film number 699 .".into(),
        choices: vec!["negative".into(), "positive".into()],
        answer: 1,
        fields: vec![],
    };
    assert_eq!(outcome.examples[699], last);
    let demonstration = task.render_demonstration(&last).unwrap().into_raw() + task.separator().unwrap().raw();
    assert_eq!(demonstration, "Review: film number 699 .\nSentiment: positive\n\n");
    let choices = task.render_query(&last).unwrap();
    assert_eq!(choices.len(), 2);
    assert_eq!(choices[0].context, "Review: film number 699 .\nSentiment:");
    assert_eq!(choices[0].full, "Review: film number 699 .\nSentiment: negative");
}

#[test]
fn rows_that_make_no_example_are_rejected_by_name() {
    let mut task = task(binary("sst2"), Limits::default(), no_log(), &[]).unwrap();
    let rows = [r#"{"sentence": "good", "label": 1}"#, r#"{"sentence": "lost"}"#, r#"{"label": 0}"#, "no JSON\u{1b}"];
    let rows = Rows::new(rows.map(str::to_owned));
    let outcome = task.read_all(Split::Demonstrations, Box::new(rows)).unwrap();
    assert_eq!(outcome.examples.len(), 1);
    let rejected: Vec<_> = outcome.rejected.iter().map(|r| (r.row, r.column.as_deref(), r.message.as_str())).collect();
    assert_eq!(rejected[0], (1, Some("label"), "expected a class from 0 to 1, the column is missing"));
    assert_eq!(rejected[1], (2, Some("sentence"), "expected a text, the column is missing"));
    assert_eq!((rejected[2].0, rejected[2].1), (3, None));
}

#[test]
fn an_unreadable_table_is_the_row_sources_own_error() {
    let mut task = task(binary("sst2"), Limits::default(), no_log(), &[]).unwrap();
    let rows = Rows::sst2(700).failing_at(300);
    let error = task.read_all(Split::Evaluation, Box::new(rows)).unwrap_err();
    assert!(matches!(error.failure(), Failure::Rows(_)), "{error}");
    let source = std::error::Error::source(&error).expect("the source's error is kept");
    assert_eq!(source.to_string(), "row 300: the disk is on fire");
    assert!(error.to_string().ends_with("in `dataset.read`: cannot read the rows of the table"), "{error}");
}

/// The paper's rule in candle's own operations, in the order that the package fixes.
fn native(slots: &[Slot], moments: &mut Vec<Tensor>, step_size: f64, momentum: f64) -> Vec<Tensor> {
    let add_scaled = |left: &Tensor, right: &Tensor, factor| left.add(&right.affine(factor, 0.0).unwrap()).unwrap();
    let next: Vec<Tensor> = slots
        .iter()
        .enumerate()
        .map(|(index, slot)| {
            let gradient = add_scaled(&slot.proposed, &slot.previous, -1.0);
            moments.get(index).map_or(gradient.clone(), |last| add_scaled(&gradient, last, momentum))
        })
        .collect();
    *moments = next;
    slots.iter().zip(&*moments).map(|(slot, moment)| add_scaled(&slot.previous, moment, step_size)).collect()
}

/// A step over the slots of one layer.
struct OneLayer<'a> {
    step: usize,
    keys: &'a Slot,
    values: &'a Slot,
    cache: KvCache,
}

fn cache_of(slots: &[Slot]) -> KvCache {
    let layer = LayerCache { keys: slots[0].previous.clone(), values: slots[1].previous.clone() };
    KvCache::new(vec![layer]).unwrap()
}

impl StepContext for OneLayer<'_> {
    fn step(&self) -> usize {
        self.step
    }

    fn cache(&self) -> &KvCache {
        &self.cache
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        let layer = LayerCache { keys: self.keys.proposed.clone(), values: self.values.proposed.clone() };
        Ok(KvCache::new(vec![layer])?)
    }
}

#[test]
fn momentum_equals_the_native_rule_bit_by_bit() {
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let options = [("step_size", "0.03"), ("momentum", "0.7")];
        let mut rule = optimizer(binary("momentum"), Limits::default(), no_log(), &options).unwrap();
        let mut moments = Vec::new();
        let mut current = slots(1, &[3, 17, 8], dtype);
        for step in 2..9 {
            let expected = native(&current, &mut moments, 0.03, 0.7);
            let mut context = OneLayer { step, keys: &current[0], values: &current[1], cache: cache_of(&current) };
            let update = MetaOptimizer::step(&mut rule, &mut context).unwrap();
            assert_eq!(update.verdict, Verdict::Continue);
            assert_eq!(update.cache.len(), 2);
            for (new, expected) in update.cache.iter().zip(&expected) {
                assert_eq!((new.dims(), new.dtype()), (expected.dims(), dtype));
                assert_eq!(bits(new), bits(expected), "{dtype:?}, step {step}");
            }
            let proposals = slots(100 * step as u64, &[3, 17, 8], dtype);
            let next = current.into_iter().zip(update.cache).zip(proposals);
            current = next.map(|((slot, previous), new)| Slot { previous, proposed: new.proposed, ..slot }).collect();
        }
        assert_eq!(rule.usage().calls, 2 + 1 + 7);
    }
}

#[test]
fn slots_may_be_views_of_larger_tensors() {
    let mut rule = optimizer(binary("momentum"), Limits::default(), no_log(), &[]).unwrap();
    let views: Vec<Slot> = slots(5, &[2, 9, 4], DType::F32)
        .into_iter()
        .map(|slot| Slot {
            previous: slot.previous.narrow(1, 3, 4).unwrap(),
            proposed: slot.proposed.transpose(0, 1).unwrap().narrow(0, 1, 4).unwrap().transpose(0, 1).unwrap(),
            ..slot
        })
        .collect();
    let expected = native(&views, &mut Vec::new(), 0.01, 0.9);
    let update = rule.step(2, views).unwrap();
    for (new, expected) in update.cache.iter().zip(&expected) {
        assert_eq!(bits(new), bits(expected));
    }
}

#[test]
fn opening_again_forgets_the_moments() {
    let mut rule = optimizer(binary("momentum"), Limits::default(), no_log(), &[]).unwrap();
    let first = rule.step(2, slots(1, &[2, 3, 4], DType::F32)).unwrap();
    let moved = rule.step(3, slots(1, &[2, 3, 4], DType::F32)).unwrap();
    rule.open(&options::resolve(&rule.description().options, &[]).unwrap()).unwrap();
    let again = rule.step(2, slots(1, &[2, 3, 4], DType::F32)).unwrap();
    assert_eq!(bits(&first.cache[0]), bits(&again.cache[0]));
    assert_ne!(bits(&first.cache[0]), bits(&moved.cache[0]));
}

#[test]
fn tensors_are_counted_while_they_live() {
    // A slot is 2 * 4 * 8 * 4 = 256 bytes. Between steps the rule keeps one moment for each of the two slots. In a step it
    // makes a gradient, a moment and a new matrix for each; the largest sum is reached at the last addition.
    let limits = Limits { tensor_bytes: 8 * 256, ..Limits::default() };
    let mut rule = optimizer(binary("momentum"), limits, no_log(), &[]).unwrap();
    for step in 2..30 {
        rule.step(step, slots(step as u64, &[2, 4, 8], DType::F32)).unwrap();
    }
    let peak = rule.usage().peak_tensor_bytes;
    assert!((5 * 256..=8 * 256).contains(&peak), "{peak}");
}

#[test]
fn a_rule_that_was_not_opened_says_so() {
    let mut rule = ft_sandbox::OptimizerPlugin::load(
        &ENGINE,
        binary("momentum"),
        Limits::default(),
        no_log(),
        &candle_core::Device::Cpu,
    )
    .unwrap();
    let error = rule.step(2, slots(1, &[1, 1, 1], DType::F32)).unwrap_err();
    assert!(matches!(error.failure(), Failure::NotOpen), "{error}");
}

#[test]
fn unknown_options_list_the_known_ones() {
    let inspection = inspect(&ENGINE, binary("momentum"), Limits::default()).unwrap();
    let error = options::resolve(&inspection.description.options, &given(&[("foo", "1")])).unwrap_err();
    assert!(matches!(error, OptionError::Unknown { .. }));
    let hint = error.hint();
    assert!(hint.contains("-O step_size=0.01  ") && hint.contains("-O momentum=0.9  "), "{hint}");
}

#[test]
fn both_kinds_can_be_inspected() {
    for (name, kind) in [("sst2", PluginKind::Task), ("momentum", PluginKind::Optimizer)] {
        let inspection = inspect(&ENGINE, binary(name), Limits::default()).unwrap();
        assert_eq!((inspection.kind, inspection.description.name.as_str()), (kind, name));
        assert_eq!(inspection.package_version, "0.2.0");
        assert_eq!(inspection.size, guest(name).len());
        assert_eq!(inspection.sha256, binary(name).sha256());
        assert!(inspection.exports.contains(&"forward-tuning:plugin/info@0.2.0".to_owned()));
        assert!(inspection.imports.contains(&"forward-tuning:plugin/log@0.2.0".to_owned()));
    }
}

#[test]
fn two_runs_spend_the_same_fuel() {
    let run = || {
        let mut task = task(binary("sst2"), Limits::default(), no_log(), &[]).unwrap();
        task.read_all(Split::Evaluation, Box::new(Rows::sst2(50))).unwrap();
        task.usage()
    };
    let (first, second) = (run(), run());
    assert!(first.fuel > 10_000 && first.peak_memory > 1 << 16, "{first:?}");
    assert_eq!((first.calls, first.fuel, first.peak_memory), (second.calls, second.fuel, second.peak_memory));
}

#[test]
fn compiled_plugins_are_kept_in_the_folder_given() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let engine =
            PluginEngine::new(EngineOptions { cache: Some(folder.path().to_owned()), ..EngineOptions::default() })
                .unwrap();
        let plugin = TaskPlugin::load(&engine, binary("sst2"), Limits::default(), Arc::new(|_| ())).unwrap();
        assert_eq!(plugin.description().name, "sst2");
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_some(), "nothing was kept");
}
