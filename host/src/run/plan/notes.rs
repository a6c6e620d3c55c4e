//! What a reader of the results has to know.

use std::collections::BTreeSet;

use super::draw::{Draw, Drawn};
use super::select;
use crate::run::inputs::classes;
use crate::run::inputs::config::{RunConfig, TaskConfig};
use crate::run::inputs::data::SplitExamples;
use crate::run::inputs::model::OpenModel;
use crate::run::inputs::rows::Rows;
use crate::run::inputs::scored_split::ScoredSplit;
use crate::run::inputs::tuned_with::sets_parameters;
use ft_engine::model::Tokenizer;
use ft_engine::task::example::Example;
use ft_record::files::context::ContextRecord;
use ft_record::files::schema::{DataRecord, SelectedRecord};
use ft_store::datasets::location::{DataBase, DataLocation};

/// Notes of single seeds that are told; of further ones only how many there are.
const TOLD: usize = 10;

/// What restricts the results, as far as it is known before the run.
pub fn before(config: &RunConfig, rows: &Rows, drawn: &Drawn, model: &OpenModel) -> Vec<String> {
    let splits: Vec<&SplitExamples> = rows.splits().collect();
    let is_chosen = config.task.definition.is_some() && !config.task.options.is_empty();
    let mut notes = of_splits(&config.task, &splits, is_chosen);
    notes.extend(rows.notes(&config.task));
    notes.extend(of_scored_rows(config, (&rows.labels, rows.evaluation_examples()), drawn));
    notes.extend(select::note(config, drawn.select, drawn.not_held_out.as_ref()));
    notes.extend(of_seeds(drawn, |draw| held_out(config, draw)));
    // Behind a description a query has what the demonstrations begin with.
    if drawn.description.ids.is_empty() {
        notes.extend(zero_shot(drawn, model.tokenizer.bos()));
    }
    notes.extend(unconditional(drawn, &model.tokenizer));
    notes.extend_from_slice(model.notes());
    notes
}

/// What restricts the results of a run that scores a saved context, of a task with these classes, none for one without.
pub(super) fn before_scoring(
    config: &RunConfig,
    (rows, labels): (&ScoredSplit, &[String]),
    drawn: &Drawn,
    (model, context): (&OpenModel, &ContextRecord),
) -> Vec<String> {
    let mut notes = vec![tuned_before(context)];
    notes.extend(rounded(context));
    notes.extend(of_splits(&config.task, &[&rows.split], sets_parameters(context)));
    notes.extend(rows.notes(labels));
    notes.extend(of_scored_rows(config, (labels, &rows.split.examples), drawn));
    notes.extend(unconditional(drawn, &model.tokenizer));
    notes.extend_from_slice(model.notes());
    notes
}

fn tuned_before(context: &ContextRecord) -> String {
    let SelectedRecord { seed, step } = context.selected;
    format!("scored behind a saved context, step {step} of seed {seed}: nothing was tuned, and no other step is scored")
}

fn rounded(context: &ContextRecord) -> Option<String> {
    let (held, stored) = (&context.tensors.dtype, &context.tensors.stored_dtype);
    (held != stored).then(|| {
        let (held, stored) = (held.harmless(), stored.harmless());
        format!("the context is stored in {stored}: scores differ by rounding from those behind it as it was tuned, in {held}")
    })
}

/// What is said of how splits were read. `is_chosen` says whether options of a definition are set, which may choose the data set's
/// configuration.
fn of_splits(task: &TaskConfig, splits: &[&SplitExamples], is_chosen: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if task.data.uses_sample() {
        notes.push("using the bundled sample, not the full data set".to_owned());
    }
    for split in splits {
        let (record, reasons) = (&split.record, split.skipped.join("; "));
        if record.skipped > 0 {
            let (skipped, all, name) = (record.skipped, record.rows, record.split.harmless());
            notes.push(format!("{skipped} of {all} rows of the {name} split were left out: {reasons}"));
        }
    }
    let data: Vec<&DataRecord> = splits.iter().map(|split| &split.record).collect();
    notes.extend(if is_chosen { unsought(&task.data, &data) } else { None });
    notes
}

/// What is said of the evaluation rows that are scored, and of those that are not.
fn of_scored_rows(config: &RunConfig, (labels, examples): (&[String], &[Example]), drawn: &Drawn) -> Vec<String> {
    let mut notes = Vec::new();
    let all = examples.len();
    notes.extend(drawn.draws.first().and_then(|draw| sampled(config, draw, all)));
    if drawn.unusable.count() > 0 {
        let (count, reasons) = (drawn.unusable.count(), drawn.unusable.reasons());
        notes.push(format!("{count} of {all} evaluation rows cannot be used and were left out: {reasons}"));
    }
    notes.extend(of_seeds(drawn, |draw| overlapping(config, draw)));
    notes.extend(of_seeds(drawn, limited));
    notes.extend(of_seeds(drawn, |draw| {
        let answers = draw.queries.iter().map(|place| drawn.queries[*place].answer);
        classes::note(labels, examples, answers, draw.evaluation_rows < all)
    }));
    notes
}

/// That these data have a configuration and were not looked for by it; the hub and a split's own files are named as a whole.
fn unsought(location: &DataLocation, data: &[&DataRecord]) -> Option<String> {
    if location.base == DataBase::Hub {
        return None;
    }
    let has_own = |data: &DataRecord| location.files.iter().any(|(split, _)| split.to_string() == *data.split.raw());
    let mut files: Vec<String> = Vec::new();
    let mut configuration = None;
    for data in data.iter().filter(|data| !has_own(data)) {
        configuration = configuration.or(data.config.as_ref());
        let file = format!("`{}`", data.file.harmless());
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let (configuration, files) = (configuration?.harmless(), files.join(" and "));
    Some(format!(
        "the task's configuration `{configuration}` is not looked for in a folder or a sample: rows are those of {files}"
    ))
}

/// What zero-shot lacks. A token for the beginning of a text stands before the demonstrations, and before a query only
/// where nothing else could predict its scored span.
fn zero_shot(drawn: &Drawn, bos: Option<u32>) -> Option<String> {
    let unpreceded = drawn.queries.iter().filter(|query| query.tokens.starts_with_span()).count();
    let others = drawn.queries.len() - unpreceded;
    match bos {
        None if unpreceded > 0 => Some(format!(
            "zero-shot: in {unpreceded} queries nothing stands before the scored span's first token, which is left out"
        )),
        Some(bos) if others > 0 => Some(format!(
            "zero-shot: {others} queries are scored without token {bos}, which the demonstrations begin with"
        )),
        _ => None,
    }
}

/// What choices without their queries stand behind.
fn unconditional(drawn: &Drawn, tokenizer: &Tokenizer) -> Option<String> {
    let start = tokenizer.text_start().filter(|_| !drawn.unconditional.is_empty())?;
    let though = if tokenizer.bos().is_none() { ", which texts of this model do not begin with" } else { "" };
    let rows = drawn.unconditional.len();
    Some(format!(
        "mutual information: the choices of {rows} rows are also scored by themselves, behind token {start}{though}"
    ))
}

fn sampled(config: &RunConfig, draw: &Draw, all: usize) -> Option<String> {
    let asked = if config.task.sample.is_some() { "`--sample`" } else { "the task" };
    match config.task.sample {
        _ if draw.evaluation_rows < all => {
            Some(format!("{} of {all} evaluation rows were drawn at random, as {asked} asks", draw.evaluation_rows))
        }
        Some(sample) if sample > all => {
            Some(format!("`--sample {sample}` asks for more than the {all} evaluation rows; all of them are taken"))
        }
        _ => None,
    }
}

fn overlapping(config: &RunConfig, draw: &Draw) -> Vec<String> {
    let mut notes = Vec::new();
    let (count, all) = (draw.record.overlapping_rows.len(), draw.evaluation_rows);
    match config.allow_overlap {
        _ if count == 0 => {}
        false => notes.push(format!(
            "{count} of {all} evaluation rows are demonstrations too and were left out; `--allow-overlap` scores them"
        )),
        true => notes.push(format!(
            "{count} of {all} evaluation rows are demonstrations too and are scored (`--allow-overlap`): the model is shown \
             their answers"
        )),
    }
    if draw.other_answers > 0 {
        notes.push(format!(
            "{} of {all} evaluation rows ask what a demonstration asks and have another answer; they are scored",
            draw.other_answers
        ));
    }
    notes
}

fn limited(draw: &Draw) -> Option<String> {
    let left_out = draw.record.overlapping_rows.len() + draw.record.unusable_rows.len();
    let (scored, drawn) = (draw.queries.len(), draw.evaluation_rows);
    let rest = if left_out > 0 { ", not counting those left out" } else { "" };
    draw.limited.then(|| format!("limited to the first {scored} of {drawn} evaluation rows{rest}"))
}

fn held_out(config: &RunConfig, draw: &Draw) -> Vec<String> {
    let mut notes = Vec::new();
    let chosen = &draw.held_out;
    let (overlapping, unusable) = (chosen.overlapping, &chosen.unusable);
    let kept = if config.allow_overlap { "kept" } else { "left out" };
    if overlapping > 0 {
        notes.push(format!(
            "{overlapping} of the rows to select the step by are demonstrations or evaluation rows too and were {kept}"
        ));
    }
    if unusable.count() > 0 {
        let (count, reasons) = (unusable.count(), unusable.reasons());
        notes.push(format!("{count} of the rows to select the step by cannot be used and were left out: {reasons}"));
    }
    notes
}

/// What is to be said of seeds: once where it is the same for all, else with the seeds that it is about.
fn of_seeds<N: IntoIterator<Item = String>>(drawn: &Drawn, note: impl Fn(&Draw) -> N) -> Vec<String> {
    let notes = drawn.draws.iter().flat_map(|draw| note(draw).into_iter().map(|note| (draw.record.seed, note)));
    grouped(notes, drawn.draws.len())
}

fn grouped(notes: impl Iterator<Item = (u64, String)>, all: usize) -> Vec<String> {
    let mut groups: Vec<(String, Vec<u64>)> = Vec::new();
    for (seed, note) in notes {
        match groups.iter_mut().find(|(known, _)| *known == note) {
            Some((_, seeds)) => seeds.push(seed),
            None => groups.push((note, vec![seed])),
        }
    }
    let further = groups.iter().skip(TOLD).flat_map(|(_, seeds)| seeds).collect::<BTreeSet<&u64>>().len();
    let told = groups.into_iter().take(TOLD).map(|(note, seeds)| match seeds.as_slice() {
        seeds if seeds.len() == all => note,
        [seed] => format!("seed {seed}: {note}"),
        [first, .., last] if seeds.len() > TOLD => format!("{} seeds from {first} to {last}: {note}", seeds.len()),
        seeds => {
            let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
            format!("seeds {}: {note}", seeds.join(", "))
        }
    });
    let mut told: Vec<String> = told.collect();
    if further > 0 {
        told.push(format!("{further} more seeds have such notes, with other numbers"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_for_all_seeds_is_said_once() {
        let check = |notes: &[(u64, &str)], all, expected: &[&str]| {
            let notes = notes.iter().map(|(seed, note)| (*seed, (*note).to_owned()));
            assert_eq!(grouped(notes, all), expected);
        };
        check(&[(7, "a")], 1, &["a"]);
        check(&[(7, "a"), (3, "a")], 2, &["a"]);
        check(&[(7, "a"), (3, "a")], 3, &["seeds 7, 3: a"]);
        check(&[(7, "a"), (3, "b"), (3, "c")], 2, &["seed 7: a", "seed 3: b", "seed 3: c"]);
        let many: Vec<(u64, String)> = (0..14).map(|seed| (seed, format!("n{seed}"))).collect();
        let told = grouped(many.into_iter(), 14);
        assert_eq!((told.len(), told[TOLD].as_str()), (TOLD + 1, "4 more seeds have such notes, with other numbers"));
        let same = grouped((0..12).map(|seed| (seed, "a".to_owned())), 14);
        assert_eq!(same, ["12 seeds from 0 to 11: a"]);
    }

    #[test]
    fn a_configuration_that_is_not_looked_for_is_told() {
        let data = |split: &str, config: Option<&str>| -> DataRecord {
            let record = serde_json::json!({
                "split": split, "repository": "cais/mmlu", "config": config, "name": split, "file": format!("d/{split}.csv"),
                "rows": 1, "skipped": 0, "sha256": "", "examples_sha256": "",
            });
            serde_json::from_value(record).unwrap()
        };
        let told = |location: &[&str], config: Option<&str>| {
            let both = ["demonstrations", "evaluation"].map(|split| data(split, config));
            unsought(&DataLocation::parse(location).unwrap(), &[&both[0], &both[1]])
        };
        let note = "the task's configuration `law` is not looked for in a folder or a sample: rows are those of";
        let both = format!("{note} `d/demonstrations.csv` and `d/evaluation.csv`");
        assert_eq!(told(&["d"], Some("law")), Some(both.clone()));
        assert_eq!(told(&["sample"], Some("law")), Some(both));
        let one = format!("{note} `d/demonstrations.csv`");
        assert_eq!(told(&["d", "evaluation=x.csv"], Some("law")), Some(one));
        assert_eq!(told(&["d"], None), None);
        assert_eq!(told(&[], Some("law")), None, "the hub has it");
        assert_eq!(told(&["d", "evaluation=x.csv", "demonstrations=y.csv"], Some("law")), None);
    }
}
