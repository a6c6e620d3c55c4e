//! What a task plugin makes of a data set: examples, and their text.

use crate::text::Untrusted;

/// Which part of a data set an example belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// Examples that are shown to the model with their answers.
    Demonstrations,
    /// The examples that are scored.
    Evaluation,
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Split::Demonstrations => "demonstrations",
            Split::Evaluation => "evaluation",
        })
    }
}

/// One question with its choices and the right answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Unique within the split and the same in every run; the plugin boundary checks that it can be shown.
    pub id: String,
    /// The question, the sentence to classify, the context to continue.
    pub query: Untrusted,
    /// The choices, two at least.
    pub choices: Vec<Untrusted>,
    /// Index of the right choice; the plugin boundary checks that it is within `choices`.
    pub answer: usize,
    /// Whatever else the task's prompt needs, as name and text.
    pub fields: Vec<(Untrusted, Untrusted)>,
}

/// What an example is without its answer: a row to predict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The same in every run; the plugin boundary checks that it can be shown. Rows may share one.
    pub id: String,
    /// The question, the sentence to classify, the context to continue.
    pub query: Untrusted,
    /// The choices, two at least.
    pub choices: Vec<Untrusted>,
    /// Whatever else the task's prompt needs, as name and text.
    pub fields: Vec<(Untrusted, Untrusted)>,
}

/// One choice of a query as text. The scored span is what the tokens of `full` have beyond those of `context`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedChoice {
    /// The text before the scored span.
    pub context: Untrusted,
    /// The context and the choice.
    pub full: Untrusted,
}

/// The length of a choice's scored text, without white space before it: the delimiter between query text and choice is none
/// of the choice's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLength {
    /// Unicode characters, the length that lm-evaluation-harness divides by in `acc_norm`.
    pub characters: usize,
    /// Bytes of the text in UTF-8, the length that lm-evaluation-harness divides by in `acc_bytes`.
    pub bytes: usize,
}

impl RenderedChoice {
    /// The text behind the context, the delimiter before the choice included. A full text that does not begin with its
    /// context counts whole.
    pub fn continuation(&self) -> &str {
        let full = self.full.raw();
        full.strip_prefix(self.context.raw()).unwrap_or(full)
    }

    /// The choice without its query: [`Self::continuation`] behind nothing.
    pub fn alone(&self) -> Self {
        Self { context: String::new().into(), full: self.continuation().into() }
    }

    /// The length of [`Self::continuation`] without white space before it. lm-evaluation-harness takes the choice's own
    /// text: white space that this begins with counts there and not here, and what the prompt puts behind the choice (a full
    /// stop) counts here and not there.
    pub fn scored_length(&self) -> TextLength {
        let text = self.continuation().trim_start();
        TextLength { characters: text.chars().count(), bytes: text.len() }
    }
}

/// What to load for one split: the arguments of `load_dataset(repository, config, split = name)` and the place on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which split of the task this is.
    pub split: Split,
    /// The data set's repository on the hub.
    pub repository: String,
    /// The repository's configuration; `None` if it has only one.
    pub config: Option<String>,
    /// The data set's own name for the split.
    pub name: String,
    /// The folder below `--data DIR`.
    pub folder: String,
    /// To use only so many rows, drawn at random by the run's seed.
    pub sample: Option<usize>,
    /// Patterns of files beside the definition that describes the task, instead of the hub's; empty for the hub.
    pub files: Vec<String>,
}
