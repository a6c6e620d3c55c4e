//! Why there is no run, or no whole one.

use std::path::PathBuf;

use super::inputs::class_names::OtherClasses;
use super::plan::text_bound::{MOST_TOKENS, TooMuchText};
use super::plan::usable::Unusable;
use ft_engine::model::ModelError;
use ft_engine::task::example::Split;
use ft_engine::task::sampling::SamplingError;
use ft_engine::text::size;
use ft_engine::tune::TuneError;
use ft_record::files::samples::SampleError;
use ft_record::files::schema::MemoryRecord;
use ft_sandbox::options::OptionError;
use ft_sandbox::{EngineError, PluginError};
use ft_store::datasets::location::DataError;
use ft_store::fs::error::FileError;
use ft_store::hub::fetch;
use ft_store::table::RowError;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A plugin's file could not be used, or a plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// No optimizer was named, and the paper's is not where it is looked for.
    #[error("no optimizer was named, and there is no {}", .looked_for.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" or "))]
    NoOptimizer {
        /// The files that would have done.
        looked_for: Vec<PathBuf>,
    },
    /// A name that no plugin on the plugin path has.
    #[error("there is no file `{}`, and no plugin of that name in {}", name.display(), folders.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" or "))]
    NoPlugin {
        /// What the user named.
        name: PathBuf,
        /// The folders of the plugin path.
        folders: Vec<PathBuf>,
    },
    /// A folder in a plugin's place.
    #[error("expected a plugin's file, got the folder `{}`", folder.display())]
    PluginFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A plugin's file with another digest than those that are required.
    #[error("`{}`: expected SHA-256 {}, got {found}", file.display(), required.join(" or "))]
    Digest {
        /// The file.
        file: PathBuf,
        /// The file's digest.
        found: String,
        /// The digests that the user requires.
        required: Vec<String>,
    },
    /// An option that the plugin does not take.
    #[error("plugin {plugin}: {source}")]
    Option {
        /// The plugin's name.
        plugin: String,
        /// What is wrong with the option.
        source: OptionError,
    },
    /// The WebAssembly engine could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There are no files for the model.
    #[error(transparent)]
    Fetch(#[from] fetch::FetchError),
    /// There are no rows.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A data file is malformed.
    #[error(transparent)]
    Rows(#[from] RowError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The model's files are malformed, or it failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A Deep-Thinking step failed.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// An update of the optimizer that does not fit the cache.
    #[error("plugin {plugin}: {source}")]
    BadUpdate {
        /// The optimizer's name, version and file.
        plugin: String,
        /// What does not fit.
        source: Box<TuneError>,
    },
    /// A row that the task does not take.
    #[error("{place}{}: {message}", .column.as_ref().map(|column| format!(", column `{column}`")).unwrap_or_default())]
    Rejected {
        /// The data file and the row's place in it.
        place: String,
        /// The column at fault, where there is one.
        column: Option<String>,
        /// What was expected and what came.
        message: String,
        /// Whether the task takes no other row of the split either.
        takes_none: bool,
    },
    /// A file that counts classes from 1.
    #[error(
        "{place}{}: expected classes from 0 to {}, got {classes}, and class 0 in no row",
        .column.as_ref().map(|column| format!(", column `{column}`")).unwrap_or_default(), .classes - 1
    )]
    CountedFromOne {
        /// The data file and the place of a row of the last class in it.
        place: String,
        /// The column.
        column: Option<String>,
        /// How many classes there are.
        classes: usize,
    },
    /// A file whose names for classes contradict the task's.
    #[error("{0}")]
    OtherClasses(OtherClasses),
    /// A split without rows.
    #[error("{file}: expected rows for the {split} split, got none")]
    NoRows {
        /// What messages call the data file.
        file: String,
        /// The split.
        split: Split,
    },
    /// A split whose rows all are left out.
    #[error("{file}: all {skipped} rows of the {split} split were left out, the first: {first}")]
    OnlyBadRows {
        /// What messages call the data file.
        file: String,
        /// The split.
        split: Split,
        /// How many rows there are.
        skipped: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// A row that is beyond the last.
    #[error("expected a row of the evaluation split from 0 to {}, got row {index}", .rows.saturating_sub(1))]
    NoSuchRow {
        /// The row.
        index: usize,
        /// Rows of the split.
        rows: usize,
    },
    /// Too few rows for the demonstrations.
    #[error("`{file}`: {source}{}", .class.as_ref().map(|class| format!(" (the class is `{class}`)")).unwrap_or_default())]
    Sampling {
        /// What messages call the data file.
        file: String,
        /// The name of the class that has too few rows, where it is one.
        class: Option<String>,
        /// What is missing.
        source: SamplingError,
    },
    /// A row that cannot be scored.
    #[error("{}{}", .reason.of_example(*.split, .id), more_unusable(*.split, *.more))]
    Unusable {
        /// The split that it is from.
        split: Split,
        /// The example.
        id: String,
        /// Why it cannot be scored.
        reason: Box<Unusable>,
        /// How many more there are.
        more: usize,
    },
    /// All evaluation rows are left out.
    #[error("nothing is left to score with seed {seed}: {}{}", left_out(*.rows, "evaluation row", *.overlapping, "demonstrations too", *.unusable), .first.as_ref().map(|first| format!(", first {first}")).unwrap_or_default())]
    NothingToScore {
        /// The seed.
        seed: u64,
        /// The rows that it drew.
        rows: usize,
        /// Those that are demonstrations too.
        overlapping: usize,
        /// Those that cannot be used.
        unusable: usize,
        /// The first of these, and why.
        first: Option<String>,
    },
    /// All rows to choose the step by are left out.
    #[error("nothing is left to choose the step by: {}", left_out(*.rows, "held-out row", *.overlapping, "demonstrations or evaluation rows too", *.unusable))]
    NothingHeldOut {
        /// The rows that were drawn.
        rows: usize,
        /// Those that are demonstrations or evaluation rows too.
        overlapping: usize,
        /// Those that cannot be used.
        unusable: usize,
    },
    /// Demonstrations without a token.
    #[error("expected demonstrations of one token or more, got the text {text:?}")]
    EmptyDemonstrations {
        /// The demonstrations' text.
        text: String,
    },
    /// Demonstrations that are too long to be made tokens of.
    #[error("the demonstrations are too long: {reason}{}", .longest.as_ref().map(|(id, bytes)| format!(" (the longest demonstration is `{id}`, with {bytes} bytes; the separator behind each has {separator})")).unwrap_or_default())]
    TooMuchText {
        /// How much too long.
        reason: TooMuchText,
        /// Bytes of the separator.
        separator: usize,
        /// The longest of several demonstrations, with its bytes.
        longest: Option<(String, usize)>,
    },
    /// Queries that come to too many tokens together.
    #[error(
        "expected queries of at most {MOST_TOKENS} tokens together, got more with example `{id}`, of {choices} choices"
    )]
    TooManyTokens {
        /// The example that is too much.
        id: String,
        /// How many choices the example has.
        choices: usize,
    },
    /// A query of more tokens than are shown.
    #[error(
        "expected choices of at most {most} tokens together to show, got more with example `{id}`, of {choices} choices"
    )]
    TooManyPieces {
        /// The example.
        id: String,
        /// How many choices the example has.
        choices: usize,
        /// The tokens that are shown.
        most: usize,
    },
    /// A journal without the records of a seed's result.
    #[error("`{}`: expected the records of step {step} of seed {seed}, which is the seed's result, got none", path.display())]
    NoRecords {
        /// The journal.
        path: PathBuf,
        /// The seed.
        seed: u64,
        /// The step.
        step: u32,
    },
    /// More seeds and steps than a file of results holds.
    #[error("expected at most {most} scored steps over all seeds, got {seeds} seeds with {steps} scored steps each")]
    TooManySteps {
        /// The most.
        most: u64,
        /// The seeds.
        seeds: usize,
        /// The scored steps of each.
        steps: usize,
    },
    /// More positions are needed than the model has.
    #[error("{what} needs {needed} positions, and the model has {limit}{}", .longest.as_ref().map(|(id, tokens)| format!(" (the longest demonstration is `{id}`, with {tokens} tokens)")).unwrap_or_default())]
    ContextTooLong {
        /// What needs them.
        what: String,
        /// The longest of several demonstrations, with its tokens.
        longest: Option<(String, usize)>,
        /// Positions needed.
        needed: usize,
        /// Positions of the model.
        limit: usize,
        /// What would help.
        hint: &'static str,
    },
    /// The run would take more memory than there is.
    #[error(
        "`{model}` needs about {} of memory (weights {}, keys and values {}, states {}, records {}), and {place} has {}",
        size(.memory.total), size(.memory.weights), size(.memory.cache), size(.memory.activations), size(.memory.records),
        size(*.available)
    )]
    Memory {
        /// What the user calls the model.
        model: String,
        /// Where the memory is.
        place: &'static str,
        /// What it is needed for.
        memory: Box<MemoryRecord>,
        /// Bytes that there are.
        available: u64,
    },
    /// A step to score that is beyond the last.
    #[error("expected steps to score from 1 to {steps}, got {step}")]
    NoSuchStep {
        /// The step.
        step: usize,
        /// The number of steps.
        steps: usize,
    },
    /// An unfinished run of another configuration in the output folder.
    #[error("`{}` has an unfinished run of another configuration:{}", folder.display(), changes.iter().map(|change| format!("\n{change}")).collect::<String>())]
    Changed {
        /// The output folder.
        folder: PathBuf,
        /// What differs, each as `name: before -> now`.
        changes: Vec<String>,
    },
    /// A line of a journal that is no record.
    #[error("`{}`, line {line}", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What does not hold.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A line of a journal that this run would not have written there.
    #[error("`{}`, line {line}: expected the record of {expected}, got that of {found}", path.display())]
    ForeignLine {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Where the run is.
        expected: String,
        /// What the line says.
        found: String,
    },
    /// Settings that are missing or contradict each other.
    #[error("{0}")]
    Settings(String),
    /// A run file that cannot be read as one.
    #[error("`{}`: {message}", path.display())]
    RunFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with the line.
        message: String,
    },
    /// A configuration without a seed.
    #[error("expected a seed, got none")]
    NoSeed,
    /// The user wanted the run to end. What was found before is recorded.
    #[error("interrupted")]
    Interrupted,
    /// Leave-one-out with a single demonstration.
    #[error("expected two demonstrations or more for leave-one-out, got one")]
    NothingToLeaveOut,
    /// A score that is not a number, over a cache that an optimizer moved.
    #[error("plugin {plugin}: example `{id}` over the cache of step {step}")]
    Sample {
        /// The optimizer's name, version and file.
        plugin: String,
        /// The example.
        id: String,
        /// The step.
        step: usize,
        /// What is wrong with its record.
        #[source]
        source: SampleError,
    },
}

/// How many rows cannot be used besides the first.
fn more_unusable(split: Split, more: usize) -> String {
    match more {
        0 => String::new(),
        1 => format!(" (1 more {split} example cannot be used either)"),
        more => format!(" ({more} more {split} examples cannot be used either)"),
    }
}

/// Why none of `rows` rows is left.
fn left_out(rows: usize, what: &str, overlapping: usize, role: &str, unusable: usize) -> String {
    let plural = if rows == 1 { "" } else { "s" };
    let reasons = [(overlapping, role), (unusable, "unusable")].into_iter().filter(|(count, _)| *count > 0);
    let reasons: Vec<String> = reasons.map(|(count, reason)| format!("{count} {reason}")).collect();
    format!("expected rows to keep, got {rows} {what}{plural} to leave out ({})", reasons.join(", "))
}
