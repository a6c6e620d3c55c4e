//! The labels of a column, and what its values say of them.

use std::collections::BTreeMap;

use super::answers::AnswerKind;
use super::columns::{LABEL_CHARACTERS, MOST_LABELS};
use super::error::NewTaskError;
use super::survey::{Column, WHOLE, number};

/// The number that data sets of the hub have in place of a label that is not told.
const UNTOLD: i64 = -1;

/// Numbers from 0 beside which -1 is taken for no label without being asked: beside 0 and 1 it may as well be a third side.
const FEWEST_TOLD: usize = 3;

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
    /// Rows that have the number for no label, and are left out.
    pub(super) untold: u64,
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
    let found = match numbers(column, values) {
        Some(numbers) => of_numbers(column, &numbers, asked)?,
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

/// The whole numbers of a column and the rows of each, by value and not by spelling; `None` where a value is no number.
fn numbers(column: &Column, values: &BTreeMap<String, u64>) -> Option<BTreeMap<i64, u64>> {
    let mut numbers = BTreeMap::new();
    for (value, rows) in values {
        // Only booleans are 0 and 1: `true` in a cell of a table is a text.
        let number = number(value).or_else(|| boolean(value).filter(|_| column.texts == 0))?;
        *numbers.entry(number).or_insert(0) += rows;
    }
    Some(numbers)
}

fn boolean(value: &str) -> Option<i64> {
    match value {
        "false" => Some(0),
        "true" => Some(1),
        _ => None,
    }
}

/// The labels of a column of numbers: all of them, or all but -1.
fn of_numbers(column: &Column, numbers: &BTreeMap<i64, u64>, asked: Option<&[String]>) -> Result<Labels, NewTaskError> {
    let mut told = numbers.clone();
    let untold = told.remove(&UNTOLD).filter(|_| numbers.len() > 1);
    let (first, last) = (*numbers.keys().next().unwrap_or(&0), *numbers.keys().last().unwrap_or(&0));
    match (untold, asked) {
        (None, None) => Ok(in_order(column, numbers, asked)),
        (_, Some(asked)) if asked.len() == numbers.len() => Ok(in_order(column, numbers, Some(asked))),
        (Some(untold), Some(asked)) if asked.len() == told.len() => {
            Ok(Labels { untold, ..in_order(column, &told, Some(asked)) })
        }
        (_, Some(asked)) => {
            let (expected, got) = (numbers.len(), asked.len());
            Err(NewTaskError::LabelCount { column: column.name.clone(), expected, got, first, last })
        }
        // Two sides: there is nothing that -1 could be missing of.
        (Some(_), None) if told.keys().eq([&1]) => Ok(in_order(column, numbers, asked)),
        (Some(untold), None) if told.len() >= FEWEST_TOLD && told.keys().copied().eq(0..told.len() as i64) => {
            Ok(Labels { untold, ..in_order(column, &told, asked) })
        }
        (Some(_), None) => Err(NewTaskError::Untold {
            column: column.name.clone(),
            numbers: numbers.keys().map(i64::to_string).collect(),
        }),
    }
}

/// A label for each number, in their order.
fn in_order(column: &Column, numbers: &BTreeMap<i64, u64>, asked: Option<&[String]>) -> Labels {
    let keys: Vec<i64> = numbers.keys().copied().collect();
    let (first, last) = (keys.first().copied().unwrap_or(0), keys.last().copied().unwrap_or(0));
    // Who names the numbers themselves, in whatever order, means each by its value.
    let is_number = |label: &String| number(label).is_some_and(|number| numbers.contains_key(&number));
    let asked = asked.filter(|asked| !asked.iter().all(is_number));
    let are_booleans = column.booleans > 0;
    let digits: Vec<String> = keys.iter().map(i64::to_string).collect();
    let own = || match are_booleans {
        true => keys.iter().map(|number| if *number == 1 { "true" } else { "false" }.to_owned()).collect(),
        false => digits.clone(),
    };
    let labels = asked.map_or_else(own, <[String]>::to_vec);
    let kind = match first {
        0 if last + 1 == keys.len() as i64 => AnswerKind::Index,
        1 if last == keys.len() as i64 => AnswerKind::IndexFromOne,
        _ => AnswerKind::Text,
    };
    let is_text = kind == AnswerKind::Text;
    let mut spellings = column.values.iter().flat_map(BTreeMap::keys);
    let are_plain = spellings.all(|value| number(value).is_some_and(|number| number.to_string() == *value));
    Labels {
        rows: digits.iter().cloned().zip(numbers.values().copied()).collect(),
        kind,
        filters: if is_text && column.texts > 0 && !are_plain { WHOLE } else { "" },
        answers: (is_text && labels != digits).then_some(digits),
        labels,
        untold: 0,
        are_numbers: asked.is_none() && !are_booleans,
    }
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
        untold: 0,
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
        untold: 0,
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
