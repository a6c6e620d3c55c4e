//! `[row]`: what a row means.

use std::collections::HashSet;

use super::keys::{OneOrMany, Section};
use super::place::{Fault, Located};

/// What makes an example of a row.
#[derive(Debug)]
pub(crate) struct RowKeys {
    /// A template for the row's own text; `None` for its context.
    pub(crate) query: Option<Located<String>>,
    /// An expression for the row's name; `None` for its number.
    pub(crate) id: Option<Located<String>>,
    pub(crate) choices: Choices,
    /// An expression for the right choice.
    pub(crate) answer: Located<String>,
    pub(crate) answer_is: AnswerKind,
    /// What `answer` says of each choice, if not its text.
    pub(crate) answers: Option<Vec<String>>,
}

/// Where the choices come from.
#[derive(Debug)]
pub(crate) enum Choices {
    /// Every row has these.
    Labels(Vec<String>),
    /// An expression that gives a list.
    Listed(Located<String>),
    /// A template for each choice.
    Each(Vec<Located<String>>),
}

/// How `answer` names the right choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// By its text or its index, whichever it is. What is both is refused if they differ, as is an index where choices are
    /// numbers themselves; a boolean is no index.
    Auto,
    /// By its index, from 0.
    Index,
    /// By its index, from 1.
    IndexFromOne,
    /// By its text.
    Text,
    /// By a letter, `A` for the first.
    Letter,
}

impl AnswerKind {
    const ALL: [(&'static str, Self); 5] = [
        ("auto", Self::Auto),
        ("index", Self::Index),
        ("index-from-1", Self::IndexFromOne),
        ("text", Self::Text),
        ("letter", Self::Letter),
    ];

    fn read(text: &Located<String>) -> Result<Self, Fault> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text.value);
        found.map(|(_, kind)| kind).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            Fault::at(&text.place, format!("expected one of {names}, got `{}`", text.value))
        })
    }
}

impl RowKeys {
    pub(super) fn read(mut keys: Section<'_>) -> Result<Self, Fault> {
        let line = keys.place.line;
        let query = keys.take("query").map(|item| item.text()).transpose()?;
        let id = keys.take("id").map(|item| item.text()).transpose()?;
        let choices = match (keys.take("labels"), keys.take("choices")) {
            (Some(labels), None) => Choices::Labels(different(labels.texts()?)?),
            (None, Some(choices)) => match choices.text_or_texts()? {
                OneOrMany::One(expression) => Choices::Listed(expression),
                many @ OneOrMany::Many(_) => Choices::Each(several(many)?),
            },
            (Some(_), Some(choices)) => {
                return Err(Fault::at(&choices.place, "expected either `labels` or `choices`, got both"));
            }
            (None, None) => {
                return Err(Fault::in_line(line, "expected in `[row]` one of `labels` and `choices`, got neither"));
            }
        };
        let answer = keys.require("answer", "the key")?.text()?;
        let answer_is = keys.take("answer-is").map(|item| item.text()).transpose()?;
        let answer_is = answer_is.map_or(Ok(AnswerKind::Auto), |text| AnswerKind::read(&text))?;
        let answers = keys.take("answers").map(|item| item.texts()).transpose()?;
        keys.finish()?;
        let answers = answers.map(|answers| as_many_as(&choices, answer_is, answers)).transpose()?;
        Ok(Self { query, id, choices, answer, answer_is, answers })
    }
}

/// Two texts at least, each another one.
fn different(texts: Located<Vec<String>>) -> Result<Vec<String>, Fault> {
    let different: HashSet<&String> = texts.value.iter().collect();
    if texts.value.len() < 2 || different.len() < texts.value.len() {
        return Err(Fault::at(&texts.place, format!("expected two different texts or more, got {:?}", texts.value)));
    }
    Ok(texts.value)
}

fn several(many: OneOrMany) -> Result<Vec<Located<String>>, Fault> {
    let OneOrMany::Many(Located { place, value }) = &many else { return Ok(many.into_texts()) };
    if value.len() < 2 {
        return Err(Fault::at(place, format!("expected two choices or more, got {}", value.len())));
    }
    Ok(many.into_texts())
}

/// What `answer` says of each choice: as many as there are choices, if their number is known.
fn as_many_as(choices: &Choices, kind: AnswerKind, answers: Located<Vec<String>>) -> Result<Vec<String>, Fault> {
    if !matches!(kind, AnswerKind::Auto | AnswerKind::Text) {
        return Err(Fault::at(&answers.place, "expected `answer-is = \"text\"` beside it, got another one"));
    }
    let count = match choices {
        Choices::Labels(labels) => Some(labels.len()),
        Choices::Each(choices) => Some(choices.len()),
        Choices::Listed(_) => None,
    };
    if count.is_some_and(|count| count != answers.value.len()) {
        let message =
            format!("expected {} texts, one for each choice, got {}", count.unwrap_or(0), answers.value.len());
        return Err(Fault::at(&answers.place, message));
    }
    different(answers)
}
