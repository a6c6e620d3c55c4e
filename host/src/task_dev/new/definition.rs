//! The text of a new definition, with comments on what was guessed.

use super::answers::AnswerKind;
use super::columns::ChoicesFrom;
use super::error::NewTaskError;
use super::labels::Labels;
use super::survey::{Column, Survey, WHOLE};
use crate::task_dev::text::{WORDS, string};

/// Labels whose rows a comment counts one by one.
const COUNTED: usize = 20;

/// Names besides [`WORDS`] that mean something else in Jinja or in a definition's templates, so that a column of such a name is told
/// by `row[...]`. A column `row` is itself, in place of the whole row.
const TAKEN: [&str; 10] =
    ["self", "range", "dict", "namespace", "debug", "options", "choice", "index", "set", "import"];

/// What a definition is made of.
pub(super) struct Draft<'a> {
    /// The definition's own file and the file of rows, as commands name them.
    pub(super) file: String,
    pub(super) from: String,
    /// The task's name.
    pub(super) name: String,
    /// The files of rows, relative to the definition's folder.
    pub(super) files: Vec<String>,
    pub(super) survey: &'a Survey,
    /// The columns with the text.
    pub(super) texts: &'a [String],
    /// The column with the label or the right choice.
    pub(super) column: &'a str,
    pub(super) right: &'a Right,
}

/// What the right answer of a row is one of.
pub(super) enum Right {
    /// Labels that all rows have in common.
    Labels(Labels),
    /// Choices of the row's own.
    Choices {
        /// Where they are.
        from: ChoicesFrom,
        /// How the right one is named.
        kind: AnswerKind,
    },
}

impl Draft<'_> {
    /// The whole text.
    pub(super) fn text(&self) -> String {
        let Draft { file, from, name, survey, .. } = self;
        let rows = survey.rows;
        let [file_word, from_word] = [file, from].map(|word| shell_word(word));
        [
            format!("# A task made of the {rows} rows in {} by", string(from)),
            format!("# `ft-host task new {file_word} --from {from_word}`. What it guessed can be changed here."),
            format!(
                "# `ft-host task check {file_word}` shows the first prompts, `ft-host run --task {file_word}` runs it."
            ),
            "task = \"template\"".into(),
            format!("name = {}", string(name)),
            String::new(),
            self.data(),
            String::new(),
            self.row(),
            String::new(),
            self.prompt(),
            String::new(),
        ]
        .join("\n")
    }

    fn data(&self) -> String {
        let files = match self.files.as_slice() {
            [file] => string(file),
            files => format!("[{}]", files.iter().map(|file| string(file)).collect::<Vec<_>>().join(", ")),
        };
        let mut lines = vec![
            "[data]".to_owned(),
            "# Demonstrations are drawn from the same rows that are scored; a row that was drawn, and one with the same text,"
                .into(),
            "# is not scored. Rows that are for one of the two alone can be named by the other key.".into(),
            format!("demonstration-files = {files}"),
            format!("evaluation-files = {files}"),
        ];
        if let Some((filter, why)) = self.filter() {
            lines.extend([format!("# Rows are left out that {why}."), format!("filter = {}", string(&filter))]);
        }
        lines.join("\n")
    }

    /// What leaves out rows without a text or without an answer, and which rows they are.
    pub(super) fn filter(&self) -> Option<(String, String)> {
        let columns = self.texts.iter().map(String::as_str).chain([self.column]);
        let columns: Vec<&Column> = columns.filter_map(|name| self.survey.column(name)).collect();
        let mut parts: Vec<String> = columns.iter().flat_map(|column| present(column, self.survey.rows)).collect();
        let mut whys: Vec<String> = Vec::new();
        let missing = columns.iter().filter(|column| column.without_value(self.survey.rows) > 0);
        let missing: Vec<String> = missing
            .map(|column| format!("{} in {} rows", string(&column.name), column.without_value(self.survey.rows)))
            .collect();
        if !missing.is_empty() {
            whys.push(format!("have nothing ({})", missing.join(", ")));
        }
        if let Right::Labels(Labels { untold: untold @ 1.., .. }) = self.right {
            let column = expression(self.column);
            let is_text = self.survey.column(self.column).is_some_and(|column| column.texts > 0);
            parts.push(if is_text { format!("({column}{WHOLE}) != -1") } else { format!("{column} != -1") });
            whys.push(format!("have -1 in {}, taken for no label ({untold} rows)", string(self.column)));
        }
        (!parts.is_empty()).then(|| (parts.join(" and "), whys.join(", or that ")))
    }

    fn row(&self) -> String {
        let query = self.texts.iter().map(|text| self.shown(text)).collect::<Vec<_>>().join(" ");
        let mut lines = vec![
            "[row]".to_owned(),
            "# What a row is known by, so that no row is scored that is a demonstration.".into(),
            format!("query = {}", string(&query)),
        ];
        let answer = expression(self.column);
        match self.right {
            Right::Labels(labels) => lines.extend(self.labels(labels, &answer)),
            Right::Choices { from, kind } => {
                let choices = match from {
                    ChoicesFrom::List(column) => string(&expression(column)),
                    ChoicesFrom::Labelled(column) => string(&format!("{}.text", expression(column))),
                    ChoicesFrom::Columns(columns) => {
                        let columns = columns.iter().map(|column| string(&format!("{{{{ {} }}}}", expression(column))));
                        format!("[{}]", columns.collect::<Vec<_>>().join(", "))
                    }
                };
                lines.extend([
                    "# The choices of a row, and which of them is right; all rows name it in this way.".into(),
                    format!("choices = {choices}"),
                    format!("answer = {}", string(&answer)),
                    format!("answer-is = {}", string(kind.name())),
                ]);
            }
        }
        lines.join("\n")
    }

    fn labels(&self, labels: &Labels, answer: &str) -> Vec<String> {
        let counted = labels.rows.iter().take(COUNTED).map(|(value, rows)| format!("{} {rows}", string(value)));
        let counted = counted.collect::<Vec<_>>().join(", ");
        let more = if labels.rows.len() > COUNTED { ", ..." } else { "" };
        let mut lines = vec![format!("# The rows of each value of {}: {counted}{more}.", string(self.column))];
        if labels.are_numbers {
            lines.push(
                "# A model knows words better than numbers: write here what they mean, in the same order.".into(),
            );
        }
        let listed = |texts: &[String]| texts.iter().map(|text| string(text)).collect::<Vec<_>>().join(", ");
        lines.push(format!("labels = [{}]", listed(&labels.labels)));
        lines.push(format!("answer = {}", string(&format!("{answer}{}", labels.filters))));
        lines.push(format!("answer-is = {}", string(labels.kind.name())));
        if let Some(answers) = &labels.answers {
            lines.push("# What the answer is, label by label.".into());
            lines.push(format!("answers = [{}]", listed(answers)));
        }
        lines
    }

    fn prompt(&self) -> String {
        let mut context: Vec<String> =
            self.texts.iter().map(|text| format!("{}: {}", caption(text), self.shown(text))).collect();
        context.push(match self.right {
            Right::Labels(_) => format!("{}:", caption(self.column)),
            Right::Choices { .. } => "Answer:".into(),
        });
        [
            "[prompt]".to_owned(),
            "# What the model reads of a row; each label or choice follows behind a space. Braces have a column's value.".into(),
            format!("context = {}", string(&context.join("\n"))),
        ]
        .join("\n")
    }

    /// A column's value in a template.
    fn shown(&self, column: &str) -> String {
        let is_text = self.survey.column(column).is_some_and(Column::is_text);
        let trim = if is_text { " | trim" } else { "" };
        format!("{{{{ {}{trim} }}}}", expression(column))
    }
}

/// What holds for rows that have a value in a column; nothing where all have.
fn present(column: &Column, rows: u64) -> Vec<String> {
    let name = expression(&column.name);
    let defined = (column.present < rows).then(|| match name.starts_with("row[") {
        true => format!("{} in row", quoted_in_jinja(&column.name)),
        false => format!("{name} is defined"),
    });
    let null = (column.nulls > 0).then(|| format!("{name} is not none"));
    let blank = (column.blanks > 0).then(|| format!("({name} | string | trim) != ''"));
    [defined, null, blank].into_iter().flatten().collect()
}

/// Refuses what a definition cannot name: a column whose name is no word of Jinja is `row["its name"]`, and a column `row`
/// stands in the way of that.
pub(super) fn check_names(survey: &Survey, used: &[String]) -> Result<(), NewTaskError> {
    let Some(row) = survey.column("row") else { return Ok(()) };
    let is_bad = |name: &&String| match *name == "row" {
        // Where it is missing, `row` is the whole row.
        true => row.present < survey.rows,
        false => !is_word(name),
    };
    match used.iter().find(is_bad) {
        Some(column) => Err(NewTaskError::RowColumn { column: column.clone() }),
        None => Ok(()),
    }
}

/// A column as an expression of Jinja.
fn expression(column: &str) -> String {
    if is_word(column) { column.to_owned() } else { format!("row[{}]", quoted_in_jinja(column)) }
}

/// Whether a column's name is a variable of Jinja as it is.
fn is_word(column: &str) -> bool {
    column.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && column.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !WORDS.contains(&column)
        && !TAKEN.contains(&column)
}

/// A text in an expression of Jinja, which knows the escapes of JSON.
fn quoted_in_jinja(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A word of a command in a comment: in quotes where a shell would take it apart, and on one line.
fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./".contains(character);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace(|character: char| character.is_control(), "?").replace('\'', "'\\''")),
    }
}

/// A column's name before its value: `review_text` is `Review text`.
fn caption(column: &str) -> String {
    let words = column.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let text = words.collect::<Vec<_>>().join(" ");
    let mut letters = text.chars();
    letters.next().map_or_else(|| "Text".into(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_expressions_of_jinja() {
        for (column, expected) in [
            ("text", "text"),
            ("Review Text", "row[\"Review Text\"]"),
            ("a\"b\n", "row[\"a\\\"b\\n\"]"),
            ("choice", "row[\"choice\"]"),
            ("row", "row"),
            ("1st", "row[\"1st\"]"),
            ("größe", "row[\"größe\"]"),
        ] {
            assert_eq!(expression(column), expected);
        }
        assert_eq!(["review_text", "Größe", "--"].map(caption), ["Review text", "Größe", "Text"]);
        assert_eq!(["a/b.csv", "a b", "it's\n"].map(shell_word), ["a/b.csv", "'a b'", "'it'\\''s?'"]);
        let text = string("a\u{7f}\t\"\n\u{1b}");
        assert_eq!(
            toml::from_str::<toml::Table>(&format!("x = {text}")).unwrap()["x"].as_str(),
            Some("a\u{7f}\t\"\n\u{1b}")
        );
    }
}
