//! Rows in every form of file, bad rows, and data sets that a task loads.

use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};

use crate::support::*;
use crate::support_data::data_sets;

/// The first rows of a bundled sample.
fn sample(task: &str, split: &str, rows: usize) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tasks/{task}/sample/{split}.jsonl"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().take(rows).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// SST-2 rows as cells between `separator`.
fn cells(rows: &[Value], separator: char) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let row = |row: &Value| {
        format!("{}{separator}{}{separator}{}\n", row["idx"], quoted(row["sentence"].as_str().unwrap()), row["label"])
    };
    format!("idx{separator}sentence{separator}label\n{}", rows.iter().map(row).collect::<String>())
}

#[test]
fn every_form_of_file_gives_the_same_results() {
    let place = Place::with_model();
    let (train, validation) = (sample("sst2", "train", 20), sample("sst2", "validation", 8));
    for (form, write) in
        [("jsonl", (|rows, _| lines(rows)) as fn(&[Value], char) -> String), ("csv", cells), ("tsv", cells)]
    {
        let separator = if form == "tsv" { '\t' } else { ',' };
        place.write(&format!("{form}/sst2/train.{form}"), write(&train, separator));
        place.write(&format!("{form}/sst2/validation.{form}"), write(&validation, separator));
        // Cells in quotes are what CSV has by itself.
        let quoting = if form == "tsv" { "csv" } else { "auto" };
        place.sst2(&["--data", form, "--steps", "2", "--quoting", quoting, "--out", &format!("out-{form}")]).good();
    }
    let expected = place.read("out-jsonl/samples.jsonl");
    for form in ["csv", "tsv"] {
        assert_eq!(place.read(&format!("out-{form}/samples.jsonl")), expected, "{form}");
    }
    // What a form does not have by itself is said.
    let results = place.json("out-tsv/results.json");
    assert_eq!(results["data"][1]["quoting"], "csv");
    assert_eq!(results["notes"][1], "`tsv/sst2/validation.tsv` was read with `--quoting csv`");
    assert!(place.json("out-csv/results.json")["data"][1]["quoting"].is_null());
    // The examples are the same, so the runs can be compared; the files are not.
    place.host(&["compare", "out-jsonl", "out-csv"]).good();
    let data = |out: &str| place.json(&format!("{out}/results.json"))["data"][1].clone();
    assert_eq!(data("out-jsonl")["examples_sha256"], data("out-csv")["examples_sha256"]);
    assert_ne!(data("out-jsonl")["sha256"], data("out-csv")["sha256"]);

    // A file for one split, the rest from elsewhere.
    let file = "evaluation=csv/sst2/validation.csv";
    place.sst2(&["--data", file, "--data", "jsonl", "--steps", "2", "--out", "mixed"]).good();
    assert_eq!(place.read("mixed/samples.jsonl"), expected);
}

#[test]
fn qasc_from_parquet_and_from_jsonl_is_the_same() {
    let place = Place::with_model();
    let data = data_sets("the whole of QASC (a sample as Parquet is compared)").map(|data| data.join("qasc"));
    let (parquet, jsonl, train) = match data {
        Some(qasc) => (qasc.join("validation.parquet"), qasc.join("validation.jsonl"), qasc.join("train.jsonl")),
        None => {
            let at = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tables").join(name);
            let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tasks/qasc/sample");
            (at("qasc.parquet"), tasks.join("validation.jsonl"), tasks.join("train.jsonl"))
        }
    };
    for (out, file) in [("parquet", &parquet), ("jsonl", &jsonl)] {
        let arguments = [
            "run",
            "--task",
            &guest("qasc"),
            "--model",
            "model",
            "--device",
            "cpu",
            "--data",
            &format!("evaluation={}", file.display()),
            "--data",
            &format!("demonstrations={}", train.display()),
            "--steps",
            "2",
            "--limit",
            "12",
            "--select",
            "last",
            "--out",
            out,
        ];
        place.host(&arguments).good();
    }
    assert_eq!(place.read("parquet/samples.jsonl"), place.read("jsonl/samples.jsonl"));
    let examples = |out: &str| place.json(&format!("{out}/results.json"))["data"][1]["examples_sha256"].clone();
    assert_eq!(examples("parquet"), examples("jsonl"));
}

#[test]
fn bad_rows_are_named_or_counted() {
    let place = Place::with_model();
    let good = lines(&sample("sst2", "validation", 6));
    let bad = [
        (b"{\"label\": 1}\n".to_vec(), "line 7, column `sentence`: expected a text, the column is missing"),
        (b"{\"sentence\": 5, \"label\": 1}\n".to_vec(), "line 7, column `sentence`: expected a text"),
        (
            b"{\"sentence\": \"fine\", \"label\": 2}\n".to_vec(),
            "line 7, column `label`: expected a class from 0 to 1, got 2",
        ),
        (
            b"{\"sentence\": \" \", \"label\": 1}\n".to_vec(),
            "line 7, column `sentence`: expected a text that is more than blanks",
        ),
        (b"{\"sentence\": \"\xff\", \"label\": 1}\n".to_vec(), "line 7: not UTF-8 at byte 15 of the line"),
        (b"[1, 2]\n".to_vec(), "line 7: expected a JSON object, got an array"),
        (b"{\"sentence\": \"a film tha".to_vec(), "line 7: the last line is half written"),
    ];
    let train = lines(&sample("sst2", "train", 20));
    for (index, (row, expected)) in bad.iter().enumerate() {
        let folder = format!("bad{index}");
        place.data(&folder, &train, [good.as_bytes(), row].concat());
        let named = format!("{folder}/sst2/validation.jsonl`, ");
        let first = expected.split(": ").next().unwrap();
        place.sst2(&["--data", &folder, "--steps", "1"]).failed(2, &[&named, first, "`--skip-bad-rows` leaves"]);
        let out = format!("out{index}");
        place.sst2(&["--data", &folder, "--steps", "1", "--skip-bad-rows", "--out", &out]).good();
        let results = place.json(&format!("{out}/results.json"));
        assert_eq!((&results["data"][1]["skipped"], &results["steps"][0]["n"]), (&json!(1), &json!(6)), "{expected}");
        let note = results["notes"][0].as_str().unwrap();
        assert!(note.starts_with("1 of 7 rows of the evaluation split were left out: "), "{note}");
        assert!(note.contains(expected), "{note}");
    }
    // In the middle, a bad row changes no other row's number; a blank line counts as a line.
    let middle = good.replacen('\n', "\n\n{\"label\": 0}\n", 1);
    place.data("middle", &train, &middle);
    place.sst2(&["--data", "middle", "--steps", "1"]).failed(2, &["line 3, column `sentence`"]);
    // Nothing left is no split.
    place.data("none", &train, "{\"label\": 0}\n");
    place
        .sst2(&["--data", "none", "--steps", "1", "--skip-bad-rows"])
        .failed(2, &["all 1 rows of the evaluation split were left out, the first: ", "line 1, column `sentence`"]);
}

#[test]
fn rows_can_be_looked_at() {
    let place = Place::empty();
    let head = place.host(&["data", "head", "--task", &guest("copa"), "--data", "sample", "-n", "2"]).good();
    let shown: Vec<Value> = head.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown, sample("copa", "validation", 2));
    assert!(head.stderr.contains("premise, choice1, choice2, question, idx, label"), "{}", head.stderr);
    let train = ["data", "head", "--task", &guest("copa"), "--data", "sample", "-n", "1", "--split", "demonstrations"];
    let shown: Value = serde_json::from_str(place.host(&train).good().stdout.trim()).unwrap();
    assert_eq!(shown, sample("copa", "train", 1)[0]);

    place.write("eval.tsv", "sentence\tlabel\n\"fine\"\t1\nhe said \"no\"\t0\n");
    let head = place.host(&["data", "head", "eval.tsv"]).good();
    let shown: Vec<Value> = head.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown[0]["sentence"], "\"fine\"");
    assert!(head.stderr.contains("`eval.tsv` (TSV, no quoting): sentence, label"), "{}", head.stderr);
    assert!(
        head.stderr.contains("note: `eval.tsv`: in 1 of 2 rows a cell begins and ends with `\"`"),
        "{}",
        head.stderr
    );
    let head = place.host(&["data", "head", "eval.tsv", "--quoting", "csv"]).good();
    assert_eq!(serde_json::from_str::<Value>(head.stdout.lines().next().unwrap()).unwrap()["sentence"], "fine");
    assert!(head.stderr.contains("(TSV, cells may be quoted)"), "{}", head.stderr);
    place.write("open.csv", "sentence,label\n\"fine,1\nbad,0\n");
    place.host(&["data", "head", "open.csv"]).failed(
        2,
        &["`open.csv`, line 2: column `sentence`: the quote opened on line 2 is never closed", "`--quoting none`"],
    );
    place.host(&["data", "head", "data/none.csv"]).failed(2, &["cannot open `data/none.csv`", "hint: check the path"]);
    place.write("book.xlsx", "PK\u{3}\u{4}\0[Content_Types].xml");
    place
        .host(&["data", "head", "book.xlsx"])
        .failed(2, &["expected a name that ends in .jsonl", "got a spreadsheet", "hint: save it as CSV in UTF-8"]);

    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tables/snappy.parquet");
    let head = place.host(&["data", "head", fixture.to_str().unwrap(), "-n", "30"]).good();
    assert_eq!(head.stdout.lines().count(), 25);
    for name in ["2", "1"] {
        place.write(&format!("parts/{name}.jsonl"), format!("{{\"part\": \"{name}\"}}\n"));
    }
    let head = place.host(&["data", "head", "parts/*.jsonl"]).good();
    assert_eq!(head.stdout, "{\"part\": \"1\"}\n{\"part\": \"2\"}\n");
    place.host(&["data", "head", "parts/*.csv"]).failed(2, &["`parts/*.csv`: expected files of such a name, got none"]);
    place.host(&["data", "head", "hf://datasets/a/b/x.jsonl"]).failed(
        2,
        &["`hf://datasets/a/b/x.jsonl` is not in the cache", "hint: with a network, run `ft-host data pull 'hf://"],
    );
    place
        .host(&["data", "pull", "hf://a/b/x.csv"])
        .failed(2, &["expected `hf://datasets/OWNER/NAME[@REVISION]/PATH`, got `hf://a/b/x.csv`"]);
    place
        .host(&["data", "head", "--task", &guest("copa"), "--split", "x"])
        .failed(2, &["expected one of the task's splits ", "evaluation (validation), got `x`"]);
    place
        .host(&["data", "head", "owner/name"])
        .failed(2, &["owner/name (train split) is not in the cache", "ft-host data pull"]);
    place
        .host(&["data", "pull", "not a name"])
        .failed(2, &["expected a data set of the hub, `owner/name`, got `not a name`"]);
}

#[test]
fn half_a_split_is_refused() {
    let place = Place::with_model();
    place.write("half/sst2/train.jsonl", lines(&sample("sst2", "train", 20)));
    place.write("half/sst2/validation-00001-of-00002.jsonl", lines(&sample("sst2", "validation", 6)));
    place.sst2(&["--data", "half", "--steps", "1"]).failed(
        2,
        &[
            "`half/sst2`: shard 1 of 2 is missing: there is `validation-00001-of-00002.jsonl`",
            "`--data evaluation=FILE`",
        ],
    );
    place.write("half/sst2/validation.jsonl", "{}");
    let two = ["got `validation-00001-of-00002.jsonl` and `validation.jsonl`"];
    place.sst2(&["--data", "half", "--steps", "1"]).failed(2, &two);
    // Named by itself it is taken, and said to be a part.
    let alone = "evaluation=half/sst2/validation-00001-of-00002.jsonl";
    place.sst2(&["--data", alone, "--data", "half", "--steps", "1"]).good();
    let note = place.json("out/results.json")["notes"][0].clone();
    assert_eq!(note, "`half/sst2/validation-00001-of-00002.jsonl` is shard 2 of 2 alone");
}

#[test]
fn a_class_that_no_demonstration_can_have_is_noted() {
    let place = Place::with_model();
    let positive: Vec<Value> = sample("sst2", "train", 20).into_iter().filter(|row| row["label"] == 1).collect();
    place.data("one", lines(&positive), lines(&sample("sst2", "validation", 6)));
    place.sst2(&["--data", "one", "--steps", "1"]).good();
    let note = "the demonstrations' split has no row of class `negative`: its demonstrations are rows of other classes";
    assert_eq!(place.json("out/results.json")["notes"][0], note);
    assert!(place.host(&["report", "out"]).good().stdout.contains(&format!("note: {note}")));
    place.sst2(&["--data", "one", "--steps", "1", "--sampling", "random", "--out", "random"]).good();
    assert_eq!(place.json("random/results.json")["notes"], json!([]));
}

/// Rows of SST-2 as the `datasets` library writes them, with names for the classes.
fn with_names(rows: &[Value], names: [&str; 2]) -> Vec<u8> {
    let schema = parse_message_type("message m { required binary sentence (UTF8); required int64 label; }").unwrap();
    let features = json!({
        "sentence": {"dtype": "string", "_type": "Value"},
        "label": {"names": names, "_type": "ClassLabel"},
    });
    let said = KeyValue::new("huggingface".to_owned(), json!({"info": {"features": features}}).to_string());
    let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![said])).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts: Vec<ByteArray> = rows.iter().map(|row| row["sentence"].as_str().unwrap().into()).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
    column.close().unwrap();
    let labels: Vec<i64> = rows.iter().map(|row| row["label"].as_i64().unwrap()).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&labels, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn class_names_of_a_file_are_held_to_the_tasks_labels() {
    let place = Place::with_model();
    let rows = sample("sst2", "validation", 6);
    let run = |names: [&str; 2], more: &[&str]| {
        place.write("eval.parquet", with_names(&rows, names));
        let fixed = ["--data", "evaluation=eval.parquet", "--data", "sample", "--steps", "1", "--restart"];
        place.sst2(&[&fixed[..], more].concat())
    };
    let told = |note: &str| place.json("out/results.json")["notes"].as_array().unwrap().iter().any(|told| told == note);
    let message = "`eval.parquet`: expected the classes `negative`, `positive` in this order in column `label`, got \
        `positive`, `negative`";
    run(["positive", "negative"], &[]).failed(2, &[message, "hint: ", "`--force`"]);
    run(["positive", "negative"], &["--force"]).good();
    assert!(told(message));
    let prompt = ["prompt", "--task", &guest("sst2"), "--model", "model", "--data", "evaluation=eval.parquet"];
    let prompt = place.host(&[&prompt[..], &["--data", "sample", "--json"]].concat()).good().json();
    assert_eq!(prompt["notes"], json!([message]));
    let quiet = |names: [&str; 2]| {
        run(names, &[]).good();
        assert!(!place.json("out/results.json")["notes"].to_string().contains("eval.parquet"), "{names:?}");
    };
    quiet(["negative", "positive"]);
    quiet(["neg", "pos"]);
    run(["bad", "good"], &[]).good();
    assert!(told(
        "the task takes the classes of `eval.parquet`, column `label`: `bad` as `negative`, `good` as `positive`"
    ));
}

#[test]
fn classes_that_are_counted_from_one_are_told_as_that() {
    let place = Place::with_model();
    let counted = |task: &str, split: &str| {
        let mut rows = sample(task, split, 40);
        rows.iter_mut().for_each(|row| row["label"] = (row["label"].as_u64().unwrap() + 1).into());
        lines(&rows)
    };
    place.write("one/ag_news/train.jsonl", counted("agnews", "train"));
    place.write("one/ag_news/test.jsonl", counted("agnews", "test"));
    let fixed = ["--task", &guest("agnews"), "--data", "one", "--steps", "1"];
    for more in [&[][..], &["--skip-bad-rows"]] {
        let done = place.sst2(&[&fixed[..], more].concat());
        let parts =
            ["one/ag_news/train.jsonl`, line ", "column `label`: expected classes from 0 to 3, got 4, and class 0 in"];
        let done = done.failed(2, &[parts[0], parts[1], "hint: classes count from 0"]);
        assert!(!done.stderr.contains("`--skip-bad-rows`"), "{}", done.stderr);
    }
    // Where no row has the last class either, the first is missed.
    let ones: Vec<Value> = sample("sst2", "validation", 6).into_iter().filter(|row| row["label"] == 1).collect();
    place.data("ones", lines(&sample("sst2", "train", 20)), lines(&ones));
    place.sst2(&["--data", "ones", "--steps", "1"]).good();
    let note = "the evaluation split has no row of class `negative`";
    assert_eq!(place.json("out/results.json")["notes"][0], note);
}

#[test]
fn whole_numbers_with_a_point_are_classes() {
    let place = Place::with_model();
    let (train, validation) = (sample("sst2", "train", 20), sample("sst2", "validation", 6));
    let real =
        |rows: &[Value]| lines(rows).replace("\"label\":1", "\"label\":1.0").replace("\"label\":0", "\"label\":0.0");
    assert!(real(&train).contains("1.0") && real(&train).contains("0.0"));
    place.data("whole", lines(&train), lines(&validation));
    place.data("real", real(&train), real(&validation));
    place.sst2(&["--data", "whole", "--steps", "1", "--out", "whole-out"]).good();
    place.sst2(&["--data", "real", "--steps", "1", "--out", "real-out"]).good();
    assert_eq!(place.read("real-out/samples.jsonl"), place.read("whole-out/samples.jsonl"));
    // Where the task takes no row, to leave out such rows would leave none.
    place.data("half", lines(&train), lines(&[json!({"sentence": "x", "label": 0.5})]));
    let done = place.sst2(&["--data", "half", "--steps", "1"]);
    let done = done.failed(2, &["column `label`: expected a class from 0 to 1, got 0.5"]);
    assert!(!done.stderr.contains("hint: "), "{}", done.stderr);
}

#[test]
fn what_json_does_not_have_is_named() {
    let place = Place::with_model();
    let train = lines(&sample("sst2", "train", 20));
    let good = lines(&sample("sst2", "validation", 6));
    place.data("nan", &train, format!("{good}{{\"sentence\": \"x\", \"label\": 1, \"score\": NaN}}\n"));
    let parts = ["validation.jsonl`, line 7: not JSON: expected a value, got `NaN`", "hint: ", "write null"];
    place.sst2(&["--data", "nan", "--steps", "1"]).failed(2, &parts);
    place.data("half", &train, format!("{good}{{\"sentence\": \"\\ud83d x\", \"label\": 1}}\n"));
    let parts = ["line 7: not JSON: half of a surrogate pair", "hint: a text was cut"];
    place.sst2(&["--data", "half", "--steps", "1"]).failed(2, &parts);
    place.write("array.json", "[{\"a\": -Infinity}]");
    let parts =
        ["row 1: expected a JSON object, got no JSON: expected a value, got `-Infinity`", "hint: JSON has neither"];
    place.host(&["data", "head", "array.json"]).failed(2, &parts);
}
