//! Files of the kinds that people have, and what becomes of them: the text of a definition, or an error that names the
//! doubt.

use super::*;
use crate::diagnosis::Diagnosis;

/// A folder with one file of rows.
struct Place {
    folder: tempfile::TempDir,
    name: &'static str,
}

/// What the user says besides the rows.
#[derive(Default)]
struct Said<'a> {
    texts: &'a [&'a str],
    label: Option<&'a str>,
    labels: Option<&'a [&'a str]>,
    answer_is: Option<AnswerKind>,
}

impl Place {
    fn new(name: &'static str, rows: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), rows).unwrap();
        Place { folder, name }
    }

    fn make(&self, said: &Said<'_>) -> Result<Vec<String>, NewTaskError> {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let labels = said.labels.map(owned);
        let (file, from) = (self.file(), self.folder.path().join(self.name));
        new_task(NewTask {
            file: &file,
            from: from.to_str().unwrap(),
            texts: &owned(said.texts),
            label: said.label,
            labels: labels.as_deref(),
            answer_is: said.answer_is,
        })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("mine.toml")
    }

    /// The definition as it is written.
    fn text(&self, said: &Said<'_>) -> String {
        self.make(said).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        std::fs::read_to_string(self.file()).unwrap()
    }
}

/// The definition of rows, parsed.
fn definition(name: &'static str, rows: &str, said: &Said<'_>) -> toml::Table {
    toml::from_str(&Place::new(name, rows).text(said)).unwrap()
}

/// What is doubtful, and the hint.
fn doubt(name: &'static str, rows: &str, said: &Said<'_>) -> (String, String) {
    let place = Place::new(name, rows);
    let error = place.make(said).unwrap_err();
    assert!(!place.file().exists(), "{error}");
    (error.to_string().replace(&format!("{}/", place.folder.path().display()), ""), error.hint().unwrap_or_default())
}

/// A key of a definition, `row.labels`, as JSON.
fn key(definition: &toml::Table, name: &str) -> String {
    let (section, key) = name.split_once('.').unwrap();
    definition[section].get(key).map_or_else(|| "none".to_owned(), |value| serde_json::to_string(value).unwrap())
}

fn check(definition: &toml::Table, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(key(definition, name), *value, "{name}");
    }
}

const REVIEWS: &str = "text,label\na fine film,positive\na dull one,negative\nso good,positive\nso bad,negative\n";

#[test]
fn text_and_label_become_a_definition() {
    let place = Place::new("rows.csv", REVIEWS);
    let from = place.folder.path().join("rows.csv").display().to_string();
    let expected = format!(
        "# A task made of the 4 rows in \"{from}\" by\n\
         # `ft-host task new mine.toml --from {from}`. What it guessed can be changed here.\n\
         # `ft-host task check mine.toml` shows the first prompts, `ft-host run --task mine.toml` runs it.\n\
         task = \"template\"\n\
         name = \"mine\"\n\
         \n\
         [data]\n\
         # Demonstrations are drawn from the same rows that are scored; a row that was drawn, and one with the same text,\n\
         # is not scored. Rows that are for one of the two alone can be named by the other key.\n\
         demonstration-files = \"rows.csv\"\n\
         evaluation-files = \"rows.csv\"\n\
         \n\
         [row]\n\
         # What a row is known by, so that no row is scored that is a demonstration.\n\
         query = \"{{{{ text | trim }}}}\"\n\
         # The rows of each value of \"label\": \"negative\" 2, \"positive\" 2.\n\
         labels = [\"negative\", \"positive\"]\n\
         answer = \"label\"\n\
         answer-is = \"text\"\n\
         \n\
         [prompt]\n\
         # What the model reads of a row; each label or choice follows behind a space. Braces have a column's value.\n\
         context = \"Text: {{{{ text | trim }}}}\\nLabel:\"\n"
    );
    assert_eq!(place.text(&Said::default()), expected);
    let notes = Place::new("rows.csv", REVIEWS).make(&Said::default()).unwrap();
    assert_eq!(notes, ["4 rows; the text is in `text`", "the label is in `label`: \"negative\", \"positive\""]);
    // What is there stays as it is.
    let again = place.make(&Said::default()).unwrap_err().to_string();
    assert!(again.ends_with("mine.toml`: expected the name of a new file, got one that is there"), "{again}");
    assert_eq!(std::fs::read_to_string(place.file()).unwrap(), expected);
}

#[test]
fn the_label_may_come_first_and_be_a_number() {
    let rows = "Sentiment,ID,Review Text\n1,a1,a fine film\n0,a2,a dull one\n1,a3,so good\n";
    let definition = definition("rows.csv", rows, &Said::default());
    check(
        &definition,
        &[
            ("row.query", r#""{{ row[\"Review Text\"] | trim }}""#),
            ("row.labels", r#"["0","1"]"#),
            ("row.answer", r#""Sentiment""#),
            ("row.answer-is", r#""index""#),
        ],
    );
    assert_eq!(
        definition["prompt"]["context"].as_str(),
        Some("Review Text: {{ row[\"Review Text\"] | trim }}\nSentiment:")
    );
    let notes = Place::new("rows.csv", rows).make(&Said::default()).unwrap();
    assert!(notes[2].starts_with("the labels are numbers: `--labels a,b`"), "{notes:?}");
    assert_eq!(notes[3], "not used: `ID`");
    let words = Said { labels: Some(&["bad", "good"]), ..Said::default() };
    check(
        &self::definition("rows.csv", rows, &words),
        &[("row.labels", r#"["bad","good"]"#), ("row.answer-is", "\"index\"")],
    );
    let three = Said { labels: Some(&["bad", "so", "good"]), ..Said::default() };
    assert_eq!(
        doubt("rows.csv", rows, &three).0,
        "`--labels`: expected 2 labels for the numbers 0 to 1 in column `Sentiment`, got 3"
    );
}

#[test]
fn quoted_cells_may_go_over_lines() {
    let rows = "review,label\r\n\"a \"\"fine\"\" film,\r\nreally\",good\r\n\"dull,\r\ndull\",bad\r\nbad,bad\r\n";
    check(
        &definition("rows.csv", rows, &Said::default()),
        &[("row.labels", r#"["bad","good"]"#), ("row.answer", "\"label\"")],
    );
}

#[test]
fn semicolons_are_named_and_a_byte_order_mark_is_none() {
    let (message, hint) = doubt("rows.csv", "\u{feff}text;label\nfine;good\nbad, so bad;bad\n", &Said::default());
    assert_eq!(
        message,
        "`rows.csv`, line 1: expected column names between commas, got one, \"text;label\", with `;` in it"
    );
    assert_eq!(hint, "write it with commas or tabs between its cells");
    check(&definition("rows.csv", &format!("\u{feff}{REVIEWS}"), &Said::default()), &[("row.answer", "\"label\"")]);
}

#[test]
fn labels_in_two_spellings_are_a_doubt_that_a_flag_settles() {
    let rows = "text,label\na,Positive\nb,\"positive \"\nc,negative\nd,positive\n";
    let (message, hint) = doubt("rows.csv", rows, &Said::default());
    assert_eq!(message, "column `label`: expected one spelling of each label, got \"Positive\" and \"positive\"");
    assert!(hint.contains("--labels 'negative,"), "{hint}");
    let said = Said { labels: Some(&["negative", "positive"]), ..Said::default() };
    check(
        &definition("rows.csv", rows, &said),
        &[
            ("row.labels", r#"["negative","positive"]"#),
            ("row.answer", r#""label | string | trim | lower""#),
            ("row.answer-is", "\"text\""),
            ("row.answers", "none"),
        ],
    );
    let said = Said { labels: Some(&["Negative", "Positive"]), ..Said::default() };
    let answers = [("row.labels", r#"["Negative","Positive"]"#), ("row.answers", r#"["negative","positive"]"#)];
    check(&definition("rows.csv", rows, &said), &answers);
    let said = Said { labels: Some(&["neg", "positive"]), ..Said::default() };
    assert_eq!(doubt("rows.csv", rows, &said).0, "column `label`: expected one of `neg`, `positive`, got \"negative\"");
    let marks = doubt("rows.csv", "text,label\na,sci-tech\nb,sci_tech\nc,world\n", &Said::default());
    assert!(marks.0.ends_with("got \"sci-tech\" and \"sci_tech\""), "{marks:?}");
    // In one spelling with space around it, each is clear.
    let padded = definition("rows.csv", "text,label\na, good\nb, bad\nc, bad\n", &Said::default());
    check(&padded, &[("row.labels", r#"["bad","good"]"#), ("row.answer", "\"label | trim\"")]);
}

#[test]
fn a_list_of_choices_and_a_letter_become_choices() {
    let rows = r#"{"question": "2 + 2?", "choices": ["3", "4", "5"], "answer": "B"}
{"question": "1 + 2?", "choices": ["3", "4"], "answer": "a"}
"#;
    let place = Place::new("rows.jsonl", rows);
    let text = place.text(&Said::default());
    let definition: toml::Table = toml::from_str(&text).unwrap();
    check(
        &definition,
        &[
            ("row.choices", "\"choices\""),
            ("row.answer", "\"answer\""),
            ("row.answer-is", "\"letter\""),
            ("row.labels", "none"),
        ],
    );
    assert_eq!(definition["prompt"]["context"].as_str(), Some("Question: {{ question | trim }}\nAnswer:"));
    let notes = Place::new("rows.jsonl", rows).make(&Said::default()).unwrap();
    assert_eq!(notes[1], "the choices are in `choices`, and `answer` names the right one by its letter");
}

#[test]
fn choices_may_be_columns_or_an_object() {
    let rows = "ctx,option_a,option_b,option_c,correct\nx y,red,green,blue,3\nz,one,two,three,1\n";
    check(
        &definition("rows.csv", rows, &Said::default()),
        &[
            ("row.choices", r#"["{{ option_a }}","{{ option_b }}","{{ option_c }}"]"#),
            ("row.answer-is", "\"index-from-1\""),
        ],
    );
    let rows = "sentence,option1,option2,answer\nx _ y,a,b,2\nz _,c,d,1\n";
    check(&definition("rows.csv", rows, &Said::default()), &[("row.choices", r#"["{{ option1 }}","{{ option2 }}"]"#)]);
    let rows = "Question,A,B,C,D,Answer\nx,1,2,3,4,D\ny,5,6,7,8,A\n";
    check(
        &definition("rows.csv", rows, &Said::default()),
        &[("row.choices", r#"["{{ A }}","{{ B }}","{{ C }}","{{ D }}"]"#), ("row.answer-is", "\"letter\"")],
    );
    let rows = r#"{"question": "x", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "B"}
"#;
    check(
        &definition("rows.jsonl", rows, &Said::default()),
        &[("row.choices", "\"choices.text\""), ("row.answer", "\"answerKey\""), ("row.answer-is", "\"letter\"")],
    );
    // The labels of the choices are in another order than the letters.
    let (message, _) = doubt("rows.jsonl", &rows.replace(r#"["A", "B"]"#, r#"["B", "A"]"#), &Said::default());
    assert!(message.contains("row 1") || message.contains("line 1"), "{message}");
}

#[test]
fn an_answer_that_is_index_and_text_is_a_doubt_that_a_flag_settles() {
    let rows = r#"{"question": "x", "choices": ["1", "2", "0"], "answer": 1}
{"question": "y", "choices": ["2", "0", "1"], "answer": 0}
"#;
    let (message, hint) = doubt("rows.jsonl", rows, &Said::default());
    assert_eq!(
        message,
        "column `answer`: expected answers that mean one choice, got some that may be `text` or `index`"
    );
    assert_eq!(hint, "say which is meant with `--answer-is`");
    let said = Said { answer_is: Some(AnswerKind::Index), ..Said::default() };
    check(&definition("rows.jsonl", rows, &said), &[("row.answer-is", "\"index\"")]);
    // Nothing says from which number they count.
    let rows = "question,choice1,choice2,choice3,answer\nx,a,b,c,1\ny,a,b,c,2\n";
    let (message, _) = doubt("rows.csv", rows, &Said::default());
    assert!(message.ends_with("got some that may be `index` or `index-from-1`"), "{message}");
    let said = Said { answer_is: Some(AnswerKind::Letter), ..Said::default() };
    let (message, _) = doubt("rows.csv", rows, &said);
    assert_eq!(message, "`rows.csv`, line 2: column `answer`: expected a letter from A to C, got \"1\"");
}

#[test]
fn what_is_in_doubt_is_named_with_its_flag() {
    let many: String = (0..120).map(|row| format!("row {row} of many,l{}\n", row / 2)).collect();
    let many = format!("text,label\n{many}");
    let cases: [(&str, &str, &str); 7] = [
        (
            "text,label,category\na,x,u\nb,y,v\nc,x,u\n",
            "`rows.csv`: expected one column with labels, got `label`, `category`",
            "--label COLUMN",
        ),
        (
            "one,other,label\na b c,d e f,x\ng h i,j k l,y\n",
            "`rows.csv`: expected one column with the text, got `one`, `other`",
            "--text COLUMN",
        ),
        (
            "fine,bad\nso good,good\ndull,bad\nso bad,bad\n",
            "`rows.csv`, line 1: expected the names of columns, got \"bad\", which looks like a part of a row",
            "text,label",
        ),
        ("text,label\na,x\nb,x\n", "column `label`: expected two labels or more, got one, \"x\"", "--label COLUMN"),
        (&many, "column `label`: expected at most 50 labels, got 60", "--labels a,b,c"),
        ("text,label\n", "`rows.csv`: expected rows, got none", ""),
        (
            "id,label\n1,x\n2,y\n",
            "`rows.csv`: expected one column with the text, got none among `id`, `label`",
            "--text",
        ),
    ];
    for (rows, expected, flag) in cases {
        let (message, hint) = doubt("rows.csv", rows, &Said::default());
        assert!(message.starts_with(expected), "{message}");
        assert!(hint.contains(flag), "{hint}");
    }
    let fractions = "{\"text\": \"a\", \"label\": 1.5}\n{\"text\": \"b\", \"label\": 2}\n";
    assert_eq!(
        doubt("rows.jsonl", fractions, &Said::default()).0,
        "column `label`: expected labels, got numbers with fractions"
    );
    let said = Said { label: Some("lable"), ..Said::default() };
    assert_eq!(
        doubt("rows.csv", REVIEWS, &said).0,
        "`--label lable`: expected one of the columns `text`, `label`, got another name"
    );
    let said = Said { texts: &["texts"], ..Said::default() };
    assert!(doubt("rows.csv", REVIEWS, &said).0.starts_with("`--text texts`: expected one of the columns"));
}

#[test]
fn flags_settle_which_columns_are_meant() {
    let rows = "one,other,label,category\na b c,d e f,x,u\ng h i,j k l,y,v\n";
    let said = Said { texts: &["other", "one"], label: Some("category"), ..Said::default() };
    let made = definition("rows.csv", rows, &said);
    check(&made, &[("row.query", "\"{{ other | trim }} {{ one | trim }}\""), ("row.answer", "\"category\"")]);
    assert_eq!(made["prompt"]["context"].as_str(), Some("Other: {{ other | trim }}\nOne: {{ one | trim }}\nCategory:"));
    let pair = "premise,hypothesis,label\na,b,yes\nc,d,no\n";
    check(
        &definition("rows.csv", pair, &Said::default()),
        &[("row.query", "\"{{ premise | trim }} {{ hypothesis | trim }}\"")],
    );
}

#[test]
fn rows_without_text_or_label_are_left_out_by_a_filter() {
    let rows = r#"{"text": "a", "label": 0}
{"text": null, "label": 1}
{"text": "b", "label": 1}
{"label": 1}
{"text": " ", "label": 0}
{"text": "c", "label": -1}
{"text": "d", "label": 2}
"#;
    let made = definition("rows.jsonl", rows, &Said::default());
    assert_eq!(
        made["data"]["filter"].as_str(),
        Some("text is defined and text is not none and (text | string | trim) != '' and label != -1")
    );
    check(&made, &[("row.labels", r#"["0","1","2"]"#), ("row.answer-is", "\"index\"")]);
    let notes = Place::new("rows.jsonl", rows).make(&Said::default()).unwrap();
    let left_out = "rows are left out that have nothing (\"text\" in 3 rows), or that have -1 in \"label\", taken for no label \
                    (1 rows)";
    assert!(notes.iter().any(|note| note == left_out), "{notes:?}");
    let made = definition("rows.csv", "text,label\na,x\nb,\nc,y\n", &Said::default());
    assert_eq!(made["data"]["filter"].as_str(), Some("(label | string | trim) != ''"));
    assert!(
        !REVIEWS.contains("filter")
            && definition("rows.csv", REVIEWS, &Said::default())["data"].get("filter").is_none()
    );
}

#[test]
fn booleans_and_numbers_that_do_not_count_on_are_labels() {
    let rows = "{\"text\": \"a\", \"spam\": true}\n{\"text\": \"b\", \"spam\": false}\n";
    let made = definition("rows.jsonl", rows, &Said::default());
    check(&made, &[("row.labels", r#"["false","true"]"#), ("row.answer-is", "\"index\"")]);
    let made = definition("rows.csv", "text,stars\na,10\nb,2\nc,2\n", &Said::default());
    check(&made, &[("row.labels", r#"["2","10"]"#), ("row.answer-is", "\"text\"")]);
    let made = definition("rows.csv", "text,stars\na,1.0\nb,2.0\nc,3\n", &Said::default());
    check(&made, &[("row.labels", r#"["1","2","3"]"#), ("row.answer-is", "\"index-from-1\"")]);
    // Tables have booleans as texts, and JSON with missing values has whole numbers with a point.
    let made = definition("rows.csv", "text,spam\na,true\nb,false\nc,true\n", &Said::default());
    check(&made, &[("row.labels", r#"["false","true"]"#), ("row.answer-is", "\"text\"")]);
    let rows = "{\"text\": \"a\", \"label\": 1.0}\n{\"text\": \"b\", \"label\": 0.0}\n";
    check(
        &definition("rows.jsonl", rows, &Said::default()),
        &[("row.labels", r#"["0","1"]"#), ("row.answer-is", "\"index\"")],
    );
}

#[test]
fn minus_one_is_a_label_or_none_as_the_flag_says() {
    let rows = |values: &[&str]| {
        let rows: String = values.iter().enumerate().map(|(row, value)| format!("t{row},{value}\n")).collect();
        format!("text,sentiment\n{rows}")
    };
    let sides = rows(&["-1", "0", "1", "-1"]);
    let (message, hint) = doubt("rows.csv", &sides, &Said::default());
    assert_eq!(
        message,
        "column `sentiment`: expected numbers that are labels, got `-1`, `0`, `1`, of which -1 may be one or stand for none"
    );
    assert_eq!(
        hint,
        "name them with `--labels` and 3 texts, for -1, 0, 1 in this order; with 2 texts, rows with -1 are left out"
    );
    let three = Said { labels: Some(&["bad", "so", "good"]), ..Said::default() };
    let made = definition("rows.csv", &sides, &three);
    check(
        &made,
        &[
            ("row.labels", r#"["bad","so","good"]"#),
            ("row.answer", "\"sentiment\""),
            ("row.answer-is", "\"text\""),
            ("row.answers", r#"["-1","0","1"]"#),
            ("data.filter", "none"),
        ],
    );
    let two = Said { labels: Some(&["no", "yes"]), ..Said::default() };
    let filter = ("data.filter", "\"(sentiment | string | trim | int) != -1\"");
    let answer = ("row.answer-is", "\"index\"");
    check(&definition("rows.csv", &sides, &two), &[("row.labels", r#"["no","yes"]"#), answer, filter]);
    let notes = Place::new("rows.csv", &sides).make(&two).unwrap();
    let note = "rows are left out that have -1 in \"sentiment\", taken for no label (2 rows)";
    assert!(notes.iter().any(|known| known == note), "{notes:?}");
    // Beside 0, 1 and 2 it is none, however it is written.
    check(&definition("rows.csv", &rows(&["-1.0", "0.0", "1.0", "2.0"]), &Said::default()), &[answer, filter]);
    assert!(doubt("rows.csv", &rows(&["-1", "1", "2"]), &Said::default()).1.contains("3 texts, for -1, 1, 2 in"));
    // Two sides are two labels, by value.
    let made = definition("rows.csv", &rows(&["-1", "1"]), &Said::default());
    check(&made, &[("row.labels", r#"["-1","1"]"#), ("row.answer-is", "\"text\""), ("row.answer", "\"sentiment\"")]);
    let made = definition("rows.csv", &rows(&["-1.0", "1", "1.0"]), &two);
    check(
        &made,
        &[
            ("row.labels", r#"["no","yes"]"#),
            ("row.answer", "\"sentiment | string | trim | int\""),
            ("row.answers", r#"["-1","1"]"#),
        ],
    );
    // Numbers as labels are meant by value, in whatever order they are named.
    let said = Said { labels: Some(&["1", "0"]), ..Said::default() };
    check(&definition("rows.csv", &rows(&["0", "1"]), &said), &[("row.labels", r#"["0","1"]"#), answer]);
}

#[test]
fn text_is_not_left_out_without_being_asked() {
    let rows = |columns: &str| {
        let row = |row: usize| format!("The {row}. thing that was said,Claim number {row},{}\n", ["x", "y"][row % 2]);
        format!("{columns},label\n{}", (0..6).map(row).collect::<String>())
    };
    for (columns, found) in [("premise,claim", "`premise`, `claim`"), ("title,body", "`title`, `body`")] {
        let (message, hint) = doubt("rows.csv", &rows(columns), &Said::default());
        assert_eq!(message, format!("`rows.csv`: expected one column with the text, got {found}"));
        assert!(hint.contains("`--text COLUMN`, or several"), "{hint}");
    }
    let said = Said { texts: &["title", "body"], ..Said::default() };
    check(
        &definition("rows.csv", &rows("title,body"), &said),
        &[("row.query", "\"{{ title | trim }} {{ body | trim }}\"")],
    );
    // Words that come again, and addresses, are no such text.
    let rows =
        "text,place,url,label\na b,the north,http://a/1,x\nc d,the north,http://a/2,y\ne f,the north,http://a/3,y\n";
    check(&definition("rows.csv", rows, &Said::default()), &[("row.query", "\"{{ text | trim }}\"")]);
}

#[test]
fn letters_beside_a_label_are_choices_only_if_the_user_says_so() {
    let rows = "question,a,b,label\nare they alike?,one,two,0\nare these?,three,three,1\n";
    let (message, hint) = doubt("rows.csv", rows, &Said::default());
    assert_eq!(
        message,
        "columns `a`, `b`: expected choices, of which `label` names the right one, or texts with a label, got what may be both"
    );
    assert!(hint.contains("`--answer-is index`") && hint.contains("`--labels a,b`"), "{hint}");
    let said = Said { answer_is: Some(AnswerKind::Index), ..Said::default() };
    check(&definition("rows.csv", rows, &said), &[("row.choices", r#"["{{ a }}","{{ b }}"]"#)]);
    let said = Said { labels: Some(&["no", "yes"]), ..Said::default() };
    check(&definition("rows.csv", rows, &said), &[("row.labels", r#"["no","yes"]"#), ("row.choices", "none")]);
}

#[test]
fn a_column_row_is_named_or_refused() {
    let rows = "row,label\na fine film,x\na dull one,y\n";
    check(&definition("rows.csv", rows, &Said::default()), &[("row.query", "\"{{ row | trim }}\"")]);
    let (message, hint) = doubt(
        "rows.csv",
        "row,Review Text,label\n1,a,x\n2,b,y\n",
        &Said { texts: &["Review Text"], ..Said::default() },
    );
    assert_eq!(
        message,
        "column `row`: expected another name, as a definition names column `Review Text` by the whole row, which it calls `row`"
    );
    assert!(hint.starts_with("rename the column `row`"), "{hint}");
    let rows = "{\"row\": \"a b\", \"label\": \"x\"}\n{\"label\": \"y\"}\n";
    assert!(doubt("rows.jsonl", rows, &Said::default()).0.starts_with("column `row`: expected another name"));
}

#[test]
fn names_of_files_mean_these_files_alone() {
    for (name, expected) in [
        ("rows[1].csv", "\"rows[[]1].csv\""),
        ("{{x}}.csv", "\"[{][{]x}}.csv\""),
        ("a{% b.csv", "\"a[{]% b.csv\""),
        #[cfg(unix)]
        ("what?*.csv", "\"what[?][*].csv\""),
    ] {
        let place = Place::new(name, REVIEWS);
        std::fs::write(place.folder.path().join("rows1.csv"), REVIEWS).unwrap();
        let made: toml::Table = toml::from_str(&place.text(&Said::default())).unwrap();
        check(&made, &[("data.evaluation-files", expected)]);
        // The pattern means the file itself.
        let pattern = place.folder.path().join(made["data"]["evaluation-files"].as_str().unwrap());
        assert_eq!(expand(&pattern).unwrap(), [place.folder.path().join(name)]);
    }
    #[cfg(unix)]
    assert!(doubt("a\\b.csv", REVIEWS, &Said::default()).0.ends_with("without `\\`, got another"));
    let long = format!("{}-{}.toml", "x".repeat(63), "y".repeat(63));
    assert_eq!(task_name(Path::new(&long)), "x".repeat(63));
    assert_eq!(task_name(Path::new(&"z".repeat(65))), "z".repeat(64));
}

#[test]
fn rows_are_named_from_the_definitions_folder_and_never_out_of_it() {
    let place = Place::new("rows.csv", REVIEWS);
    let root = place.folder.path();
    std::fs::create_dir_all(root.join("data/parts")).unwrap();
    std::fs::create_dir_all(root.join("tasks")).unwrap();
    for part in ["a", "b"] {
        std::fs::write(root.join(format!("data/parts/{part}.csv")), REVIEWS).unwrap();
    }
    let make = |file: &str, from: &str| {
        let (file, from) = (root.join(file), root.join(from).display().to_string());
        let asked = NewTask { file: &file, from: &from, texts: &[], label: None, labels: None, answer_is: None };
        new_task(asked).map(|_| toml::from_str::<toml::Table>(&std::fs::read_to_string(&file).unwrap()).unwrap())
    };
    let made = make("My Task.toml", "data/parts/*.csv").unwrap();
    check(&made, &[("data.evaluation-files", r#"["data/parts/a.csv","data/parts/b.csv"]"#)]);
    assert_eq!(made["name"].as_str(), Some("my-task"));
    let error = make("tasks/mine.toml", "rows.csv").unwrap_err();
    assert!(error.to_string().contains("expected rows in the definition's folder `"), "{error}");
    assert!(error.hint().unwrap().contains("copy them beside it"));
    assert!(make("mine.txt", "rows.csv").unwrap_err().to_string().ends_with("expected a name that ends in .toml"));
    let address = NewTask {
        file: &root.join("x.toml"),
        from: "hf://datasets/a/b/x.csv",
        texts: &[],
        label: None,
        labels: None,
        answer_is: None,
    };
    assert!(new_task(address).unwrap_err().hint().unwrap().contains("ft-host data pull 'hf://datasets/a/b/x.csv'"));
}
