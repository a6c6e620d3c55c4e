//! Components that were built for version 0.1.0 of the package run as they are: a task and an optimizer, kept in
//! `host/tests/data/since-0.1` with the sources that they were made of.

use candle_core::{DType, Tensor};
use ft_engine::task::example::Split;
use ft_engine::tune::{Slot, StepReport, Verdict};
use ft_sandbox::{Limits, PluginBinary, PluginKind, RowOutcome, inspect};

use super::support::*;

fn kept(name: &str) -> PluginBinary {
    let path = format!("{}/tests/data/since-0.1/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
    PluginBinary::new(format!("{name}.wasm"), std::fs::read(path).unwrap())
}

#[test]
fn the_components_are_of_that_version() {
    for (name, kind, described) in [("task", PluginKind::Task, "sst2"), ("optimizer", PluginKind::Optimizer, "sgd")] {
        let inspection = inspect(&ENGINE, kept(name), Limits::default()).unwrap();
        assert_eq!((inspection.kind, inspection.description.name.as_str()), (kind, described));
        assert_eq!(inspection.package_version, "0.1.0");
        assert!(inspection.imports.contains(&"forward-tuning:plugin/log@0.1.0".to_owned()));
    }
}

#[test]
fn a_task_reads_and_renders() {
    let mut task = task(kept("task"), Limits::default(), no_log(), &[]).unwrap();
    let sources = task.sources().unwrap();
    let folders: Vec<_> = sources.iter().map(|source| (source.split, source.folder.as_str())).collect();
    assert_eq!(folders, [(Split::Demonstrations, "sst2"), (Split::Evaluation, "sst2")]);
    assert_eq!(task.labels().unwrap(), ["negative", "positive"]);
    assert_eq!(task.written().unwrap(), []);
    assert_eq!(task.content_free().unwrap(), [], "that version does not ask for any");

    let rows = [r#"{"sentence": "a joyless slog . ", "label": 0}"#, r#"{"sentence": "no label"}"#];
    let outcome = task.read_all(Split::Evaluation, Box::new(Rows::new(rows.map(str::to_owned)))).unwrap();
    let rejected: Vec<_> = outcome.rejected.iter().map(|row| (row.row, row.column.as_deref())).collect();
    assert_eq!(rejected, [(1, Some("label"))]);
    let [example] = &outcome.examples[..] else { panic!("{:?}", outcome.examples) };
    assert_eq!((example.id.as_str(), example.query.raw().as_str(), example.answer), ("0", "a joyless slog .", 0));
    let demonstration = task.render_demonstration(example).unwrap().into_raw() + task.separator().unwrap().raw();
    assert_eq!(demonstration, "Review: a joyless slog .\nSentiment: negative\n\n");
    let texts = task.render_query(example).unwrap();
    let texts: Vec<_> =
        texts.iter().map(|choice| (choice.context.raw().as_str(), choice.full.raw().as_str())).collect();
    let context = "Review: a joyless slog .\nSentiment:";
    let full = [format!("{context} negative"), format!("{context} positive")];
    assert_eq!(texts, full.each_ref().map(|full| (context, full.as_str())));
}

#[test]
fn a_task_reads_rows_to_predict_as_those_of_the_evaluation() {
    let mut task = task(kept("task"), Limits::default(), no_log(), &[]).unwrap();
    task.begin_unlabelled(vec!["sentence".into(), "label".into()]).unwrap();
    let rows = [r#"{"sentence": "no label"}"#, r#"{"sentence": "a joyless slog . ", "label": 1}"#];
    let outcomes = task.read_unlabelled(rows.map(str::to_owned).into()).unwrap();
    let [RowOutcome::Rejected(rejection), RowOutcome::Question(question)] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_eq!((rejection.row, rejection.column.as_deref()), (0, Some("label")));
    assert_eq!(rejection.message, "expected a class from 0 to 1, the column is missing");
    assert_eq!((question.id.as_str(), question.query.raw().as_str()), ("1", "a joyless slog ."));
    let texts = task.render_question(question).unwrap();
    assert_eq!(texts[0].full, "Review: a joyless slog .\nSentiment: negative");
}

#[test]
fn an_optimizer_takes_its_steps() {
    // C + s (P - C), each operation rounded to the cache's dtype.
    let expected = |slot: &Slot| {
        let gradient = slot.proposed.add(&slot.previous.affine(-1.0, 0.0)?)?;
        slot.previous.add(&gradient.affine(0.25, 0.0)?)
    };
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let mut rule = optimizer(kept("optimizer"), Limits::default(), no_log(), &[("step_size", "0.25")]).unwrap();
        for step in 2..5 {
            let slots = slots(10 * step as u64, &[3, 5, 4], dtype);
            let update = rule.step(step, slots.clone()).unwrap();
            let expected: Vec<Tensor> = slots.iter().map(|slot| expected(slot).unwrap()).collect();
            assert!(update.cache.iter().map(bits).eq(expected.iter().map(bits)), "{dtype:?}, step {step}");
            assert_eq!((update.verdict, update.report), (Verdict::Continue, StepReport::default()));
        }
        assert_eq!(rule.usage().passes, 0);
    }
    let mut rule = optimizer(kept("optimizer"), Limits::default(), no_log(), &[("update", "values")]).unwrap();
    let slots = slots(1, &[3, 5, 4], DType::F32);
    let update = rule.step(2, slots.clone()).unwrap();
    assert_eq!(bits(&update.cache[0]), bits(&slots[0].previous), "the keys stay");
    assert_ne!(bits(&update.cache[1]), bits(&slots[1].previous));
}
