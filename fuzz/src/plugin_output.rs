//! What a plugin answers: its description with options, sources, labels, examples, messages, tensors. The first byte says
//! which, the rest become the answer's values.

use ft_engine::text::harmless_within;
use ft_sandbox::fuzzing::{data, dataset, info, log, types};
use ft_sandbox::{Limits, OptionSpec, fuzzing, options};

use super::input::{Input, assert_fit_to_be_shown};
use super::tensors;

/// Little enough that inputs of some bytes reach them.
fn limits() -> Limits {
    let (log_messages, log_characters, examples, example_bytes) = (5, 100, 10, 2000);
    Limits { log_messages, log_characters, examples, example_bytes, tensor_bytes: 1 << 16, ..Limits::default() }
}

/// The longest message of an error: some cut texts in a sentence.
const LONGEST_MESSAGE: usize = 4000;

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    match input.byte() % 6 {
        0 => describe(&mut input),
        1 => sources(&mut input),
        2 => examples(&mut input),
        3 => messages(&mut input),
        4 => tensors::run(&mut input, limits()),
        _ => text(&mut input),
    }
}

fn describe(input: &mut Input<'_>) {
    let (name, version, summary) = (input.text(), input.text(), input.text());
    let options = input.list(option);
    let description = match fuzzing::description(info::Description { name, version, summary, options }) {
        Ok(description) => description,
        Err(error) => return assert_fit_to_be_shown(&error.to_string(), LONGEST_MESSAGE),
    };
    assert_fit_to_be_shown(&description.name, 64);
    assert_fit_to_be_shown(&description.version, 40);
    assert_fit_to_be_shown(&description.summary, 1000);
    assert!(description.options.len() <= 100);
    for spec in &description.options {
        assert_fit_to_be_shown(&spec.to_string(), 20_000);
        assert!(spec.kind.allows(&spec.default), "{spec}");
        let same = description.options.iter().filter(|other| other.name == spec.name).count();
        assert_eq!(same, 1);
    }
    given(input, &description.options);
}

/// What a user gives becomes values that the options take, or is refused with what they take.
fn given(input: &mut Input<'_>, specs: &[OptionSpec]) {
    let given = input.list(|input| {
        let name = specs.get(input.index() as usize).map_or_else(|| input.text(), |spec| spec.name.clone());
        (name, input.text())
    });
    let settings = match options::resolve(specs, &given) {
        Ok(settings) => settings,
        Err(error) => return assert!(!error.to_string().is_empty() && !error.hint().is_empty()),
    };
    assert_eq!(settings.len(), specs.len());
    for (setting, spec) in settings.iter().zip(specs) {
        assert!(setting.name == spec.name && spec.kind.allows(&setting.value), "{setting:?}");
        let texts = [(spec.name.clone(), setting.value.to_string())];
        // As it is written into results and read again.
        assert_eq!(options::resolve(std::slice::from_ref(spec), &texts).as_deref(), Ok(std::slice::from_ref(setting)));
    }
}

fn option(input: &mut Input<'_>) -> info::OptionSpec {
    let kind = match input.byte() % 5 {
        0 => info::OptionKind::Boolean,
        1 => info::OptionKind::Integer(info::IntegerRange {
            minimum: input.option(Input::integer),
            maximum: input.option(Input::integer),
        }),
        2 => info::OptionKind::Number(info::NumberRange {
            minimum: input.option(Input::real),
            maximum: input.option(Input::real),
        }),
        3 => info::OptionKind::Text,
        _ => info::OptionKind::Choice(input.list(Input::text)),
    };
    let default = match (input.byte() % 5, &kind) {
        (0, _) => types::OptionValue::Boolean(input.flag()),
        (1, _) => types::OptionValue::Integer(input.integer()),
        (2, _) => types::OptionValue::Number(input.real()),
        (3, info::OptionKind::Choice(choices)) => {
            types::OptionValue::Text(choices.first().cloned().unwrap_or_default())
        }
        _ => types::OptionValue::Text(input.text()),
    };
    info::OptionSpec { name: input.text(), help: input.text(), kind, default }
}

fn sources(input: &mut Input<'_>) {
    let raw = input.list(|input| dataset::Source {
        split: split(input),
        repository: input.text(),
        config: input.option(Input::text),
        name: input.text(),
        folder: input.text(),
        sample: input.option(Input::index),
        files: input.list(Input::text),
    });
    match fuzzing::sources(raw) {
        Ok(sources) => {
            assert_eq!(sources.len(), 2);
            assert_ne!(sources[0].split, sources[1].split);
            for source in sources {
                let names = [Some(&source.folder), Some(&source.name), source.config.as_ref()];
                let has_none = source.repository.is_empty() && !source.files.is_empty();
                let repository = source.repository.split('/').filter(|_| !has_none);
                for name in names.into_iter().flatten().map(String::as_str).chain(repository) {
                    let stays = std::path::Path::new(name).file_name().is_some_and(|file| file == name);
                    assert!(stays && name.is_ascii() && name != "." && name != "..", "{name:?}");
                }
                assert!(source.repository.split('/').count() <= 2 && source.sample != Some(0));
            }
        }
        Err(error) => assert_fit_to_be_shown(&error.to_string(), LONGEST_MESSAGE),
    }
}

fn split(input: &mut Input<'_>) -> data::Split {
    [data::Split::Evaluation, data::Split::Demonstrations, data::Split::Unlabelled][usize::from(input.byte() % 3)]
}

fn examples(input: &mut Input<'_>) {
    let labels = match fuzzing::labels(input.list(Input::text)) {
        Ok(labels) => labels,
        Err(error) => return assert_fit_to_be_shown(&error.to_string(), LONGEST_MESSAGE),
    };
    assert_ne!(labels.len(), 1);
    let raw = input.list(|input| {
        let choices = if input.flag() { labels.clone() } else { input.list(Input::text) };
        let fields = input.list(|input| (input.text(), input.text()));
        data::Example { id: input.text(), query: input.text(), choices, answer: input.option(Input::index), fields }
    });
    let (asked, limits) = (raw.len(), limits());
    match fuzzing::examples(raw, &labels, &limits) {
        Ok(examples) => {
            assert!(examples.len() == asked && asked <= limits.examples);
            let mut ids: Vec<&str> = examples.iter().map(|example| example.id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), asked);
            for example in &examples {
                assert_fit_to_be_shown(&example.id, 200);
                assert!(example.choices.len() >= 2 && example.answer < example.choices.len());
                assert!(labels.is_empty() || example.choices == labels);
            }
        }
        Err(error) => assert_fit_to_be_shown(&error.to_string(), LONGEST_MESSAGE),
    }
}

fn messages(input: &mut Input<'_>) {
    let raw = input.list(|input| {
        let level =
            [log::Level::Debug, log::Level::Info, log::Level::Warn, log::Level::Error][input.index() as usize % 4];
        (level, input.text())
    });
    let (written, limits) = (raw.len(), limits());
    let shown = fuzzing::messages(raw, &limits);
    assert_eq!(shown.len(), written.min(limits.log_messages));
    shown.iter().for_each(|record| assert_fit_to_be_shown(&record.message, 2 * limits.log_characters + 10));
}

fn text(input: &mut Input<'_>) {
    let limit = usize::from(input.byte());
    let text = format!("{}{}", input.text(), String::from_utf8_lossy(input.0));
    let shown = harmless_within(&text, limit);
    assert_fit_to_be_shown(&shown, 2 * limit + 10);
    // What is fit to be shown stays as it is.
    assert_eq!(harmless_within(&shown, usize::MAX), shown);
}
