//! A definition made of a file of rows: which column is what is guessed, nothing is asked, and what is in doubt is an
//! error that names the flag which settles it.

mod answers;
mod columns;
mod definition;
mod error;
mod labels;
mod survey;

use std::path::{Path, PathBuf};

pub use answers::AnswerKind;
pub use error::{NewTaskError, Role};

use crate::task_dev::text::string;
use definition::{Draft, Right};
use labels::Labels;
use survey::Survey;

use ft_store::datasets::address::is_address;
use ft_store::datasets::error::DataError;
use ft_store::datasets::location::open_files;
use ft_store::datasets::pattern::expand;
use ft_store::fs::atomic::write_new;
use ft_store::fs::error::FileError;
use ft_store::table::{Format, Quoting, TableReader};

/// Characters of a task's name.
const LONGEST_NAME: usize = 64;

/// A definition that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewTask<'a> {
    /// The definition's file, which is not there yet.
    pub file: &'a Path,
    /// The rows: a file, or a pattern of files.
    pub from: &'a str,
    /// The columns with the text, in its order; none to guess them.
    pub texts: &'a [String],
    /// The column with the label or the right choice; `None` to guess it.
    pub label: Option<&'a str>,
    /// The labels; `None` for those of the rows.
    pub labels: Option<&'a [String]>,
    /// How rows name the right one of their choices; `None` to find it.
    pub answer_is: Option<AnswerKind>,
}

/// Writes the definition, whole or not at all, and gives what was guessed, in words.
///
/// # Errors
/// If something is in doubt, the rows cannot be read, or the file is there or cannot be written.
pub fn new_task(asked: NewTask<'_>) -> Result<Vec<String>, NewTaskError> {
    let file = asked.file;
    if file.extension().is_none_or(|extension| extension != "toml") {
        return Err(NewTaskError::NotToml { file: file.to_owned() });
    }
    let exists = || NewTaskError::Exists { file: file.to_owned() };
    if file.symlink_metadata().is_ok() {
        return Err(exists());
    }
    if is_address(asked.from) {
        return Err(NewTaskError::Address { address: asked.from.to_owned() });
    }
    let paths = expand(Path::new(asked.from)).map_err(DataError::from)?;
    let (text, notes) = draft(asked, &paths)?;
    match write_new(file, text.as_bytes())? {
        true => Ok(notes),
        false => Err(exists()),
    }
}

/// The definition's text, and what was guessed.
fn draft(asked: NewTask<'_>, paths: &[PathBuf]) -> Result<(String, Vec<String>), NewTaskError> {
    let NewTask { file, from, .. } = asked;
    let open = || -> Result<TableReader, NewTaskError> { Ok(open_files(paths, Quoting::Auto)?) };
    let mut table = open()?;
    let rows = table.name().to_owned();
    let survey = Survey::of(&mut table)?;
    if paths.first().is_some_and(|path| matches!(Format::of(path), Some(Format::Csv | Format::Tsv))) {
        columns::check_headings(&survey, &rows)?;
    }
    let own = if asked.labels.is_none() { columns::choices(&survey, asked.label) } else { None };
    let (column, taken, right) = match own {
        Some(choices) => {
            let mut taken = choices.columns();
            let column = columns::answer(&survey, &rows, asked.label, &taken)?;
            let kind = answers::kind(&mut open()?, &choices, &column, asked.answer_is)?;
            if asked.answer_is.is_none() {
                answers::check_choices(&choices, &column, kind)?;
            }
            taken.push(column.clone());
            (column, taken, Right::Choices { from: choices, kind })
        }
        None => {
            let column = columns::label(&survey, &rows, asked.label)?;
            let held = survey.column(&column).map(|column| labels::labels(column, asked.labels)).transpose()?;
            let Some(held) = held else {
                return Err(NewTaskError::NoColumn { flag: "--label", column, columns: survey.names() });
            };
            (column.clone(), vec![column], Right::Labels(held))
        }
    };
    let texts = columns::texts(&survey, &rows, asked.texts, &taken)?;
    definition::check_names(&survey, &[&texts[..], &taken[..]].concat())?;
    let draft = Draft {
        file: file_name(file),
        from: from.to_owned(),
        name: task_name(file),
        files: paths.iter().map(|path| beside(path, file)).collect::<Result<_, _>>()?,
        survey: &survey,
        texts: &texts,
        column: &column,
        right: &right,
    };
    let mut notes = guessed(&survey, &texts, &column, &taken, &right);
    notes.extend(draft.filter().map(|(_, which)| format!("rows are left out that {which}")));
    notes.extend(table.remarks());
    Ok((draft.text(), notes))
}

/// What was guessed, in words.
fn guessed(survey: &Survey, texts: &[String], column: &str, taken: &[String], right: &Right) -> Vec<String> {
    let listed = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut notes = vec![format!("{} rows; the text is in {}", survey.rows, listed(texts))];
    notes.push(match right {
        Right::Labels(Labels { labels, .. }) => {
            let labels = labels.iter().map(|label| string(label)).collect::<Vec<_>>().join(", ");
            format!("the label is in `{column}`: {labels}")
        }
        Right::Choices { from, kind } => {
            format!(
                "the choices are in {}, and `{column}` names the right one by its {}",
                listed(&from.columns()),
                by(*kind)
            )
        }
    });
    if let Right::Labels(Labels { are_numbers: true, .. }) = right {
        notes.push("the labels are numbers: `--labels a,b` or the definition's `labels` give them words".into());
    }
    let unused: Vec<String> =
        survey.names().into_iter().filter(|name| !texts.contains(name) && !taken.contains(name)).collect();
    if !unused.is_empty() {
        notes.push(format!("not used: {}", listed(&unused)));
    }
    notes
}

fn by(kind: AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Index => "place, counted from 0",
        AnswerKind::IndexFromOne => "place, counted from 1",
        AnswerKind::Text => "text",
        AnswerKind::Letter => "letter",
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A task's name of a file's: letters a-z, digits, `-` and `_`.
fn task_name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let name: String = stem.chars().map(|character| if allowed(character) { character } else { '-' }).collect();
    let name = name.trim_matches('-');
    let name = name.get(..LONGEST_NAME).unwrap_or(name).trim_end_matches('-');
    if name.is_empty() { "task".into() } else { name.to_owned() }
}

/// A file of rows as the definition names it: relative to its folder, and below it, by links too. What would be a pattern or
/// Jinja there is written as a pattern of the very character.
fn beside(rows: &Path, file: &Path) -> Result<String, NewTaskError> {
    let above = |path: &Path| match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let whole = |path: &Path| path.canonicalize().map_err(|source| FileError::io("open", path, source));
    let folder = whole(&above(file))?;
    let name = rows.file_name().unwrap_or_default();
    let named = whole(&above(rows))?.join(name);
    let relative = named.strip_prefix(&folder).ok().filter(|_| whole(rows).is_ok_and(|rows| rows.starts_with(&folder)));
    let relative = relative.ok_or_else(|| NewTaskError::Elsewhere { rows: rows.to_owned(), folder: folder.clone() })?;
    let names: Option<Vec<&str>> =
        relative.iter().map(|name| name.to_str().filter(|name| !name.contains('\\'))).collect();
    let names = names.ok_or_else(|| NewTaskError::BadPath { rows: rows.to_owned() })?;
    Ok(names.into_iter().map(literal).collect::<Vec<_>>().join("/"))
}

/// A name as a pattern that only it matches, in which Jinja sees nothing of its own.
fn literal(name: &str) -> String {
    let escaped = |character: char| match character {
        '*' | '?' | '[' | '{' => format!("[{character}]"),
        character => character.to_string(),
    };
    name.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests;
