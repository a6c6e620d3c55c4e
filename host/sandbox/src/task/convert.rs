//! Splits and examples between the host's types and those of the WIT package.

use crate::bindings::data;
use ft_engine::task::example::{Example, Split};

/// The split as the host names it.
pub(crate) fn split_of(split: data::Split) -> Split {
    match split {
        data::Split::Demonstrations => Split::Demonstrations,
        data::Split::Evaluation => Split::Evaluation,
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
    data::Example {
        id: example.id.clone(),
        query: example.query.raw().clone(),
        choices: example.choices.iter().map(|choice| choice.raw().clone()).collect(),
        answer: u32::try_from(example.answer).unwrap_or(u32::MAX),
        fields: example.fields.iter().map(|(name, text)| (name.raw().clone(), text.raw().clone())).collect(),
    }
}
