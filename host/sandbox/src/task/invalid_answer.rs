//! Answers of a plugin that are not what the WIT package asks for.

use ft_engine::task::example::Split;
use ft_engine::text::bytes;

/// An answer that is not what the package asks for. Texts in it are fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// A split without a source, or with several.
    #[error("expected 1 source for the {split} split, got {found}")]
    Sources {
        /// The split whose source or sample it is.
        split: Split,
        /// Number of sources for the split.
        found: usize,
    },
    /// A source for rows without answers, which are the user's.
    #[error("expected sources for the demonstrations and evaluation splits alone, got one for the unlabelled split")]
    UnlabelledSource,
    /// A source's name that could be a path out of the data folder.
    #[error(
        "expected letters, digits and `. _ + -` for the {split} split's {part}, not starting with `.`, got `{name}`"
    )]
    SourceName {
        /// The split whose source or sample it is.
        split: Split,
        /// Which name of the source it is: folder, name, configuration or repository.
        part: &'static str,
        /// The name that was given.
        name: String,
    },
    /// A name that no task may have.
    #[error("expected a task's name of lower case letters, digits, `-` and `_`, got `{name}`")]
    TaskName {
        /// The name that was given.
        name: String,
    },
    /// More subtasks than a group may have.
    #[error("expected at most {most} subtasks, got {found}")]
    Subtasks {
        /// The most that a group may have.
        most: usize,
        /// How many were given.
        found: usize,
    },
    /// More smaller groups than all subtasks together may belong to.
    #[error("expected at most {most} groups of subtasks, got {found}")]
    SmallerGroups {
        /// The most that there may be.
        most: usize,
        /// How many were given.
        found: usize,
    },
    /// A name that no subtask or group may have.
    #[error("expected a subtask's name of lower case letters, digits, `-` and `_`, got `{name}`")]
    SubtaskName {
        /// The name that was given.
        name: String,
    },
    /// Two subtasks of one name.
    #[error("expected subtasks of different names, got `{name}` twice")]
    TwinSubtasks {
        /// The name that both have.
        name: String,
    },
    /// Too many groups of a subtask, or one twice.
    #[error("subtask `{name}`: expected at most {most} different groups, got {found}")]
    SubtaskGroups {
        /// The subtask's name.
        name: String,
        /// The most that a subtask may have.
        most: usize,
        /// How many were given.
        found: usize,
    },
    /// An option of a subtask that the plugin does not describe so.
    #[error("subtask `{name}`: expected a value that the plugin's option takes, got `{option}={value}`")]
    SubtaskOption {
        /// The subtask's name.
        name: String,
        /// The option's name.
        option: String,
        /// The value that was given.
        value: String,
    },
    /// A sample of no rows.
    #[error("expected a sample of 1 row or more for the {split} split, got 0")]
    EmptySample {
        /// The split whose source or sample it is.
        split: Split,
    },
    /// Labels that are no set of classes.
    #[error("expected no labels, or at least 2 distinct ones on one line each, got {labels:?}")]
    Labels {
        /// The labels that were given.
        labels: Vec<String>,
    },
    /// An example without a usable name.
    #[error("expected an id of 1 to 200 characters on one line for example {index}, got `{id}`")]
    Id {
        /// The example's place in the split.
        index: usize,
        /// The id that was given.
        id: String,
    },
    /// Two examples with one name.
    #[error("duplicate id `{id}` of example {index}")]
    TwinIds {
        /// The id that both examples have.
        id: String,
        /// The place of the second.
        index: usize,
    },
    /// An example with fewer than two choices.
    #[error("example `{id}`: expected at least 2 choices, got {found}")]
    Choices {
        /// Id of the example.
        id: String,
        /// How many choices it has.
        found: usize,
    },
    /// An example of a split with answers that has none.
    #[error("example `{id}`: expected the index of the right choice, got none")]
    NoAnswer {
        /// Id of the example.
        id: String,
    },
    /// A right answer that is none of the choices.
    #[error("example `{id}`: expected an answer index below {choices}, got {answer}")]
    AnswerIndex {
        /// Id of the example.
        id: String,
        /// Index that was given as the right choice.
        answer: u32,
        /// How many choices there are.
        choices: usize,
    },
    /// Choices other than the classes.
    #[error("example `{id}`: expected the task's labels {labels:?} as choices, got {choices:?}")]
    NotTheLabels {
        /// Id of the example.
        id: String,
        /// The choices of the example.
        choices: Vec<String>,
        /// The labels of the task.
        labels: Vec<String>,
    },
    /// More examples or text than a split may have.
    #[error("exceeded the limit of a split ({examples} examples, {} of text)", bytes(*.example_bytes))]
    TooMuch {
        /// Examples that a split may have.
        examples: usize,
        /// Bytes of text that they may have together.
        example_bytes: u64,
    },
    /// A batch of rows without answers that is empty while rows are left, or has more outcomes than there are rows.
    #[error(
        "expected an example, a rejection or an index of a row that is left out for each of 1 to {left} rows from row {first} \
         on, got {found}"
    )]
    Outcomes {
        /// The index of the first row that has no outcome yet, in the table.
        first: u64,
        /// How many rows are left.
        left: usize,
        /// How many outcomes were given.
        found: usize,
    },
    /// A batch of rows without answers when all have their outcomes.
    #[error(
        "expected the table of {rows} rows to be at its end, got {found} more examples, rejections or rows left out"
    )]
    OutcomesAtEnd {
        /// Rows of the table.
        rows: u64,
        /// How many outcomes were given beyond them.
        found: usize,
    },
    /// A row of a batch that is rejected or left out, but is none of the batch, or is there twice.
    #[error("expected each of the rows {first} to {last} to be rejected or left out at most once, got row {row}")]
    OutcomeRow {
        /// The index of the batch's first row in the table.
        first: u64,
        /// The index of its last row.
        last: u64,
        /// The index that was given.
        row: u64,
    },
    /// A rendered query that does not match the example's choices.
    #[error("example `{id}`: expected {expected} rendered choices, got {found}")]
    RenderedChoices {
        /// Id of the example.
        id: String,
        /// Number of choices that the example has.
        expected: usize,
        /// Number of choices that were rendered.
        found: usize,
    },
    /// A full text that is something else than its context and what follows.
    #[error("example `{id}`: expected the full text of choice {choice} to start with its context, got another text")]
    FullWithoutContext {
        /// Id of the example.
        id: String,
        /// Index of the choice, from 0.
        choice: usize,
    },
    /// Nothing to show to the model.
    #[error("example `{id}`: expected a rendered text, got an empty one")]
    EmptyText {
        /// Id of the example.
        id: String,
    },
    /// A handle that the plugin does not own, or gave back before.
    #[error("used a handle that it does not own (one that it returned or dropped before): {reason}")]
    Handle {
        /// wasmtime's message about the handle.
        reason: String,
    },
}
