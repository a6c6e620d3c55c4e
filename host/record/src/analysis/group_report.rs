//! Everything that is known of a group of runs, from its `group.json` and the reports of its subtasks.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Analysis;
use super::differences::differences;
use super::group::{Average, StepAverages, averages_by_seed, common_seeds, step_averages};
use super::run_report::RunReport;
use crate::files::group::{GROUP, GroupError, GroupRecord, SubtaskRecord};
use ft_engine::text::Untrusted;

/// A group of runs as a report shows it.
#[derive(Clone, Debug)]
pub struct GroupReport {
    /// The group's folder, as it was named.
    pub name: Untrusted,
    /// The content of `group.json`; its averages are not used.
    pub record: GroupRecord,
    /// The runs that there are, complete or not, each with the index of its subtask in the record. A report of a group uses no
    /// sample record of them, so that these may be left out.
    pub runs: Vec<(usize, RunReport)>,
    /// The averages of the complete subtasks: of each smaller group, then of the whole.
    pub averages: Vec<Average>,
    /// The averages of the whole at every step that all complete subtasks have scored.
    pub steps: Vec<StepAverages>,
    /// What a reader of the numbers has to know: which subtasks are not complete, in what the runs differ, and the runs' notes.
    pub notes: Vec<Untrusted>,
}

/// Names and notes of single subtasks that are shown; more are counted.
const MOST_SHOWN: usize = 20;

/// Parts of plans in which subtasks differ by nature.
const OF_SUBTASKS: [&str; 10] = [
    "task",
    "options.task",
    "data",
    "labels",
    "description",
    "shared_start",
    "longest_query",
    "evaluation_rows",
    "evaluation_split_rows",
    // Of the first draw; `config.seeds` has all of them.
    "seed",
];

/// Why a folder's files are no group.
#[derive(Debug, thiserror::Error)]
pub enum GroupReportError {
    /// `group.json` is not what this program writes.
    #[error("`{}/{GROUP}`: {source}", .name.harmless())]
    Record {
        /// The group's folder, as it was named.
        name: Untrusted,
        /// What is wrong with it.
        source: GroupError,
    },
    /// The plans of two runs cannot be written as JSON.
    #[error("cannot compare the plans")]
    Plans(#[source] serde_json::Error),
}

impl GroupReportError {
    /// What to do about the error; `None` if nothing is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Record { source: GroupError::Version(_), .. } => {
                Some("run again with this version, or report with the version that wrote it".into())
            }
            Self::Record { .. } => {
                Some("restore the file as one run wrote it, or name the folder of one subtask".into())
            }
            Self::Plans(_) => None,
        }
    }
}

impl GroupReport {
    /// The record in the `group.json` of the folder called `name`.
    ///
    /// # Errors
    /// If it is not what a run of a group writes.
    pub fn record(name: &str, bytes: &[u8]) -> Result<GroupRecord, GroupReportError> {
        GroupRecord::parse(bytes).map_err(|source| GroupReportError::Record { name: name.into(), source })
    }

    /// The report of the folder called `name`: `runs` has those of the record's subtasks that there are, each with the index of its
    /// subtask. `ignored` are places of options in the runs' plans, like `config.threads`, whose differences are not noted.
    ///
    /// # Errors
    /// If serialization of the plans fails.
    pub fn new(
        name: &str,
        record: GroupRecord,
        runs: Vec<(usize, RunReport)>,
        ignored: &[&str],
    ) -> Result<Self, GroupReportError> {
        let name = Untrusted::from(name);
        let runs: Vec<_> = runs.into_iter().filter(|(index, _)| *index < record.subtasks.len()).collect();
        let mut group = Self { name, record, runs, averages: Vec::new(), steps: Vec::new(), notes: Vec::new() };
        let complete: Vec<(&SubtaskRecord, &Analysis)> =
            group.complete().map(|(subtask, run)| (subtask, &run.analysis)).collect();
        let averages = averages_by_seed(&group.record.subtasks, &complete);
        group.steps = step_averages(&averages);
        group.notes = [
            group.completeness(),
            group.differing_seeds().into_iter().collect(),
            group.differing_plans(ignored).map_err(GroupReportError::Plans)?.into_iter().collect(),
            group.notes_of_runs(),
        ]
        .concat();
        group.averages = averages;
        Ok(group)
    }

    /// The subtasks that are complete, with their runs: those that the averages are of.
    pub fn complete(&self) -> impl Iterator<Item = (&SubtaskRecord, &RunReport)> {
        let complete = self.runs.iter().filter(|(_, run)| is_complete(run));
        complete.filter_map(|(index, run)| Some((self.record.subtasks.get(*index)?, run)))
    }

    /// How many subtasks are complete, and which of them are not.
    fn completeness(&self) -> Vec<Untrusted> {
        let complete: HashSet<&Untrusted> = self.complete().map(|(subtask, _)| &subtask.name).collect();
        let names = self.record.subtasks.iter().map(|subtask| &subtask.name);
        let missing: Vec<&str> =
            names.filter(|name| !complete.contains(name)).map(|name| name.raw().as_str()).collect();
        let averages = if complete.is_empty() { "there are no averages" } else { "averages are of those" };
        let (done, of) = (complete.len(), self.record.subtasks.len());
        match missing.as_slice() {
            [] => Vec::new(),
            missing => vec![
                format!("{done} of {of} subtasks are complete; {averages}").into(),
                format!("subtasks that are not complete: {}", listed(missing)).into(),
            ],
        }
    }

    /// That the averages are not over all seeds of all subtasks.
    fn differing_seeds(&self) -> Option<Untrusted> {
        let common = common_seeds(self.complete().map(|(_, run)| &run.analysis)).len();
        let differ = self.complete().any(|(_, run)| run.analysis.results.len() != common);
        let note = match common {
            0 => "the complete subtasks have no seed in common; there are no averages".into(),
            _ => format!("averages are over the seeds that all complete subtasks have, {common} in number"),
        };
        differ.then(|| note.into())
    }

    /// The options and parts in which the runs differ and should not.
    fn differing_plans(&self, ignored: &[&str]) -> Result<Option<Untrusted>, serde_json::Error> {
        let ignored = [&OF_SUBTASKS, ignored].concat();
        let mut found = BTreeSet::new();
        if let [(_, first), rest @ ..] = self.runs.as_slice() {
            for (_, run) in rest {
                let differences = differences(&first.results.plan, &run.results.plan, &ignored)?;
                found.extend(differences.into_iter().map(|difference| difference.name));
            }
        }
        let names: Vec<&str> = found.iter().map(|name| name.raw().as_str()).collect();
        Ok((!names.is_empty()).then(|| format!("the subtasks' runs differ in {}", listed(&names)).into()))
    }

    /// The notes that all runs have, once; then those of single runs with the subtasks' names.
    fn notes_of_runs(&self) -> Vec<Untrusted> {
        let mut runs_with: HashMap<&Untrusted, usize> = HashMap::new();
        for (_, run) in &self.runs {
            let notes: HashSet<&Untrusted> = run.notes.iter().collect();
            notes.into_iter().for_each(|note| *runs_with.entry(note).or_default() += 1);
        }
        let is_shared = |note: &Untrusted| self.runs.len() > 1 && runs_with.get(note) == Some(&self.runs.len());
        let first = self.runs.first().map(|(_, run)| run.notes.as_slice()).unwrap_or_default();
        let mut notes: Vec<Untrusted> = first.iter().filter(|note| is_shared(note)).cloned().collect();
        let of_run = |(index, run): &'_ (usize, RunReport)| {
            let name = self.record.subtasks.get(*index).map(|subtask| subtask.name.raw().clone()).unwrap_or_default();
            let own = run.notes.iter().filter(|note| !is_shared(note));
            own.map(|note| format!("{name}: {}", note.raw()).into()).collect::<Vec<Untrusted>>()
        };
        let own: Vec<Untrusted> = self.runs.iter().flat_map(of_run).collect();
        notes.extend(own.iter().take(MOST_SHOWN).cloned());
        if let Some(more @ 1..) = own.len().checked_sub(MOST_SHOWN) {
            notes.push(format!("further notes of single subtasks: {more}").into());
        }
        notes
    }
}

/// Whether a run came to its end and its samples have the result of every seed.
fn is_complete(run: &RunReport) -> bool {
    let (results, planned) = (&run.analysis.results, &run.results.plan.config.seeds);
    let seeds: HashSet<u64> = results.iter().map(|result| result.seed).collect();
    let has_all = !seeds.is_empty() && planned.iter().all(|seed| seeds.contains(seed));
    run.results.complete && has_all && results.iter().all(|result| result.selected)
}

/// Some names as a list, and how many more there are.
fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(MOST_SHOWN).copied().collect::<Vec<&str>>().join(", ");
    match names.len().checked_sub(MOST_SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

#[cfg(test)]
pub(crate) mod tests;
