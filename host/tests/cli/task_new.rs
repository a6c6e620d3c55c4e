//! `ft-host task new`: files of rows in, a definition or an error with its flag out.

use crate::support::Place;

#[test]
fn rows_become_a_definition_that_is_never_overwritten() {
    let place = Place::empty();
    place.write("rows.csv", "text,label\na fine film,positive\na dull one,negative\nso good,positive\n");
    let new = ["task", "new", "mine.toml", "--from", "rows.csv"];
    let made = place.host(&new).good();
    assert_eq!(made.stdout, "mine.toml\n");
    assert!(made.stderr.contains("the label is in `label`: \"negative\", \"positive\""), "{}", made.stderr);
    let text = place.read("mine.toml");
    assert!(text.contains("# `ft-host task new mine.toml --from rows.csv`."), "{text}");
    let definition: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(definition["task"].as_str(), Some("template"));
    assert_eq!(definition["data"]["evaluation-files"].as_str(), Some("rows.csv"));
    place.host(&new).failed(2, &["`mine.toml`: expected the name of a new file, got one that is there"]);
    assert_eq!(place.read("mine.toml"), text);
}

#[test]
fn a_doubt_ends_with_the_flag_that_settles_it() {
    let place = Place::empty();
    place.write("rows.csv", "text,label\na,Positive\nb,\"positive \"\nc,negative\n");
    let new = ["task", "new", "mine.toml", "--from", "rows.csv"];
    place.host(&new).failed(
        2,
        &[
            "column `label`: expected one spelling of each label, got \"Positive\" and \"positive \"",
            "hint: if they are one label, say `--labels 'negative,",
        ],
    );
    place.host(&[&new[..], &["--labels", "negative,positive"]].concat()).good();
    let text = place.read("mine.toml");
    assert!(text.contains("answer = \"label | string | trim | lower\""), "{text}");
    place.write("sides.csv", "text,sentiment\na,-1\nb,0\nc,1\n");
    place
        .host(&["task", "new", "other.toml", "--from", "sides.csv"])
        .failed(2, &["got `-1`, `0`, `1`, of which -1 may be one", "hint: name them with `--labels` and 3 texts"]);
    let made = place.host(&["task", "new", "other.toml", "--from", "sides.csv", "--labels", "no,yes"]).good();
    assert!(made.stderr.contains("rows are left out that have -1 in \"sentiment\""), "{}", made.stderr);
    std::fs::remove_file(place.path("other.toml")).unwrap();
    place.write("lines.jsonl.gz", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\"");
    place
        .host(&["task", "new", "other.toml", "--from", "lines.jsonl.gz"])
        .failed(2, &["`lines.jsonl.gz`, line 2: the last line is half written"]);
    place
        .host(&["task", "new", "other.toml", "--from", "none/*.csv"])
        .failed(2, &["`none/*.csv`: expected files of such a name, got none"]);
}
