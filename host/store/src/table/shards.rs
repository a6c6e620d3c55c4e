//! Which files of a folder hold a split, and whether all of them are there.
//!
//! A split is one file, `train.jsonl`, or several: `train-00000-of-00002.parquet`, with a digest behind the number
//! where older versions of the `datasets` library wrote them, or `train/0000.parquet`. Half of a split must not be
//! taken for all of it, so what the numbers promise is held against what is there.

use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};

use super::format::Format;

/// Missing shards that are named one by one.
const TOLD: usize = 5;

/// Why the files of a split are not all of it, or more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Shards that are not there.
    #[error("{missing}: there is `{there}`")]
    Missing {
        /// Which of how many, as the beginning of a sentence.
        missing: String,
        /// The name of a shard that is there.
        there: String,
    },
    /// Shards that are there twice, or beyond the last.
    #[error("expected {count} shards, each once, got `{file}` {what}")]
    Surplus {
        /// The number of shards that there should be.
        count: u64,
        /// The name of a shard that is one too many.
        file: String,
        /// Why it is one too many.
        what: String,
    },
    /// Files of one format that hold the split in more than one way, each of which may be all of it.
    #[error("expected one file or one set of shards, got `{first}` and `{second}`")]
    Several {
        /// The name of a file that holds the split.
        first: String,
        /// A file that does not belong with it.
        second: String,
    },
}

/// A file's place in a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The file holds all of the split.
    Whole,
    /// One of several files with numbers.
    Shard(Number),
    /// One of the files in the split's own folder, in the order of their names.
    InFolder,
}

/// The number in a shard's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    /// The number as it is written; some writers count from 0, others from 1.
    index: u64,
    /// The number of shards; `None` if the name does not say it.
    of: Option<u64>,
}

/// Ways to hold a split in one format; files of one way belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    place: Discriminant<Place>,
    in_folder: bool,
    of: Option<u64>,
}

/// The files that hold a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    /// In order; none where the split is not there.
    pub files: Vec<&'a str>,
    /// A file that holds it in a format of lower rank, and is passed over.
    pub passed_over: Option<&'a str>,
}

/// The files that hold the split `name`, among the `files` of a folder (their paths below it, with `/`). If a split is
/// there in several formats, which a folder of copies may have, the first format of [`Format::ALL`] is taken.
///
/// # Errors
/// If files do not belong together, or shards are missing, there twice or too many.
pub(crate) fn of_split<'a>(files: &'a [String], name: &str) -> Result<Found<'a>, ShardError> {
    let mut found: Vec<(&str, Place)> = Vec::new();
    let mut way: Option<(Way, &str)> = None;
    let mut passed_over = None;
    let rank = |format: Format| Format::ALL.iter().position(|known| *known == format);
    let best = files.iter().filter_map(|file| place(file, name)).map(|(format, ..)| rank(format)).min();
    for file in files {
        let Some((format, place, in_folder)) = place(file, name) else { continue };
        if Some(rank(format)) != best {
            passed_over.get_or_insert(file.as_str());
            continue;
        }
        let of = if let Place::Shard(number) = place { number.of } else { None };
        let this = Way { place: discriminant(&place), in_folder, of };
        match way {
            // Several whole ones, each by itself the split, or another way to hold it.
            Some((known, first)) if known != this || place == Place::Whole => {
                let (first, second) = (first.min(file).to_owned(), first.max(file).to_owned());
                return Err(ShardError::Several { first, second });
            }
            _ => way = Some((this, file)),
        }
        found.push((file, place));
    }
    let numbers: Vec<(Number, &str)> = found
        .iter()
        .filter_map(|(file, place)| match place {
            Place::Shard(number) => Some((*number, *file)),
            Place::Whole | Place::InFolder => None,
        })
        .collect();
    if !numbers.is_empty() {
        return Ok(Found { files: whole(&numbers)?, passed_over });
    }
    found.sort_by_key(|(file, _)| *file);
    Ok(Found { files: found.into_iter().map(|(file, _)| file).collect(), passed_over })
}

/// Shards in the order of their numbers, all of them.
fn whole<'a>(shards: &[(Number, &'a str)]) -> Result<Vec<&'a str>, ShardError> {
    let mut of_index: BTreeMap<u64, &str> = BTreeMap::new();
    let (mut count, mut twice) = (shards.len() as u64, None);
    for (number, file) in shards {
        count = number.of.unwrap_or(count);
        if of_index.insert(number.index, file).is_some() {
            twice = Some(*file);
        }
    }
    let (Some((&lowest, there)), Some((&highest, last))) = (of_index.first_key_value(), of_index.last_key_value())
    else {
        return Ok(Vec::new());
    };
    if let Some(file) = twice {
        return Err(ShardError::Surplus { count, file: file.to_owned(), what: "a second time".into() });
    }
    let known = shards.iter().any(|(number, _)| number.of.is_some());
    // Most writers count from 0; those that count from 1 have a last one with the number of all.
    let first = match known {
        true => u64::from(lowest > 0 && highest == count),
        false => u64::from(lowest == 1),
    };
    if known && highest >= first + count {
        let what = format!("with a number beyond them, counted from {first}");
        return Err(ShardError::Surplus { count, file: (*last).to_owned(), what });
    }
    let end = if known { first + count } else { highest + 1 };
    let (missing, more) = missing(first, end, &of_index);
    if missing.is_empty() {
        return Ok(of_index.into_values().collect());
    }
    let of = if known { format!(" of {count}") } else { String::new() };
    // People count from 1.
    let numbers: Vec<String> = missing.iter().map(|index| (index - first + 1).to_string()).collect();
    let missing = match (numbers.as_slice(), more) {
        ([one], 0) => format!("shard {one}{of} is missing"),
        ([before @ .., last], 0) => format!("shards {} and {last}{of} are missing", before.join(", ")),
        (some, more) => format!("shards {}{of} and {more} more are missing", some.join(", ")),
    };
    Err(ShardError::Missing { missing, there: (*there).to_owned() })
}

/// The first numbers from `first` to before `end` that are not there, and how many more there are.
fn missing(first: u64, end: u64, there: &BTreeMap<u64, &str>) -> (Vec<u64>, u64) {
    let mut named = Vec::new();
    let mut next = first;
    // A name may promise billions: only gaps are gone through.
    for index in there.keys().copied().chain([end]) {
        let room = TOLD - named.len();
        named.extend((next..index).take(room));
        next = index + 1;
    }
    let all = (end - first) - there.range(first..end).count() as u64;
    let more = all - named.len() as u64;
    (named, more)
}

/// What place a file has in the split `name`, if any, and whether it is in the split's own folder.
fn place(file: &str, name: &str) -> Option<(Format, Place, bool)> {
    let rest = file.strip_prefix(name)?;
    if let Some(inner) = rest.strip_prefix('/') {
        // Names that begin so are hidden files, such as macOS leaves beside others, and notes of the writer.
        if inner.contains('/') || inner.starts_with(['.', '_']) {
            return None;
        }
        let (stem, format) = Format::split(inner)?;
        return match number(stem) {
            Some(number) => Some((format, Place::Shard(number), true)),
            // Under any name; files of other formats may be descriptions.
            None => (format == Format::Parquet).then_some((format, Place::InFolder, true)),
        };
    }
    let (stem, format) = Format::split(file)?;
    let place = match stem.strip_prefix(name)? {
        "" => Place::Whole,
        rest => Place::Shard(number(rest.strip_prefix('-')?).filter(|_| begins_with_digit(&rest[1..]))?),
    };
    Some((format, place, false))
}

fn begins_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// The number in a name: `0000`, `00000-of-00002`, `data-00000-of-00002`, `00000-of-00002-0123456789abcdef`.
fn number(stem: &str) -> Option<Number> {
    if let Ok(index) = digits(stem) {
        return Some(Number { index, of: None });
    }
    let (before, behind) = stem.rsplit_once("-of-")?;
    let index = digits(before.rsplit_once('-').map_or(before, |(_, index)| index)).ok()?;
    let of = match behind.split_once('-') {
        Some((of, digest)) if digest.bytes().all(|byte| byte.is_ascii_hexdigit()) => of,
        Some(_) => return None,
        None => behind,
    };
    Some(Number { index, of: Some(digits(of).ok()?) })
}

fn digits(text: &str) -> Result<u64, ()> {
    let is_number = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().map_err(drop) } else { Err(()) }
}

/// What part of a split a file by itself is, as `shard 2 of 5`, where its name says that it is one.
pub(crate) fn part_alone(path: &Path) -> Option<String> {
    let (stem, _) = Format::split(path.file_name()?.to_str()?)?;
    let Number { index, of: Some(of) } = number(stem)? else { return None };
    // Whether they are counted from 0 or from 1, one of several cannot tell but at the end.
    (of > 1).then(|| format!("shard {} of {of}", (index + 1).min(of)))
}

/// Sets of shards that are not whole among several files, in words.
pub(crate) fn incomplete(paths: &[PathBuf]) -> Vec<String> {
    let mut sets: BTreeMap<(&Path, &str, u64), Vec<&Path>> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().and_then(|name| Format::split(name.to_str()?));
        let Some((stem, _)) = name else { continue };
        if let (Some(Number { of: Some(of), .. }), Some((before, _))) = (number(stem), stem.rsplit_once("-of-")) {
            let before = before.trim_end_matches(|digit: char| digit.is_ascii_digit());
            sets.entry((path.parent().unwrap_or(path), before, of)).or_default().push(path);
        }
    }
    let parts = sets.into_iter().filter(|((.., of), files)| (files.len() as u64) < *of);
    parts
        .map(|((.., of), files)| {
            let with = if files.len() > 1 { " and those with it are" } else { " is" };
            format!("`{}`{with} {} of {of} shards", files[0].display(), files.len())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], expected: Result<&[&str], &str>) {
        let owned: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let got = of_split(&owned, "train").map(|found| found.files).map_err(|error| error.to_string());
        assert_eq!(got, expected.map(<[&str]>::to_vec).map_err(str::to_owned), "{files:?}");
    }

    #[test]
    fn a_split_is_one_file_or_all_its_shards_in_order() {
        check(&["README.md", "test.jsonl", "train.jsonl"], Ok(&["train.jsonl"]));
        check(&["train.jsonl.gz"], Ok(&["train.jsonl.gz"]));
        check(
            &["train-00001-of-00002.parquet", "train-00000-of-00002.parquet"],
            Ok(&["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]),
        );
        check(
            &["train-00000-of-00001-a09b74b3ef9c3b56.parquet"],
            Ok(&["train-00000-of-00001-a09b74b3ef9c3b56.parquet"]),
        );
        check(
            &["train-00001-of-00002.jsonl", "train-00002-of-00002.jsonl"],
            Ok(&["train-00001-of-00002.jsonl", "train-00002-of-00002.jsonl"]),
        );
        // By the numbers, not by the letters.
        check(
            &["train-2.csv", "train-10.csv"],
            Err("shards 1, 2, 4, 5, 6 and 4 more are missing: there is `train-2.csv`"),
        );
        check(&["train-0.csv", "train-1.csv"], Ok(&["train-0.csv", "train-1.csv"]));
        let eleven: Vec<String> = (1..=11).map(|number| format!("train-{number}.csv")).collect();
        assert_eq!(of_split(&eleven, "train").unwrap().files, eleven.iter().map(String::as_str).collect::<Vec<_>>());
        check(&["train/0001.parquet", "train/0000.parquet"], Ok(&["train/0000.parquet", "train/0001.parquet"]));
        check(&["train/b.parquet", "train/a.parquet"], Ok(&["train/a.parquet", "train/b.parquet"]));
        check(&["train/data-00000-of-00001.parquet"], Ok(&["train/data-00000-of-00001.parquet"]));
        check(&["train/._0000.parquet", "train/0000.parquet", "train/_meta.parquet"], Ok(&["train/0000.parquet"]));
        check(&["trainer.csv", "train-info.csv", "train/x/0000.parquet", "train.txt", "train/notes.json"], Ok(&[]));
        check(&[], Ok(&[]));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        check(
            &["train-00001-of-00002.parquet"],
            Err("shard 1 of 2 is missing: there is `train-00001-of-00002.parquet`"),
        );
        check(
            &["train-00000-of-00004.parquet", "train-00002-of-00004.parquet"],
            Err("shards 2 and 4 of 4 are missing: there is `train-00000-of-00004.parquet`"),
        );
        check(
            &["train-00000-of-1000000000.parquet"],
            Err("shards 2, 3, 4, 5, 6 of 1000000000 and 999999994 more are missing: there is \
                 `train-00000-of-1000000000.parquet`"),
        );
        check(&["train/0001.parquet", "train/0003.parquet"], Err("shard 2 is missing: there is `train/0001.parquet`"));
        check(&["train/0000.parquet", "train/0002.parquet"], Err("shard 2 is missing: there is `train/0000.parquet`"));
        check(
            &["train-00002-of-00002.parquet"],
            Err("shard 1 of 2 is missing: there is `train-00002-of-00002.parquet`"),
        );
        check(
            &["train-00000-of-00001.parquet", "train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
            Err("expected one file or one set of shards, got `train-00000-of-00001.parquet` and \
                 `train-00000-of-00002.parquet`"),
        );
        check(
            &["train-00000-of-00001-aa.parquet", "train-00000-of-00001-bb.parquet"],
            Err("expected 1 shards, each once, got `train-00000-of-00001-bb.parquet` a second time"),
        );
        check(
            &["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "train-00002-of-00002.parquet"],
            Err(
                "expected 2 shards, each once, got `train-00002-of-00002.parquet` with a number beyond them, counted from 0",
            ),
        );
        check(&["train-00000-of-00001.parquet", "train.jsonl"], Ok(&["train.jsonl"]));
        check(&["train.csv", "train.parquet", "train.tsv"], Ok(&["train.parquet"]));
        let copies = ["train.csv", "train.jsonl"].map(str::to_owned);
        assert_eq!(of_split(&copies, "train").unwrap().passed_over, Some("train.csv"));
        assert_eq!(of_split(&copies[..1], "train").unwrap().passed_over, None);
        for pair in [
            ["train-00000-of-00001.parquet", "train.parquet"],
            ["train.jsonl", "train.jsonl.gz"],
            ["train-0.csv", "train-00001-of-00002.csv"],
            ["train-00000-of-00001.parquet", "train/0000.parquet"],
            ["train/0000.parquet", "train/more.parquet"],
        ] {
            let message = format!("expected one file or one set of shards, got `{}` and `{}`", pair[0], pair[1]);
            check(&pair, Err(&message));
            check(&[pair[1], pair[0]], Err(&message));
        }
    }

    #[test]
    fn a_part_of_the_shards_is_known_as_one() {
        let parts = |names: &[&str]| incomplete(&names.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(parts(&["x/a-00000-of-00002.csv", "x/a-00001-of-00002.csv", "x/b.csv"]), [""; 0]);
        assert_eq!(
            parts(&["x/a-00000-of-00003.csv", "x/a-00001-of-00003.csv", "x/b-00001-of-00002.csv", "y/c.csv"]),
            [
                "`x/a-00000-of-00003.csv` and those with it are 2 of 3 shards",
                "`x/b-00001-of-00002.csv` is 1 of 2 shards"
            ]
        );
        assert_eq!(parts(&["x/00000-of-00002.csv", "y/00001-of-00002.csv"]).len(), 2);
    }

    #[test]
    fn a_shard_by_itself_is_known_as_one() {
        let part = |name: &str| part_alone(Path::new(name));
        assert_eq!(part("x/validation-00001-of-00002.parquet").as_deref(), Some("shard 2 of 2"));
        assert_eq!(part("data-00000-of-00005.jsonl.gz").as_deref(), Some("shard 1 of 5"));
        assert_eq!(part("train-00000-of-00001.parquet"), None);
        assert_eq!(part("0000.parquet"), None);
        assert_eq!(part("one-of-them.csv"), None);
    }
}
