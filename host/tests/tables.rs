//! Files of rows: the same rows from every form, and what is wrong with a file told by its name.

use std::path::{Path, PathBuf};

use ft_host::store::digest::Digest;
use ft_host::store::table::Table;
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tables").join(name)
}

fn open(path: &Path) -> Result<Table, String> {
    Table::open(&[path.to_owned()]).expect("its name says what it is").map_err(|error| error.to_string())
}

fn rows(path: &Path) -> Result<Vec<Value>, String> {
    let mut table = open(path)?;
    let mut rows = Vec::new();
    while let Some(row) = table.next_row().map_err(|error| error.to_string())? {
        rows.push(serde_json::from_str(&row).expect("rows are JSON"));
    }
    Ok(rows)
}

const PARQUET: [&str; 4] = ["snappy.parquet", "plain.parquet", "zstd.parquet", "gzip.parquet"];

#[test]
fn parquet_gives_the_rows_of_its_jsonl_twin() {
    let expected = rows(&fixture("rows.jsonl")).unwrap();
    assert_eq!(expected.len(), 25);
    for name in PARQUET {
        assert_eq!(rows(&fixture(name)).unwrap(), expected, "{name}");
        let table = open(&fixture(name)).unwrap();
        assert_eq!(table.columns()[..3], ["id", "question", "label"], "{name}");
        let files = table.finish().unwrap();
        assert_eq!(files[0].summary.sha256, Digest::of(&std::fs::read(fixture(name)).unwrap()));
        assert_eq!(files[0].summary.rows, 25);
    }
}

#[test]
fn several_files_are_one_table() {
    let paths = [fixture("snappy.parquet"), fixture("rows.jsonl"), fixture("zstd.parquet")];
    let mut table = Table::open(&paths).unwrap().unwrap();
    let mut seen = Vec::new();
    while let Some(row) = table.next_row().unwrap() {
        seen.push((row, table.place()));
    }
    assert_eq!(seen.len(), 75);
    assert_eq!(seen[74].1.to_string(), format!("`{}`, row 25", paths[2].display()));
    assert_eq!(seen[26].1.to_string(), format!("`{}`, line 2", paths[1].display()));
    let files = table.finish().unwrap();
    assert_eq!(files.iter().map(|file| file.summary.rows).collect::<Vec<_>>(), [25, 25, 25]);
    assert!(Table::open(&[PathBuf::from("x.txt")]).is_none() && Table::open(&[]).is_none());
}

/// Numbers that look random and are the same in every run of the tests.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

/// Cut short anywhere, or with bytes that are others: rows or an error that names the file, never a panic.
#[test]
fn damaged_files_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "id,question,label\n".to_owned() + &"1,\"what, then?\",0\n2,\"a\nb\",1\n".repeat(40);
    let sources: Vec<(&str, Vec<u8>)> = PARQUET
        .iter()
        .map(|name| (*name, std::fs::read(fixture(name)).unwrap()))
        .chain([("rows.jsonl", std::fs::read(fixture("rows.jsonl")).unwrap())])
        .chain([("rows.csv", csv.clone().into_bytes()), ("rows.tsv", csv.replace(',', "\t").into_bytes())])
        .collect();
    let mut random = numbers(11);
    let (mut errors, mut damaged) = (0, 0);
    for (name, bytes) in &sources {
        let path = folder.path().join(name);
        for round in 0..120 {
            let mut bytes = bytes.clone();
            if round % 3 == 0 {
                bytes.truncate(random(bytes.len()));
            } else {
                for _ in 0..=random(8) {
                    let at = random(bytes.len());
                    bytes[at] = random(256) as u8;
                }
            }
            std::fs::write(&path, &bytes).unwrap();
            damaged += 1;
            if let Err(message) = rows(&path) {
                errors += 1;
                assert!(message.contains(path.to_str().unwrap()), "{message}");
            }
        }
    }
    assert!(errors > damaged / 3, "{errors} errors of {damaged} damaged files");
}

/// A file without its footer is no Parquet, however much of it is there.
#[test]
fn a_parquet_file_cut_short_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.parquet");
    let whole = std::fs::read(fixture("snappy.parquet")).unwrap();
    for keep in [0, 4, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..keep]).unwrap();
        let message = rows(&path).unwrap_err();
        assert!(message.contains("cut.parquet`, row 1: not readable as Parquet"), "{message}");
    }
}
