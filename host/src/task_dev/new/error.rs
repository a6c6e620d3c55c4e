//! Why no definition was made of rows.

use std::path::PathBuf;

use crate::diagnosis::{Diagnosis, Fault};
use ft_store::datasets::error::DataError;
use ft_store::fs::error::FileError;
use ft_store::table::RowError;

/// Labels that a message names one by one.
const NAMED: usize = 8;

/// Why there is no new definition. What is in doubt is named with the flag that settles it.
#[derive(Debug, thiserror::Error)]
pub enum NewTaskError {
    /// A file that would not be taken for a definition.
    #[error("`{}`: expected a name that ends in .toml", file.display())]
    NotToml {
        /// The file that was to be written.
        file: PathBuf,
    },
    /// Something is where the definition is to be.
    #[error("`{}`: expected the name of a new file, got one that is there", file.display())]
    Exists {
        /// The file that is there already.
        file: PathBuf,
    },
    /// Rows on the hub, which a definition names by repository and split.
    #[error("`--from`: expected rows on this machine, got `{address}`")]
    Address {
        /// The address of the rows.
        address: String,
    },
    /// Rows that the definition could not name.
    #[error("`{}`: expected rows in the definition's folder `{}` or below, got some elsewhere", rows.display(), folder.display())]
    Elsewhere {
        /// The file of rows.
        rows: PathBuf,
        /// The folder of the definition.
        folder: PathBuf,
    },
    /// A file without rows.
    #[error("{rows}: expected rows, got none")]
    NoRows {
        /// What messages call the file.
        rows: String,
    },
    /// More columns than are looked at.
    #[error("{rows}: expected at most {most} columns, got more")]
    ManyColumns {
        /// What messages call the file.
        rows: String,
        /// The most columns that are looked at.
        most: usize,
    },
    /// A first line that looks like a row.
    #[error("{rows}, line 1: expected the names of columns, got {heading:?}, which looks like a part of a row")]
    NoHeadings {
        /// What messages call the file.
        rows: String,
        /// The cell of the first line that is no name.
        heading: String,
    },
    /// A flag names a column that is not there.
    #[error("`{flag} {column}`: expected one of the columns {}, got another name", listed(columns))]
    NoColumn {
        /// The flag.
        flag: &'static str,
        /// The name that it has.
        column: String,
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// No column, or several, may have what is looked for.
    #[error("{rows}: expected one column {role}, got {}", if found.is_empty() { format!("none among {}", listed(columns)) } else { listed(found) })]
    Columns {
        /// What messages call the file.
        rows: String,
        /// What is looked for, as `with labels`.
        role: Role,
        /// The columns that may have it.
        found: Vec<String>,
        /// All columns.
        columns: Vec<String>,
    },
    /// A column of values that are no labels.
    #[error("column `{column}`: expected labels, got {got}")]
    NotLabels {
        /// The column.
        column: String,
        /// What it has.
        got: &'static str,
    },
    /// Labels that differ only in case, space or marks.
    #[error("column `{column}`: expected one spelling of each label, got {first:?} and {second:?}")]
    Spellings {
        /// The column of labels.
        column: String,
        /// One spelling.
        first: String,
        /// The other.
        second: String,
        /// The labels, each in one spelling.
        labels: Vec<String>,
    },
    /// A single label.
    #[error("column `{column}`: expected two labels or more, got one, {label:?}")]
    OneLabel {
        /// The column of labels.
        column: String,
        /// The only label.
        label: String,
    },
    /// More labels than a task has.
    #[error("column `{column}`: expected at most {most} labels, got {}", count.map_or("many more".into(), |count| count.to_string()))]
    ManyLabels {
        /// The column of labels.
        column: String,
        /// The most labels that are taken without being named.
        most: usize,
        /// The number of labels, where it was counted.
        count: Option<usize>,
    },
    /// A value that none of the user's labels is.
    #[error("column `{column}`: expected one of {}, got {value:?}", listed(labels))]
    OtherLabel {
        /// The column of labels.
        column: String,
        /// The value.
        value: String,
        /// The labels that the user named.
        labels: Vec<String>,
    },
    /// Labels for numbers, of which there are more or fewer.
    #[error("`--labels`: expected {expected} labels for the numbers {first} to {last} in column `{column}`, got {got}")]
    LabelCount {
        /// The column of numbers.
        column: String,
        /// The number of different numbers.
        expected: usize,
        /// The number of labels.
        got: usize,
        /// The first number.
        first: i64,
        /// The last number.
        last: i64,
    },
    /// Numbers of which -1 may be a label, or stand for none.
    #[error(
        "column `{column}`: expected numbers that are labels, got {}, of which -1 may be one or stand for none",
        listed(numbers)
    )]
    Untold {
        /// The column of numbers.
        column: String,
        /// The numbers, in their order.
        numbers: Vec<String>,
    },
    /// Columns that may be choices, or texts.
    #[error(
        "columns {}: expected choices, of which `{answer}` names the right one, or texts with a label, got what may be both",
        listed(columns)
    )]
    ChoicesOrTexts {
        /// The columns that may be choices.
        columns: Vec<String>,
        /// The column with the right choice or the label.
        answer: String,
        /// How it would name the right choice, as `--answer-is` has it.
        kind: String,
    },
    /// A column whose name is that of the whole row in templates.
    #[error(
        "column `row`: expected another name, as a definition names column `{column}` by the whole row, which it calls `row`"
    )]
    RowColumn {
        /// The column that cannot be named.
        column: String,
    },
    /// A file whose name a definition cannot have.
    #[error("`{}`: expected a path in UTF-8 without `\\`, got another", rows.display())]
    BadPath {
        /// The file of rows.
        rows: PathBuf,
    },
    /// Labels that are not different texts.
    #[error("`--labels`: expected two different labels or more, got {}", listed(labels))]
    BadLabels {
        /// The labels that the user named.
        labels: Vec<String>,
    },
    /// A row without choices.
    #[error("{place}: expected two choices or more in {}, got a row without", listed(columns))]
    NoChoices {
        /// The file and the number of the row.
        place: String,
        /// The columns of the choices.
        columns: Vec<String>,
    },
    /// An answer that is no choice, in whatever way answers are given.
    #[error("{place}: column `{column}`: expected {expected}, got {value}")]
    NoAnswer {
        /// The file and the number of the row.
        place: String,
        /// The column of answers.
        column: String,
        /// What the answer may be.
        expected: String,
        /// The answer as JSON has it.
        value: String,
    },
    /// Answers that may be meant in more than one way.
    #[error("column `{column}`: expected answers that mean one choice, got some that may be {}", either(kinds))]
    AnswerKinds {
        /// The column of answers.
        column: String,
        /// The ways in which all answers may be meant, as `--answer-is` names them.
        kinds: Vec<String>,
    },
    /// The rows could not be opened.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A row could not be read.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What a column is looked for that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The label of a row.
    Label,
    /// The text of a row.
    Text,
    /// The right one among a row's choices.
    Answer,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Role::Label => "with labels",
            Role::Text => "with the text",
            Role::Answer => "with the right choice",
        })
    }
}

fn listed(names: &[String]) -> String {
    let named = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn either(kinds: &[String]) -> String {
    kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(" or ")
}

impl Diagnosis for NewTaskError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotToml { .. } => "`ft-host run --task` knows a definition by that".into(),
            Self::Exists { .. } => "choose another name, or remove it first".into(),
            Self::Address { address } => {
                format!("fetch them with `ft-host data pull '{address}'`, and copy them beside the definition")
            }
            Self::Elsewhere { .. } => "write the definition beside the rows, or copy them beside it".into(),
            Self::NoHeadings { .. } => "write a first line with the columns' names, e.g. `text,label`".into(),
            Self::Columns { role: Role::Text, .. } => {
                "name the column with `--text COLUMN`, or several, each with `--text`".into()
            }
            Self::Columns { .. } | Self::NotLabels { .. } | Self::OneLabel { .. } => {
                "name the column with `--label COLUMN`".into()
            }
            Self::Spellings { labels, .. } => {
                let labels = labels.join(",");
                format!(
                    "if they are one label, say `--labels '{labels}'`; case and space around a label count no more then"
                )
            }
            Self::ManyLabels { .. } => {
                "name another column with `--label COLUMN`, or all labels with `--labels a,b,c`".into()
            }
            Self::OtherLabel { .. } => "name all labels with `--labels`".into(),
            Self::Untold { numbers, .. } => {
                let (all, listed) = (numbers.len(), numbers.join(", "));
                let fewer = match all {
                    0..3 => String::new(),
                    _ => format!("; with {} texts, rows with -1 are left out", all - 1),
                };
                format!("name them with `--labels` and {all} texts, for {listed} in this order{fewer}")
            }
            Self::ChoicesOrTexts { kind, .. } => format!(
                "say `--answer-is {kind}` if they are choices, or name the labels with `--labels a,b` if they are texts"
            ),
            Self::RowColumn { .. } => {
                "rename the column `row`, or name other columns with `--text` and `--label`".into()
            }
            Self::BadPath { .. } => "rename it".into(),
            Self::AnswerKinds { .. } => "say which is meant with `--answer-is`".into(),
            Self::NoAnswer { .. } => "name another column with `--label COLUMN`, or leave such rows out".into(),
            Self::Data(error) => return error.hint(),
            Self::Row(error) => return error.hint(),
            Self::File(error) => return error.hint(),
            Self::NoRows { .. }
            | Self::ManyColumns { .. }
            | Self::NoColumn { .. }
            | Self::LabelCount { .. }
            | Self::BadLabels { .. }
            | Self::NoChoices { .. } => return None,
        })
    }
}
