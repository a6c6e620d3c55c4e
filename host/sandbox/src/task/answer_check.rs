//! Checks on what a task plugin answers.

use std::collections::HashSet;

use crate::bindings::{data, dataset};
use crate::description::is_plugin_name;
use crate::limits::Limits;
use crate::task::convert::split_of;
use crate::task::invalid_answer::InvalidAnswer;
use crate::task::row_outcome::Rejection;
use ft_engine::task::example::{Example, Question, Source, Split};
use ft_engine::text::{harmless_within, is_harmless};

const LONGEST_ID: usize = 200;
/// Characters of a text, and texts of a list, that a message shows.
const SHOWN: usize = 60;
const SHOWN_TEXTS: usize = 8;

/// One source for each split, demonstrations first, whose names lead to no other folder.
pub(crate) fn sources(raw: Vec<dataset::Source>) -> Result<Vec<Source>, InvalidAnswer> {
    if raw.iter().any(|source| split_of(source.split).is_none()) {
        return Err(InvalidAnswer::UnlabelledSource);
    }
    let mut sources = Vec::with_capacity(2);
    for split in [Split::Demonstrations, Split::Evaluation] {
        let mut matching = raw.iter().filter(|source| split_of(source.split) == Some(split));
        match (matching.next(), matching.count()) {
            (Some(source), 0) => sources.push(check_source(split, source)?),
            (first, further) => {
                return Err(InvalidAnswer::Sources { split, found: usize::from(first.is_some()) + further });
            }
        }
    }
    Ok(sources)
}

fn check_source(split: Split, source: &dataset::Source) -> Result<Source, InvalidAnswer> {
    let check = |part: &'static str, name: &str| {
        if is_file_name(name) {
            Ok(())
        } else {
            Err(InvalidAnswer::SourceName { split, part, name: harmless_within(name, SHOWN) })
        }
    };
    check("folder", &source.folder)?;
    check("name", &source.name)?;
    if let Some(config) = &source.config {
        check("configuration", config)?;
    }
    // `owner/name`, or a bare name as the hub's oldest data sets have it; a task with files of its own may have none.
    let has_none = source.repository.is_empty() && !source.files.is_empty();
    if !has_none && source.repository.splitn(2, '/').any(|part| !is_file_name(part)) {
        return Err(InvalidAnswer::SourceName {
            split,
            part: "repository",
            name: harmless_within(&source.repository, SHOWN),
        });
    }
    if source.sample == Some(0) {
        return Err(InvalidAnswer::EmptySample { split });
    }
    Ok(Source {
        split,
        repository: source.repository.clone(),
        config: source.config.clone(),
        name: source.name.clone(),
        folder: source.folder.clone(),
        sample: source.sample.map(|rows| rows as usize),
        files: source.files.clone(),
    })
}

/// A task's own name, as a plugin's.
pub(crate) fn task_name(raw: Option<String>) -> Result<Option<String>, InvalidAnswer> {
    match raw {
        Some(name) if !is_plugin_name(&name) => Err(InvalidAnswer::TaskName { name: harmless_within(&name, SHOWN) }),
        name => Ok(name),
    }
}

/// A name that stays in the folder it is looked up in, on every system.
fn is_file_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-'))
}

/// No labels, or at least two different ones.
pub(crate) fn labels(raw: Vec<String>) -> Result<Vec<String>, InvalidAnswer> {
    let different: HashSet<&String> = raw.iter().collect();
    let are_classes = raw.len() != 1
        && different.len() == raw.len()
        && raw.iter().all(|label| !label.is_empty() && is_harmless(label));
    if are_classes { Ok(raw) } else { Err(InvalidAnswer::Labels { labels: shown(&raw) }) }
}

/// Checks examples, or rows without answers, one after the other. Counts those that came before, and knows the examples' ids.
pub(crate) struct ExampleCheck<'a> {
    limits: &'a Limits,
    labels: &'a [String],
    ids: HashSet<String>,
    /// Examples and questions so far.
    count: usize,
    rejected: usize,
    left_out: usize,
    bytes: u64,
}

impl<'a> ExampleCheck<'a> {
    pub(crate) fn new(limits: &'a Limits, labels: &'a [String]) -> Self {
        Self { limits, labels, ids: HashSet::new(), count: 0, rejected: 0, left_out: 0, bytes: 0 }
    }

    /// A rejected row as the host keeps it.
    pub(crate) fn rejection(&mut self, raw: dataset::Rejection) -> Result<Rejection, InvalidAnswer> {
        let message = harmless_within(&raw.message, self.limits.log_characters);
        self.keep(self.rejected, kept(&message))?;
        self.rejected += 1;
        let column = raw.column.map(|column| harmless_within(&column, 100));
        Ok(Rejection { row: raw.row, column, message })
    }

    /// Counts a row that is left out.
    pub(crate) fn leave_out(&mut self) -> Result<(), InvalidAnswer> {
        self.keep(self.left_out, size_of::<u64>() as u64)?;
        self.left_out += 1;
        Ok(())
    }

    /// Counts one more of what there are `index` of, and its bytes.
    fn keep(&mut self, index: usize, bytes: u64) -> Result<(), InvalidAnswer> {
        self.bytes = self.bytes.saturating_add(bytes);
        let Limits { examples, example_bytes, .. } = *self.limits;
        if index >= examples || self.bytes > example_bytes {
            return Err(InvalidAnswer::TooMuch { examples, example_bytes });
        }
        Ok(())
    }

    /// The example as the host keeps it, which has an answer and an id of its own.
    pub(crate) fn check(&mut self, raw: data::Example) -> Result<Example, InvalidAnswer> {
        let (index, answer) = (self.count, raw.answer);
        let Question { id, query, choices, fields } = self.question(raw)?;
        let Some(answer) = answer else { return Err(InvalidAnswer::NoAnswer { id }) };
        if answer as usize >= choices.len() {
            return Err(InvalidAnswer::AnswerIndex { id, answer, choices: choices.len() });
        }
        if !self.ids.insert(id.clone()) {
            return Err(InvalidAnswer::TwinIds { id, index });
        }
        Ok(Example { id, query, choices, answer: answer as usize, fields })
    }

    /// What the host keeps of an example without looking at its answer. Several may have one id: nothing is kept of those that
    /// came before, of which there may be any number.
    pub(crate) fn question(&mut self, raw: data::Example) -> Result<Question, InvalidAnswer> {
        let data::Example { id, query, choices, answer: _, fields } = raw;
        let index = self.count;
        let named = fields.iter().flat_map(|(name, text)| [name, text]);
        self.keep(index, [&id, &query].into_iter().chain(&choices).chain(named).map(|text| kept(text)).sum())?;
        if !(1..=LONGEST_ID).contains(&id.chars().count()) || !is_harmless(&id) {
            return Err(InvalidAnswer::Id { index, id: harmless_within(&id, LONGEST_ID) });
        }
        if choices.len() < 2 {
            return Err(InvalidAnswer::Choices { id, found: choices.len() });
        }
        if !self.labels.is_empty() && choices != self.labels {
            return Err(InvalidAnswer::NotTheLabels { id, choices: shown(&choices), labels: shown(self.labels) });
        }
        self.count += 1;
        Ok(Question {
            id,
            query: query.into(),
            choices: choices.into_iter().map(Into::into).collect(),
            fields: fields.into_iter().map(|(name, text)| (name.into(), text.into())).collect(),
        })
    }
}

/// What a text takes in the host's memory: a text of no characters takes some too.
fn kept(text: &str) -> u64 {
    (text.len() + size_of::<String>()) as u64
}

/// The first few texts, each cut and fit to be shown.
fn shown(texts: &[String]) -> Vec<String> {
    texts.iter().take(SHOWN_TEXTS).map(|text| harmless_within(text, SHOWN)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(split: data::Split, folder: &str, name: &str, repository: &str) -> dataset::Source {
        let (folder, name, repository) = (folder.into(), name.into(), repository.into());
        dataset::Source {
            split,
            repository,
            config: Some("sst2".into()),
            name,
            folder,
            sample: None,
            files: Vec::new(),
        }
    }

    fn message(raw: Vec<dataset::Source>) -> String {
        sources(raw).expect_err("the sources are wrong").to_string()
    }

    #[test]
    fn sources_are_one_for_each_split() {
        let train = || source(data::Split::Demonstrations, "sst2", "train", "nyu-mll/glue");
        let test = || source(data::Split::Evaluation, "sst2", "validation", "sst2");
        let checked = sources(vec![test(), train()]).unwrap();
        assert_eq!(checked.iter().map(|source| source.name.as_str()).collect::<Vec<_>>(), ["train", "validation"]);
        assert_eq!(message(vec![train()]), "expected 1 source for the evaluation split, got 0");
        assert_eq!(message(vec![train(), test(), train()]), "expected 1 source for the demonstrations split, got 2");
        let none = dataset::Source { sample: Some(0), ..test() };
        let unlabelled = source(data::Split::Unlabelled, "sst2", "test", "sst2");
        assert_eq!(
            message(vec![train(), test(), unlabelled]),
            "expected sources for the demonstrations and evaluation splits alone, got one for the unlabelled split"
        );
        assert_eq!(message(vec![train(), none]), "expected a sample of 1 row or more for the evaluation split, got 0");
    }

    #[test]
    fn no_source_leads_out_of_the_data_folder() {
        let split = data::Split::Demonstrations;
        for bad in ["", ".", "..", "../up", "a/b", "a\\b", "/etc", "C:", "a\0", "a\n", ".hidden", "\u{202e}a", "é"] {
            for raw in [source(split, bad, "train", "r"), source(split, "sst2", bad, "r")] {
                let message = message(vec![raw]);
                assert!(message.contains("expected letters, digits and `. _ + -`"), "{bad:?}: {message}");
            }
        }
        for bad in ["", "/", "a/", "/a", "a/b/c", "../a", "a/..", "https://a"] {
            let message = message(vec![source(split, "sst2", "train", bad)]);
            assert!(message.contains("for the demonstrations split's repository, not starting"), "{bad:?}: {message}");
        }
    }

    #[test]
    fn labels_are_classes() {
        let check = |raw: &[&str]| labels(raw.iter().map(ToString::to_string).collect()).is_ok();
        assert!(check(&[]) && check(&["a", "b"]) && check(&["very negative", "b", "c"]));
        assert!(!check(&["a"]) && !check(&["a", "a"]) && !check(&["a", ""]) && !check(&["a", "b\u{1b}"]));
    }

    fn example(id: &str, choices: &[&str], answer: impl Into<Option<u32>>) -> data::Example {
        data::Example {
            id: id.into(),
            query: "query".into(),
            choices: choices.iter().map(ToString::to_string).collect(),
            answer: answer.into(),
            fields: vec![],
        }
    }

    #[test]
    fn a_question_is_an_example_whose_answer_and_twins_do_not_matter() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let limits = Limits { examples: 3, ..Limits::default() };
        let mut check = ExampleCheck::new(&limits, &labels);
        for answer in [None, Some(0), Some(7)] {
            let question = check.question(example("x", &["a", "b"], answer)).unwrap();
            assert_eq!((question.id.as_str(), question.query.raw().as_str()), ("x", "query"));
            assert_eq!(question.choices, labels);
        }
        let limit = "exceeded the limit of a split (3 examples, 1 GiB of text)";
        assert_eq!(check.question(example("x", &["a", "b"], None)).unwrap_err().to_string(), limit);

        let mut check = ExampleCheck::new(&limits, &labels);
        let mut message = |raw| check.question(raw).unwrap_err().to_string();
        assert_eq!(message(example("y", &["a"], None)), "example `y`: expected at least 2 choices, got 1");
        assert!(message(example("y", &["b", "a"], None)).starts_with("example `y`: expected the task's labels"));
        assert!(message(example("a\nb", &["a", "b"], None)).starts_with("expected an id of 1 to 200 characters"));
    }

    #[test]
    fn examples_are_checked() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let limits = Limits { examples: 3, example_bytes: 400, ..Limits::default() };
        let mut check = ExampleCheck::new(&limits, &labels);
        let mut message = |raw| check.check(raw).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(message(example("x", &["a", "b"], 1)), "");
        let cases = [
            (example("y", &["a"], 0), "example `y`: expected at least 2 choices, got 1"),
            (example("v", &["a", "b"], 2), "example `v`: expected an answer index below 2, got 2"),
            (example("w", &["a", "b"], None), "example `w`: expected the index of the right choice, got none"),
        ];
        for (raw, expected) in cases {
            assert_eq!(message(raw), expected);
        }
        assert_eq!(
            message(example("z", &["a", "b"], 1)),
            "exceeded the limit of a split (3 examples, 400 bytes of text)"
        );

        let limits = Limits::default();
        let mut check = ExampleCheck::new(&limits, &labels);
        let mut message = |raw| check.check(raw).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(message(example("x", &["a", "b"], 1)), "");
        assert_eq!(message(example("x", &["a", "b"], 1)), "duplicate id `x` of example 1");
        assert_eq!(
            message(example("y", &["b", "a"], 1)),
            "example `y`: expected the task's labels [\"a\", \"b\"] as choices, got [\"b\", \"a\"]"
        );
        assert_eq!(
            message(example("\u{1b}", &["a", "b"], 1)),
            "expected an id of 1 to 200 characters on one line for example 2, got `\\u{1b}`"
        );
    }
}
