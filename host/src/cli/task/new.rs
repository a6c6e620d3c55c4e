//! `ft-host task new`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::exit::{CommandError, ExitStatus};
use crate::cli::terminal::{print_path, say_page, stderr_screen};
use crate::task_dev::new::{AnswerKind, NewTask, new_task};
use ft_store::datasets::address::is_address;
use ft_store::machine::environment::expand_path;

/// What to make a definition of.
#[derive(Args)]
pub struct NewArgs {
    /// The new definition; nothing may be there yet.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,

    /// The rows, in the definition's folder or below: a file of any format that `--data` takes, or a pattern ('*.jsonl').
    #[arg(long, value_name = "ROWS")]
    from: String,

    /// The column with the text; may be given several times [default: guessed].
    #[arg(long = "text", value_name = "COLUMN")]
    texts: Vec<String>,

    /// The column with the label or the right choice [default: guessed].
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,

    /// The labels; for a column of numbers, in their order [default: the values of the column].
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    labels: Option<Vec<String>>,

    /// How the right one of a row's choices is named [default: as all rows allow].
    #[arg(long, value_enum, value_name = "HOW", conflicts_with = "labels")]
    answer_is: Option<AnswerIs>,
}

/// How the right choice is named.
#[derive(Clone, Copy, ValueEnum)]
enum AnswerIs {
    /// By its place, counted from 0.
    Index,
    /// By its place, counted from 1.
    #[value(name = "index-from-1")]
    IndexFromOne,
    /// By its text.
    Text,
    /// By a letter, A for the first.
    Letter,
}

/// Carries out the command.
pub(super) fn run(args: &NewArgs) -> Result<ExitStatus, CommandError> {
    let file = expand_path(&args.file);
    let from = match is_address(&args.from) {
        true => args.from.clone(),
        false => expand_path(args.from.as_ref()).display().to_string(),
    };
    let answer_is = args.answer_is.map(|kind| match kind {
        AnswerIs::Index => AnswerKind::Index,
        AnswerIs::IndexFromOne => AnswerKind::IndexFromOne,
        AnswerIs::Text => AnswerKind::Text,
        AnswerIs::Letter => AnswerKind::Letter,
    });
    let notes = new_task(NewTask {
        file: &file,
        from: &from,
        texts: &args.texts,
        label: args.label.as_deref(),
        labels: args.labels.as_deref(),
        answer_is,
    })?;
    print_path(&file)?;
    notes.iter().for_each(|note| say_page(&stderr_screen().note(note)));
    Ok(ExitStatus::Done)
}
