//! `[data]`: where rows are.

use super::keys::{OneOrMany, Section};
use super::place::{Fault, Located};

/// Where a definition's rows are. Texts are templates that see the options.
#[derive(Debug)]
pub(crate) struct Data {
    /// The data set's repository on the hub; `None` if both splits have files.
    pub(crate) repository: Option<Located<String>>,
    /// Its configuration.
    pub(crate) config: Option<Located<String>>,
    /// The folder below `--data DIR`; `None` for the task's name.
    pub(crate) folder: Option<Located<String>>,
    pub(crate) demonstrations: SplitData,
    pub(crate) evaluation: SplitData,
    /// An expression that is false for rows that are none of the task's.
    pub(crate) filter: Option<Located<String>>,
    /// How many evaluation rows are drawn.
    pub(crate) sample: Option<u32>,
}

/// Where the rows of one split are.
#[derive(Debug)]
pub(crate) struct SplitData {
    /// The name that the data set has for the split; `None` only if there are files.
    pub(crate) name: Option<Located<String>>,
    /// Patterns of files, relative to the definition's folder; empty for the hub.
    pub(crate) files: Vec<Located<String>>,
}

impl Data {
    pub(super) fn read(mut keys: Section<'_>) -> Result<Self, Fault> {
        let line = keys.place.line;
        let repository = text(&mut keys, "repository")?;
        let config = text(&mut keys, "config")?;
        let folder = text(&mut keys, "folder")?;
        let demonstrations = SplitData::read(&mut keys, "demonstrations", "demonstration-files")?;
        let evaluation = SplitData::read(&mut keys, "evaluation", "evaluation-files")?;
        let filter = text(&mut keys, "filter")?;
        let sample = keys.take("sample").map(|item| item.count()).transpose()?;
        keys.finish()?;
        for (split, name, files) in [
            (&demonstrations, "demonstrations", "demonstration-files"),
            (&evaluation, "evaluation", "evaluation-files"),
        ] {
            if split.files.is_empty() && (repository.is_none() || split.name.is_none()) {
                let expected = format!("expected in `[data]` either `{files}`, or `repository` and `{name}`");
                return Err(Fault::in_line(line, format!("{expected}, got neither")));
            }
        }
        Ok(Self { repository, config, folder, demonstrations, evaluation, filter, sample })
    }
}

impl SplitData {
    fn read(keys: &mut Section<'_>, name: &'static str, files: &'static str) -> Result<Self, Fault> {
        let name = text(keys, name)?;
        let files = keys.take(files).map(|item| item.text_or_texts()).transpose()?;
        Ok(Self { name, files: files.map(OneOrMany::into_texts).unwrap_or_default() })
    }
}

fn text(keys: &mut Section<'_>, name: &'static str) -> Result<Option<Located<String>>, Fault> {
    keys.take(name).map(|item| item.text()).transpose()
}
