//! What templates see: a row's columns, the definition's options, and for a choice its text and index.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use serde_json::{Map, Value as Json};

/// The name by which a template sees the whole row, for columns whose names are no names of Jinja.
pub(crate) const ROW: &str = "row";
/// The names of the options, of a choice's text and of its index.
pub(crate) const OPTIONS: &str = "options";
pub(crate) const CHOICE: &str = "choice";
pub(crate) const INDEX: &str = "index";

/// The columns of a row that some template names, as values of Jinja.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    values: Vec<(String, Value)>,
    /// The options, if the definition has any; a column of the name is seen otherwise.
    options: Option<Value>,
    /// The row's index in its table, from 0, if it is one of the data.
    index: Option<u64>,
}

impl Columns {
    /// Of a row without columns: what texts see that stand for the whole task.
    pub(crate) fn none(options: Option<Value>) -> Self {
        Self { values: Vec::new(), options, index: None }
    }

    /// Of a row, of whose columns those in `wanted` are taken.
    pub(crate) fn of(row: &Map<String, Json>, wanted: &BTreeSet<String>, options: Option<Value>) -> Self {
        let named = wanted.iter().filter_map(|name| {
            let column = row.get(name.as_str()).map(value);
            let whole = || (name == ROW).then(|| object(row));
            Some((name.clone(), column.or_else(whole)?))
        });
        Self { values: named.collect(), options, index: None }
    }

    /// Of the row with this index in its table.
    pub(crate) fn at(self, index: Option<u64>) -> Self {
        Self { index, ..self }
    }

    fn get(&self, name: &str) -> Option<Value> {
        if name == OPTIONS && self.options.is_some() {
            return self.options.clone();
        }
        self.values.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }
}

/// What one rendering sees.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    columns: Arc<Columns>,
    choice: Option<(Value, usize)>,
}

impl Scope {
    pub(crate) fn new(columns: &Arc<Columns>) -> Self {
        Self { columns: columns.clone(), choice: None }
    }

    /// The row's index in its table, from 0, if it is one of the data.
    pub(crate) fn row(&self) -> Option<u64> {
        self.columns.index
    }

    /// With a choice's text and its index.
    pub(crate) fn with_choice(&self, text: &str, index: usize) -> Self {
        Self { columns: self.columns.clone(), choice: Some((text.into(), index)) }
    }

    /// Whether it has a value of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the row has a column of this name, be it hidden by what a choice has of the name.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.columns.get(name).is_some()
    }

    /// The value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        match (&self.choice, name) {
            (Some((text, _)), CHOICE) => Some(text.clone()),
            (Some((_, index)), INDEX) => Some((*index).into()),
            _ => self.columns.get(name),
        }
    }
}

impl Object for Scope {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.get(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// A value of JSON as one of Jinja.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => number.as_f64().into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(values) => values.iter().map(value).collect(),
        Json::Object(map) => object(map),
    }
}

/// Its keys stay in their order.
fn object(map: &Map<String, Json>) -> Value {
    Value::from_pairs(map.iter().map(|(name, json)| (name.as_str(), value(json))))
}
