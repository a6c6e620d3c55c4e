//! Everything that is known of a finished or unfinished run, from the files in its folder.

use std::collections::HashSet;
use std::io::BufRead;

use serde::Deserialize;

use super::seconds::Seconds;
use super::{Analysis, AnalysisError, Known, MOST_CLASSES_SHOWN, RightChoice, StepLikelihood, means};
use crate::files::controls::{self, Controls};
use crate::files::lines::{self, LineError, Lines};
use crate::files::samples::{self, SampleRecord};
use crate::files::schema::{FORMAT_VERSION, ResultsRecord};
use crate::files::trace::TraceRecord;
use crate::files::unconditional::{self, UnconditionalRecord};
use ft_engine::text::Untrusted;

/// The files of a run's folder, opened.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a, R> {
    /// The bytes of `results.json`.
    pub results: &'a [u8],
    /// A reader of `samples.jsonl`, which is read line by line.
    pub samples: R,
    /// A reader of `trace.jsonl`; `None` if there is none.
    pub trace: Option<R>,
    /// A reader of `held-out.jsonl`; `None` if there is none.
    pub held_out: Option<R>,
    /// A reader of `baselines.jsonl`; `None` if there is none.
    pub baselines: Option<R>,
    /// A reader of `content-free.jsonl`; `None` if there is none.
    pub content_free: Option<R>,
    /// A reader of `unconditional.jsonl`; `None` if there is none.
    pub unconditional: Option<R>,
}

/// A run as a report shows it, read from its folder.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The run's folder, as it was named.
    pub name: Untrusted,
    /// The content of `results.json`; its numbers are not used, but for times.
    pub results: ResultsRecord,
    /// The records of `samples.jsonl`.
    pub records: Vec<SampleRecord>,
    /// The numbers that follow from the records.
    pub analysis: Analysis,
    /// The seconds that each step took.
    pub seconds: Seconds,
    /// The records of `trace.jsonl`; empty if there is none.
    pub trace: Vec<TraceRecord>,
    /// The mean log-likelihoods of held-out examples at every step of the seeds that are complete, seed by seed; empty if
    /// there is no `held-out.jsonl`.
    pub held_out: Vec<StepLikelihood>,
    /// What a reader of the numbers has to know: sampled or limited data, an unfinished run, what was left out.
    pub notes: Vec<Untrusted>,
}

/// Steps that are not whole and have a note each. A run that was killed leaves one.
const MOST_UNFINISHED_SHOWN: usize = 20;

/// Why a folder's files are no run.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// `results.json` is not what this program writes.
    #[error("`{}/results.json`: expected the record of a run", .name.harmless())]
    Results {
        /// The run's folder, as it was named.
        name: Untrusted,
        /// The JSON parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// `results.json` has the format of another version.
    #[error("`{}/results.json`: expected format version {FORMAT_VERSION}, got {found}", .name.harmless())]
    Version {
        /// The run's folder, as it was named.
        name: Untrusted,
        /// The format version of the file.
        found: u32,
    },
    /// A line is no record.
    #[error("`{}/{file}`: expected a record on each line", .name.harmless())]
    Line {
        /// The run's folder, as it was named.
        name: Untrusted,
        /// The file's name in the folder.
        file: &'static str,
        /// The line's number, and why it is no record.
        #[source]
        source: LineError,
    },
    /// The records of the journals are not those of one run.
    #[error("`{}/{}`: expected the journal of one run", .name.harmless(), .source.file())]
    Records {
        /// The run's folder, as it was named.
        name: Untrusted,
        /// The line that does not fit, and why.
        #[source]
        source: AnalysisError,
    },
}

impl ReportError {
    /// What to do about the error; `None` if nothing is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Version { .. } => {
                Some("run again with this version, or report with the version that wrote it".into())
            }
            Self::Results { .. } => Some("name the output folder of an `ft-host run`".into()),
            Self::Line { .. } | Self::Records { .. } => {
                Some("restore the file as one run wrote it; only its last line may be half-written".into())
            }
        }
    }
}

impl RunReport {
    /// Reads the files of the folder called `name`.
    ///
    /// # Errors
    /// If a file is not what a run writes; the error names its line.
    pub fn new<R: BufRead>(name: &str, files: Files<'_, R>) -> Result<Self, ReportError> {
        let name = Untrusted::from(name);
        let results = results(&name, files.results)?;
        let refuse = |file, source| ReportError::Line { name: name.clone(), file, source };
        let samples = samples::parse_all(files.samples).map_err(|source| refuse("samples.jsonl", source))?;
        let trace = files.trace.map(|trace| lines::read(trace, TraceRecord::parse)).transpose();
        let trace = trace.map_err(|source| refuse("trace.jsonl", source))?;
        let trace = trace.unwrap_or(Lines { records: Vec::new(), cut: false });
        let held_out = files.held_out.map(|held_out| lines::read(held_out, RightChoice::parse)).transpose();
        let held_out = held_out.map_err(|source| refuse("held-out.jsonl", source))?;
        let held_out = held_out.unwrap_or(Lines { records: Vec::new(), cut: false });
        let control = |file, reader: Option<R>| match reader.map(controls::parse_all).transpose() {
            Ok(lines) => Ok(lines.unwrap_or(Lines { records: Vec::new(), cut: false })),
            Err(source) => Err(refuse(file, source)),
        };
        let baselines = control("baselines.jsonl", files.baselines)?;
        let content_free = control("content-free.jsonl", files.content_free)?;
        let unconditional = files.unconditional.map(unconditional::parse_all).transpose();
        let unconditional = unconditional.map_err(|source| refuse("unconditional.jsonl", source))?;
        let unconditional = unconditional.unwrap_or(Lines { records: Vec::new(), cut: false });
        let cut = [
            ("samples.jsonl", samples.cut),
            ("trace.jsonl", trace.cut),
            ("held-out.jsonl", held_out.cut),
            ("baselines.jsonl", baselines.cut),
            ("content-free.jsonl", content_free.cut),
            ("unconditional.jsonl", unconditional.cut),
        ];
        let controls = Controls {
            baselines: baselines.records,
            content_free: content_free.records,
            unconditional: unconditional.records,
        };
        let plan = &results.plan;
        let rows = plan.scored_rows();
        let known = Known::of(&results, &rows, &controls);
        let analysis = Analysis::new(&samples.records, &known)
            .map_err(|source| ReportError::Records { name: name.clone(), source })?;
        let mut notes = notes(&results, &analysis, &cut);
        notes.extend(unconditional_missing(&results, &samples.records, &controls.unconditional));
        let seconds = Seconds::of(&results);
        // A seed's folds come one after another: only behind the last of them has a step all of its examples.
        let complete: HashSet<u64> = results.selected.iter().map(|selected| selected.seed).collect();
        let converging = !plan.config.allow_nonfinite;
        let held_out = means(held_out.records, |seed| complete.contains(&seed), converging);
        Ok(Self { name, records: samples.records, trace: trace.records, held_out, analysis, seconds, notes, results })
    }
}

/// What a reader of the numbers has to know. `cut` says of each journal whether its last line was left out.
fn notes(results: &ResultsRecord, analysis: &Analysis, cut: &[(&str, bool)]) -> Vec<Untrusted> {
    let plan = &results.plan;
    let mut notes = plan.notes.clone();
    if !results.complete {
        let (done, all) = (results.selected.len(), plan.config.seeds.len());
        notes.push(format!("this run is unfinished: {done} of {all} seeds are complete").into());
    }
    for (file, _) in cut.iter().filter(|(_, cut)| *cut) {
        notes.push(format!("the last line of {file} is half-written; it is left out").into());
    }
    notes.extend(analysis.unfinished.iter().take(MOST_UNFINISHED_SHOWN).map(|step| {
        let (seed, n, of) = (step.seed, step.n, step.of);
        format!("seed {seed}, step {}: {n} of {of} examples are scored; left out", step.step).into()
    }));
    if let Some(more @ 1..) = analysis.unfinished.len().checked_sub(MOST_UNFINISHED_SHOWN) {
        notes.push(format!("further steps that are not scored whole, and are left out: {more}").into());
    }
    let baselines = &analysis.unfinished_baselines;
    notes.extend(baselines.iter().take(MOST_UNFINISHED_SHOWN).map(|unfinished| {
        let (seed, baseline, n) = (unfinished.seed, unfinished.baseline, unfinished.n);
        format!("seed {seed}, {baseline}: {n} examples are scored, and not all that its steps have; left out").into()
    }));
    if let Some(more @ 1..) = baselines.len().checked_sub(MOST_UNFINISHED_SHOWN) {
        notes.push(format!("further baselines that are not scored whole, and are left out: {more}").into());
    }
    if plan.labels.len() > MOST_CLASSES_SHOWN {
        let classes = plan.labels.len();
        let note =
            format!("no confusion matrix is shown: {classes} classes, and {MOST_CLASSES_SHOWN} at most have one");
        notes.push(note.into());
    }
    notes
}

/// That there is no accuracy by mutual information, since choices without their queries are missing for some rows.
fn unconditional_missing(
    results: &ResultsRecord,
    samples: &[SampleRecord],
    records: &[UnconditionalRecord],
) -> Option<Untrusted> {
    let expected = results.plan.unconditional_rows.filter(|_| !samples.is_empty())?;
    let scored: HashSet<usize> = samples.iter().map(|sample| sample.index).collect();
    let found = records.iter().filter(|record| scored.contains(&record.index)).count();
    let missing = format!(
        "unconditional.jsonl has {found} of {expected} rows; steps with rows that it lacks have no accuracy by mutual information"
    );
    (results.complete && found < expected).then(|| missing.into())
}

fn results(name: &Untrusted, bytes: &[u8]) -> Result<ResultsRecord, ReportError> {
    /// The part that all versions have.
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let wrong = |source| ReportError::Results { name: name.clone(), source };
    let Version { format_version } = serde_json::from_slice(bytes).map_err(wrong)?;
    if format_version != FORMAT_VERSION {
        return Err(ReportError::Version { name: name.clone(), found: format_version });
    }
    serde_json::from_slice(bytes).map_err(wrong)
}
