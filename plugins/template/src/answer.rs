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
            AnswerKind::Auto => {
                let place = said.map(|said| said.place(texts)).transpose()?.flatten();
                match (place, index) {
                    (Some(place), Some(index)) if place != index => Err(format!(
                        "expected a value that means one choice, got {}, which is the text of choice {place} and the index of \
                         choice {index}: `answer-is` says which is meant",
                        shown(value)
                    )),
                    (Some(place), _) => Ok(place),
                    (None, Some(index)) => Ok(index),
                    (None, None) => none(format!("{}, or a class from 0 to {last}", listed(texts))),
                }
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

    /// Which of the texts it is; an error if it is several.
    fn place(&self, texts: &[String]) -> Result<Option<usize>, String> {
        let is = |text: &String| match self.any_case {
            true => text.eq_ignore_ascii_case(&self.text),
            false => *text == self.text,
        };
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
        for kind in [AnswerKind::Auto, AnswerKind::Index] {
            assert_eq!((index(kind, true, &["no", "yes"]), index(kind, false, &["no", "yes"])), (Ok(1), Ok(0)));
        }
        assert_eq!(index(AnswerKind::Auto, true, &["False", "True"]), Ok(1));
        assert_eq!(index(AnswerKind::Text, false, &["True", "False"]), Ok(1));
        assert!(index(AnswerKind::Auto, true, &["True", "False"]).unwrap_err().contains("means one choice"));
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
