//! A definition's tables and values, read key by key: every fault has its line, and a key that nobody asked for is one.

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::place::{Fault, Located, Place};

/// The number of the line that a byte of the text is in.
#[derive(Clone, Copy)]
struct Lines<'d>(&'d str);

impl Lines<'_> {
    fn of(self, byte: usize) -> usize {
        let before = self.0.as_bytes().get(..byte).unwrap_or(self.0.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

/// A table whose keys are taken one by one.
pub(crate) struct Section<'d> {
    /// Where the table stands; the empty key for the whole definition.
    pub(crate) place: Place,
    /// The keys that are not taken yet, in the order of the text.
    entries: Vec<Item<'d>>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

/// The value of a key.
pub(crate) struct Item<'d> {
    lines: Lines<'d>,
    name: String,
    pub(crate) place: Place,
    value: DeValue<'d>,
}

impl<'d> Section<'d> {
    /// The whole of a definition.
    pub(crate) fn parse(text: &'d str) -> Result<Self, Fault> {
        let lines = Lines(text);
        let table = DeTable::parse(text).map_err(|error| {
            let line = lines.of(error.span().map_or(0, |span| span.start));
            Fault::in_line(line, error.message())
        })?;
        Ok(Self::new(lines, Place { key: String::new(), line: 1 }, table.into_inner()))
    }

    fn new(lines: Lines<'d>, place: Place, table: DeTable<'d>) -> Self {
        let mut entries: Vec<(usize, Item<'d>)> = table
            .into_iter()
            .map(|(name, value)| {
                let start = name.span().start;
                let name = name.into_inner().into_owned();
                let key = if place.key.is_empty() { name.clone() } else { format!("{}.{name}", place.key) };
                let place = Place { key, line: lines.of(start) };
                (start, Item { lines, name, place, value: value.into_inner() })
            })
            .collect();
        entries.sort_by_key(|(start, _)| *start);
        Self { place, entries: entries.into_iter().map(|(_, item)| item).collect(), known: Vec::new() }
    }

    /// The name of the first key that is left.
    pub(crate) fn first(&self) -> Option<&str> {
        self.entries.first().map(|item| item.name.as_str())
    }

    /// The value of a key, once; `None` if the table does not have it.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Item<'d>> {
        self.known.push(name);
        let index = self.entries.iter().position(|item| item.name == name)?;
        Some(self.entries.remove(index))
    }

    /// The value of a key that has to be there.
    pub(crate) fn require(&mut self, name: &'static str, expected: &str) -> Result<Item<'d>, Fault> {
        let missing = Fault::in_line(self.place.line, format!("{} `{name}`, got none", self.expected(expected)));
        self.take(name).ok_or(missing)
    }

    fn expected(&self, expected: &str) -> String {
        match self.place.key.as_str() {
            "" => format!("expected {expected}"),
            key => format!("expected in `[{key}]` {expected}"),
        }
    }

    /// All keys that are left, with their names.
    pub(crate) fn rest(self) -> impl Iterator<Item = (String, Item<'d>)> {
        self.entries.into_iter().map(|item| (item.name.clone(), item))
    }

    /// Refuses the first key that was not asked for.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        match self.entries.first() {
            Some(unknown) => {
                Err(Fault::at(&unknown.place, format!("unknown key: expected one of {}", self.known.join(", "))))
            }
            None => Ok(()),
        }
    }
}

impl<'d> Item<'d> {
    fn wrong(&self, expected: &str) -> Fault {
        Fault::at(&self.place, format!("expected {expected}, got {}", kind(&self.value)))
    }

    /// A text.
    pub(crate) fn text(self) -> Result<Located<String>, Fault> {
        match self.value {
            DeValue::String(text) => Ok(Located { place: self.place, value: text.into_owned() }),
            _ => Err(self.wrong("a text")),
        }
    }

    /// A text, or a list of texts; which of them is what the flag says.
    pub(crate) fn text_or_texts(self) -> Result<OneOrMany, Fault> {
        match self.value {
            DeValue::String(_) => self.text().map(OneOrMany::One),
            DeValue::Array(_) => self.texts().map(OneOrMany::Many),
            _ => Err(self.wrong("a text or a list of texts")),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(self) -> Result<Located<Vec<String>>, Fault> {
        let wrong = self.wrong("a list of texts");
        let DeValue::Array(values) = self.value else { return Err(wrong) };
        let place = self.place;
        let texts = values.into_iter().map(|value| match value.into_inner() {
            DeValue::String(text) => Ok(text.into_owned()),
            other => Err(Fault::at(&place, format!("expected a list of texts, got {} in it", kind(&other)))),
        });
        let value = texts.collect::<Result<_, Fault>>()?;
        Ok(Located { place, value })
    }

    /// A whole number from 1.
    pub(crate) fn count(self) -> Result<u32, Fault> {
        let count = match &self.value {
            DeValue::Integer(number) => integer(number).and_then(|number| u32::try_from(number).ok()),
            _ => return Err(self.wrong("a whole number from 1")),
        };
        count.filter(|count| *count > 0).ok_or_else(|| {
            Fault::at(&self.place, format!("expected a whole number from 1 to {}, got another one", u32::MAX))
        })
    }

    /// A table.
    pub(crate) fn section(self) -> Result<Section<'d>, Fault> {
        match self.value {
            DeValue::Table(table) => Ok(Section::new(self.lines, self.place, table)),
            _ => Err(self.wrong("a table")),
        }
    }

    /// Rows: tables, each with the place that it has in the text.
    pub(crate) fn rows(self) -> Result<Vec<Located<Map<String, Value>>>, Fault> {
        let wrong = self.wrong("a list of tables");
        let DeValue::Array(values) = self.value else { return Err(wrong) };
        let (lines, key) = (self.lines, self.place.key);
        let row = |(number, value): (usize, Spanned<DeValue<'d>>)| {
            let place = Place { key: format!("{key}[{number}]"), line: lines.of(value.span().start) };
            match json(value.into_inner()).map_err(|message| Fault::at(&place, message))? {
                Value::Object(value) => Ok(Located { place, value }),
                _ => Err(Fault::at(&place, "expected a table, got another value")),
            }
        };
        values.into_iter().enumerate().map(row).collect()
    }
}

/// What a key has that takes a text or a list of texts.
pub(crate) enum OneOrMany {
    /// A text.
    One(Located<String>),
    /// A list.
    Many(Located<Vec<String>>),
}

impl OneOrMany {
    /// The texts, each at the key's place.
    pub(crate) fn into_texts(self) -> Vec<Located<String>> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(Located { place, value }) => {
                value.into_iter().map(|value| Located { place: place.clone(), value }).collect()
            }
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A value as a row of a JSON file would have it.
fn json(value: DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => match integer(&number) {
            Some(number) => number.into(),
            None => return Err(format!("expected a whole number of 64 bits, got {number}")),
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => Value::Number(number),
            None => return Err(format!("expected a finite number, got {number}")),
        },
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(date) => return Err(format!("expected a value that JSON has, got the date {date}")),
        DeValue::Array(values) => {
            Value::Array(values.into_iter().map(|value| json(value.into_inner())).collect::<Result<_, String>>()?)
        }
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.into_iter().collect();
            entries.sort_by_key(|(name, _)| name.span().start);
            let entries = entries.into_iter();
            let values = entries.map(|(name, value)| Ok((name.into_inner().into_owned(), json(value.into_inner())?)));
            Value::Object(values.collect::<Result<_, String>>()?)
        }
    })
}
