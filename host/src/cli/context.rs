//! `ft-host context`.

use std::path::PathBuf;

use clap::Subcommand;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{print, print_json, stdout_screen};
use crate::context::ContextFolder;
use crate::options::{Effect, RunOptions};
use crate::run;
use crate::ui::context;
use ft_engine::model::saved_context::PositionDistances;
use ft_engine::text::Untrusted;
use ft_record::analysis::contexts::ContextComparison;
use ft_record::files::context::ContextRecord;
use ft_record::present::export::contexts::{ContextPage, most_bins};
use ft_store::datasets::location::Access;
use ft_store::fs::atomic::write_atomic;
use ft_store::machine::environment::Environment;
use ft_store::progress::Silent;

#[derive(Subcommand)]
pub enum ContextCommand {
    /// Describe a saved context: where it came from, its demonstrations, its steps, what was measured.
    Inspect {
        /// The folder of a saved context.
        #[arg(value_name = "DIR")]
        folder: PathBuf,

        /// Print the context's record as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show how far the keys and values of two saved contexts are from each other, and in what their plans differ.
    Diff {
        /// The folder of a saved context.
        a: PathBuf,

        /// The folder of another context of the same shape.
        b: PathBuf,

        /// Also write a page with pictures for a browser: how far each layer moved, and which positions of it.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,

        /// Print the comparison as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Carries out a command.
pub fn run(command: ContextCommand, environment: Environment) -> Result<ExitStatus, CommandError> {
    Interrupt::install()?;
    match command {
        ContextCommand::Inspect { folder, json } => {
            let opened = ContextFolder::open(&folder)?;
            if json {
                print_json(opened.record())?;
            } else {
                print(&context::describe(&folder.display().to_string(), opened.record(), stdout_screen()))?;
            }
        }
        ContextCommand::Diff { a, b, json, html } => {
            let (first, second) = (ContextFolder::open(&a)?, ContextFolder::open(&b)?);
            let bins = most_bins(first.record().tensors.layers);
            let (distance, positions) = first.distance_by_position(&second, bins)?;
            let (a, b) = (a.display().to_string(), b.display().to_string());
            let ignored = RunOptions::recorded_of(&[Effect::Rounding, Effect::Nothing]);
            let comparison = ContextComparison::new((&a, first.record()), (&b, second.record()), distance, &ignored)?;
            if let Some(file) = &html {
                let page = picture(&comparison, [first.record(), second.record()], &positions, environment);
                write_atomic(file, page.as_bytes())?;
            }
            if json {
                print_json(&comparison)?;
            } else {
                print(&context::comparison(&comparison, stdout_screen()))?;
            }
        }
    }
    Ok(ExitStatus::Done)
}

/// The page of a comparison. A model's tokenizer is read where it is at hand, and nothing is fetched for it.
fn picture(
    comparison: &ContextComparison,
    records: [&ContextRecord; 2],
    positions: &PositionDistances,
    environment: Environment,
) -> String {
    let environment = Environment { offline: true, ..environment };
    let access = Access { environment: &environment, progress: &Silent };
    let mut notes: Vec<Untrusted> = Vec::new();
    let tokens = ["a", "b"].into_iter().zip(records).map(|(name, record)| {
        let why = match run::token_texts(record, access) {
            Ok(Some(texts)) => return Some(texts),
            Ok(None) => "the model's tokenizer makes other tokens of the demonstrations".to_owned(),
            Err(error) => error.to_string(),
        };
        notes.push(format!("the tokens of {name} have their ids instead of their texts: {why}").into());
        None
    });
    let tokens: Vec<Option<Vec<Untrusted>>> = tokens.collect();
    let texts = |side: usize| tokens.get(side).and_then(Option::as_deref);
    ContextPage { comparison, records, positions, tokens: [texts(0), texts(1)], notes: &notes }.html()
}
