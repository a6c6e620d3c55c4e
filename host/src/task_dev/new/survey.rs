//! What the columns of rows hold: the number of values of each kind, and the different ones where they are few.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::error::NewTaskError;
use ft_store::table::{RowError, RowPlace, TableReader};

/// A row, by its columns.
pub(super) type Row = Map<String, Value>;

/// Different values of a column that are counted one by one.
const MOST_VALUES: usize = 1000;

/// Bytes of a value that may be a label or the like; longer ones are counted as text alone.
const VALUE_BYTES: usize = 200;

/// Columns that are looked at, so that memory is bounded.
const MOST_COLUMNS: usize = 500;

/// The largest number that JSON writes without an exponent though it has a point.
const MOST_WHOLE: f64 = 1e15;

/// What makes a whole number of a text of one, by Jinja's filters.
pub(super) const WHOLE: &str = " | string | trim | int";

/// What a file of rows holds.
pub(super) struct Survey {
    pub(super) rows: u64,
    pub(super) columns: Vec<Column>,
}

/// What a column holds.
#[derive(Debug, Default)]
pub(super) struct Column {
    pub(super) name: String,
    /// Rows that have the column.
    pub(super) present: u64,
    pub(super) nulls: u64,
    /// Texts of nothing but white space.
    pub(super) blanks: u64,
    /// Texts of something.
    pub(super) texts: u64,
    /// Texts of two words or more.
    pub(super) phrases: u64,
    /// Characters of all texts.
    pub(super) characters: u64,
    pub(super) whole: u64,
    pub(super) fractions: u64,
    pub(super) booleans: u64,
    /// Lists of two texts or more.
    pub(super) lists: u64,
    /// Objects with such a list as `text` and another one, as long, as `label`.
    pub(super) labelled: u64,
    /// Every other list or object.
    pub(super) others: u64,
    /// The different texts, numbers and booleans, and the number of rows of each; `None` if they are many or long.
    pub(super) values: Option<BTreeMap<String, u64>>,
}

impl Survey {
    /// Looks at all rows of a table.
    ///
    /// # Errors
    /// If a row cannot be read, there are none, or they have too many columns.
    pub(super) fn of(table: &mut TableReader) -> Result<Survey, NewTaskError> {
        let name = table.name().to_owned();
        let mut columns: Vec<Column> = table.columns().iter().map(|name| Column::new(name)).collect();
        let mut place: BTreeMap<String, usize> =
            columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
        let mut rows = 0;
        while let Some((row, _)) = next_row(table)? {
            rows += 1;
            for (name, value) in &row {
                let at = *place.entry(name.clone()).or_insert_with(|| {
                    columns.push(Column::new(name));
                    columns.len() - 1
                });
                columns[at].note(value);
            }
            if columns.len() > MOST_COLUMNS {
                return Err(NewTaskError::ManyColumns { rows: name, most: MOST_COLUMNS });
            }
        }
        match rows {
            0 => Err(NewTaskError::NoRows { rows: name }),
            rows => Ok(Survey { rows, columns }),
        }
    }

    /// The column of a name.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The names of all columns.
    pub(super) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }
}

/// The next row, and where it is; `None` at the end.
///
/// # Errors
/// If the row cannot be read.
pub(super) fn next_row(table: &mut TableReader) -> Result<Option<(Row, RowPlace)>, RowError> {
    let Some(text) = table.next_row()? else { return Ok(None) };
    // The table has held it to be an object.
    let row = serde_json::from_str(&text).unwrap_or_default();
    Ok(Some((row, table.place())))
}

impl Column {
    fn new(name: &str) -> Column {
        Column { name: name.to_owned(), values: Some(BTreeMap::new()), ..Column::default() }
    }

    fn note(&mut self, value: &Value) {
        self.present += 1;
        match value {
            Value::Null => self.nulls += 1,
            Value::Bool(_) => self.booleans += 1,
            Value::Number(number) if has_fraction(number) => self.fractions += 1,
            Value::Number(_) => self.whole += 1,
            Value::String(text) if text.trim().is_empty() => self.blanks += 1,
            Value::String(text) => {
                self.texts += 1;
                let has_letters = |word: &&str| word.chars().any(char::is_alphabetic);
                self.phrases += u64::from(text.split_whitespace().filter(has_letters).nth(1).is_some());
                self.characters += text.chars().count() as u64;
            }
            Value::Array(_) if texts_of(value).is_some() => self.lists += 1,
            Value::Object(_) if labelled_texts(value).is_some() => self.labelled += 1,
            Value::Array(_) | Value::Object(_) => self.others += 1,
        }
        let shown = scalar(value);
        let Some(values) = &mut self.values else { return };
        match shown {
            Some(shown) if shown.len() > VALUE_BYTES => self.values = None,
            Some(shown) => {
                *values.entry(shown).or_default() += 1;
                if values.len() > MOST_VALUES {
                    self.values = None;
                }
            }
            None => {}
        }
    }

    /// Whether all that is there is text.
    pub(super) fn is_text(&self) -> bool {
        self.texts > 0 && self.texts + self.blanks + self.nulls == self.present
    }

    /// Whether all that is there are texts, whole numbers and booleans.
    pub(super) fn is_scalar(&self) -> bool {
        self.fractions + self.lists + self.labelled + self.others == 0 && self.present > self.nulls + self.blanks
    }

    /// Rows that have no value in this column, of so many in all.
    pub(super) fn without_value(&self, rows: u64) -> u64 {
        rows - self.present + self.nulls + self.blanks
    }

    /// Whether it looks like text that somebody wrote: of more than one word, and mostly different from row to row.
    pub(super) fn is_prose(&self, rows: u64) -> bool {
        let is_distinct = |times: u64| self.values.as_ref().is_none_or(|values| values.len() as u64 * times > rows);
        self.is_text()
            && self.phrases * 2 > self.texts
            && (is_distinct(2) || (self.mean_characters() > 20 && is_distinct(5)))
    }

    /// Characters of a text on average, 0 without texts.
    pub(super) fn mean_characters(&self) -> u64 {
        self.characters.checked_div(self.texts).unwrap_or(0)
    }
}

/// A whole number, also as tables with missing values have it, `1.0`.
pub(super) fn number(value: &str) -> Option<i64> {
    let value = value.trim();
    let digits = match value.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => value,
    };
    digits.parse().ok()
}

/// Whether a number is no whole one; tables with missing values have 1 as 1.0.
fn has_fraction(number: &Number) -> bool {
    number.is_f64() && number.as_f64().is_none_or(|number| number.fract() != 0.0 || number.abs() > MOST_WHOLE)
}

/// A value as one text: texts as they are, numbers and booleans as JSON has them, but 1.0 as 1; `None` for blanks, lists and objects.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_f64() && !has_fraction(number) => {
            number.as_f64().map(|number| format!("{number:.0}"))
        }
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The texts of a list of two or more.
pub(super) fn texts_of(value: &Value) -> Option<Vec<String>> {
    let texts: Option<Vec<String>> = value.as_array()?.iter().map(|item| Some(item.as_str()?.to_owned())).collect();
    texts.filter(|texts| texts.len() > 1)
}

/// The lists `text` and `label` of an object, as data sets of the hub have choices.
pub(super) fn labelled_texts(value: &Value) -> Option<(Vec<String>, Vec<String>)> {
    let (texts, labels) = (texts_of(value.get("text")?)?, texts_of(value.get("label")?)?);
    (texts.len() == labels.len()).then_some((texts, labels))
}
