//! The files of a split GGUF model, which are named `NAME-00001-of-00003.gguf` and so on, as llama.cpp names them.

use std::path::{Path, PathBuf};

use crate::models::error::ModelSourceError;

/// How many missing files a message lists.
const LISTED: usize = 5;

/// All files of the model that a GGUF file belongs to, in their order: itself, unless its name says that it is a part.
///
/// # Errors
/// [`ModelSourceError::PartsMissing`] if parts are missing.
pub(crate) fn parts(path: &Path) -> Result<Vec<PathBuf>, ModelSourceError> {
    let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".gguf"));
    let Some(Place { stem, number, count }) = stem.and_then(Place::of).filter(|place| place.count > 1) else {
        return Ok(vec![path.to_owned()]);
    };
    let name = |number: usize| format!("{stem}-{number:05}-of-{count:05}.gguf");
    let parts: Vec<PathBuf> = (1..=count).map(|number| path.with_file_name(name(number))).collect();
    let absent = || (1..=count).zip(&parts).filter(|(_, part)| !part.is_file()).map(|(number, _)| name(number));
    let more = absent().count().saturating_sub(LISTED);
    let missing: Vec<String> = absent().take(LISTED).collect();
    if missing.is_empty() {
        return Ok(parts);
    }
    Err(ModelSourceError::PartsMissing { path: path.to_owned(), number, count, missing, more })
}

/// What a file's name says about its place among the parts of a model. Those of checkpoints are numbered as GGUF's are.
#[derive(Debug, PartialEq)]
pub(crate) struct Place<'a> {
    stem: &'a str,
    /// The part's number, counted from 1.
    number: usize,
    count: usize,
}

impl<'a> Place<'a> {
    /// The place that a name without its extension speaks of.
    pub(crate) fn of(stem: &'a str) -> Option<Self> {
        let (rest, count) = stem.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let digits = |text: &str| {
            let five = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
            if five { text.parse::<usize>().ok() } else { None }
        };
        let (number, count) = (digits(number)?, digits(count)?);
        (1..=count).contains(&number).then_some(Self { stem, number, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_part_it_is() {
        let place = |stem, number, count| Some(Place { stem, number, count });
        assert_eq!(Place::of("m-00001-of-00002"), place("m", 1, 2));
        assert_eq!(Place::of("a-of-b-00012-of-00012"), place("a-of-b", 12, 12));
        for other in ["m", "m-1-of-2", "m-00003-of-00002", "m-00000-of-00002", "m-00001-of-00002.bin"] {
            assert_eq!(Place::of(other), None, "{other}");
        }
    }

    #[test]
    fn any_part_leads_to_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |number: usize| folder.path().join(format!("m-{number:05}-of-00003.gguf"));
        for number in [1, 3] {
            std::fs::write(at(number), "GGUF").unwrap();
        }
        let error = parts(&at(3)).unwrap_err();
        let expected = "is part 3 of 3 of a split model; missing: `m-00002-of-00003.gguf`";
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(error.hint().unwrap().contains("one folder"));
        std::fs::write(at(2), "GGUF").unwrap();
        for number in 1..=3 {
            assert_eq!(parts(&at(number)).unwrap(), [at(1), at(2), at(3)]);
        }
        // A part alone by its name is no part.
        let whole = folder.path().join("m-00001-of-00001.gguf");
        assert_eq!(parts(&whole).unwrap(), [whole]);
    }
}
