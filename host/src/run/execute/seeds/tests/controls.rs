//! What is scored besides the queries at their steps: baselines, content-free queries, and choices without their queries.

use super::*;

/// Right behind the demonstrations shown twice alone, and leaning to the first choice there.
fn repeated_table(demonstrations: u32, _: usize, row: u32) -> f64 {
    let is_repeated = demonstrations / REPEATED == 1;
    match (is_repeated, row >= CONTENT_FREE) {
        (true, true) => -0.5,
        (true, false) => -0.75,
        (false, _) => -2.0 - f64::from(row) / 16.0,
    }
}

#[test]
fn baselines_are_scored_in_one_pass_each_and_compared_with_in_context_learning() {
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let setup = Setup { seeds: vec![4, 0], baselines: vec![2, 3], content_free: 2, ..Setup::new(Select::Last) };
    let mut model = FakeModel::new(repeated_table, &stop);
    let told = Told::default();
    let found = setup.run(folder.path(), &mut model, &told).unwrap();
    let expected: Vec<(u64, u32, usize, f64)> = vec![(4, 2, 3, 1.0), (4, 3, 0, 0.0), (0, 2, 3, 1.0), (0, 3, 0, 0.0)];
    let baselines: Vec<(u64, u32, usize, f64)> = (found.results.baselines.iter())
        .map(|of| {
            let (Baseline::Repeat(times), scores) = (of.baseline, &of.step.scores);
            (scores.seed, times, scores.correct, scores.versus_icl.unwrap().difference)
        })
        .collect();
    assert_eq!(baselines, expected);
    // Content-free queries have the first choice likelier than the queries do: none is left to it.
    assert_eq!(found.results.baselines[0].step.scores.calibrated.unwrap().contextual, Some(0.0));
    // They are no steps, and every context has its content-free queries: zero-shot, four steps and two baselines.
    assert_eq!(steps(&found), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    assert_eq!((found.controls.baselines.len(), found.controls.content_free.len()), (2 * 2 * 3, 2 * 7 * 2));
    let told = told.0.into_inner().unwrap();
    assert_eq!(told.iter().filter(|told| *told == "3 right behind repeat=2").count(), 2, "{told:?}");
    let found = Setup::new(Select::Last).whole(repeated_table).unwrap();
    assert!(found.results.baselines.is_empty() && found.controls.content_free.is_empty());
    assert_eq!(found.results.steps[1].scores.calibrated.unwrap().contextual, None);
}

/// The first choice of every row is far less likely alone than behind its query.
#[test]
fn choices_alone_are_scored_once_whatever_the_seeds_and_steps() {
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let plain = Setup { seeds: vec![4, 0], baselines: vec![2], description: &[5, 6], ..Setup::new(Select::Last) };
    let setup = Setup { mutual_information: true, ..plain };
    let mut model = FakeModel { description: &[5, 6], ..FakeModel::new(table, &stop) };
    let found = setup.run(folder.path(), &mut model, &Silent).unwrap();
    let expected = (0..ROWS).map(|row| (row as usize, vec![table(0, 0, ALONE + row), -1.0], vec![1, 1]));
    let unconditional = found.controls.unconditional.iter();
    assert!(unconditional.map(|of| (of.index, of.loglik.clone(), of.tokens.clone())).eq(expected));
    let baselines = found.results.baselines.iter().map(|baseline| &baseline.step);
    for step in found.results.steps.iter().chain(baselines) {
        assert_eq!(step.scores.accuracy_mutual_information, Some(1.0), "{:?}", step.scores);
    }
    // Everything else is as it is without them, and nothing is computed again.
    let without = Setup { mutual_information: false, ..setup }.whole(table).unwrap();
    assert_eq!(found.records, without.records);
    assert!(without.results.steps.iter().all(|step| step.scores.accuracy_mutual_information.is_none()));
    let mut again = FakeModel::new(table, &stop);
    let recalled = Setup {
        mutual_information: true,
        ..Setup { seeds: vec![4, 0], baselines: vec![2], ..Setup::new(Select::Last) }
    };
    assert_eq!(recalled.run(folder.path(), &mut again, &Silent).unwrap().controls, found.controls);
    assert_eq!(again.calls.get(), 0);
}

#[test]
fn files_that_are_not_asked_for_are_not_there() {
    let stop = AtomicBool::new(false);
    let names = |setup: Setup| {
        let folder = tempfile::tempdir().unwrap();
        setup.run(folder.path(), &mut FakeModel::new(table, &stop), &Silent).unwrap();
        ["baselines.jsonl", "content-free.jsonl"].map(|name| folder.path().join(name).exists())
    };
    assert_eq!(names(Setup::new(Select::Last)), [false, false]);
    assert_eq!(names(Setup { baselines: vec![2], ..Setup::new(Select::Last) }), [true, false]);
    assert_eq!(names(Setup { content_free: 1, ..Setup::new(Select::Last) }), [false, true]);
}

#[test]
fn content_free_scores_that_are_not_finite_leave_a_step_without_calibration() {
    let at_step_3 = |demonstrations, step, row| match (step, row) {
        (3, CONTENT_FREE) => f64::NAN,
        _ => table(demonstrations, step, row),
    };
    let setup = |allow_nonfinite| Setup { allow_nonfinite, content_free: 2, ..Setup::new(Select::Last) };
    let error = setup(false).whole(at_step_3).map(drop).unwrap_err();
    assert!(matches!(error, RunError::Step(StepError::Sample { step: 3, .. })), "{error}");
    let found = setup(true).whole(at_step_3).unwrap();
    let contextual = |step: &StepRecord| step.scores.calibrated.unwrap().contextual.is_some();
    assert_eq!(found.results.steps.iter().map(contextual).collect::<Vec<_>>(), [true, true, true, false, true]);
    let told = "step 3 has no contextual calibration: the scores of a content-free query are not finite";
    assert_eq!(notes(&found), [told]);
}

/// Behind the demonstrations shown twice the second row has no number.
fn unsteady_table(demonstrations: u32, step: usize, row: u32) -> f64 {
    if (demonstrations / REPEATED, row) == (1, 1) { f64::NAN } else { repeated_table(demonstrations, step, row) }
}

#[test]
fn a_baseline_whose_scores_are_not_finite_ends_the_run_or_is_left_out() {
    let setup = |allow_nonfinite| Setup {
        allow_nonfinite,
        seeds: vec![4, 0],
        baselines: vec![2, 3],
        content_free: 2,
        ..Setup::new(Select::Last)
    };
    let error = setup(false).whole(unsteady_table).map(drop).unwrap_err();
    assert!(matches!(error, RunError::Model(ModelError::NotFinitePass { .. })), "{error}");
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let run = |model: &mut FakeModel<'_>| setup(true).run(folder.path(), model, &Silent).unwrap();
    let found = run(&mut FakeModel::new(unsteady_table, &stop));
    let baselines = |found: &Found| found.results.baselines.iter().map(|of| of.baseline).collect::<Vec<_>>();
    assert_eq!(baselines(&found), [Baseline::Repeat(3); 2]);
    let told = [4, 0].map(|seed| format!("seed {seed}: repeat=2 is left out: its numbers are not finite"));
    assert_eq!(notes(&found), told);
    // Finished seeds are recalled without it, and nothing is computed.
    let mut again = FakeModel::new(unsteady_table, &stop);
    let recalled = run(&mut again);
    assert_eq!((again.calls.get(), without_times(&recalled)), (0, without_times(&found)));
}

/// A finished seed is recalled, and what is missing or elsewhere in its journals of controls is told.
#[test]
fn controls_of_a_finished_seed_are_held_to_their_places() {
    let stop = AtomicBool::new(false);
    let setup = Setup { baselines: vec![2, 4], content_free: 2, ..Setup::new(Select::Last) };
    let change = |name: &str, change: &dyn Fn(&mut Vec<String>)| {
        let folder = tempfile::tempdir().unwrap();
        setup.run(folder.path(), &mut FakeModel::new(table, &stop), &Silent).unwrap();
        let path = folder.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(|line| line.to_owned() + "\n").collect();
        change(&mut lines);
        std::fs::write(&path, lines.concat()).unwrap();
        setup.run(folder.path(), &mut FakeModel::new(table, &stop), &Silent)
    };
    let refused = |name, by: &dyn Fn(&mut Vec<String>)| change(name, by).map(drop).unwrap_err().to_string();
    let error = refused("baselines.jsonl", &|lines| lines.truncate(ROWS as usize));
    assert!(error.ends_with("expected the records of repeat=4 of seed 0, which is finished, got none"), "{error}");
    for by in
        [&(|lines: &mut Vec<String>| lines.swap(0, 1)) as &dyn Fn(&mut Vec<String>), &|lines| drop(lines.remove(1))]
    {
        let error = refused("baselines.jsonl", by);
        assert!(error.contains("line 2") || error.contains("line 3"), "{error}");
        assert!(error.contains("expected the record of repeat=2, with the rows of seed 0, got that of"), "{error}");
        let error = refused("content-free.jsonl", by);
        assert!(error.contains("expected the record of content-free queries of seed 0, each once behind"), "{error}");
    }
    // A version without them left none.
    let found = change("content-free.jsonl", &|lines| lines.clear()).unwrap();
    assert!(found.results.steps.iter().all(|step| step.scores.calibrated.unwrap().contextual.is_none()));
}
