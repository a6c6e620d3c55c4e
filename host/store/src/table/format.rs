//! Formats of a data file, by its name.

use std::path::Path;

use super::packing::Packing;

/// The format of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Jsonl,
    /// An array of JSON objects, or one object per line.
    Json,
    /// A Parquet file.
    Parquet,
    /// Cells between commas, with headings.
    Csv,
    /// Cells between tabs, with headings.
    Tsv,
}

/// The extensions of every format, its usual one first.
const EXTENSIONS: [(Format, &[&str]); 5] = [
    (Format::Jsonl, &["jsonl", "ndjson"]),
    (Format::Json, &["json"]),
    (Format::Parquet, &["parquet", "pq"]),
    (Format::Csv, &["csv"]),
    (Format::Tsv, &["tsv"]),
];

/// What some writers put behind `.parquet` for the compression within the file.
const PARQUET_SUFFIXES: [&str; 7] = [".gzip", ".gz", ".snappy", ".zstd", ".brotli", ".br", ".lz4"];

impl Format {
    /// All formats, in the order in which they are named.
    pub(crate) const ALL: [Format; 5] = [Format::Jsonl, Format::Json, Format::Parquet, Format::Csv, Format::Tsv];

    /// The usual extension of such files.
    pub(crate) fn extension(self) -> &'static str {
        EXTENSIONS.iter().find(|(format, _)| *format == self).map_or("", |(_, extensions)| extensions[0])
    }

    /// The format that a file's name ends in; `None` if it is none of these.
    pub fn of(path: &Path) -> Option<Format> {
        Format::split(path.file_name()?.to_str()?).map(|(_, format)| format)
    }

    /// A file's name without what says its format, and the format. Text files may be compressed, which ends their names
    /// with `.gz` or `.zst`.
    pub(crate) fn split(name: &str) -> Option<(&str, Format)> {
        let lower = name.to_ascii_lowercase();
        let ends = |extension: &str, behind: &str| {
            let rest = lower.strip_suffix(behind)?.strip_suffix(extension)?.strip_suffix('.')?;
            // Lower case in ASCII has the same length.
            name.get(..rest.len()).filter(|rest| !rest.is_empty())
        };
        EXTENSIONS.into_iter().find_map(|(format, extensions)| {
            let behind: &[&str] = if format == Format::Parquet { &PARQUET_SUFFIXES } else { Packing::EXTENSIONS };
            let stem = extensions.iter().find_map(|extension| {
                ends(extension, "").or_else(|| behind.iter().find_map(|behind| ends(extension, behind)))
            });
            stem.map(|stem| (stem, format))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_form() {
        for (name, expected) in [
            ("a.jsonl", Some(("a", Format::Jsonl))),
            ("A.JSONL.GZ", Some(("A", Format::Jsonl))),
            ("a.ndjson", Some(("a", Format::Jsonl))),
            ("a.b.json.gz", Some(("a.b", Format::Json))),
            ("a.parquet.gzip", Some(("a", Format::Parquet))),
            ("part-0.snappy.parquet", Some(("part-0.snappy", Format::Parquet))),
            ("a.csv.gz", Some(("a", Format::Csv))),
            ("a.tsv", Some(("a", Format::Tsv))),
            ("a.csv.zst", Some(("a", Format::Csv))),
            ("a.Jsonl.Zst", Some(("a", Format::Jsonl))),
            ("a.csv.bz2", None),
            ("a.arrow", None),
            (".csv", None),
            ("csv", None),
            ("a.gz", None),
            ("ä.csv", Some(("ä", Format::Csv))),
        ] {
            assert_eq!(Format::split(name), expected, "{name}");
        }
        assert_eq!(Format::ALL.map(Format::extension), ["jsonl", "json", "parquet", "csv", "tsv"]);
    }
}
