//! The task, its data, and which rows of them are used.

use std::path::PathBuf;

use super::parse;
use ft_engine::task::sampling::Sampling;
use ft_store::datasets::error::DataLocationError;
use ft_store::datasets::location::DataLocation;
use ft_store::table::Quoting;

options! {
    /// Options of the task plugin.
    pub struct TaskOptions {
        /// The task: a plugin's file, its name on the plugin path (`ft-host plugin list`), or a definition (`NAME.toml`),
        /// which the plugin `template` interprets.
        #[arg(long, value_name = "FILE|NAME")]
        task: Option<PathBuf>, path Plugin, recorded "task.file", affects Nothing;

        /// Set an option of the task, or of its definition.
        #[arg(
            short = 'T',
            long = "task-option",
            value_name = "NAME=VALUE",
            value_parser = parse::name_and_value,
            display_order = 901
        )]
        task_options: Vec<(String, String)>, recorded "options.task", affects Results;

        /// Put TEXT before the first demonstration, and before each query if it is scored zero-shot; an empty TEXT leaves out
        /// the task's own [default: what the task says, mostly nothing].
        #[arg(long, value_name = "TEXT", display_order = 902, allow_hyphen_values = true)]
        description: Option<String>, recorded "description", affects Results;
    }
}

options! {
    /// Where rows come from.
    pub struct DataOptions {
        /// Where rows come from: `sample` for the bundled sample, a folder with DIR/<data set>/<split>.jsonl (.json,
        /// .parquet, .csv, .tsv), or evaluation=FILE and demonstrations=FILE for single splits, where FILE may be a
        /// pattern ('runs/*.jsonl.gz') or hf://datasets/OWNER/NAME/PATH; may be given several times
        /// [default: the data set's repository on the hub].
        #[arg(long, value_name = "sample|DIR|SPLIT=FILE")]
        data: Vec<String>, path Data, affects Source;

        /// Whether cells of CSV and TSV files may be in double quotes: `csv` as in RFC 4180, `none` if quotes are
        /// ordinary characters, `auto` for `csv` in CSV and `none` in TSV [default: auto].
        #[arg(long, value_name = "auto|csv|none")]
        quoting: Option<Quoting>, default Quoting::Auto, recorded "data.quoting", affects Results;
    }
}

impl DataOptions {
    /// The place that these name.
    ///
    /// # Errors
    /// Values that contradict each other, or name a file without its split.
    pub(crate) fn location(&self) -> Result<DataLocation, DataLocationError> {
        Ok(DataLocation::parse(&self.data)?.with_quoting(self.quoting()))
    }
}

options! {
    /// Which rows become demonstrations, and which are evaluated.
    pub struct RowOptions {
        /// Leave out rows that cannot be read, that the task rejects, or that cannot be scored (too long for the model,
        /// nothing to score), and count them.
        #[arg(long, display_order = 252)]
        skip_bad_rows: bool, affects Results;

        /// How demonstrations are drawn: `stratified` by class if the task has classes, `random`, `written` by the
        /// task's author, or the `first` rows [default: stratified].
        #[arg(long, value_name = "HOW")]
        sampling: Option<Sampling>, default Sampling::Stratified, affects Results;

        /// Number of demonstrations; with `--sampling stratified` and a task with classes, of each class [default: 1,
        /// or all that are written].
        #[arg(long, value_name = "N")]
        shots: Option<usize>, parse parse::shots, affects Results;

        /// Score only N evaluation rows, drawn by the seed, the same ones for every optimizer and step [default: all,
        /// or as many as the task draws].
        #[arg(long, value_name = "N", display_order = 390)]
        sample: Option<usize>, parse parse::at_least_one, affects Results;
    }
}
