use super::*;
use crate::files::controls::ControlRecord;
use crate::files::samples::{Choice, Place, parse_all};
use crate::files::unconditional::UnconditionalRecord;
use ft_engine::task::example::TextLength;

fn record(seed: u64, step: u32, index: usize, answer: usize, loglik: [f64; 2]) -> SampleRecord {
    let [first, second] = loglik;
    let choices = [(first, 1), (second, 3)].map(|(loglik, tokens)| Choice {
        loglik,
        tokens,
        length: TextLength { characters: 8, bytes: 9 },
    });
    SampleRecord::new(Place { seed, step, index }, format!("row-{index}"), answer, &choices).unwrap()
}

/// One seed's step in which the examples of `right` are answered rightly; example i has the answer i % 2.
fn step(seed: u64, step: u32, right: &[bool]) -> Vec<SampleRecord> {
    let of = |(index, right): (usize, &bool)| {
        let answer = index % 2;
        let loglik = if (answer == 0) == *right { [-1.0, -9.0] } else { [-9.0, -1.0] };
        record(seed, step, index, answer, loglik)
    };
    right.iter().enumerate().map(of).collect()
}

fn analyse(records: &[SampleRecord]) -> Analysis {
    Analysis::new(records, &Known::default()).unwrap()
}

/// The records of a step as those behind `repeat=2`.
fn behind_repeat(records: Vec<SampleRecord>) -> Vec<ControlRecord> {
    let control = |sample| ControlRecord { baseline: Baseline::repeat(2), sample: SampleRecord { step: 1, ..sample } };
    records.into_iter().map(control).collect()
}

const T: bool = true;
const F: bool = false;

fn two_seeds() -> Vec<SampleRecord> {
    [
        step(7, 0, &[T, F, F, F]),
        step(7, 1, &[T, T, F, F]),
        step(7, 2, &[T, T, T, F]),
        step(3, 0, &[T, F, F, F]),
        step(3, 1, &[T, T, T, T]),
        step(3, 2, &[T, F, T, T]),
    ]
    .concat()
}

#[test]
fn every_step_is_counted_by_sum_by_token_and_by_character() {
    // Per token the second choice of the second example wins: -3 / 3.
    let records = [record(0, 0, 0, 0, [-1.0, -9.0]), record(0, 0, 1, 1, [-2.0, -3.0])];
    let analysis = analyse(&records);
    let scores = &analysis.steps[0];
    assert_eq!((scores.n, scores.correct, scores.accuracy), (2, 1, 0.5));
    assert_eq!((scores.accuracy_tokens, scores.accuracy_norm), (1.0, 0.5));
    assert_eq!((scores.macro_f1, scores.versus_icl), (None, None));
    assert!(analyse(&[]).steps.is_empty());
}

#[test]
fn steps_are_compared_with_in_context_learning_of_the_same_seed() {
    let analysis = analyse(&two_seeds());
    let order: Vec<(u64, u32)> = analysis.steps.iter().map(|scores| (scores.seed, scores.step)).collect();
    assert_eq!(order, [(7, 0), (7, 1), (7, 2), (3, 0), (3, 1), (3, 2)]);
    let versus = |seed, step| {
        let versus = analysis.step(seed, step).unwrap().versus_icl;
        versus.map(|versus| (versus.wins, versus.losses, versus.difference, format!("{:.9}", versus.p_value)))
    };
    assert_eq!(versus(7, 0), Some((0, 1, -0.25, "1.000000000".into())));
    assert_eq!(versus(7, 1), None);
    assert_eq!(versus(7, 2), Some((1, 0, 0.25, "1.000000000".into())));
    assert_eq!(versus(3, 0), Some((0, 3, -0.75, "0.250000000".into())));
}

#[test]
fn pairs_are_made_by_example_and_not_by_order() {
    let mut records = two_seeds();
    records.reverse();
    let analysis = analyse(&records);
    assert_eq!(analysis.step(3, 2), analyse(&two_seeds()).step(3, 2));
}

#[test]
fn seeds_have_a_mean_and_a_spread() {
    let analysis = analyse(&two_seeds());
    let last = &analysis.over_seeds[2];
    assert_eq!((last.step, last.accuracy.seeds, last.accuracy.mean), (2, 2, 0.75));
    assert_eq!(last.accuracy.sd, Some(0.0));
    assert_eq!(last.difference.unwrap().mean, 0.0);
    let icl = &analysis.over_seeds[1];
    assert_eq!((icl.accuracy.min, icl.accuracy.max, icl.difference), (0.5, 1.0, None));
    assert!((icl.accuracy.sd.unwrap() - 0.125f64.sqrt()).abs() < 1e-15);
    assert_eq!(analysis.result.unwrap().mean, 0.75);
    assert!(analyse(&step(0, 1, &[T])).over_seeds.is_empty());
}

#[test]
fn a_result_stands_at_the_selected_step_or_at_the_last() {
    let labels = ["no", "yes"].map(Untrusted::from);
    let selected = [SelectedRecord { seed: 7, step: 1 }];
    let known = Known { labels: &labels, selected: &selected, ..Known::default() };
    let analysis = Analysis::new(&two_seeds(), &known).unwrap();
    let expected = [ResultStep { seed: 7, step: 1, selected: true }, ResultStep { seed: 3, step: 2, selected: false }];
    assert_eq!(analysis.results, expected);
    assert!(analysis.is_selected(7, 1) && !analysis.is_selected(3, 2));
    // Seed 7 takes example 2 for 1 and example 3 for 0; seed 3 takes example 1 for 0.
    assert_eq!(analysis.confusion.as_ref().unwrap().counts, [vec![3, 1], vec![2, 2]]);
    assert_eq!(analysis.step(7, 1).unwrap().macro_f1, Some(0.5));
    assert_eq!(analyse(&two_seeds()).confusion, None);
}

/// Seed 3 is better by a quarter at step 2, its result; seed 7 stands at step 1.
#[test]
fn a_seed_at_step_1_differs_by_nothing_from_in_context_learning() {
    let mut records = two_seeds();
    let better = [step(3, 1, &[T, T, F, F]), step(3, 2, &[T, T, T, F])].concat();
    records.splice(16.., better);
    let selected = [SelectedRecord { seed: 7, step: 1 }, SelectedRecord { seed: 3, step: 2 }];
    let analysis = Analysis::new(&records, &Known { selected: &selected, ..Known::default() }).unwrap();
    let results: Vec<&StepScores> = analysis.at_results().collect();
    let over = SeedsScores::at_results(&results).unwrap();
    let difference = over.difference.unwrap();
    assert_eq!((difference.seeds, difference.mean, difference.min, difference.max), (2, 0.125, 0.0, 0.25));
    let in_nats = over.right_loglik_difference.unwrap();
    let of_seed_3 = analysis.step(3, 2).unwrap().right_loglik_versus_icl.unwrap().difference;
    assert!(of_seed_3 > 0.0);
    assert_eq!((in_nats.seeds, in_nats.mean), (2, of_seed_3 / 2.0));
    // Step 1 over the seeds is in-context learning itself.
    assert_eq!(analysis.over_seeds[1].difference, None);
}

#[test]
fn choices_that_are_no_classes_have_no_confusion() {
    let labels = ["a", "b", "c"].map(Untrusted::from);
    let analysis = Analysis::new(&two_seeds(), &Known { labels: &labels, ..Known::default() }).unwrap();
    assert_eq!((analysis.confusion, analysis.steps[0].macro_f1), (None, None));
}

#[test]
fn baselines_are_compared_with_in_context_learning_of_the_same_seed() {
    let mut baselines = behind_repeat([step(7, 1, &[T, T, T, F]), step(3, 1, &[F, T, T, T])].concat());
    let of = |baselines: &[ControlRecord]| {
        let controls = Controls { baselines: baselines.to_vec(), ..Controls::default() };
        Analysis::new(&two_seeds(), &Known { controls: Some(&controls), ..Known::default() })
    };
    let analysis = of(&baselines).unwrap();
    let differences: Vec<(u64, f64)> = (analysis.baselines.iter())
        .map(|found| (found.scores.seed, found.scores.versus_icl.unwrap().difference))
        .collect();
    assert_eq!(differences, [(7, 0.25), (3, -0.25)]);
    let over = &analysis.baselines_over_seeds[0];
    assert_eq!((over.baseline, over.scores.accuracy.mean), (Baseline::Repeat(2), 0.75));
    // They are no steps: nothing else changes.
    assert_eq!(analysis.steps, analyse(&two_seeds()).steps);
    assert_eq!(analysis.oracle, analyse(&two_seeds()).oracle);

    let half = baselines.pop().unwrap();
    let analysis = of(&baselines).unwrap();
    assert_eq!(analysis.baselines.len(), 1);
    assert_eq!(analysis.unfinished_baselines, [UnfinishedBaseline { seed: 3, baseline: Baseline::Repeat(2), n: 3 }]);
    let refused = |change: &dyn Fn(&mut ControlRecord)| {
        let mut bad = half.clone();
        change(&mut bad);
        let error = of(&[&baselines[..], &[bad]].concat()).unwrap_err();
        assert_eq!(error.file(), "baselines.jsonl");
        error.to_string()
    };
    assert_eq!(
        refused(&|bad| bad.sample.index = 9),
        "line 8: expected an example that seed 3 scores at its steps, got example 9"
    );
    assert_eq!(
        refused(&|bad| bad.sample.index = 0),
        "line 8: expected the name \"row-0\" for example 0, as in samples.jsonl, got \"row-3\""
    );
    assert_eq!(
        refused(&|bad| *bad = baselines[4].clone()),
        "line 8: expected example 0 of seed 3 once behind repeat=2, got it again"
    );
    assert_eq!(refused(&|bad| bad.baseline = None), "line 8: expected a record behind a baseline, got one of step 1");
}

#[test]
fn content_free_queries_calibrate_the_step_that_they_are_scored_behind() {
    let labels = ["no", "yes"].map(Untrusted::from);
    let query = |step, index, loglik| ControlRecord { baseline: None, sample: record(7, step, index, 0, loglik) };
    // Both choices of the examples are 8 apart: with 9 all are taken for the second class, with 7 none is.
    let content_free = vec![
        query(1, 0, [-1.0, -10.0]),
        query(1, 1, [-1.0, -10.0]),
        query(2, 0, [-1.0, -8.0]),
        query(2, 1, [-1.0, -8.0]),
    ];
    let of = |content_free: &[ControlRecord]| {
        let controls = Controls { content_free: content_free.to_vec(), ..Controls::default() };
        let known = Known { labels: &labels, controls: Some(&controls), content_free_queries: 2, ..Known::default() };
        Analysis::new(&two_seeds(), &known)
    };
    let contextual = |analysis: &Analysis, step| analysis.step(7, step).unwrap().calibrated.unwrap().contextual;
    let analysis = of(&content_free).unwrap();
    assert_eq!([0, 1, 2].map(|step| contextual(&analysis, step)), [None, Some(0.5), Some(0.75)]);
    // Not all of them.
    assert_eq!(contextual(&of(&content_free[..3]).unwrap(), 2), None);
    let error = of(&[&content_free[..], &[query(2, 2, [-1.0, -8.0])]].concat()).unwrap_err();
    assert_eq!(
        (error.file(), error.to_string().as_str()),
        ("content-free.jsonl", "line 5: expected a content-free query below 2, got 2")
    );
    let error = of(&[&content_free[..], &content_free[..1]].concat()).unwrap_err().to_string();
    assert_eq!(error, "line 5: expected content-free query 0 once at step 1 of seed 7, got it again");
    // A run that goes on with an older version's plan, which has no such queries, may have stopped before it let go of them.
    let controls = Controls { content_free, ..Controls::default() };
    let without = Known { labels: &labels, controls: Some(&controls), ..Known::default() };
    let analysis = Analysis::new(&two_seeds(), &without).unwrap();
    assert_eq!([0, 1, 2].map(|step| contextual(&analysis, step)), [None; 3]);
}

/// Alone the first choice is 9 nats likelier than the second, which is more than the 8 that any answer has behind its query: by what
/// the query adds, the second choice is always predicted.
#[test]
fn unconditional_log_likelihoods_count_at_every_step_and_are_those_of_the_examples() {
    let alone = |index: usize| UnconditionalRecord {
        index,
        id: format!("row-{index}").into(),
        loglik: vec![-1.0, -10.0],
        tokens: vec![1, 2],
    };
    let of = |unconditional: &[UnconditionalRecord], mutual_information: bool| {
        let controls = Controls { unconditional: unconditional.to_vec(), ..Controls::default() };
        let known = Known { controls: Some(&controls), mutual_information, ..Known::default() };
        Analysis::new(&two_seeds(), &known)
    };
    let all = [0, 1, 2, 3].map(alone);
    let analysis = of(&all, true).unwrap();
    assert!(analysis.steps.iter().all(|step| step.accuracy_mutual_information == Some(0.5)));
    assert_eq!(analysis.over_seeds[2].accuracy_mutual_information.unwrap().seeds, 2);
    // A run without them has none, whatever lies in its folder, and neither has one that was interrupted among them.
    assert_eq!(of(&all, false).unwrap().steps, analyse(&two_seeds()).steps);
    assert_eq!(of(&all[..3], true).unwrap().steps, analyse(&two_seeds()).steps);
    let refused = |change: &dyn Fn(&mut UnconditionalRecord)| {
        let mut changed = all.clone();
        change(&mut changed[2]);
        let error = of(&changed, true).unwrap_err();
        assert_eq!(error.file(), "unconditional.jsonl");
        error.to_string()
    };
    assert_eq!(
        refused(&|record| record.id = "other".into()),
        "line 3: expected the name \"row-2\" for example 2, as in samples.jsonl, got \"other\""
    );
    assert_eq!(
        refused(&|record| record.loglik.push(-2.0)),
        "line 3: expected 2 log-likelihoods for example 2, as in samples.jsonl, got 3"
    );
    assert_eq!(refused(&|record| *record = alone(1)), "line 3: expected example 1 once, got it again");
}

/// DESIGN, invariant 5: what was on disk is enough.
#[test]
fn an_analysis_of_the_written_lines_is_the_analysis() {
    let records = two_seeds();
    let text: String = records.iter().map(|record| record.line().unwrap() + "\n").collect();
    assert_eq!(analyse(&parse_all(text.as_bytes()).unwrap().records), analyse(&records));
}

#[test]
fn the_oracle_is_the_first_best_of_several_steps() {
    let analysis = analyse(&two_seeds());
    let found: Vec<(u64, u32, f64)> =
        analysis.oracle.iter().map(|best| (best.seed, best.step, best.accuracy)).collect();
    assert_eq!(found, [(7, 2, 0.75), (3, 1, 1.0)]);
    // Both steps have the mean 0.75.
    assert_eq!(analysis.oracle_of_means, Some(OracleMean { step: 1, mean: 0.75 }));
    let check = |steps: &[(u32, usize)], expected: Option<u32>| {
        let of = |&(at, correct): &(u32, usize)| step(0, at, &[[T].repeat(correct), [F].repeat(9 - correct)].concat());
        let records: Vec<SampleRecord> = steps.iter().flat_map(of).collect();
        assert_eq!(analyse(&records).oracle.first().map(|best| best.step), expected, "{steps:?}");
    };
    check(&[(0, 9), (1, 5), (2, 7), (3, 7)], Some(2));
    check(&[(0, 9), (3, 5)], None);
    check(&[], None);
}

#[test]
fn a_step_that_is_not_whole_is_set_apart() {
    let mut records = two_seeds();
    records.pop();
    let analysis = analyse(&records);
    assert_eq!(analysis.unfinished, [UnfinishedStep { seed: 3, step: 2, n: 3, of: 4 }]);
    assert_eq!(analysis.step(3, 2), None);
    assert_eq!(analysis.results[1], ResultStep { seed: 3, step: 1, selected: false });
    let all = Analysis::new(&records, &Known { rows: &[(7, 5), (3, 5)], ..Known::default() }).unwrap();
    assert_eq!((all.steps.len(), all.unfinished.len()), (0, 6));
    // Without a whole step 1 there is nothing to compare with.
    let icl: Vec<SampleRecord> = records.into_iter().filter(|r| (r.seed, r.step, r.index) != (7, 1, 0)).collect();
    assert_eq!(analyse(&icl).step(7, 2).unwrap().versus_icl, None);
}

/// What is looked up for each seed, step or line is not looked for among all of them.
#[test]
fn many_seeds_in_turns_take_no_longer_than_their_lines() {
    let seeds = 100_000;
    let records: Vec<SampleRecord> =
        (0..2).flat_map(|at| (0..seeds).map(move |seed| record(seed, at, 0, 0, [-1.0, -9.0]))).collect();
    let selected: Vec<SelectedRecord> = (0..seeds).map(|seed| SelectedRecord { seed, step: 1 }).collect();
    let rows: Vec<(u64, usize)> = (0..seeds).map(|seed| (seed, 1)).collect();
    let started = std::time::Instant::now();
    let analysis = Analysis::new(&records, &Known { selected: &selected, rows: &rows, ..Known::default() }).unwrap();
    assert_eq!(analysis.at_results().count(), analysis.results.len());
    assert!(analysis.steps.iter().all(|step| analysis.is_selected(step.seed, step.step) == (step.step == 1)));
    assert_eq!((analysis.steps.len(), analysis.result.unwrap().seeds), (200_000, 100_000));
    assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn records_of_no_one_run_are_refused_by_their_line() {
    let check = |records: &[SampleRecord], message: &str| {
        let error = Analysis::new(records, &Known::default()).expect_err(message);
        assert_eq!(error.to_string(), message);
    };
    let good = two_seeds();
    let twice = [&good[..], &good[5..6]].concat();
    check(&twice, "line 25 repeats line 6: seed 7, step 1, example 1");
    let changed = |change: &dyn Fn(&mut SampleRecord)| {
        let mut records = good.clone();
        change(&mut records[9]);
        records
    };
    let answer = changed(&|record| record.answer = 0);
    check(&answer, "line 10: expected the answer 1 for example 1, as in line 2, got 0");
    let name = changed(&|record| record.id = "row-\u{202e}".into());
    check(&name, r#"line 10: expected the name "row-1" for example 1, as in line 2, got "row-\u{202e}""#);
    let choices = changed(&|record| record.loglik.push(-20.0));
    check(&choices, "line 10: expected the number of choices 2 for example 1, as in line 2, got 3");
    let index = changed(&|record| record.index = 17);
    check(&index, "line 10: example 17 is scored at step 2 of seed 7 and not at its step 0");
}
