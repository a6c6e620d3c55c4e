//! The metrics against scipy, scikit-learn, statsmodels and exact fractions; the scripts in `data/metrics` wrote the values.

use ft_engine::metrics::accuracy::{CorrectCount, Z_95};
use ft_engine::metrics::confusion::Confusion;
use ft_engine::metrics::hypergeometric::two_sided;
use ft_engine::metrics::paired::Paired;
use ft_engine::metrics::spread::Spread;
use serde_json::Value;

/// The cases of one metric.
fn golden(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/metrics/golden.json")).unwrap();
    let cases = all[name].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{name}");
    cases
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn counts(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(count).collect()
}

#[track_caller]
fn close(found: f64, expected: &Value, tolerance: f64, case: &Value) {
    let expected = expected.as_f64().unwrap();
    let apart = (found - expected).abs();
    assert!(apart <= tolerance * expected.abs(), "{found}, expected {expected} in {case}");
}

#[test]
fn mcnemars_exact_test_is_that_of_statsmodels() {
    for case in golden("paired") {
        let paired = Paired { wins: count(&case["wins"]), losses: count(&case["losses"]), n: count(&case["n"]) };
        close(paired.p_value(), &case["p_value"], 1e-9, &case);
    }
}

#[test]
fn bootstrap_intervals_are_those_of_all_resamples_and_near_those_of_many() {
    for case in golden("paired") {
        let n = count(&case["n"]);
        let paired = Paired { wins: count(&case["wins"]), losses: count(&case["losses"]), n };
        let interval = paired.bootstrap(0.95).unwrap();
        let found = [interval.low, interval.high].map(|end| (end * n as f64).round() as i64);
        for (end, found) in found.into_iter().enumerate() {
            assert_eq!(found, case["bootstrap_counts"][end].as_i64().unwrap(), "{case}");
            // 200 000 drawn resamples put an end at most one step of the distribution, of 50 or so, elsewhere.
            let drawn = case["bootstrap_counts_drawn"][end].as_i64().unwrap();
            assert!((found - drawn).abs() <= 1, "{found}, drawn {drawn} in {case}");
        }
    }
}

#[test]
fn macro_f1_and_confusion_are_those_of_scikit_learn() {
    for case in golden("classes") {
        let (answers, predictions) = (counts(&case["answers"]), counts(&case["predictions"]));
        let mut confusion = Confusion::new(count(&case["labels"]));
        let mut right = CorrectCount::default();
        for (answer, prediction) in answers.into_iter().zip(predictions) {
            confusion.add(answer, prediction);
            right.add(answer == prediction);
        }
        let rows: Vec<Vec<usize>> = case["confusion"].as_array().unwrap().iter().map(counts).collect();
        assert_eq!(confusion.matrix(rows.len()).unwrap(), rows);
        close(confusion.macro_f1().unwrap(), &case["macro_f1"], 1e-14, &case);
        close(right.accuracy().unwrap(), &case["accuracy"], 1e-15, &case);
    }
}

#[test]
fn wilson_intervals_are_those_of_statsmodels() {
    for case in golden("wilson") {
        let interval = CorrectCount { correct: count(&case["correct"]), n: count(&case["n"]) }.wilson(Z_95);
        close(interval.low, &case["low"], 1e-12, &case);
        close(interval.high, &case["high"], 1e-12, &case);
    }
}

#[test]
fn mean_and_spread_are_those_of_numpy() {
    for case in golden("spread") {
        let values: Vec<f64> = case["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        let spread = Spread::of(&values).unwrap();
        close(spread.mean, &case["mean"], 1e-14, &case);
        close(spread.sd.unwrap(), &case["sd"], 1e-13, &case);
    }
}

#[test]
fn random_draws_have_the_probabilities_of_exact_fractions() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/metrics/drawn.json")).unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let [all, marked, drawn, found] = ["all", "marked", "drawn", "found"].map(|name| count(&case[name]));
        close(two_sided(all, marked, drawn, found), &case["p_value"], 1e-8, &case);
    }
}
