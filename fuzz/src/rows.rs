//! A file of rows: the first byte says of which form, the rest is the file.

use std::path::Path;

use ft_store::fs::digest::Digest;
use ft_store::table::{Quoting, TableReader};
use serde::de::IgnoredAny;

use super::scratch::with_file;

/// By the first byte.
const ENDINGS: [&str; 5] = [".jsonl", ".csv", ".tsv", ".parquet", ".json"];
/// Rows that are read of one file; Parquet holds millions of equal ones in a few bytes.
const MOST_ROWS: u64 = 1000;
/// The most that is read of a row, and what escapes can make of it.
const LONGEST_ROW: usize = 6 * (16 << 20) + 1024;

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let Some((form, file)) = bytes.split_first() else { return };
    let ending = ENDINGS[usize::from(*form) % ENDINGS.len()];
    with_file(ending, file, |path| read(path, ending, file));
}

fn read(path: &Path, ending: &str, file: &[u8]) {
    let named = |message: String| assert!(message.contains(&path.display().to_string()), "{message}");
    let mut table = match TableReader::open(&[path.to_owned()], Quoting::Auto).expect("its name says what it is") {
        Ok(table) => table,
        Err(error) => return named(error.to_string()),
    };
    let columns = table.columns().to_vec();
    let (mut rows, mut last) = (0, 0);
    let ended = loop {
        if rows == MOST_ROWS {
            break false;
        }
        match table.next_row() {
            Ok(Some(row)) => {
                assert!(row.starts_with('{') && row.ends_with('}') && row.len() <= LONGEST_ROW, "{row}");
                let keys = keys(&row);
                assert!(ending.starts_with(".json") || keys == columns, "{keys:?}, {columns:?}");
            }
            Ok(None) => break true,
            Err(error) => {
                named(error.to_string());
                if !error.can_be_skipped() {
                    return;
                }
            }
        }
        rows += 1;
        let number = table.place().number;
        assert!(number > last, "row {number} behind row {last}");
        last = number;
    };
    match table.finish() {
        Ok(files) => {
            let summary = &files[0].summary;
            assert!(summary.bytes == file.len() as u64 && summary.sha256 == Digest::of(file), "{summary:?}");
            assert!(if ended { summary.rows == rows } else { summary.rows >= rows }, "{summary:?}, {rows} were read");
        }
        Err(error) => named(error.to_string()),
    }
}

/// The keys of a row in their order.
fn keys(row: &str) -> Vec<String> {
    struct Keys;
    impl<'de> serde::de::Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, IgnoredAny)) = map.next_entry()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }
    let mut json = serde_json::Deserializer::from_str(row);
    let keys = serde::Deserializer::deserialize_map(&mut json, Keys);
    assert!(json.end().is_ok(), "{row}");
    keys.unwrap_or_else(|error| panic!("{error}: {row}"))
}
