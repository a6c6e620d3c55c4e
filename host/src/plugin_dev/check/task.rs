//! The checks of a task.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::checks::{Checks, listed_values};
use super::fixtures::{Fixtures, RowFixture, as_given};
use super::harness::{Harness, same_description};
use super::rows::{MemoryRows, spoilt};
use super::unlabelled;
use crate::run::{RunError, SplitError, SplitExamples, read_split};
use ft_engine::task::example::{Example, RenderedChoice, Source, Split};
use ft_engine::text::{Untrusted, harmless};
use ft_sandbox::{Failure, PluginError, Rejection, TaskPlugin};
use ft_store::datasets::location::{DataBase, DataLocation};
use ft_store::datasets::sample;

/// Makes the checks, and says where rows came from.
pub fn check(harness: Harness<'_>, fixtures: Option<&Fixtures>, checks: &mut Checks) -> Option<DataLocation> {
    checks.record("description", description(harness));
    checks.record("options", options(harness));
    match fixtures.filter(|fixtures| !fixtures.rows.is_empty()) {
        Some(fixtures) => {
            for (number, row) in (1..).zip(&fixtures.rows) {
                checks.record(format!("fixture {number}"), fixture(harness, row));
            }
        }
        None => checks.without_fixtures("[[row]]", fixtures),
    }
    let sources = match harness.task(harness.options).and_then(|mut task| Ok(task.sources()?)) {
        Ok(sources) => sources,
        Err(error) => {
            checks.record("sources", Err(error.to_string()));
            return None;
        }
    };
    let Some(data) = location(harness, &sources) else {
        checks.skipped("rows", "no `data` folder beside it and no bundled sample; `--data DIR` names rows".into());
        return None;
    };
    for source in &sources {
        let read = whole_split(harness, &data, source);
        let counted = read.as_ref().map(|read| {
            let prompts: usize = read.prompts.iter().map(|(_, choices)| 1 + choices.len()).sum();
            let odd = read.examples.iter().filter(|example| has_odd_choices(example)).count();
            let odd = if odd == 0 { String::new() } else { format!("; {odd} have equal or empty choices") };
            let count = read.examples.len();
            let place = place(&data, source);
            format!("{count} rows of {place}, {prompts} texts; ids unique, answers and choices sound{odd}")
        });
        checks.record(format!("rows: {}", source.split), counted.map_err(Clone::clone));
        let Ok(read) = read else { continue };
        checks.record(format!("same twice: {}", source.split), same_twice(harness, &data, source, &read));
        checks.record(format!("spoilt rows: {}", source.split), spoilt_rows(harness, &data, source));
        if source.split == Split::Evaluation {
            let prompts = read.prompts.iter().map(|(_, choices)| choices.as_slice());
            let answered: Vec<unlabelled::Answered<'_>> = read.examples.iter().zip(prompts).collect();
            checks.add("rows to predict", unlabelled::check(harness, &data, source, &answered));
        }
    }
    Some(data)
}

/// Where the rows of a split are from: the files that a definition names, or the place that is asked for.
fn place(data: &DataLocation, source: &Source) -> String {
    match source.files.as_slice() {
        files if data.base == DataBase::Hub && data.files.is_empty() && !files.is_empty() => {
            files.iter().map(|file| harmless(file)).collect::<Vec<_>>().join(", ")
        }
        _ => data.to_string(),
    }
}

fn description(harness: Harness<'_>) -> Result<String, String> {
    let load = || harness.task(harness.options).map_err(|error| error.to_string());
    same_description(&mut load()?, &load()?)
}

/// Every listed value of every option is taken, or refused in the orderly way.
fn options(harness: Harness<'_>) -> Result<String, String> {
    let described = harness.task(harness.options).map_err(|error| error.to_string())?;
    let mut tried = 0;
    for spec in &described.description().options {
        for value in listed_values(&spec.kind) {
            let mut given: Vec<(String, String)> =
                harness.options.iter().filter(|(name, _)| *name != spec.name).cloned().collect();
            given.push((spec.name.clone(), value.to_string()));
            match harness.task(&given) {
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

/// The rows that the user names, those beside the plugin, the bundled sample, or those that a definition names.
fn location(harness: Harness<'_>, sources: &[Source]) -> Option<DataLocation> {
    let definition = harness.definition.map(|definition| definition.file().to_owned());
    let found = rows_at_hand(harness, sources).or_else(|| definition.is_some().then_some(DataLocation::HUB));
    Some(found?.of_definition(definition))
}

fn rows_at_hand(harness: Harness<'_>, sources: &[Source]) -> Option<DataLocation> {
    if let Some(data) = harness.data {
        return Some(data.clone());
    }
    let beside = harness.folder().join("data");
    if sources.iter().any(|source| beside.join(&source.folder).is_dir()) {
        return Some(DataLocation::all_from(DataBase::Folder(beside)));
    }
    let bundled = |source: &Source| source.files.is_empty() && sample::find(&source.folder, &source.name).is_some();
    sources.iter().all(bundled).then(|| DataLocation::all_from(DataBase::Sample))
}

/// The demonstration of an example, and the texts of its choices.
type Prompt = (Untrusted, Vec<RenderedChoice>);

/// A split as a run would read and render it.
struct ReadSplit {
    examples: Vec<Example>,
    /// Of each example.
    prompts: Vec<Prompt>,
}

fn whole_split(harness: Harness<'_>, data: &DataLocation, source: &Source) -> Result<ReadSplit, String> {
    let read = || -> Result<Option<ReadSplit>, RunError> {
        let mut task = harness.task(harness.options)?;
        let SplitExamples { examples, other_classes, .. } = read_split(&mut task, data, source, false, harness.access)?;
        if let Some(other) = other_classes.into_iter().next() {
            return Err(SplitError::OtherClasses(other).into());
        }
        let (mut prompts, mut bytes) = (Vec::with_capacity(examples.len()), 0);
        for example in &examples {
            let prompt = render(&mut task, example)?;
            bytes += size(&prompt);
            if bytes > harness.limits.example_bytes {
                return Ok(None);
            }
            prompts.push(prompt);
        }
        Ok(Some(ReadSplit { examples, prompts }))
    };
    let most = harness.limits.example_bytes;
    let too_much = || format!("expected texts of at most {most} bytes of a split's rows, got more");
    let read = read().map_err(|error| error.to_string())?.ok_or_else(too_much)?;
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

/// Bytes of the texts of one example, which are kept to be compared.
fn size((demonstration, choices): &Prompt) -> u64 {
    let choices = choices.iter().map(|choice| choice.context.raw().len() + choice.full.raw().len());
    (demonstration.raw().len() + choices.sum::<usize>()) as u64
}

fn render(task: &mut TaskPlugin, example: &Example) -> Result<Prompt, PluginError> {
    Ok((task.render_demonstration(example)?, task.render_query(example)?))
}

/// Whether an example can hardly be answered: data sets have such, and so has a task that reads the wrong column.
fn has_odd_choices(example: &Example) -> bool {
    let mut before = HashSet::new();
    example.choices.iter().any(|choice| choice.raw().trim().is_empty() || !before.insert(choice))
}

/// Two texts of an example that are to be one.
fn both(first: &Prompt, second: &Prompt) -> String {
    let texts = |(demonstration, choices): &Prompt| -> Vec<Untrusted> {
        let of = |choice: &RenderedChoice| [choice.context.clone(), choice.full.clone()];
        std::iter::once(demonstration.clone()).chain(choices.iter().flat_map(of)).collect()
    };
    let (first, second) = (texts(first), texts(second));
    let apart = first.iter().zip(&second).find(|(first, second)| first != second);
    apart.map(|(first, second)| format!("{first:?}, then {second:?}")).unwrap_or_default()
}

/// Two instances give the same, and one gives the same when it is asked again.
fn same_twice(harness: Harness<'_>, data: &DataLocation, source: &Source, first: &ReadSplit) -> Result<String, String> {
    let second = whole_split(harness, data, source)?;
    let differs = |what: &str, id: &str| Err(format!("example `{id}`: {what}"));
    for (index, example) in first.examples.iter().enumerate() {
        if second.examples.get(index) != Some(example) {
            return differs("a second instance makes another example of its row", &example.id);
        }
        let (prompt, again) = (&first.prompts[index], &second.prompts[index]);
        if prompt != again {
            return differs(&format!("a second instance gives it another text: {}", both(prompt, again)), &example.id);
        }
    }
    let mut task = harness.task(harness.options).map_err(|error| error.to_string())?;
    // Backwards: what depends on the order of the calls shows.
    for (example, prompt) in first.examples.iter().zip(&first.prompts).rev() {
        match render(&mut task, example) {
            Ok(again) if again == *prompt => {}
            Ok(again) => {
                let texts = both(prompt, &again);
                return differs(&format!("its text depends on what was asked before: {texts}"), &example.id);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    let again = read_split(&mut task, data, source, false, harness.access).map_err(|error| error.to_string())?.examples;
    match first.examples.iter().zip(&again).find(|(first, again)| first != again) {
        Some((example, _)) => differs("it is another one when the instance reads the rows again", &example.id),
        None if again.len() != first.examples.len() => {
            Err(format!("{} examples, then {}", first.examples.len(), again.len()))
        }
        None => Ok(format!("{} examples and their texts, in two instances and two orders", again.len())),
    }
}

/// Rows with something wrong are rejected, or taken, but never bring the plugin down.
fn spoilt_rows(harness: Harness<'_>, data: &DataLocation, source: &Source) -> Result<String, String> {
    let good = data.open(source, harness.access).map_err(|error| error.to_string())?.next_row();
    let good: Map<String, Value> = match good.map_err(|error| error.to_string())? {
        Some(row) => serde_json::from_str(&row).map_err(|error| error.to_string())?,
        None => return Err("there is no first row".into()),
    };
    let rows = spoilt(&good);
    let mut task = harness.task(harness.options).map_err(|error| error.to_string())?;
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
fn fixture(harness: Harness<'_>, fixture: &RowFixture) -> Result<String, String> {
    let given = as_given(&fixture.options);
    let options = if given.is_empty() { harness.options } else { &given };
    let mut task = harness.task(options).map_err(|error| error.to_string())?;
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
    hold("query", value(example.query.raw()), fixture.query.as_ref().map(value))?;
    let listed: Vec<Value> = example.choices.iter().map(|choice| value(choice.raw())).collect();
    hold("choices", listed.into(), fixture.choices.clone().map(Into::into))?;
    hold("answer", example.answer.into(), fixture.answer.map(Into::into))?;
    let (demonstration, choices) = render(&mut task, &example).map_err(|error| error.to_string())?;
    hold("demonstration", demonstration.into_raw().into(), fixture.demonstration.as_ref().map(value))?;
    for (index, choice) in choices.iter().enumerate() {
        hold(&format!("context of choice {index}"), value(choice.context.raw()), fixture.context.as_ref().map(value))?;
    }
    let full: Vec<String> = choices.into_iter().map(|choice| choice.full.into_raw()).collect();
    hold("full", full.into(), fixture.full.clone().map(Into::into))?;
    Ok(format!("{held} texts and numbers as expected"))
}
