//! Which columns are what: by the names that people give them, and by what they hold.

use super::error::{NewTaskError, Role};
use super::survey::{Column, Survey};

/// Names of columns with labels, without case and marks; a name may also end in one of the first four.
const LABEL_NAMES: [&str; 25] = [
    "label",
    "class",
    "category",
    "sentiment",
    "labels",
    "classes",
    "categories",
    "target",
    "y",
    "intent",
    "topic",
    "tag",
    "stance",
    "emotion",
    "polarity",
    "rating",
    "stars",
    "verdict",
    "gold",
    "outcome",
    "answer",
    "labeltext",
    "labelname",
    "classname",
    "spam",
];

/// Names of columns with the right choice.
const ANSWER_NAMES: [&str; 15] = [
    "answer",
    "answerkey",
    "label",
    "correct",
    "gold",
    "target",
    "correctanswer",
    "correctoption",
    "correctchoice",
    "answeridx",
    "answerindex",
    "answerid",
    "solution",
    "key",
    "correctidx",
];

/// Names of columns with the text of a row.
const TEXT_NAMES: [&str; 29] = [
    "text",
    "sentence",
    "review",
    "content",
    "question",
    "premise",
    "hypothesis",
    "sentence1",
    "sentence2",
    "question1",
    "question2",
    "text1",
    "text2",
    "texta",
    "textb",
    "comment",
    "tweet",
    "document",
    "passage",
    "context",
    "message",
    "body",
    "query",
    "stem",
    "ctx",
    "utterance",
    "questionstem",
    "statement",
    "reviewtext",
];

/// Columns that are one text together.
const PAIRS: [[&str; 2]; 6] = [
    ["premise", "hypothesis"],
    ["sentence1", "sentence2"],
    ["question1", "question2"],
    ["text1", "text2"],
    ["texta", "textb"],
    ["question", "passage"],
];

/// Names of lists of choices.
const LIST_NAMES: [&str; 6] = ["choices", "options", "endings", "answers", "candidates", "alternatives"];

/// What the names of columns with a choice each begin with; letters and numbers follow, or a letter is all of it.
const SERIES: [&str; 11] =
    ["", "option", "choice", "answer", "ending", "sol", "opt", "alternative", "candidate", "mc", "solution"];

/// Names of what is no text of a row and no label, but counts or names rows.
const ID_NAMES: [&str; 12] =
    ["id", "idx", "index", "guid", "uid", "uuid", "rowid", "rowidx", "unnamed0", "key", "pairid", "questionid"];

/// Characters of a label.
pub(super) const LABEL_CHARACTERS: usize = 100;

/// Labels that are taken for some where nobody names them.
pub(super) const MOST_LABELS: usize = 50;

/// Characters and words of a heading; more are a part of a row.
const HEADING: (usize, usize) = (60, 8);

/// Where the choices of a row are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChoicesFrom {
    /// A list in a column.
    List(String),
    /// The list `text` of an object in a column, which has `label` beside it.
    Labelled(String),
    /// A column for each.
    Columns(Vec<String>),
}

impl ChoicesFrom {
    /// The columns that they are in.
    pub(super) fn columns(&self) -> Vec<String> {
        match self {
            ChoicesFrom::List(column) | ChoicesFrom::Labelled(column) => vec![column.clone()],
            ChoicesFrom::Columns(columns) => columns.clone(),
        }
    }
}

/// Whether the columns of choices are called by letters alone and the right one is in a column for labels: all of them may
/// be texts with a label as well.
pub(super) fn may_be_texts(from: &ChoicesFrom, answer: &str) -> bool {
    let name = plain(answer);
    let is_label = LABEL_NAMES.contains(&name.as_str()) && name != "answer";
    is_label && matches!(from, ChoicesFrom::Columns(columns) if columns.iter().all(|column| plain(column).len() == 1))
}

/// A column's name without case, marks and spaces.
fn plain(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Refuses a first line that looks like a row, where the file has cells.
pub(super) fn check_headings(survey: &Survey, rows: &str) -> Result<(), NewTaskError> {
    let looks_like_a_row = |column: &&Column| {
        let name = column.name.trim();
        let is_value = column.values.as_ref().is_some_and(|values| values.contains_key(&column.name));
        let is_long = name.chars().count() > HEADING.0 || name.split_whitespace().count() > HEADING.1;
        is_value || is_long || name.parse::<f64>().is_ok()
    };
    match survey.columns.iter().find(looks_like_a_row) {
        Some(column) => Err(NewTaskError::NoHeadings { rows: rows.to_owned(), heading: column.name.clone() }),
        None => Ok(()),
    }
}

/// Refuses a column that is not there.
pub(super) fn check_column(survey: &Survey, flag: &'static str, name: &str) -> Result<(), NewTaskError> {
    match survey.column(name) {
        Some(_) => Ok(()),
        None => Err(NewTaskError::NoColumn { flag, column: name.to_owned(), columns: survey.names() }),
    }
}

/// The choices of rows that have some of their own.
pub(super) fn choices(survey: &Survey, label: Option<&str>) -> Option<ChoicesFrom> {
    let lists: Vec<&Column> = survey.columns.iter().filter(|column| column.lists == survey.rows).collect();
    let labelled: Vec<&Column> = survey.columns.iter().filter(|column| column.labelled == survey.rows).collect();
    let named = lists.iter().find(|column| LIST_NAMES.contains(&plain(&column.name).as_str()));
    match (labelled.as_slice(), lists.as_slice(), named) {
        ([one], ..) => return Some(ChoicesFrom::Labelled(one.name.clone())),
        (_, _, Some(one)) | (_, [one], None) => return Some(ChoicesFrom::List(one.name.clone())),
        _ => {}
    }
    series(survey, label).map(ChoicesFrom::Columns)
}

/// Columns that count on from each other: `option1`, `option2`; `choice_a`, `choice_b`; `A`, `B`, `C`.
fn series(survey: &Survey, label: Option<&str>) -> Option<Vec<String>> {
    let found = SERIES.iter().filter_map(|stem| {
        let counted = |first: char| -> Vec<String> {
            let last = if first.is_ascii_digit() { '9' } else { 'z' };
            let names = (first..=last).map(|mark| format!("{stem}{mark}"));
            let columns = names.map_while(|name| {
                let column = survey.columns.iter().find(|column| plain(&column.name) == name)?;
                (Some(column.name.as_str()) != label && column.lists + column.labelled + column.others == 0)
                    .then(|| column.name.clone())
            });
            columns.collect()
        };
        // Digits alone are names of nothing.
        let starts: &[char] = if stem.is_empty() { &['a'] } else { &['0', '1', 'a'] };
        starts.iter().map(|first| counted(*first)).find(|columns| columns.len() > 1)
    });
    found.max_by_key(Vec::len)
}

/// The column with the right choice of each row.
pub(super) fn answer(
    survey: &Survey,
    rows: &str,
    asked: Option<&str>,
    taken: &[String],
) -> Result<String, NewTaskError> {
    let is_answer = |column: &&Column| column.is_scalar() && ANSWER_NAMES.contains(&plain(&column.name).as_str());
    let found = free(survey, taken).filter(is_answer).map(|column| column.name.clone()).collect();
    one(survey, rows, Role::Answer, asked, found)
}

/// The column with the label of each row.
pub(super) fn label(survey: &Survey, rows: &str, asked: Option<&str>) -> Result<String, NewTaskError> {
    let named = |column: &&Column| {
        let name = plain(&column.name);
        LABEL_NAMES.contains(&name.as_str()) || LABEL_NAMES[..4].iter().any(|end| name.ends_with(end))
    };
    let names = |columns: Vec<&Column>| columns.into_iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let by_name: Vec<&Column> = survey.columns.iter().filter(named).collect();
    let good = names(by_name.iter().copied().filter(|column| may_have_labels(column)).collect());
    let found = match (good.is_empty(), by_name.is_empty()) {
        (false, _) => good,
        // What is wrong with its values is told by them.
        (true, false) => names(by_name),
        (true, true) => {
            let repeated = |column: &&Column| {
                let count = column.values.as_ref().map_or(0, |values| values.len() as u64);
                may_have_labels(column) && !is_id(column) && count > 1 && count * 2 <= survey.rows
            };
            names(survey.columns.iter().filter(repeated).collect())
        }
    };
    one(survey, rows, Role::Label, asked, found)
}

/// The columns with the text of each row, in its order.
pub(super) fn texts(
    survey: &Survey,
    rows: &str,
    asked: &[String],
    taken: &[String],
) -> Result<Vec<String>, NewTaskError> {
    if !asked.is_empty() {
        asked.iter().try_for_each(|name| check_column(survey, "--text", name))?;
        return Ok(asked.to_vec());
    }
    let texts: Vec<&Column> = free(survey, taken).filter(|column| column.is_text() && !is_id(column)).collect();
    let named: Vec<&Column> =
        texts.iter().copied().filter(|column| TEXT_NAMES.contains(&plain(&column.name).as_str())).collect();
    let pair: Vec<String> = named.iter().map(|column| plain(&column.name)).collect();
    // What somebody wrote belongs to the text, whatever it is called, or else it is said that it does not.
    let prose: Vec<&Column> = texts.iter().copied().filter(|column| column.is_prose(survey.rows)).collect();
    let is_named = |column: &&&Column| named.iter().any(|known| known.name == column.name);
    if !named.is_empty() && prose.iter().any(|column| !is_named(&column)) {
        let meant =
            texts.iter().filter(|column| is_named(column) || prose.iter().any(|known| known.name == column.name));
        let found = meant.map(|column| column.name.clone()).collect();
        return one(survey, rows, Role::Text, None, found).map(|name| vec![name]);
    }
    if PAIRS.iter().any(|names| pair.len() == 2 && names.iter().all(|name| pair.iter().any(|known| known == name))) {
        return Ok(named.into_iter().map(|column| column.name.clone()).collect());
    }
    // Words that come again and again are no text of a row.
    let is_long = |column: &&&Column| {
        column.mean_characters() > 20
            || column.values.as_ref().is_none_or(|values| values.len() as u64 * 2 > survey.rows)
    };
    let long: Vec<&Column> = texts.iter().filter(is_long).copied().collect();
    let found = [named, long, texts].into_iter().find(|columns| !columns.is_empty()).unwrap_or_default();
    let found = found.into_iter().map(|column| column.name.clone()).collect();
    one(survey, rows, Role::Text, None, found).map(|name| vec![name])
}

fn free<'a>(survey: &'a Survey, taken: &'a [String]) -> impl Iterator<Item = &'a Column> {
    survey.columns.iter().filter(|column| !taken.contains(&column.name))
}

fn is_id(column: &Column) -> bool {
    let name = plain(&column.name);
    ID_NAMES.contains(&name.as_str()) || column.name.to_ascii_lowercase().ends_with("_id")
}

fn may_have_labels(column: &Column) -> bool {
    let is_short = |value: &String| value.chars().count() <= LABEL_CHARACTERS && !value.contains('\n');
    column.is_scalar()
        && column.values.as_ref().is_some_and(|values| values.len() <= MOST_LABELS && values.keys().all(is_short))
}

/// The column that the user names, or the only one that was found.
fn one(
    survey: &Survey,
    rows: &str,
    role: Role,
    asked: Option<&str>,
    mut found: Vec<String>,
) -> Result<String, NewTaskError> {
    if let Some(name) = asked {
        return check_column(survey, "--label", name).map(|()| name.to_owned());
    }
    match (found.len(), found.pop()) {
        (1, Some(name)) => Ok(name),
        (_, last) => {
            found.extend(last);
            Err(NewTaskError::Columns { rows: rows.to_owned(), role, found, columns: survey.names() })
        }
    }
}
