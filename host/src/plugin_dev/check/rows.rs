//! Rows that the checks make themselves.

use serde_json::{Map, Value, json};

use ft_sandbox::{RowSource, RowSourceError};

/// Rows in memory, each a JSON object as text.
pub struct MemoryRows {
    columns: Vec<String>,
    rows: std::vec::IntoIter<String>,
}

impl MemoryRows {
    /// A table of `rows`, with the columns of the first.
    pub fn new(rows: &[Map<String, Value>]) -> Self {
        let columns = rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
        let rows: Vec<String> = rows.iter().map(|row| Value::Object(row.clone()).to_string()).collect();
        Self { columns, rows: rows.into_iter() }
    }
}

impl RowSource for MemoryRows {
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
        Ok(self.columns.clone())
    }

    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
        Ok(self.rows.by_ref().take(max).collect())
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowSourceError> {
        // Lines as they would stand in a file; a plugin that reads bytes gets at least one.
        let mut bytes = Vec::new();
        while bytes.len() < max
            && let Some(row) = self.rows.next()
        {
            bytes.extend_from_slice(row.as_bytes());
            bytes.push(b'\n');
        }
        bytes.truncate(max);
        Ok(bytes)
    }
}

/// A good row spoilt in every way that a file may be: nothing in it, each column missing, null, of another type, empty.
/// Each with what was done to it.
pub fn spoilt(good: &Map<String, Value>) -> Vec<(String, Map<String, Value>)> {
    let mut rows = vec![("no columns".to_owned(), Map::new())];
    for (column, value) in good {
        let mut without = good.clone();
        without.remove(column);
        rows.push((format!("without column `{column}`"), without));
        let others = [
            Value::Null,
            json!("\u{fffd}\n\"' "),
            json!(""),
            json!(-1),
            json!(1e300),
            json!(true),
            json!([]),
            json!([[]]),
            json!({}),
        ];
        for other in others.into_iter().filter(|other| other != value) {
            let mut row = good.clone();
            rows.push((format!("column `{column}` = {other}"), {
                row.insert(column.clone(), other);
                row
            }));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_spoilt() {
        let Value::Object(good) = json!({"a": 1, "b": "x"}) else { unreachable!() };
        let rows = spoilt(&good);
        assert!(rows.iter().all(|(_, row)| *row != good));
        for column in ["a", "b"] {
            assert!(rows.iter().any(|(_, row)| row.len() == 1 && !row.contains_key(column)));
            assert!(rows.iter().filter(|(_, row)| row.get(column).is_some_and(|v| *v != good[column])).count() >= 8);
        }
    }
}
