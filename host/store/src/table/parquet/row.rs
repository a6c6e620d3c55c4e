//! One row as JSON, put together from the leaves by their levels.

use std::fmt::Write;

use serde_json::Value;

use super::column::{Cell, Column};
use super::shape::{Shape, ShapeKind};
use crate::table::error::RowProblem;

/// Takes one row from the columns and makes one JSON object of it. After a problem the columns stand behind the row all
/// the same, unless [they are damaged](RowProblem::Parquet).
pub(crate) fn take_row(shapes: &[Shape], columns: &mut [Column], limit: usize) -> Result<String, RowProblem> {
    let mut row = Writer { columns, text: String::new(), limit, problem: None };
    row.object(shapes)?;
    let Writer { text, problem, .. } = row;
    if let Some(column) = columns.iter().find(|column| column.repetition() != 0) {
        return Err(damaged(column, "goes on where the others begin a new row"));
    }
    match problem {
        Some(problem) => Err(problem),
        None => Ok(text),
    }
}

struct Writer<'a> {
    columns: &'a mut [Column],
    text: String,
    limit: usize,
    /// The first thing that makes the row useless; the rest of it is gone through to get behind it.
    problem: Option<RowProblem>,
}

impl Writer<'_> {
    fn object(&mut self, shapes: &[Shape]) -> Result<(), RowProblem> {
        self.text.push('{');
        for (index, shape) in shapes.iter().enumerate() {
            self.separate(index);
            self.push(&Value::from(shape.name.as_str()));
            self.text.push(':');
            self.value(shape)?;
        }
        self.text.push('}');
        Ok(())
    }

    fn value(&mut self, shape: &Shape) -> Result<(), RowProblem> {
        let first = shape.leaves.start;
        if shape.there_from.is_some_and(|level| self.definition(first) < level) {
            self.text.push_str("null");
            self.skip(shape);
            return Ok(());
        }
        match &shape.kind {
            ShapeKind::Leaf => self.leaf(first),
            ShapeKind::Group(shapes) => self.object(shapes),
            ShapeKind::List { filled_from, repetition, element } => {
                self.text.push('[');
                if self.definition(first) < *filled_from {
                    self.skip(shape);
                } else {
                    self.value(element)?;
                    while self.columns[first].repetition() == *repetition {
                        self.separate(1);
                        self.value(element)?;
                    }
                }
                self.text.push(']');
                Ok(())
            }
        }
    }

    fn leaf(&mut self, index: usize) -> Result<(), RowProblem> {
        let column = &mut self.columns[index];
        match column.take() {
            Some(Cell::Json(value)) => self.push(&value),
            Some(Cell::NotUtf8) => {
                let column = column.name.clone();
                self.problem.get_or_insert(RowProblem::CellNotUtf8 { column });
            }
            None => return Err(damaged(column, "ends within a row")),
        }
        Ok(())
    }

    /// The definition level of a leaf's value at hand. Behind its end nothing is there.
    fn definition(&self, index: usize) -> i16 {
        self.columns[index].definition().unwrap_or(0)
    }

    /// Goes behind what is null or empty: that stands once in every leaf below it.
    fn skip(&mut self, shape: &Shape) {
        self.columns[shape.leaves.clone()].iter_mut().for_each(Column::skip);
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.text.push(',');
        }
    }

    fn push(&mut self, value: &Value) {
        let length = self.text.len() + value.as_str().map_or(0, str::len);
        if length > self.limit {
            self.problem.get_or_insert(RowProblem::TooLong { limit: self.limit });
        }
        if self.problem.is_none() {
            // Writing to a text does not fail.
            let _ = write!(self.text, "{value}");
        }
    }
}

fn damaged(column: &Column, what: &str) -> RowProblem {
    RowProblem::Parquet { reason: format!("column `{}` {what}", column.name) }
}
