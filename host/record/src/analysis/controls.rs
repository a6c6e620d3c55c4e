//! Control records by seed and by what they were scored behind, checked to be those of one run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Known;
use super::seed_records::{ControlLineError, SeedRecords, StepRecords, same_example};
use crate::files::controls::{Baseline, ControlRecord, Controls};
use crate::files::samples::SampleRecord;
use crate::files::unconditional::{Unconditional, UnconditionalRecord};

/// The name of the journal of queries behind baselines.
const BASELINES: &str = "baselines.jsonl";
/// The name of the journal of choices without their queries.
const UNCONDITIONAL: &str = "unconditional.jsonl";
/// The name of the journal of content-free queries.
const CONTENT_FREE: &str = "content-free.jsonl";

/// A baseline of which not all examples of a seed are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnfinishedBaseline {
    pub(crate) seed: u64,
    pub(crate) baseline: Baseline,
    pub(crate) n: usize,
}

/// What a run has besides its samples, each where it belongs.
pub(super) struct SortedControls<'a> {
    /// The records of each seed behind each baseline, those that are whole.
    pub(super) baselines: BTreeMap<(u64, Baseline), StepRecords<'a>>,
    /// The content-free records behind each step or baseline of a seed, those that are whole.
    content_free: ContentFree<'a>,
    /// The unconditional log-likelihoods of examples; `None` for a run without.
    pub(super) unconditional: Option<Unconditional>,
    /// Baselines that are left out.
    pub(super) unfinished: Vec<UnfinishedBaseline>,
}

impl<'a> SortedControls<'a> {
    /// Sorts controls of a run with these whole steps, by what is known of it.
    ///
    /// # Errors
    /// A line twice, or of an example that the seed does not score, or of another example than the seed scores.
    pub(super) fn new(
        controls: &'a Controls,
        seeds: &[SeedRecords<'_>],
        known: &Known<'_>,
    ) -> Result<Self, ControlLineError> {
        let steps: HashMap<u64, &StepRecords<'_>> =
            seeds.iter().filter_map(|seed| Some((seed.seed, seed.steps.values().next()?))).collect();
        let (baselines, unfinished) = baselines(&controls.baselines, &steps)?;
        let content_free = content_free(&controls.content_free, known.content_free_queries)?;
        // A plan without them: whatever another version left in the folder is no part of its results.
        let unconditional =
            known.mutual_information.then(|| unconditional(&controls.unconditional, &steps)).transpose()?;
        Ok(Self { baselines, content_free, unconditional, unfinished })
    }

    /// The records of all content-free queries behind a step or a baseline; none where not all are scored.
    pub(super) fn content_free(&self, seed: u64, step: u32, baseline: Option<Baseline>) -> &[&'a SampleRecord] {
        self.content_free.get(&(seed, step, baseline)).map(Vec::as_slice).unwrap_or_default()
    }
}

type Baselines<'a> = BTreeMap<(u64, Baseline), StepRecords<'a>>;

/// The whole baselines of seeds with a whole step, and those that are not whole.
fn baselines<'a>(
    records: &'a [ControlRecord],
    steps: &HashMap<u64, &StepRecords<'_>>,
) -> Result<(Baselines<'a>, Vec<UnfinishedBaseline>), ControlLineError> {
    let mut found: Baselines<'a> = BTreeMap::new();
    for (ControlRecord { baseline, sample }, line) in records.iter().zip(1..) {
        let refuse = |expected: String, got: String| ControlLineError { file: BASELINES, line, expected, got };
        let (seed, index) = (sample.seed, sample.index);
        let Some(baseline) = *baseline else {
            return Err(refuse("a record behind a baseline".into(), format!("one of step {}", sample.step)));
        };
        if let Some(step) = steps.get(&seed) {
            let Some((_, example)) = step.get(&index) else {
                return Err(refuse(
                    format!("an example that seed {seed} scores at its steps"),
                    format!("example {index}"),
                ));
            };
            same_example(example, sample).map_err(|(what, expected, got)| {
                refuse(format!("{what} {expected} for example {index}, as in samples.jsonl"), got)
            })?;
        }
        if found.entry((seed, baseline)).or_default().insert(index, (line, sample)).is_some() {
            return Err(refuse(format!("example {index} of seed {seed} once behind {baseline}"), "it again".into()));
        }
    }
    let of = |seed: u64| steps.get(&seed).map(|step| step.len());
    let is_whole = |seed: u64, records: &StepRecords<'_>| of(seed) == Some(records.len());
    let left_out = found.iter().filter(|((seed, _), records)| !is_whole(*seed, records));
    let left_out = left_out.map(|(&(seed, baseline), records)| UnfinishedBaseline { seed, baseline, n: records.len() });
    let left_out = left_out.collect();
    found.retain(|(seed, _), records| is_whole(*seed, records));
    Ok((found, left_out))
}

/// The unconditional log-likelihoods of examples, which are held to those that seeds score.
fn unconditional(
    records: &[UnconditionalRecord],
    steps: &HashMap<u64, &StepRecords<'_>>,
) -> Result<Unconditional, ControlLineError> {
    // A row is the same example for every seed that scores it.
    let examples: HashMap<usize, &SampleRecord> =
        steps.values().flat_map(|step| step.iter().map(|(index, (_, example))| (*index, *example))).collect();
    let mut found = Unconditional::new();
    for (UnconditionalRecord { index, id, loglik, .. }, line) in records.iter().zip(1..) {
        let refuse = |expected: String, got: String| ControlLineError { file: UNCONDITIONAL, line, expected, got };
        if let Some(example) = examples.get(index) {
            if example.id != *id {
                let expected = format!("the name {:?} for example {index}, as in samples.jsonl", example.id);
                return Err(refuse(expected, format!("{id:?}")));
            }
            if example.loglik.len() != loglik.len() {
                let choices = example.loglik.len();
                let expected = format!("{choices} log-likelihoods for example {index}, as in samples.jsonl");
                return Err(refuse(expected, loglik.len().to_string()));
            }
        }
        if found.insert(*index, loglik.clone()).is_some() {
            return Err(refuse(format!("example {index} once"), "it again".into()));
        }
    }
    Ok(found)
}

/// Content-free records by seed, step and baseline.
type ContentFree<'a> = HashMap<(u64, u32, Option<Baseline>), Vec<&'a SampleRecord>>;

fn content_free(records: &[ControlRecord], queries: usize) -> Result<ContentFree<'_>, ControlLineError> {
    let mut found = ContentFree::new();
    // A plan without such queries: whatever another version left in the folder is no part of its results.
    if queries == 0 {
        return Ok(found);
    }
    let mut seen = BTreeSet::new();
    for (ControlRecord { baseline, sample }, line) in records.iter().zip(1..) {
        let refuse = |expected: String, got: String| ControlLineError { file: CONTENT_FREE, line, expected, got };
        let (seed, step, index) = (sample.seed, sample.step, sample.index);
        if index >= queries {
            return Err(refuse(format!("a content-free query below {queries}"), index.to_string()));
        }
        let key = (seed, step, *baseline);
        if !seen.insert((key, index)) {
            return Err(refuse(
                format!("content-free query {index} once at step {step} of seed {seed}"),
                "it again".into(),
            ));
        }
        found.entry(key).or_default().push(sample);
    }
    found.retain(|_, records| records.len() == queries);
    Ok(found)
}
