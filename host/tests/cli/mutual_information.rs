//! `--mutual-information`: choices without their queries.

use serde_json::Value;

use crate::support::*;

const RUN: [&str; 6] = ["--steps", "2", "--limit", "4", "--seeds", "0,1"];

/// A model whose files name a token for the beginning of a text, which its texts do not begin with.
fn place() -> Place {
    let place = Place::with_model();
    let config = r#"{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "{"}"#;
    place.write("model/tokenizer_config.json", config);
    place
}

fn asked() -> Vec<&'static str> {
    [&RUN[..], &["--mutual-information"]].concat()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn the_accuracy_follows_from_the_two_journals() {
    let place = place();
    place.sst2(&asked()).good();
    let results = place.json("out/results.json");
    let notes = results["notes"].to_string();
    assert!(notes.contains("behind token 90, which texts of this model do not begin with"), "{notes}");
    let unconditional: Vec<Value> =
        place.read("out/unconditional.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Once for each row that a seed scores, whatever the seeds and steps.
    assert_eq!(results["unconditional_rows"], unconditional.len());
    let samples = place.samples("out");
    for step in results["steps"].as_array().unwrap() {
        let of_step = samples.iter().filter(|sample| sample["seed"] == step["seed"] && sample["step"] == step["step"]);
        let right = of_step.filter(|sample| {
            let alone = unconditional.iter().find(|record| record["index"] == sample["index"]).unwrap();
            assert_eq!(alone["id"], sample["id"]);
            let (behind_query, alone) = (numbers(&sample["loglik"]), numbers(&alone["loglik"]));
            let gained = |choice: usize| behind_query[choice] - alone[choice];
            let predicted =
                (1..alone.len()).fold(0, |best, next| if gained(next) > gained(best) { next } else { best });
            sample["answer"] == predicted
        });
        assert_eq!(step["accuracy_mutual_information"], right.count() as f64 / step["n"].as_f64().unwrap(), "{step}");
    }
    // A report takes nothing from `results.json`.
    let mut spoilt = results.clone();
    spoilt["steps"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|step| step["accuracy_mutual_information"] = 0.123.into());
    place.write("out/results.json", spoilt.to_string());
    let report = place.host(&["report", "out", "--json"]).good().json();
    let of = |steps: &Value| -> Vec<Value> {
        steps.as_array().unwrap().iter().map(|step| step["accuracy_mutual_information"].clone()).collect()
    };
    assert_eq!(of(&report["runs"][0]["analysis"]["steps"]), of(&results["steps"]));
}

#[test]
fn a_run_without_them_is_the_same_but_for_them_and_what_is_missing_is_scored_again() {
    let place = place();
    place.sst2(&RUN).good();
    let samples = place.read("out/samples.jsonl");
    assert!(!place.path("out/unconditional.jsonl").exists());
    place.sst2(&[&asked()[..], &["--out", "with"]].concat()).good();
    assert_eq!(place.read("with/samples.jsonl"), samples);
    let whole = place.read("with/unconditional.jsonl");
    place.write("with/unconditional.jsonl", whole.split_inclusive('\n').next().unwrap());
    place.sst2(&[&asked()[..], &["--out", "with"]].concat()).good();
    assert_eq!(place.read("with/unconditional.jsonl"), whole);
    assert_eq!(place.read("with/samples.jsonl"), samples);
}

#[test]
fn a_model_that_names_no_token_for_the_beginning_of_a_text_is_refused() {
    let place = Place::with_model();
    let expected = [
        "`--mutual-information`: expected a model whose tokenizer names a token for a text's beginning or end, got none in `model`",
        "hint: name one as `bos_token`",
    ];
    place.sst2(&asked()).failed(2, &expected);
}
