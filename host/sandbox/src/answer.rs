//! What a plugin may answer wrongly.

use ft_engine::task::example::Split;
use ft_engine::text::bytes;

/// An answer that is not what the package asks for. Texts in it are fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// A split without a source, or with several.
    #[error("expected 1 source for the {split} split, got {found}")]
    Sources {
        /// The split.
        split: Split,
        /// How many there are.
        found: usize,
    },
    /// A source's name that could be a path out of the data folder.
    #[error(
        "expected letters, digits and `. _ + -` for the {split} split's {part}, not starting with `.`, got `{name}`"
    )]
    SourceName {
        /// The split.
        split: Split,
        /// Which name it is.
        part: &'static str,
        /// The name.
        name: String,
    },
    /// A sample of no rows.
    #[error("the {split} split is to be sampled down to no rows")]
    EmptySample {
        /// The split.
        split: Split,
    },
    /// Labels that are no set of classes.
    #[error("expected no labels, or two and more different ones on one line each, got {labels:?}")]
    Labels {
        /// The labels.
        labels: Vec<String>,
    },
    /// An example without a usable name.
    #[error("expected an id of 1 to 200 characters on one line for example {index}, got `{id}`")]
    Id {
        /// The example's place in the split.
        index: usize,
        /// Its id.
        id: String,
    },
    /// Two examples with one name.
    #[error("two examples have the id `{id}`, the second at index {index}")]
    TwinIds {
        /// The id.
        id: String,
        /// The place of the second.
        index: usize,
    },
    /// Nothing to choose from.
    #[error("expected two choices at least for example `{id}`, got {found}")]
    Choices {
        /// The example.
        id: String,
        /// How many choices it has.
        found: usize,
    },
    /// A right answer that is none of the choices.
    #[error("example `{id}` has answer {answer}, and {choices} choices, counted from 0")]
    AnswerIndex {
        /// The example.
        id: String,
        /// The answer's index.
        answer: u32,
        /// How many choices there are.
        choices: usize,
    },
    /// Choices other than the classes.
    #[error("example `{id}` has the choices {choices:?}, and the task's labels are {labels:?}")]
    NotTheLabels {
        /// The example.
        id: String,
        /// Its choices.
        choices: Vec<String>,
        /// The labels.
        labels: Vec<String>,
    },
    /// More examples or text than a split may have.
    #[error("the split has more than {examples} examples or {} of text", bytes(*.example_bytes))]
    TooMuch {
        /// Examples that a split may have.
        examples: usize,
        /// Bytes of text that they may have together.
        example_bytes: u64,
    },
    /// A rendered query that does not match the example's choices.
    #[error("example `{id}` has {expected} choices, and was rendered as {found}")]
    RenderedChoices {
        /// The example.
        id: String,
        /// Choices of the example.
        expected: usize,
        /// Choices in the answer.
        found: usize,
    },
    /// A full text that is something else than its context and what follows.
    #[error("example `{id}`: the full text of choice {choice} does not go on where its context ends")]
    NotGoingOn {
        /// The example.
        id: String,
        /// The choice's index.
        choice: usize,
    },
    /// Nothing to show to the model.
    #[error("example `{id}` was rendered as an empty text")]
    EmptyText {
        /// The example.
        id: String,
    },
    /// A handle that the plugin does not own, or gave back before.
    #[error("it gave back a handle that it does not own (the same one twice, or one that it dropped): {reason}")]
    Handle {
        /// What wasmtime said.
        reason: String,
    },
}
