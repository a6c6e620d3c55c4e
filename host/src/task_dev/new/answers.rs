//! How rows with choices of their own name the right one: held against every row.

use serde_json::Value;

use super::columns::{ChoicesFrom, may_be_texts};
use super::error::NewTaskError;
use super::survey::{Row, labelled_texts, next_row, number, scalar, texts_of};
use ft_store::table::TableReader;

/// How a column names the right choice, as `answer-is` of a definition has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// Its place, from 0.
    Index,
    /// Its place, from 1.
    IndexFromOne,
    /// Its text.
    Text,
    /// A letter, A for the first.
    Letter,
}

impl AnswerKind {
    /// All kinds.
    pub const ALL: [AnswerKind; 4] =
        [AnswerKind::Text, AnswerKind::Letter, AnswerKind::Index, AnswerKind::IndexFromOne];

    /// Its name in a definition.
    pub fn name(self) -> &'static str {
        match self {
            AnswerKind::Index => "index",
            AnswerKind::IndexFromOne => "index-from-1",
            AnswerKind::Text => "text",
            AnswerKind::Letter => "letter",
        }
    }

    /// Which choice a value means; `None` if it means none, or several.
    fn place(self, value: &Value, choices: &[String]) -> Option<usize> {
        let said = scalar(value)?;
        let whole = || usize::try_from(number(&said)?).ok();
        let place = match self {
            AnswerKind::Index => whole()?,
            AnswerKind::IndexFromOne => whole()?.checked_sub(1)?,
            AnswerKind::Letter => match said.trim().as_bytes() {
                [letter] if letter.is_ascii_alphabetic() => usize::from(letter.to_ascii_uppercase() - b'A'),
                _ => return None,
            },
            AnswerKind::Text => {
                let mut places = choices.iter().enumerate().filter(|(_, choice)| **choice == said);
                let (place, _) = places.next()?;
                places.next().is_none().then_some(place)?
            }
        };
        (place < choices.len()).then_some(place)
    }
}

/// Reads all rows to find how `column` names the right one of their choices.
///
/// # Errors
/// If a row has no choices, no kind fits all rows, or several do and mean different choices.
pub(super) fn kind(
    table: &mut TableReader,
    from: &ChoicesFrom,
    column: &str,
    asked: Option<AnswerKind>,
) -> Result<AnswerKind, NewTaskError> {
    let mut kinds: Vec<AnswerKind> =
        AnswerKind::ALL.into_iter().filter(|kind| asked.is_none_or(|asked| asked == *kind)).collect();
    // Whether two kinds that fit ever mean different choices.
    let mut differ = [[false; AnswerKind::ALL.len()]; AnswerKind::ALL.len()];
    while let Some((row, place)) = next_row(table)? {
        let place = || place.to_string();
        let (choices, marks) =
            choices(&row, from).ok_or_else(|| NewTaskError::NoChoices { place: place(), columns: from.columns() })?;
        let value = row.get(column).unwrap_or(&Value::Null);
        // What the row calls its choices has to agree.
        let marked = marks.as_ref().map(|marks| AnswerKind::Text.place(value, marks));
        let meant = |kind: AnswerKind| {
            let place = kind.place(value, &choices)?;
            (kind == AnswerKind::Text || marked.is_none_or(|marked| marked == Some(place))).then_some(place)
        };
        let fits: Vec<AnswerKind> = kinds.iter().copied().filter(|kind| meant(*kind).is_some()).collect();
        if fits.is_empty() {
            let expected = kinds.iter().map(|kind| words(*kind, choices.len())).collect::<Vec<_>>().join(" or ");
            let (column, value) = (column.to_owned(), value.to_string());
            return Err(NewTaskError::NoAnswer { place: place(), column, expected, value });
        }
        kinds = fits;
        for (first, one) in AnswerKind::ALL.into_iter().enumerate() {
            for (second, other) in AnswerKind::ALL.into_iter().enumerate() {
                differ[first][second] |= meant(one) != meant(other);
            }
        }
    }
    let place = |kind: AnswerKind| AnswerKind::ALL.iter().position(|known| *known == kind).unwrap_or(0);
    let first = kinds[0];
    match kinds.iter().any(|kind| differ[place(first)][place(*kind)]) {
        true => {
            let kinds = kinds.iter().map(|kind| kind.name().to_owned()).collect();
            Err(NewTaskError::AnswerKinds { column: column.to_owned(), kinds })
        }
        false => Ok(first),
    }
}

/// Refuses `a`, `b` and `label` of 0 and 1: they may be choices and the right one of them, or texts and a label.
///
/// # Errors
/// If it is so.
pub(super) fn check_choices(from: &ChoicesFrom, column: &str, kind: AnswerKind) -> Result<(), NewTaskError> {
    let is_number = matches!(kind, AnswerKind::Index | AnswerKind::IndexFromOne);
    match is_number && may_be_texts(from, column) {
        true => Err(NewTaskError::ChoicesOrTexts {
            columns: from.columns(),
            answer: column.to_owned(),
            kind: kind.name().to_owned(),
        }),
        false => Ok(()),
    }
}

/// The choices of a row, and what the row calls them.
fn choices(row: &Row, from: &ChoicesFrom) -> Option<(Vec<String>, Option<Vec<String>>)> {
    match from {
        ChoicesFrom::List(column) => Some((texts_of(row.get(column)?)?, None)),
        ChoicesFrom::Labelled(column) => {
            let (texts, labels) = labelled_texts(row.get(column)?)?;
            Some((texts, Some(labels)))
        }
        ChoicesFrom::Columns(columns) => {
            let texts: Option<Vec<String>> = columns.iter().map(|column| scalar(row.get(column)?)).collect();
            Some((texts?, None))
        }
    }
}

fn words(kind: AnswerKind, count: usize) -> String {
    match kind {
        AnswerKind::Text => "the text of a choice".into(),
        AnswerKind::Letter => {
            format!("a letter from A to {}", char::from(b'A' + u8::try_from(count - 1).unwrap_or(25).min(25)))
        }
        AnswerKind::Index => format!("a number from 0 to {}", count - 1),
        AnswerKind::IndexFromOne => format!("a number from 1 to {count}"),
    }
}
