//! Which examples are the same one, whatever row and file they come from.
//!
//! An example is shown to a model by its demonstration. Another row is the same example if its right choice, as the
//! prompt writes it, is that very text, or if question, choices, right choice and fields are the same in whatever order
//! the choices come. Names of examples, columns that the prompt does not use, and white space make no difference. A row
//! with the same question and another right answer is another example.
//!
//! Of demonstrations that are known by nothing but their text, [`KnownExamples::add_text`], the text alone tells.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::example::{Example, RenderedChoice};

/// Examples that are known, by what they say; `T` is what is remembered of each.
#[derive(Debug)]
pub struct KnownExamples<T> {
    texts: HashMap<String, Vec<T>>,
    questions: HashMap<Question, Vec<T>>,
    together: Vec<Together<T>>,
}

/// Demonstrations of which no more than their text together is known.
#[derive(Debug)]
struct Together<T> {
    separator: String,
    /// What stands between separators, with its white space made plain.
    pieces: Vec<String>,
    /// The places of each piece.
    places: HashMap<String, Vec<usize>>,
    what: T,
}

impl<T> Together<T> {
    fn new(text: &str, separator: &str, what: T) -> Self {
        let pieces = pieces(text.strip_suffix(separator).unwrap_or(text), separator);
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, piece) in pieces.iter().enumerate() {
            places.entry(piece.clone()).or_default().push(place);
        }
        Self { separator: separator.to_owned(), pieces, places, what }
    }

    /// Whether a demonstration's text stands there from one separator to another; it may have separators in it.
    fn has(&self, demonstration: &str) -> bool {
        let wanted = pieces(demonstration, &self.separator);
        let Some(first) = wanted.first() else { return false };
        if self.separator.is_empty() {
            // Nothing tells where one ends and the next begins.
            return !first.is_empty() && self.pieces.iter().any(|piece| piece.contains(first));
        }
        let mut places = self.places.get(first).into_iter().flatten();
        places.any(|place| self.pieces[*place..].starts_with(&wanted))
    }
}

/// What stands between separators; the whole text where the separator is empty.
fn pieces(text: &str, separator: &str) -> Vec<String> {
    match separator {
        "" => vec![plain(text)],
        separator => text.split(separator).map(plain).collect(),
    }
}

/// The known examples that an example repeats or contradicts.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The known examples that are the same one.
    pub same: Vec<T>,
    /// The known examples with the same question and another right choice.
    pub other_answer: Vec<T>,
}

/// A question with its right answer, in an order that does not depend on that of the choices.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Question {
    query: String,
    right: String,
    choices: Vec<String>,
    fields: Vec<(String, String)>,
}

impl Question {
    fn of(example: &Example) -> Option<Self> {
        let mut choices: Vec<String> = example.choices.iter().map(|choice| plain(choice.raw())).collect();
        let right = choices.get(example.answer)?.clone();
        choices.sort_unstable();
        let fields = example.fields.iter().map(|(name, value)| (name.raw().clone(), plain(value.raw()))).collect();
        Some(Self { query: plain(example.query.raw()), right, choices, fields })
    }
}

/// The text with one blank for every run of white space, and none at its ends.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

impl<T> Default for KnownExamples<T> {
    fn default() -> Self {
        Self { texts: HashMap::new(), questions: HashMap::new(), together: Vec::new() }
    }
}

impl<T: Copy + Eq + Hash> KnownExamples<T> {
    /// Adds an example that is shown as `text`: its demonstration, or its right choice in full.
    pub fn add(&mut self, example: &Example, text: &str, what: T) {
        self.texts.entry(plain(text)).or_default().push(what);
        if let Some(question) = Question::of(example) {
            self.questions.entry(question).or_default().push(what);
        }
    }

    /// Adds demonstrations of which no more than their text together is known, each with the separator behind it, as
    /// [`demonstration_text`] makes it. An example is one of them if the text of its right choice stands there from one separator
    /// to another; an empty separator does not tell where one ends, and the text may stand anywhere then.
    ///
    /// [`demonstration_text`]: super::prompt::demonstration_text
    pub fn add_text(&mut self, text: &str, separator: &str, what: T) {
        if !text.is_empty() {
            self.together.push(Together::new(text, separator, what));
        }
    }

    /// Looks for an example whose choices the prompt writes as `choices`.
    pub fn find(&self, example: &Example, choices: &[RenderedChoice]) -> Found<T> {
        let mut found = Found { same: Vec::new(), other_answer: Vec::new() };
        if self.texts.is_empty() && self.together.is_empty() {
            return found;
        }
        let by_text = |choice: &RenderedChoice| -> Vec<T> {
            let full = choice.full.raw();
            let each = self.texts.get(&plain(full)).into_iter().flatten().copied();
            let together = self.together.iter().filter(|together| together.has(full));
            each.chain(together.map(|together| together.what)).collect()
        };
        let by_question = Question::of(example).and_then(|question| self.questions.get(&question));
        let mut seen = HashSet::new();
        let right = choices.get(example.answer).into_iter().flat_map(by_text);
        let same = right.chain(by_question.into_iter().flatten().copied());
        found.same.extend(same.filter(|what| seen.insert(*what)));
        let others = choices.iter().enumerate().filter(|(index, _)| *index != example.answer);
        let other_answer = others.flat_map(|(_, choice)| by_text(choice));
        found.other_answer.extend(other_answer.filter(|what| seen.insert(*what)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Untrusted;

    fn example(id: &str, query: &str, choices: &[&str], answer: usize, fields: &[(&str, &str)]) -> Example {
        Example {
            id: id.into(),
            query: query.into(),
            choices: choices.iter().map(|choice| (*choice).into()).collect(),
            answer,
            fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    /// `query choice`, as the simplest of prompts writes it.
    fn rendered(example: &Example) -> Vec<RenderedChoice> {
        behind(example.query.raw(), example)
    }

    /// `context choice` for every choice.
    fn behind(context: &str, example: &Example) -> Vec<RenderedChoice> {
        let rendered = |choice: &Untrusted| RenderedChoice {
            full: format!("{context} {}", choice.raw()).into(),
            context: context.into(),
        };
        example.choices.iter().map(rendered).collect()
    }

    /// `query (choices) letter`, as a prompt writes it that lists the choices.
    fn lettered(example: &Example) -> Vec<RenderedChoice> {
        let listed: Vec<&str> = example.choices.iter().map(|choice| choice.raw().as_str()).collect();
        let context = format!("{} ({}):", example.query.raw(), listed.join(", "));
        let letters = ["A", "B", "C"].map(Untrusted::from).into_iter().take(listed.len()).collect();
        behind(&context, &Example { choices: letters, ..example.clone() })
    }

    fn find(shown: &Example, row: &Example, render: fn(&Example) -> Vec<RenderedChoice>) -> (usize, usize) {
        let mut known = KnownExamples::default();
        known.add(shown, render(shown)[shown.answer].full.raw(), 7);
        let found = known.find(row, &render(row));
        assert!(found.same.iter().chain(&found.other_answer).all(|what| *what == 7));
        (found.same.len(), found.other_answer.len())
    }

    #[test]
    fn a_copy_is_known_whatever_it_is_called() {
        let shown = example("train-3", "a fine film", &["bad", "good"], 1, &[("row", "3")]);
        let copy = example("17", " a  fine film\n", &["bad", "good"], 1, &[("row", "17")]);
        assert_eq!(find(&shown, &copy, rendered), (1, 0));
        assert_eq!(find(&shown, &example("3", "a fine film!", &["bad", "good"], 1, &[]), rendered), (0, 0));
    }

    #[test]
    fn the_same_question_with_another_answer_is_another_example() {
        let shown = example("a", "a fine film", &["bad", "good"], 1, &[]);
        assert_eq!(find(&shown, &example("b", "a fine film", &["bad", "good"], 0, &[]), rendered), (0, 1));
        let other_choices = example("b", "a fine film", &["long", "short"], 0, &[]);
        assert_eq!(find(&shown, &other_choices, rendered), (0, 0));
    }

    #[test]
    fn other_wrong_choices_and_another_order_do_not_hide_a_copy() {
        let shown = example("a", "The sky is", &["red", "blue", "green"], 1, &[]);
        assert_eq!(find(&shown, &example("b", "The sky is", &["blue", "grey"], 0, &[]), rendered), (1, 0));
        let turned = example("b", "The sky is", &["blue", "green", "red"], 0, &[]);
        assert_eq!(find(&shown, &turned, lettered), (1, 0));
        assert_eq!(find(&shown, &example("b", "The sky is", &["blue", "green", "red"], 1, &[]), lettered), (0, 0));
    }

    #[test]
    fn fields_that_the_prompt_shows_tell_questions_apart() {
        let with = |question: &str| example("a", "It rained", &["wet", "dry"], 0, &[("question", question)]);
        let render = |example: &Example| -> Vec<RenderedChoice> {
            behind(&format!("{} {}", example.query.raw(), example.fields[0].1.raw()), example)
        };
        assert_eq!(find(&with("cause"), &with("cause"), render), (1, 0));
        assert_eq!(find(&with("cause"), &with("effect"), render), (0, 0));
    }

    /// What is found of a row among demonstrations that are known by their text.
    fn find_in(text: &str, separator: &str, row: &Example) -> (usize, usize) {
        let mut known = KnownExamples::default();
        known.add_text(text, separator, 7);
        let found = known.find(row, &rendered(row));
        (found.same.len(), found.other_answer.len())
    }

    #[test]
    fn a_text_of_demonstrations_tells_whole_ones() {
        let row = |query: &str, answer| example("r", query, &["bad", "good"], answer, &[]);
        let text = "a fine film good\n\nslow, but a fine film bad\n\n";
        assert_eq!(find_in(text, "\n\n", &row("a  fine film", 1)), (1, 0));
        assert_eq!(find_in(text, "\n\n", &row("a fine film", 0)), (0, 1));
        assert_eq!(find_in(text, "\n\n", &row("slow, but a fine film", 0)), (1, 0));
        // A part of one is none, at its end and at its beginning.
        assert_eq!(find_in(text, "\n\n", &row("but a fine film", 0)), (0, 0));
        assert_eq!(find_in(text, "\n\n", &row("slow, but a", 1)), (0, 0));
        assert_eq!(find_in("", "\n\n", &row("", 1)), (0, 0));
    }

    #[test]
    fn a_demonstration_with_separators_in_it_is_told_as_a_whole() {
        let row = |query: &str| example("r", query, &["good"], 0, &[]);
        let text = "one\ntwo good\nthree\none\nfour good\n";
        assert_eq!(find_in(text, "\n", &row("one\ntwo")), (1, 0));
        assert_eq!(find_in(text, "\n", &row("three\none\nfour")), (1, 0));
        assert_eq!(find_in(text, "\n", &row("one\nthree")), (0, 0));
        // Without a separator a demonstration may begin anywhere.
        assert_eq!(find_in("one good two good", "", &row("two")), (1, 0));
        assert_eq!(find_in("one good two good", "", &row("three")), (0, 0));
    }
}
