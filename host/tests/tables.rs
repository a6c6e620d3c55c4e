//! Files of rows: the same rows from every form, and what is wrong with a file told by its name.

use std::io::Write;
use std::path::{Path, PathBuf};

use ft_store::fs::digest::Digest;
use ft_store::table::{FileKind, Quoting, TableReader, kind_of_file};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tables").join(name)
}

fn open(path: &Path) -> Result<TableReader, String> {
    open_with(path, Quoting::Auto)
}

fn open_with(path: &Path, quoting: Quoting) -> Result<TableReader, String> {
    TableReader::open(&[path.to_owned()], quoting).expect("its name says what it is").map_err(|error| error.to_string())
}

fn rows(path: &Path) -> Result<Vec<Value>, String> {
    let mut table = open(path)?;
    let mut rows = Vec::new();
    while let Some(row) = table.next_row().map_err(|error| error.to_string())? {
        rows.push(serde_json::from_str(&row).expect("rows are JSON"));
    }
    Ok(rows)
}

const PARQUET: [&str; 5] = ["snappy.parquet", "plain.parquet", "zstd.parquet", "gzip.parquet", "brotli.parquet"];

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

/// Lists of lists, objects in lists, what is null at any depth, small floats, several pages in a group.
#[test]
fn parquet_of_all_shapes_gives_the_rows_of_its_jsonl_twin() {
    let (expected, got) = (rows(&fixture("types.jsonl")).unwrap(), rows(&fixture("types.parquet")).unwrap());
    assert_eq!(got.len(), 200);
    for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_eq!(got, expected, "row {}", index + 1);
    }
}

/// Every logical type, at its ends and on both sides of 1970, as Arrow's own reader has it.
#[test]
fn parquet_of_all_types_gives_what_another_reader_gives() {
    for name in ["values", "values_old", "values_int96"] {
        let (expected, got) =
            (rows(&fixture(&format!("{name}.jsonl"))).unwrap(), rows(&fixture(&format!("{name}.parquet"))).unwrap());
        assert_eq!(got.len(), 8, "{name}");
        for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let columns = expected.as_object().unwrap().keys();
            for column in columns {
                assert_eq!(got[column], expected[column], "{name}, row {}, {column}", index + 1);
            }
            assert_eq!(got, expected, "{name}, row {}", index + 1);
        }
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What else files of rows are called and hold, with the digest of the file as it is stored.
#[test]
fn forms_that_are_close_to_the_known_ones_give_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let expected = rows(&fixture("rows.jsonl")).unwrap();
    let lines = std::fs::read(fixture("rows.jsonl")).unwrap();
    let objects: Vec<&str> = std::str::from_utf8(&lines).unwrap().lines().collect();
    let array = format!("[\n  {}\n]\n", objects.join(",\n  ")).into_bytes();
    let within = [b"{\n\"data\": ", &array[..], b"}\n"].concat();
    let parquet = std::fs::read(fixture("gzip.parquet")).unwrap();
    for (name, bytes, form) in [
        ("a.jsonl.gz", packed(&lines), "JSON lines, gzip"),
        ("b.ndjson", lines.clone(), "JSON lines"),
        ("c.json", lines.clone(), "JSON lines"),
        ("d.json", array.clone(), "a JSON array"),
        ("e.json.gz", packed(&array), "a JSON array, gzip"),
        ("f.jsonl", packed(&lines), "JSON lines, gzip"),
        ("i.jsonl.zst", std::fs::read(fixture("rows.jsonl.zst")).unwrap(), "JSON lines, zstd"),
        ("j.json", within.clone(), "a JSON array in `data`"),
        ("k.json.gz", packed(&within), "a JSON array in `data`, gzip"),
        ("g.parquet.gzip", parquet.clone(), "Parquet"),
        ("h.pq", parquet, "Parquet"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(rows(&path).unwrap(), expected, "{name}");
        let table = open(&path).unwrap();
        assert_eq!((table.format_name().as_str(), table.remarks()), (form, Vec::new()), "{name}");
        assert_eq!(table.columns()[..3], ["id", "question", "label"], "{name}");
        let summary = &table.finish().unwrap()[0].summary;
        assert_eq!((summary.rows, summary.bytes), (25, bytes.len() as u64), "{name}");
        assert_eq!(summary.sha256, Digest::of(&bytes), "{name}");
    }
    let cells = folder.path().join("i.csv.gz");
    std::fs::write(&cells, packed(b"a,b\n\"1\",2\n")).unwrap();
    assert_eq!(rows(&cells).unwrap(), [serde_json::json!({"a": "1", "b": "2"})]);
    // Two members and two frames behind one another, by the programs `gzip` and `zstd`.
    for name in ["cells.tsv.gz", "cells.tsv.zst"] {
        let expected = [("fine", "1"), ("dull", "0"), ("\"so\" so", "0")];
        assert_eq!(rows(&fixture(name)).unwrap(), expected.map(|(a, b)| serde_json::json!({"a": a, "b": b})), "{name}");
    }
}

#[test]
fn a_compression_that_is_not_read_is_named() {
    let error = TableReader::open(&[fixture("lzo.parquet")], Quoting::Auto).unwrap().map(drop).unwrap_err();
    let message = error.to_string();
    assert!(message.ends_with("column `text`: its compression is LZO, which is not read"), "{message}");
    assert!(error.hint().unwrap().contains("brotli"));
}

#[test]
fn files_of_another_kind_are_told_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 777\n", "a".repeat(64));
    for (name, bytes, expected) in [
        ("a.parquet", pointer.clone().into_bytes(), "expected a file of 777 bytes, got a Git LFS pointer to it"),
        ("a.jsonl", pointer.clone().into_bytes(), "expected a file of 777 bytes, got a Git LFS pointer to it"),
        ("a.csv", pointer.into_bytes(), "expected a file of 777 bytes, got a Git LFS pointer to it"),
        ("b.parquet", b"<!DOCTYPE html><title>404</title>".to_vec(), "expected Parquet, got a web page"),
        ("b.parquet.gz", packed(b"PAR1"), "expected Parquet, got a file compressed with gzip"),
        ("b.tsv", b"\xff\xfea\0\t\0b\0".to_vec(), "expected TSV, got UTF-16 text"),
        ("b.csv", b"PK\x03\x04\x14\0[Content_Types].xml".to_vec(), "expected CSV, got a spreadsheet"),
        ("b.json", b"ARROW1\0\0".to_vec(), "expected JSON, got an Arrow (Feather) file"),
        ("b.jsonl", std::fs::read(fixture("plain.parquet")).unwrap(), "expected JSON lines, got a Parquet file"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = TableReader::open(&[path], Quoting::Auto).unwrap().map(drop).unwrap_err();
        assert!(error.to_string().ends_with(expected) && error.to_string().contains(name), "{error}");
        assert!(error.hint().is_some() && !error.can_be_skipped(), "{error}");
    }
}

/// To open a pipe that nobody writes to is to wait for ever.
#[test]
#[cfg(unix)]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet"] {
        let path = folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = TableReader::open(&[path], Quoting::Auto).unwrap().map(drop).unwrap_err();
        assert!(error.to_string().ends_with("expected a regular file, got a pipe or a device"), "{error}");
        assert!(error.hint().unwrap().starts_with("write it to a file first"), "{error}");
    }
    for stream in ["/dev/null", "-"] {
        assert_eq!(kind_of_file(Path::new(stream)), Some(FileKind::Stream), "{stream}");
    }
}

/// One row of a TSV file is one line, however many quotes are in it, unless quoting is asked for.
#[test]
fn tsv_quotes_are_characters_unless_the_user_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eval.tsv");
    let glue =
        "sentence\tlabel\n\"a dull film\t0\nit works\t1\nthe \"best\" of them\t1\n\"great\" , he says\t1\nend\t0\n";
    std::fs::write(&path, glue).unwrap();
    let labels: Vec<String> =
        rows(&path).unwrap().iter().map(|row| row["label"].as_str().unwrap().to_owned()).collect();
    assert_eq!(labels, ["0", "1", "1", "1", "0"]);
    assert_eq!(rows(&path).unwrap()[3]["sentence"], "\"great\" , he says");

    // What pandas writes with `sep="\t"`.
    std::fs::write(&path, "sentence\tlabel\n\"a\ttab\"\t0\n\"two\nlines\"\t1\n\"\"\"so\"\" he says\"\t1\n").unwrap();
    let mut table = open_with(&path, Quoting::Csv).unwrap();
    assert_eq!(table.format_name(), "TSV, cells may be quoted");
    let mut sentences = Vec::new();
    while let Some(row) = table.next_row().unwrap() {
        sentences.push(serde_json::from_str::<Value>(&row).unwrap()["sentence"].as_str().unwrap().to_owned());
    }
    assert_eq!(sentences, ["a\ttab", "two\nlines", "\"so\" he says"]);
    let file = &table.finish().unwrap()[0];
    assert_eq!(file.quoting, Some(Quoting::Csv));
    assert_eq!(file.remarks, [format!("`{}` was read with `--quoting csv`", path.display())]);
    let mut table = open(&path).unwrap();
    let error = table.next_row().unwrap_err();
    assert!(error.to_string().ends_with("line 2: expected 2 cells, one for each column, got 3"), "{error}");
    assert!(error.hint().unwrap().contains("`--quoting csv`"));
}

#[test]
fn a_shard_that_is_named_by_itself_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("validation-00001-of-00002.parquet");
    std::fs::copy(fixture("plain.parquet"), &path).unwrap();
    let file = &open(&path).unwrap().finish().unwrap()[0];
    assert_eq!(file.remarks, [format!("`{}` is shard 2 of 2 alone", path.display())]);
}

/// What is wrong with one row of a file, told by row and column; the rows around it are read.
#[test]
fn a_bad_row_of_a_parquet_file_is_left_out_alone() {
    for (name, expected, others) in [
        ("latin1.parquet", "row 2: column `choices.text`: not UTF-8", [1, 3]),
        ("long.parquet", "row 2: longer than the 16777216 bytes that are read of a row", [1, 3]),
    ] {
        let mut table = open(&fixture(name)).unwrap();
        let mut ids = Vec::new();
        let mut errors = Vec::new();
        loop {
            match table.next_row() {
                Ok(Some(row)) => ids.push(serde_json::from_str::<Value>(&row).unwrap()["id"].as_i64().unwrap()),
                Ok(None) => break,
                Err(error) if error.can_be_skipped() => errors.push(error.to_string()),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(ids, others);
        assert_eq!(errors, [format!("`{}`, {expected}", fixture(name).display())]);
        assert_eq!(table.finish().unwrap()[0].summary.rows, 3);
    }
}

/// Groups within groups, as deep as a footer of a megabyte can have them: refused before the decoder descends into them.
#[test]
fn a_schema_without_a_bottom_is_refused() {
    // Thrift, compact: version 1; a list of 100000 structures, each with repetition 0, the name `a` and one child.
    let mut footer = b"\x15\x02\x19\xfc\xa0\x8d\x06".to_vec();
    footer.extend(b"\x35\x00\x18\x01a\x15\x02\x00".repeat(100_000));
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep.parquet");
    std::fs::write(&path, [&b"PAR1"[..], &footer, &length, b"PAR1"].concat()).unwrap();
    let message = open(&path).map(drop).unwrap_err();
    assert!(message.contains("deep.parquet`, row 1: not readable as Parquet: its schema has 100000"), "{message}");
}

#[test]
fn several_files_are_one_table() {
    let paths = [fixture("snappy.parquet"), fixture("rows.jsonl"), fixture("zstd.parquet")];
    let mut table = TableReader::open(&paths, Quoting::Auto).unwrap().unwrap();
    let mut seen = Vec::new();
    while let Some(row) = table.next_row().unwrap() {
        seen.push((row, table.place()));
    }
    assert_eq!(seen.len(), 75);
    assert_eq!(seen[74].1.to_string(), format!("`{}`, row 25", paths[2].display()));
    assert_eq!(seen[26].1.to_string(), format!("`{}`, line 2", paths[1].display()));
    let files = table.finish().unwrap();
    assert_eq!(files.iter().map(|file| file.summary.rows).collect::<Vec<_>>(), [25, 25, 25]);
    let is_none = |paths: &[PathBuf]| TableReader::open(paths, Quoting::Auto).is_none();
    assert!(is_none(&[PathBuf::from("x.txt")]) && is_none(&[]));
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
        .chain(["types.parquet", "rows.jsonl"].map(|name| (name, std::fs::read(fixture(name)).unwrap())))
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
            if let Err(message) = read_to_the_first_error(&path) {
                errors += 1;
                assert!(message.contains(path.to_str().unwrap()), "{message}");
            }
            read_what_can_be_read(&path);
        }
    }
    assert!(errors > damaged / 3, "{errors} errors of {damaged} damaged files");
}

/// Rows are JSON by its grammar: a damaged number may be one that no `f64` holds.
fn read_to_the_first_error(path: &Path) -> Result<(), String> {
    let mut table = open(path)?;
    while let Some(row) = table.next_row().map_err(|error| error.to_string())? {
        serde_json::from_str::<serde::de::IgnoredAny>(&row).expect("rows are JSON");
    }
    Ok(())
}

/// Goes on behind every row that can be skipped, and comes to an end.
fn read_what_can_be_read(path: &Path) {
    let Ok(mut table) = open(path) else { return };
    for _ in 0..10_000 {
        match table.next_row() {
            Ok(Some(_)) => {}
            Err(error) if error.can_be_skipped() => {}
            Ok(None) | Err(_) => return,
        }
    }
    panic!("{} has no end", path.display());
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
