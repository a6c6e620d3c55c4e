use super::*;
use crate::analysis::Known;
use crate::files::samples::{Choice, Place, SampleRecord};
use crate::files::schema::SelectedRecord;
use ft_engine::task::example::TextLength;

const TOLERANCE: f64 = 1e-12;

/// A seed, a step, how many rows it has and how many of them, the first, are answered rightly.
type Step = (u64, u32, usize, usize);

fn records(steps: &[Step]) -> Vec<SampleRecord> {
    let length = TextLength { characters: 4, bytes: 4 };
    let of_step = |&(seed, step, n, right): &Step| {
        (0..n).map(move |index| {
            let logliks = if index < right { [-1.0, -9.0] } else { [-9.0, -1.0] };
            let choices = logliks.map(|loglik| Choice { loglik, tokens: 1, length });
            SampleRecord::new(Place { seed, step, index }, index.to_string(), 0, &choices).unwrap()
        })
    };
    steps.iter().flat_map(of_step).collect()
}

fn analysis(steps: &[Step], selected: &[(u64, u32)]) -> Analysis {
    let selected: Vec<SelectedRecord> = selected.iter().map(|&(seed, step)| SelectedRecord { seed, step }).collect();
    let rows: HashMap<u64, usize> = steps.iter().map(|&(seed, _, n, _)| (seed, n)).collect();
    let rows: Vec<(u64, usize)> = rows.into_iter().collect();
    Analysis::new(&records(steps), &Known { selected: &selected, rows: &rows, ..Known::default() }).unwrap()
}

fn subtask(name: &str, groups: &[&str]) -> SubtaskRecord {
    SubtaskRecord { name: name.into(), groups: groups.iter().map(|group| (*group).into()).collect() }
}

/// Three subtasks in two smaller groups.
fn three() -> [SubtaskRecord; 3] {
    [subtask("a", &["stem"]), subtask("b", &["stem", "other"]), subtask("c", &["other"])]
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < TOLERANCE
}

fn means(scores: &AverageScores) -> [Option<f64>; 4] {
    let mean = |accuracy: AverageAccuracy| accuracy.spread.mean;
    let difference = scores.difference.map(|difference| difference.spread.mean);
    [scores.zero_shot.map(mean), scores.in_context.map(mean), Some(mean(scores.result)), difference]
}

/// Of 4 rows 1, 2 and 3 are right at steps 0, 1 and 2, of 12 rows 6, 6 and 12. The third subtask is missing.
fn one_seed() -> [Analysis; 2] {
    let a = analysis(&[(0, 0, 4, 1), (0, 1, 4, 2), (0, 2, 4, 3)], &[(0, 2)]);
    let b = analysis(&[(0, 0, 12, 6), (0, 1, 12, 6), (0, 2, 12, 12)], &[(0, 2)]);
    [a, b]
}

/// Intervals with 40 decimal digits: Wilson's of 15 of 16; MOVER of Wilson's of 3 of 4, [0.30064, 0.95441], and of 12 of 12,
/// [0.75751, 1]. Of 16 pairs 7 are won and none is lost: the binomial distribution of 16 trials with 7/16 reaches 2.5 % at 3
/// (0.0351 after 0.0086) and 97.5 % at 11 (0.9885 after 0.9609), and McNemar's p is 2 / 2^7.
#[test]
fn rows_count_the_same_in_micro_and_subtasks_in_macro_averages() {
    let (subtasks, [a, b]) = (three(), one_seed());
    let found = averages(&subtasks, &[(&subtasks[0], &a), (&subtasks[1], &b)]);
    let order: Vec<_> = found
        .iter()
        .map(|record| (record.group.as_ref().map(|name| name.raw().as_str()), record.subtasks, record.of, record.n))
        .collect();
    assert_eq!(order, [(Some("stem"), 2, 2, 16), (Some("other"), 1, 2, 12), (None, 2, 3, 16)]);
    let whole = &found[2];
    assert_eq!(means(&whole.micro_average), [Some(7.0 / 16.0), Some(0.5), Some(15.0 / 16.0), Some(7.0 / 16.0)]);
    assert_eq!(means(&whole.macro_average), [Some(0.375), Some(0.5), Some(0.875), Some(0.375)]);
    let [low, high] = whole.micro_average.result.interval.unwrap();
    assert!(close(low, 0.7167126242970106) && close(high, 0.9888806552353575), "{low} {high}");
    let [low, high] = whole.macro_average.result.interval.unwrap();
    assert!(close(low, 0.6196932742261522) && close(high, 0.9772063695951497), "{low} {high}");
    let versus = whole.micro_average.difference.unwrap();
    assert_eq!(versus.interval, Some([3.0 / 16.0, 11.0 / 16.0]));
    assert!(close(versus.p_value.unwrap(), 2.0 / 128.0), "{versus:?}");
    let versus = whole.macro_average.difference.unwrap();
    assert_eq!((versus.interval, versus.p_value), (None, None));
    // Both averages of one subtask are its own accuracy.
    assert_eq!(means(&found[1].micro_average), means(&found[1].macro_average));
    assert_eq!((&found[0].micro_average, &found[0].macro_average), (&whole.micro_average, &whole.macro_average));
}

/// Seed 0 as above. Seed 1 has of 4 rows 1, 2, 4 right and stands at step 1, of 12 rows 3, 6, 9 and stands at step 2: at the
/// results 2 + 9 of 16, and (1/2 + 3/4) / 2.
fn two_seeds() -> [Analysis; 2] {
    let a = analysis(
        &[(0, 0, 4, 1), (0, 1, 4, 2), (0, 2, 4, 3), (1, 0, 4, 1), (1, 1, 4, 2), (1, 2, 4, 4)],
        &[(0, 2), (1, 1)],
    );
    let b = analysis(
        &[(0, 0, 12, 6), (0, 1, 12, 6), (0, 2, 12, 12), (1, 0, 12, 3), (1, 1, 12, 6), (1, 2, 12, 9)],
        &[(0, 2), (1, 2)],
    );
    [a, b]
}

#[test]
fn several_seeds_have_a_spread_and_no_interval() {
    let (subtasks, [a, b]) = (three(), two_seeds());
    let found = averages_by_seed(&subtasks, &[(&subtasks[0], &a), (&subtasks[1], &b)]);
    let AverageRecord { micro_average, macro_average, .. } = &found[2].record;
    // Zero-shot 7 and 4 of 16; the differences are 7 and 3 of 16, and 3/8 and (0 + 1/4) / 2.
    assert_eq!(means(micro_average), [Some(11.0 / 32.0), Some(0.5), Some(13.0 / 16.0), Some(5.0 / 16.0)]);
    assert_eq!(means(macro_average), [Some((0.375 + 0.25) / 2.0), Some(0.5), Some(0.75), Some(0.25)]);
    for scores in [micro_average, macro_average] {
        let AverageAccuracy { spread, interval } = scores.result;
        assert!(close(spread.sd.unwrap(), 0.25 / 2f64.sqrt()), "{spread:?}");
        assert_eq!((spread.seeds, interval), (2, None));
        let difference = scores.difference.unwrap();
        assert_eq!((difference.spread.seeds, difference.interval, difference.p_value), (2, None, None));
    }
    let lines: Vec<_> =
        found[2].seeds.iter().map(|seed| (seed.seed, seed.step, seed.is_result, seed.correct)).collect();
    let expected = [
        (0, Some(0), false, 7),
        (0, Some(1), false, 8),
        (0, Some(2), true, 15),
        (1, Some(0), false, 4),
        (1, Some(1), false, 8),
        (1, Some(2), false, 13),
        (1, None, true, 11),
    ];
    assert_eq!(lines, expected);
    // A comparison with in-context learning stands at results alone.
    let compared: Vec<bool> = found[2].seeds.iter().map(|seed| seed.micro_average.versus_icl.is_some()).collect();
    assert_eq!(compared, expected.map(|(_, _, is_result, _)| is_result));
    let steps = step_averages(&found);
    let shown: Vec<_> = steps
        .iter()
        .map(|step| (step.step, step.is_result, step.micro_average.mean, step.macro_average.mean))
        .collect();
    assert_eq!(shown, [(0, false, 11.0 / 32.0, 0.3125), (1, false, 0.5, 0.5), (2, false, 0.875, 0.875)]);
}

#[test]
fn a_step_is_the_result_where_all_stand_there() {
    let (subtasks, [a, b]) = (three(), one_seed());
    let steps = step_averages(&averages_by_seed(&subtasks, &[(&subtasks[0], &a), (&subtasks[1], &b)]));
    assert_eq!(steps.iter().map(|step| step.is_result).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(steps[2].micro_average, SpreadRecord::of(&[15.0 / 16.0]).unwrap());
}

#[test]
fn averages_are_over_the_seeds_and_steps_that_all_have() {
    let subtasks = three();
    let [a, _] = two_seeds();
    // Without seed 0, step 0 and step 1.
    let b = analysis(&[(1, 2, 6, 3)], &[(1, 2)]);
    let found = averages_by_seed(&subtasks, &[(&subtasks[0], &a), (&subtasks[1], &b)]);
    let whole = &found[2].record;
    // Of seed 1, 2 of 4 rows at step 1 and 3 of 6 at step 2.
    assert_eq!(means(&whole.micro_average), [None, None, Some(0.5), None]);
    assert_eq!((whole.n, whole.micro_average.result.spread.seeds), (10, 1));
    let lines: Vec<_> = found[2].seeds.iter().map(|seed| (seed.seed, seed.step, seed.is_result, seed.n)).collect();
    assert_eq!(lines, [(1, Some(2), false, 10), (1, None, true, 10)]);
    let c = analysis(&[(5, 1, 4, 1)], &[(5, 1)]);
    assert_eq!(averages(&subtasks, &[(&subtasks[0], &a), (&subtasks[2], &c)]), []);
    assert_eq!((averages(&subtasks, &[]), step_averages(&[])), (vec![], vec![]));
}

/// Seeds may score other numbers of rows: 4 and 6 here.
#[test]
fn the_number_of_rows_is_the_largest_of_a_seed() {
    let subtasks = [subtask("a", &[])];
    let a = analysis(&[(0, 1, 4, 1), (1, 1, 6, 3)], &[(0, 1), (1, 1)]);
    let found = averages(&subtasks, &[(&subtasks[0], &a)]);
    assert_eq!((found.len(), found[0].n), (1, 6));
    // In-context learning differs from itself by nothing.
    assert_eq!(means(&found[0].micro_average), [None, Some(0.375), Some(0.375), Some(0.0)]);
}

#[test]
fn a_record_of_averages_reads_back() {
    let (subtasks, [a, b]) = (three(), two_seeds());
    let found = averages(&subtasks, &[(&subtasks[0], &a), (&subtasks[1], &b)]);
    let written = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Vec<AverageRecord>>(&written).unwrap(), found);
}
