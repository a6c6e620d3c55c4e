//! Everything that is known of a finished or unfinished run, from the files in its folder.

use std::io::BufRead;

use serde::Deserialize;

use super::analysis::{Analysis, AnalysisError, Known, MOST_CLASSES_SHOWN};
use super::lines::{self, LineError, Lines};
use super::samples::{self, SampleRecord};
use super::schema::{FORMAT_VERSION, ResultsRecord};
use super::sheet::{self, Seconds};
use super::trace::TraceRecord;

/// What a run's folder holds.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a, R> {
    /// `results.json`.
    pub results: &'a [u8],
    /// `samples.jsonl`, which is read line by line.
    pub samples: R,
    /// `trace.jsonl`, where it is there.
    pub trace: Option<R>,
}

/// A run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The folder, as it was named.
    pub name: String,
    /// `results.json`; its numbers are not used, but for times.
    pub results: ResultsRecord,
    /// `samples.jsonl`.
    pub records: Vec<SampleRecord>,
    /// What follows from the records.
    pub analysis: Analysis,
    /// What each step took.
    pub seconds: Seconds,
    /// `trace.jsonl`; empty where it is not there.
    pub trace: Vec<TraceRecord>,
    /// What a reader of the numbers has to know: sampled or limited data, an unfinished run, what was left out.
    pub notes: Vec<String>,
}

/// Steps that are not whole and have a note each. A run that was killed leaves one.
const MOST_UNFINISHED_SHOWN: usize = 20;

/// Why a folder's files are no run.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// `results.json` is not what this program writes.
    #[error("`{name}/results.json` is not the record of a run")]
    Results {
        /// The folder.
        name: String,
        /// What does not hold.
        #[source]
        source: serde_json::Error,
    },
    /// `results.json` has the form of another version.
    #[error("`{name}/results.json`: expected format version {FORMAT_VERSION}, got {found}")]
    Version {
        /// The folder.
        name: String,
        /// Its version.
        found: u32,
    },
    /// A line is no record.
    #[error("`{name}/{file}` has a line that is no record")]
    Line {
        /// The folder.
        name: String,
        /// The file.
        file: &'static str,
        /// Which line, and why.
        #[source]
        source: LineError,
    },
    /// The sample records are not those of one run.
    #[error("`{name}/samples.jsonl` is not the journal of one run")]
    Records {
        /// The folder.
        name: String,
        /// What does not fit, by its line.
        #[source]
        source: AnalysisError,
    },
}

impl ReportError {
    /// What to do next, where something is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Version { .. } => {
                Some("run again with this version, or report with the version that wrote it".into())
            }
            Self::Results { .. } => Some("name the output folder of an `ft-host run`".into()),
            Self::Line { .. } | Self::Records { .. } => Some(
                "was the file edited, or were two journals put together? only a last line may be half-written".into(),
            ),
        }
    }
}

impl RunReport {
    /// Reads the files of the folder called `name`.
    ///
    /// # Errors
    /// A file that is not what a run writes, by its line.
    pub fn new<R: BufRead>(name: &str, files: Files<'_, R>) -> Result<Self, ReportError> {
        let name = name.to_owned();
        let results = results(&name, files.results)?;
        let refuse = |file, source| ReportError::Line { name: name.clone(), file, source };
        let samples = samples::parse_all(files.samples).map_err(|source| refuse("samples.jsonl", source))?;
        let trace = files.trace.map(|trace| lines::read(trace, TraceRecord::parse)).transpose();
        let trace = trace.map_err(|source| refuse("trace.jsonl", source))?;
        let trace = trace.unwrap_or(Lines { records: Vec::new(), cut: false });
        let plan = &results.plan;
        let rows = plan.scored_rows();
        let known = Known { labels: &plan.labels, selected: &results.selected, rows: &rows };
        let analysis = Analysis::new(&samples.records, &known)
            .map_err(|source| ReportError::Records { name: name.clone(), source })?;
        let mut notes = plan.notes.clone();
        if !results.complete {
            let (done, all) = (results.selected.len(), plan.config.seeds.len());
            notes.push(format!("this run has not come to its end: {done} of {all} seeds have"));
        }
        for (file, cut) in [("samples.jsonl", samples.cut), ("trace.jsonl", trace.cut)] {
            if cut {
                notes.push(format!("the last line of {file} is half-written; it is left out"));
            }
        }
        notes.extend(analysis.unfinished.iter().take(MOST_UNFINISHED_SHOWN).map(|step| {
            format!("seed {}, step {}: {} of {} examples are scored; left out", step.seed, step.step, step.n, step.of)
        }));
        if let Some(more @ 1..) = analysis.unfinished.len().checked_sub(MOST_UNFINISHED_SHOWN) {
            notes.push(format!("further steps that are not scored whole, and are left out: {more}"));
        }
        if plan.labels.len() > MOST_CLASSES_SHOWN {
            let classes = plan.labels.len();
            notes.push(format!(
                "no confusion matrix is shown: {classes} classes, and {MOST_CLASSES_SHOWN} at most have one"
            ));
        }
        let seconds = sheet::seconds(&results.steps);
        Ok(Self { name, records: samples.records, trace: trace.records, analysis, seconds, notes, results })
    }

    /// What was run, as names and values.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let plan = &self.results.plan;
        let config = &plan.config;
        let options = |options: &std::collections::BTreeMap<String, serde_json::Value>| {
            options.iter().map(|(name, value)| format!(", {name}={value}")).collect::<String>()
        };
        let evaluation = plan.data.iter().find(|data| data.split == "evaluation");
        let seeds: Vec<String> = config.seeds.iter().map(u64::to_string).collect();
        vec![
            ("task", format!("{} {}{}", plan.task.name, plan.task.version, options(&plan.options.task))),
            (
                "optimizer",
                format!("{} {}{}", plan.optimizer.name, plan.optimizer.version, options(&plan.options.optimizer)),
            ),
            ("model", format!("{} ({}), {} on {}", plan.model.asked, plan.model.source, config.dtype, config.device)),
            (
                "data",
                evaluation.map_or_else(
                    || config.data.clone(),
                    |data| {
                        let (scored, all) = (plan.evaluation_rows, plan.evaluation_split_rows);
                        format!("{} {}, {scored} of {all} rows ({})", data.repository, data.name, config.data)
                    },
                ),
            ),
            (
                "settings",
                format!(
                    "shots {}, {} steps, seeds {}, select {}, positions {}",
                    config.shots,
                    config.steps,
                    seeds.join(","),
                    config.select,
                    config.positions
                ),
            ),
            ("host", format!("ft-host {}", plan.host_version)),
        ]
    }
}

fn results(name: &str, bytes: &[u8]) -> Result<ResultsRecord, ReportError> {
    /// The part that all versions have.
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let wrong = |source| ReportError::Results { name: name.to_owned(), source };
    let Version { format_version } = serde_json::from_slice(bytes).map_err(wrong)?;
    if format_version != FORMAT_VERSION {
        return Err(ReportError::Version { name: name.to_owned(), found: format_version });
    }
    serde_json::from_slice(bytes).map_err(wrong)
}
