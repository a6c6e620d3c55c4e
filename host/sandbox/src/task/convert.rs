//! Splits and examples between the host's types and those of the WIT package.

use crate::bindings::data;
use ft_engine::task::example::{Example, Question, Split};
use ft_engine::text::Untrusted;

/// The split as the host names it; none for rows without answers, which are of no split there.
pub(crate) fn split_of(split: data::Split) -> Option<Split> {
    match split {
        data::Split::Demonstrations => Some(Split::Demonstrations),
        data::Split::Evaluation => Some(Split::Evaluation),
        data::Split::Unlabelled => None,
    }
}

/// The split as the package names it.
pub(crate) fn wit_split(split: Split) -> data::Split {
    match split {
        Split::Demonstrations => data::Split::Demonstrations,
        Split::Evaluation => data::Split::Evaluation,
    }
}

/// An example as the package has it. Its answer was checked to be an index, so it fits.
pub(crate) fn wit_example(example: &Example) -> data::Example {
    let Example { id, query, choices, answer, fields } = example;
    data::Example { answer: u32::try_from(*answer).ok(), ..without_answer(id, query, choices, fields) }
}

/// A question as the package has it: an example without its answer.
pub(crate) fn wit_question(question: &Question) -> data::Example {
    let Question { id, query, choices, fields } = question;
    without_answer(id, query, choices, fields)
}

fn without_answer(
    id: &str,
    query: &Untrusted,
    choices: &[Untrusted],
    fields: &[(Untrusted, Untrusted)],
) -> data::Example {
    data::Example {
        id: id.to_owned(),
        query: query.raw().clone(),
        choices: choices.iter().map(|choice| choice.raw().clone()).collect(),
        answer: None,
        fields: fields.iter().map(|(name, text)| (name.raw().clone(), text.raw().clone())).collect(),
    }
}
