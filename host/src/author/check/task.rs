//! The checks of a task.

use serde_json::{Map, Value};

use super::fixtures::{Fixtures, RowFixture, as_given};
use super::rows::{MemoryRows, spoilt};
use super::{Checks, Subject, listed_values};
use crate::author::PluginCard;
use crate::plugin::{Failure, PluginError, Rejection, TaskPlugin, Usage};
use crate::run::{RunError, TaskConfig, read_split};
use crate::store::data::{DataBase, DataLocation};
use crate::store::sample;
use crate::task::example::{Example, RenderedChoice, Source, Split};
use crate::task::sampling::Sampling;

/// Makes the checks; gives what the plugin used in the heaviest of them.
pub fn check(
    subject: Subject<'_>,
    card: &PluginCard,
    fixtures: Option<&Fixtures>,
    checks: &mut Checks,
) -> Option<Usage> {
    checks.record("description", same_description(subject, card));
    checks.record("options", options(subject));
    match fixtures.filter(|fixtures| !fixtures.rows.is_empty()) {
        Some(fixtures) => {
            for (number, row) in (1..).zip(&fixtures.rows) {
                checks.record(format!("fixture {number}"), fixture(subject, row));
            }
        }
        None => checks.skipped("fixtures", "no `[[row]]` in a fixtures.toml beside it".into()),
    }
    let sources = match load(subject, subject.options).and_then(|mut task| Ok(task.sources()?)) {
        Ok(sources) => sources,
        Err(error) => {
            checks.record("sources", Err(error.to_string()));
            return None;
        }
    };
    let Some(data) = location(subject, &sources) else {
        checks.skipped("rows", "no `data` folder beside it and no bundled sample; `--data DIR` names rows".into());
        return None;
    };
    let mut usage = None;
    for source in &sources {
        let read = whole_split(subject, &data, source);
        let counted = read.as_ref().map(|read| {
            let prompts: usize = read.prompts.iter().map(|(_, choices)| 1 + choices.len()).sum();
            format!("{} rows of {data}, {prompts} texts; ids unique, answers and choices sound", read.examples.len())
        });
        checks.record(format!("rows: {}", source.split), counted.map_err(Clone::clone));
        let Ok(read) = read else { continue };
        checks.record(format!("same twice: {}", source.split), same_twice(subject, &data, source, &read));
        checks.record(format!("spoilt rows: {}", source.split), spoilt_rows(subject, &data, source));
        usage = Some(read.usage);
    }
    usage
}

fn config(subject: Subject<'_>, options: &[(String, String)]) -> TaskConfig {
    TaskConfig {
        plugin: subject.file.to_owned(),
        options: options.to_vec(),
        data: DataLocation::HUB,
        skip_bad_rows: false,
        sampling: Sampling::Stratified,
        shots: None,
        limits: subject.limits.clone(),
    }
}

fn load(subject: Subject<'_>, options: &[(String, String)]) -> Result<TaskPlugin, RunError> {
    Ok(subject.plugins.task(&config(subject, options))?.0)
}

/// A second instance says the same of itself.
fn same_description(subject: Subject<'_>, card: &PluginCard) -> Result<String, String> {
    let inspection = subject.plugins.inspect(subject.file, subject.limits).map_err(|error| error.to_string())?;
    let again = PluginCard::new(card.file.clone(), inspection);
    let (first, second) = (serde_json::to_value(card), serde_json::to_value(&again));
    match (first, second) {
        (Ok(first), Ok(second)) if first == second => Ok(format!("{} {}: {}", card.name, card.version, card.summary)),
        _ => Err("a second instance describes itself in another way".into()),
    }
}

/// Every listed value of every option is taken, or refused in the orderly way.
fn options(subject: Subject<'_>) -> Result<String, String> {
    let described = load(subject, subject.options).map_err(|error| error.to_string())?;
    let mut tried = 0;
    for spec in &described.description().options {
        for value in listed_values(&spec.kind) {
            let mut given: Vec<(String, String)> =
                subject.options.iter().filter(|(name, _)| *name != spec.name).cloned().collect();
            given.push((spec.name.clone(), value.to_string()));
            match load(subject, &given) {
                Err(RunError::Plugin(error)) if !is_orderly(&error) => {
                    return Err(format!("{}={value}: {error}", spec.name));
                }
                _ => tried += 1,
            }
        }
    }
    Ok(format!("{} options, {tried} of their values tried", described.description().options.len()))
}

/// An error that the plugin reports itself.
fn is_orderly(error: &PluginError) -> bool {
    matches!(error.failure(), Failure::Returned { .. })
}

/// The rows that the user names, those beside the plugin, or the bundled sample.
fn location(subject: Subject<'_>, sources: &[Source]) -> Option<DataLocation> {
    if let Some(data) = subject.data {
        return Some(data.clone());
    }
    let beside = subject.folder().join("data");
    if sources.iter().any(|source| beside.join(&source.folder).is_dir()) {
        return Some(DataLocation { base: DataBase::Folder(beside), files: Vec::new() });
    }
    let bundled = |source: &Source| sample::find(&source.folder, &source.name).is_some();
    sources.iter().all(bundled).then(|| DataLocation { base: DataBase::Sample, files: Vec::new() })
}

/// A split as a run would read and render it.
struct ReadSplit {
    examples: Vec<Example>,
    /// The demonstration of each example, and the texts of its choices.
    prompts: Vec<(String, Vec<RenderedChoice>)>,
    usage: Usage,
}

fn whole_split(subject: Subject<'_>, data: &DataLocation, source: &Source) -> Result<ReadSplit, String> {
    let read = || -> Result<ReadSplit, RunError> {
        let mut task = load(subject, subject.options)?;
        let examples = read_split(&mut task, data, source, false, subject.access)?.examples;
        let prompts = examples.iter().map(|example| render(&mut task, example)).collect::<Result<_, _>>()?;
        Ok(ReadSplit { examples, prompts, usage: task.usage() })
    };
    let read = read().map_err(|error| error.to_string())?;
    for (example, (_, choices)) in read.examples.iter().zip(&read.prompts) {
        if let Some(index) = choices.iter().position(|choice| choice.full == choice.context) {
            return Err(format!(
                "example `{}`: the full text of choice {index} is its context: nothing is scored",
                example.id
            ));
        }
    }
    Ok(read)
}

fn render(task: &mut TaskPlugin, example: &Example) -> Result<(String, Vec<RenderedChoice>), PluginError> {
    Ok((task.render_demonstration(example)?, task.render_query(example)?))
}

/// Two instances give the same, and one gives the same when it is asked again.
fn same_twice(subject: Subject<'_>, data: &DataLocation, source: &Source, first: &ReadSplit) -> Result<String, String> {
    let second = whole_split(subject, data, source)?;
    let differs = |what: &str, id: &str| Err(format!("example `{id}`: {what}"));
    for (index, example) in first.examples.iter().enumerate() {
        if second.examples.get(index) != Some(example) {
            return differs("a second instance makes another example of its row", &example.id);
        }
        if second.prompts.get(index) != first.prompts.get(index) {
            return differs("a second instance gives it another text", &example.id);
        }
    }
    let mut task = load(subject, subject.options).map_err(|error| error.to_string())?;
    // Backwards: what depends on the order of the calls shows.
    for (example, prompt) in first.examples.iter().zip(&first.prompts).rev() {
        match render(&mut task, example) {
            Ok(again) if again == *prompt => {}
            Ok(_) => return differs("its text depends on what was asked before", &example.id),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(format!("{} examples and their texts, in two instances and two orders", first.examples.len()))
}

/// Rows with something wrong are rejected, or taken, but never bring the plugin down.
fn spoilt_rows(subject: Subject<'_>, data: &DataLocation, source: &Source) -> Result<String, String> {
    let good = data.open(source, subject.access).map_err(|error| error.to_string())?.next_row();
    let good: Map<String, Value> = match good.map_err(|error| error.to_string())? {
        Some(row) => serde_json::from_str(&row).map_err(|error| error.to_string())?,
        None => return Err("there is no first row".into()),
    };
    let rows = spoilt(&good);
    let mut task = load(subject, subject.options).map_err(|error| error.to_string())?;
    let (mut rejected, mut taken) = (0, 0);
    for (what, row) in &rows {
        let read = task.read_all(source.split, Box::new(MemoryRows::new(std::slice::from_ref(row))));
        let rendered = read.and_then(|outcome| {
            outcome.examples.iter().try_for_each(|example| render(&mut task, example).map(drop))?;
            Ok(outcome.rejected.len())
        });
        match rendered {
            Ok(0) => taken += 1,
            Ok(_) => rejected += 1,
            Err(error) if is_orderly(&error) => rejected += 1,
            Err(error) => return Err(format!("a row {what}: {error}")),
        }
    }
    Ok(format!("{} rows with a fault: {rejected} rejected, {taken} taken", rows.len()))
}

/// One row of the fixtures.
fn fixture(subject: Subject<'_>, fixture: &RowFixture) -> Result<String, String> {
    let given = as_given(&fixture.options);
    let options = if given.is_empty() { subject.options } else { &given };
    let mut task = load(subject, options).map_err(|error| error.to_string())?;
    let row: Map<String, Value> = fixture.data.clone().into_iter().collect();
    let outcome = task.read_all(Split::from(fixture.split), Box::new(MemoryRows::new(&[row])));
    let outcome = outcome.map_err(|error| error.to_string())?;
    let rejected = outcome.rejected.first().map(|Rejection { column, message, .. }| match column {
        Some(column) => format!("column `{column}`: {message}"),
        None => message.clone(),
    });
    if let Some(part) = &fixture.rejected {
        return match rejected {
            Some(message) if message.contains(part) => Ok(format!("rejected: {message}")),
            Some(message) => Err(format!("expected a rejection with {part:?}, got {message:?}")),
            None => Err(format!("expected a rejection with {part:?}, and the row was taken")),
        };
    }
    let example = match (outcome.examples.first(), rejected) {
        (Some(example), _) => example.clone(),
        (None, Some(message)) => return Err(format!("the row was rejected: {message}")),
        (None, None) => return Err("the row made neither an example nor a rejection".into()),
    };
    let mut held = 0;
    let mut hold = |what: &str, found: Value, expected: Option<Value>| match expected {
        None => Ok(()),
        Some(expected) if expected == found => {
            held += 1;
            Ok(())
        }
        Some(expected) => Err(format!("{what}: expected {expected}, got {found}")),
    };
    let value = |text: &String| Value::from(text.as_str());
    hold("query", example.query.as_str().into(), fixture.query.as_ref().map(value))?;
    hold("choices", example.choices.clone().into(), fixture.choices.clone().map(Into::into))?;
    hold("answer", example.answer.into(), fixture.answer.map(Into::into))?;
    let (demonstration, choices) = render(&mut task, &example).map_err(|error| error.to_string())?;
    hold("demonstration", demonstration.into(), fixture.demonstration.as_ref().map(value))?;
    for (index, choice) in choices.iter().enumerate() {
        hold(&format!("context of choice {index}"), value(&choice.context), fixture.context.as_ref().map(value))?;
    }
    let full: Vec<String> = choices.into_iter().map(|choice| choice.full).collect();
    hold("full", full.into(), fixture.full.clone().map(Into::into))?;
    Ok(format!("{held} texts and numbers as expected"))
}
