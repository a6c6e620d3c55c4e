//! The labels of a column, and what its values say of them.

use std::collections::BTreeMap;

use super::answers::AnswerKind;
use super::columns::{LABEL_CHARACTERS, MOST_LABELS};
use super::error::NewTaskError;
use super::survey::Column;

/// The number that data sets of the hub have in place of a label that is not told.
const UNTOLD: i64 = -1;

/// The labels of a task, and how rows name them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels {
    /// The labels, in their order.
    pub(super) labels: Vec<String>,
    /// What the values are, in the labels' order, with the number of rows of each.
    pub(super) rows: Vec<(String, u64)>,
    pub(super) kind: AnswerKind,
    /// What is done to a value before it is compared: a chain of Jinja's filters, or nothing.
    pub(super) filters: &'static str,
    /// What the values are after that, where they are not the labels.
    pub(super) answers: Option<Vec<String>>,
    /// Whether rows have the number for no label.
    pub(super) has_untold: bool,
    /// Whether the labels are numbers, for want of better ones.
    pub(super) are_numbers: bool,
}

/// Finds the labels of a column; `asked` are the user's.
///
/// # Errors
/// Values that are no labels, or are in doubt.
pub(super) fn labels(column: &Column, asked: Option<&[String]>) -> Result<Labels, NewTaskError> {
    let name = || column.name.clone();
    if let Some(labels) = asked {
        check_asked(labels)?;
    }
    if !column.is_scalar() {
        let got = if column.fractions > 0 { "numbers with fractions" } else { "lists, objects or nothing" };
        return Err(NewTaskError::NotLabels { column: name(), got });
    }
    let most = MOST_LABELS;
    let Some(values) = &column.values else {
        return Err(NewTaskError::ManyLabels { column: name(), most, count: None });
    };
    if values.keys().any(|value| value.chars().count() > LABEL_CHARACTERS) {
        return Err(NewTaskError::NotLabels { column: name(), got: "long texts" });
    }
    let found = match numbers(values) {
        Some((numbers, has_untold)) => of_numbers(column, &numbers, has_untold, asked)?,
        None => match asked {
            Some(asked) => of_asked(column, values, asked)?,
            None => of_texts(column, values)?,
        },
    };
    match found.labels.as_slice() {
        [label] => Err(NewTaskError::OneLabel { column: name(), label: label.clone() }),
        labels if labels.len() > MOST_LABELS && asked.is_none() => {
            Err(NewTaskError::ManyLabels { column: name(), most, count: Some(labels.len()) })
        }
        _ => Ok(found),
    }
}

fn check_asked(labels: &[String]) -> Result<(), NewTaskError> {
    let mut known: Vec<String> = labels.iter().map(|label| folded(label)).collect();
    known.sort();
    known.dedup();
    match known.len() == labels.len() && labels.len() > 1 && !known.contains(&String::new()) {
        true => Ok(()),
        false => Err(NewTaskError::BadLabels { labels: labels.to_vec() }),
    }
}

/// A label as it is compared where the user named the labels.
fn folded(label: &str) -> String {
    label.trim().to_lowercase()
}

/// The numbers that count on from 0 or 1 and the rows of each, and whether there is the one for no label; `None` for
/// others, and for texts.
fn numbers(values: &BTreeMap<String, u64>) -> Option<(BTreeMap<i64, u64>, bool)> {
    let mut numbers = BTreeMap::new();
    for (value, rows) in values {
        *numbers.entry(number(value)?).or_insert(0) += rows;
    }
    let has_untold = numbers.len() > 1 && numbers.remove(&UNTOLD).is_some();
    let (first, last) = (*numbers.first_key_value()?.0, *numbers.last_key_value()?.0);
    let counts_on = (0..=1).contains(&first) && last - first + 1 == numbers.len() as i64;
    counts_on.then_some((numbers, has_untold))
}

/// A whole number, also as tables with missing values have it, `1.0`; booleans are 0 and 1.
fn number(value: &str) -> Option<i64> {
    let value = value.trim();
    match value {
        "false" => return Some(0),
        "true" => return Some(1),
        _ => {}
    }
    let digits = match value.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => value,
    };
    digits.parse().ok()
}

fn of_numbers(
    column: &Column,
    numbers: &BTreeMap<i64, u64>,
    has_untold: bool,
    asked: Option<&[String]>,
) -> Result<Labels, NewTaskError> {
    let keys: Vec<i64> = numbers.keys().copied().collect();
    let (first, last) = (keys.first().copied().unwrap_or(0), keys.last().copied().unwrap_or(0));
    if let Some(labels) = asked
        && labels.len() != keys.len()
    {
        let (expected, got) = (keys.len(), labels.len());
        return Err(NewTaskError::LabelCount { column: column.name.clone(), expected, got, first, last });
    }
    let are_booleans = column.booleans > 0 || column.values.as_ref().is_some_and(|values| values.contains_key("true"));
    let own = || match are_booleans {
        true => keys.iter().map(|number| if *number == 1 { "true" } else { "false" }.to_owned()).collect(),
        false => keys.iter().map(i64::to_string).collect(),
    };
    Ok(Labels {
        labels: asked.map_or_else(own, <[String]>::to_vec),
        rows: numbers.iter().map(|(number, rows)| (number.to_string(), *rows)).collect(),
        kind: if first == 0 { AnswerKind::Index } else { AnswerKind::IndexFromOne },
        filters: "",
        answers: None,
        has_untold,
        are_numbers: asked.is_none() && !are_booleans,
    })
}

/// Labels that the user named: a value is one of them without regard to case and space around it.
fn of_asked(column: &Column, values: &BTreeMap<String, u64>, asked: &[String]) -> Result<Labels, NewTaskError> {
    let are_exact = values.keys().all(|value| asked.contains(value));
    let mut rows: Vec<(String, u64)> = asked.iter().map(|label| (label.clone(), 0)).collect();
    for (value, count) in values {
        let place = asked.iter().position(|label| folded(label) == folded(value));
        let Some(place) = place else {
            let labels = asked.to_vec();
            return Err(NewTaskError::OtherLabel { column: column.name.clone(), value: value.clone(), labels });
        };
        rows[place].1 += count;
    }
    let spelled = asked.iter().map(|label| folded(label)).collect::<Vec<_>>();
    Ok(Labels {
        labels: asked.to_vec(),
        rows,
        kind: AnswerKind::Text,
        filters: if are_exact { "" } else { " | string | trim | lower" },
        answers: (!are_exact && spelled != asked).then_some(spelled),
        has_untold: false,
        are_numbers: false,
    })
}

/// The values are the labels, where each has one spelling.
fn of_texts(column: &Column, values: &BTreeMap<String, u64>) -> Result<Labels, NewTaskError> {
    check_spellings(column, values)?;
    let are_trimmed = values.keys().all(|value| value.trim() == value);
    let mut rows: Vec<(String, u64)> = values.iter().map(|(value, rows)| (value.trim().to_owned(), *rows)).collect();
    // Numbers by their size: 2 comes before 10.
    rows.sort_by_key(|(label, _)| (number(label), label.clone()));
    Ok(Labels {
        labels: rows.iter().map(|(label, _)| label.clone()).collect(),
        are_numbers: rows.iter().all(|(label, _)| number(label).is_some()),
        rows,
        kind: AnswerKind::Text,
        filters: if are_trimmed { "" } else { " | trim" },
        answers: None,
        has_untold: false,
    })
}

/// Refuses labels that differ only in case, space and marks.
fn check_spellings(column: &Column, values: &BTreeMap<String, u64>) -> Result<(), NewTaskError> {
    let mut groups: BTreeMap<String, Vec<(&String, u64)>> = BTreeMap::new();
    for (value, rows) in values {
        let letters: String = folded(value).chars().filter(|character| character.is_alphanumeric()).collect();
        // A sign is a number's own, and some labels are marks alone.
        let is_bare = letters.is_empty() || value.trim().parse::<f64>().is_ok();
        groups.entry(if is_bare { folded(value) } else { letters }).or_default().push((value, *rows));
    }
    let Some([(first, _), (second, _), ..]) = groups.values().find(|group| group.len() > 1).map(Vec::as_slice) else {
        return Ok(());
    };
    let (first, second) = ((*first).clone(), (*second).clone());
    // The spelling that most rows have stands for all; whoever repeats it says what was meant.
    let commonest = |group: &Vec<(&String, u64)>| {
        group.iter().max_by_key(|(_, rows)| *rows).map(|(value, _)| value.trim().to_owned())
    };
    let labels = groups.values().filter_map(commonest).collect();
    Err(NewTaskError::Spellings { column: column.name.clone(), first, second, labels })
}
