//! Which choice `answer` means.

use minijinja::value::{Value, ValueKind};

use crate::definition::AnswerKind;

/// Characters of a value that a message repeats.
const SHOWN: usize = 60;
/// Choices that a message lists.
const LISTED: usize = 8;

/// How a row's answer names the right choice.
#[derive(Debug)]
pub(crate) struct AnswerRule {
    pub(crate) kind: AnswerKind,
    /// What it says of each choice, if not its text.
    pub(crate) answers: Option<Vec<String>>,
}

/// What a value says, in the ways in which it may name a choice.
struct Said {
    text: String,
    /// The whole number that it is, or whose digits it is.
    whole: Option<i128>,
    /// Whether letters' case is to be ignored: JSON writes `true`, tables `True`.
    any_case: bool,
}

impl AnswerRule {
    /// The index of the choice that `value` names.
    ///
    /// # Errors
    /// What was expected and what came, if it names none or may name two.
    pub(crate) fn index(&self, value: &Value, choices: &[String]) -> Result<usize, String> {
        let texts = self.texts(choices)?;
        let said = Said::of(value);
        let none = |expected: String| Err(format!("expected {expected}, got {}", shown(value)));
        let last = choices.len().saturating_sub(1);
        let index = said.as_ref().and_then(|said| within(said.whole?, choices.len()));
        match self.kind {
            AnswerKind::Index => index.map_or_else(|| none(format!("a class from 0 to {last}")), Ok),
            AnswerKind::IndexFromOne => {
                let index = said.and_then(|said| within(said.whole?.checked_sub(1)?, choices.len()));
                index.map_or_else(|| none(format!("a choice from 1 to {}", choices.len())), Ok)
            }
            AnswerKind::Letter => {
                let letter = said.and_then(|said| letter(&said.text, choices.len()));
                let last = char::from(b'A' + u8::try_from(last.min(25)).unwrap_or(25));
                letter.map_or_else(|| none(format!("a letter from A to {last}")), Ok)
            }
            AnswerKind::Text => {
                let place = said.map(|said| said.place(texts)).transpose()?.flatten();
                place.map_or_else(|| none(listed(texts)), Ok)
            }
            AnswerKind::Auto => Self::text_or_index(value, texts),
        }
    }

    /// The choice that a value names by its text, or else by its index if it cannot be meant for a text.
    fn text_or_index(value: &Value, texts: &[String]) -> Result<usize, String> {
        let said = Said::of(value);
        let place = said.as_ref().map(|said| said.place(texts)).transpose()?.flatten();
        let is_boolean = value.kind() == ValueKind::Bool;
        let index = said.filter(|_| !is_boolean).and_then(|said| within(said.whole?, texts.len()));
        let has_numbers = || texts.iter().any(|text| !matches!(Written::of(text), Written::Text(_)));
        let (listed, shown) = (listed(texts), shown(value));
        match (place, index) {
            (Some(place), Some(index)) if place != index => Err(format!(
                "expected a value that means one choice, got {shown}, which is the text of choice {place} and the index of choice \
                 {index}: `answer-is` says which is meant"
            )),
            (Some(place), _) => Ok(place),
            (None, Some(_)) if has_numbers() => Err(format!(
                "expected {listed}, got {shown}: it may be the index of a choice, but the choices have numbers themselves; \
                 `answer-is = \"index\"` says that it is one"
            )),
            (None, Some(index)) => Ok(index),
            (None, None) if is_boolean => Err(format!(
                "expected {listed}, got {shown}: with `answer-is = \"index\"`, False is class 0 and True class 1"
            )),
            (None, None) => {
                let last = texts.len().saturating_sub(1);
                Err(format!("expected {listed}, or a class from 0 to {last}, got {shown}"))
            }
        }
    }

    /// The texts that an answer may be.
    fn texts<'a>(&'a self, choices: &'a [String]) -> Result<&'a [String], String> {
        match &self.answers {
            Some(answers) if answers.len() == choices.len() => Ok(answers),
            Some(answers) => {
                Err(format!("expected {} choices, as many as `answers`, got {}", answers.len(), choices.len()))
            }
            None => Ok(choices),
        }
    }
}

impl Said {
    /// `None` for what is neither a text nor a number nor a boolean.
    fn of(value: &Value) -> Option<Self> {
        let whole = match value.kind() {
            ValueKind::String => digits(value.as_str()?).parse().ok(),
            ValueKind::Number => digits(&value.to_string()).parse().ok(),
            ValueKind::Bool => Some(i128::from(value.is_true())),
            _ => return None,
        };
        let text = match (value.as_str(), value.kind(), whole) {
            (Some(text), ..) => text.to_owned(),
            (None, ValueKind::Number, Some(whole)) => whole.to_string(),
            (None, ..) => value.to_string(),
        };
        Some(Self { text, whole, any_case: value.kind() == ValueKind::Bool })
    }

    /// Which of the texts it is: the same to the letter, or else but for blanks around it and the way in which a number is
    /// written; an error if it is several.
    fn place(&self, texts: &[String]) -> Result<Option<usize>, String> {
        let same = |text: &String| match self.any_case {
            true => text.eq_ignore_ascii_case(&self.text),
            false => *text == self.text,
        };
        if let Some(place) = self.only(texts, same)? {
            return Ok(Some(place));
        }
        let written = Written::of(&self.text);
        self.only(texts, |text| match (Written::of(text), written) {
            (Written::Text(text), Written::Text(said)) if self.any_case => text.eq_ignore_ascii_case(said),
            (text, said) => text == said,
        })
    }

    /// The only text that is it.
    fn only(&self, texts: &[String], is: impl Fn(&String) -> bool) -> Result<Option<usize>, String> {
        let mut places = texts.iter().enumerate().filter(|(_, text)| is(text)).map(|(place, _)| place);
        match (places.next(), places.next()) {
            (Some(first), Some(second)) => Err(format!(
                "expected the text of one choice, got {:?}, that of choices {first} and {second}",
                self.text
            )),
            (place, _) => Ok(place),
        }
    }
}

/// What a text says, in one form for all ways of writing it.
#[derive(Clone, Copy, PartialEq)]
enum Written<'a> {
    /// Without the blanks around it.
    Text(&'a str),
    Whole(i128),
    Number(f64),
}

impl<'a> Written<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.trim();
        // Names that Rust takes for numbers, `inf` and `nan`, are texts.
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => digits(text).parse().map_or(Self::Number(number), Self::Whole),
            _ => Self::Text(text),
        }
    }
}

/// The digits before a point with nothing but zeros behind it, as tables with missing values have whole numbers; other texts
/// without blanks around them.
fn digits(text: &str) -> &str {
    let text = text.trim();
    match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => text,
    }
}

fn within(whole: i128, choices: usize) -> Option<usize> {
    usize::try_from(whole).ok().filter(|index| *index < choices)
}

fn letter(text: &str, choices: usize) -> Option<usize> {
    match text.trim().as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => {
            Some(usize::from(letter.to_ascii_uppercase() - b'A')).filter(|index| *index < choices)
        }
        _ => None,
    }
}

/// `one of "a", "b"`.
fn listed(texts: &[String]) -> String {
    let told = texts.iter().take(LISTED).map(|text| cut(&format!("{text:?}"))).collect::<Vec<_>>().join(", ");
    match texts.len().saturating_sub(LISTED) {
        0 => format!("one of {told}"),
        more => format!("one of {told} and {more} more"),
    }
}

/// A value in a message: a text in quotes, others as Jinja prints them.
fn shown(value: &Value) -> String {
    cut(&value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}")))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(kind: AnswerKind, value: impl Into<Value>, choices: &[&str]) -> Result<usize, String> {
        let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
        AnswerRule { kind, answers: None }.index(&value.into(), &choices)
    }

    const COLOURS: [&str; 3] = ["red", "green", "blue"];

    #[test]
    fn each_kind_takes_its_own_values() {
        use AnswerKind::{Auto, Index, IndexFromOne, Letter, Text};
        let number = |number: i64| Value::from(number);
        let text = |text: &str| Value::from(text);
        let cases = [
            (Index, number(0), Ok(0)),
            (Index, text("2"), Ok(2)),
            (Index, text(" 1 "), Ok(1)),
            (Index, Value::from(2.0), Ok(2)),
            (Index, text("2.0"), Ok(2)),
            (Index, Value::from(true), Ok(1)),
            (Index, number(3), Err("expected a class from 0 to 2, got 3")),
            (Index, number(-1), Err("expected a class from 0 to 2, got -1")),
            (Index, text("red"), Err("expected a class from 0 to 2, got \"red\"")),
            (Index, Value::from(1.5), Err("expected a class from 0 to 2, got 1.5")),
            (Index, Value::from(()), Err("expected a class from 0 to 2, got None")),
            (IndexFromOne, number(1), Ok(0)),
            (IndexFromOne, text("3"), Ok(2)),
            (IndexFromOne, number(0), Err("expected a choice from 1 to 3, got 0")),
            (IndexFromOne, number(4), Err("expected a choice from 1 to 3, got 4")),
            (Text, text("blue"), Ok(2)),
            (Text, text("Blue"), Err("expected one of \"red\", \"green\", \"blue\", got \"Blue\"")),
            (Text, number(1), Err("expected one of \"red\", \"green\", \"blue\", got 1")),
            (Letter, text("A"), Ok(0)),
            (Letter, text("c"), Ok(2)),
            (Letter, text("d"), Err("expected a letter from A to C, got \"d\"")),
            (Letter, text("AB"), Err("expected a letter from A to C, got \"AB\"")),
            (Letter, number(1), Err("expected a letter from A to C, got 1")),
            (Auto, text("green"), Ok(1)),
            (Auto, number(2), Ok(2)),
            (Auto, text("0"), Ok(0)),
            (Auto, text("3"), Err("expected one of \"red\", \"green\", \"blue\", or a class from 0 to 2, got \"3\"")),
        ];
        for (kind, value, expected) in cases {
            let found = index(kind, value.clone(), &COLOURS);
            assert_eq!(found, expected.map_err(str::to_owned), "{kind:?} {value:?}");
        }
    }

    #[test]
    fn what_means_two_choices_is_refused() {
        let auto = AnswerKind::Auto;
        assert_eq!(index(auto, "1", &["0", "1"]), Ok(1), "text and index are the same choice");
        assert_eq!(index(auto, 18, &["12", "18", "30"]), Ok(1), "18 is no index");
        let message = index(auto, "1", &["1", "2"]).unwrap_err();
        assert!(message.contains("which is the text of choice 0 and the index of choice 1: `answer-is`"), "{message}");
        assert_eq!(index(AnswerKind::Text, "1", &["1", "2"]), Ok(0));
        assert_eq!(index(AnswerKind::Index, "1", &["1", "2"]), Ok(1));
        let twins = index(auto, "a", &["a", "b", "a"]).unwrap_err();
        assert_eq!(twins, "expected the text of one choice, got \"a\", that of choices 0 and 2");
    }

    #[test]
    fn booleans_are_classes_or_texts() {
        assert_eq!(index(AnswerKind::Index, true, &["no", "yes"]), Ok(1));
        assert_eq!(index(AnswerKind::Index, false, &["no", "yes"]), Ok(0));
        assert_eq!(index(AnswerKind::Auto, true, &["False", "True"]), Ok(1));
        assert_eq!(index(AnswerKind::Auto, true, &["true", "false"]), Ok(0));
        assert_eq!(index(AnswerKind::Text, false, &["True", "False"]), Ok(1));
        let expected = "expected one of \"yes\", \"no\", got True: with `answer-is = \"index\"`, False is class 0 and True class 1";
        assert_eq!(index(AnswerKind::Auto, true, &["yes", "no"]).unwrap_err(), expected);
    }

    #[test]
    fn a_text_is_compared_before_an_index_counts() {
        let auto = AnswerKind::Auto;
        let stars = ["1", "2", "3", "4", "5"];
        assert_eq!(index(AnswerKind::Text, " 2", &stars), Ok(1));
        assert_eq!(index(AnswerKind::Text, "2.0", &stars), Ok(1));
        for value in [" 2", "2.0", "02"] {
            let message = index(auto, value, &stars).unwrap_err();
            assert!(message.contains("the text of choice 1 and the index of choice 2: `answer-is`"), "{message}");
        }
        assert_eq!(index(auto, "5.0 ", &stars), Ok(4));
        assert_eq!(index(auto, " red\n", &COLOURS), Ok(0));
        assert_eq!(index(auto, 0.5, &["1.0", "0.5", "2.0"]), Ok(1));
        assert_eq!(index(AnswerKind::Text, 1.0, &["1.0", "0.5", "2.0"]), Ok(0));
        assert!(index(auto, 1.0, &["1.0", "0.5", "2.0"]).unwrap_err().contains("means one choice"));
        assert_eq!(index(auto, "1e-05", &["0.00001", "1"]), Ok(0));
        let message = index(auto, 0, &["3", "a", "2.5"]).unwrap_err();
        assert_eq!(
            message,
            "expected one of \"3\", \"a\", \"2.5\", got 0: it may be the index of a choice, but the choices have numbers themselves; \
             `answer-is = \"index\"` says that it is one"
        );
        assert_eq!(index(auto, 0, &["inf", "nan"]), Ok(0), "these are words");
        let twins = index(auto, "2.0", &["2", "2.00"]).unwrap_err();
        assert_eq!(twins, "expected the text of one choice, got \"2.0\", that of choices 0 and 1");
        assert_eq!(index(AnswerKind::Text, "2", &["2", "2.0"]), Ok(0), "the same to the letter");
    }

    #[test]
    fn answers_stand_for_the_choices() {
        let answers = Some(vec!["neg".to_owned(), "pos".to_owned()]);
        let choices = ["terrible", "great"].map(str::to_owned);
        for kind in [AnswerKind::Auto, AnswerKind::Text] {
            let rule = AnswerRule { kind, answers: answers.clone() };
            assert_eq!(rule.index(&"pos".into(), &choices), Ok(1), "{kind:?}");
            assert!(rule.index(&"great".into(), &choices).unwrap_err().starts_with("expected one of \"neg\", \"pos\""));
            let more = rule.index(&"pos".into(), &["a", "b", "c"].map(str::to_owned)).unwrap_err();
            assert_eq!(more, "expected 2 choices, as many as `answers`, got 3");
        }
    }

    #[test]
    fn long_values_are_cut() {
        let message = index(AnswerKind::Index, "é".repeat(100), &COLOURS).unwrap_err();
        assert_eq!(message, format!("expected a class from 0 to 2, got \"{}...", "é".repeat(59)));
        let many: Vec<String> = (0..20).map(|number| format!("c{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(index(AnswerKind::Text, "x", &many).unwrap_err().contains("\"c7\" and 12 more, got \"x\""));
    }
}
