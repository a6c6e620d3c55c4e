//! What a task is: where its data are, how a row becomes an example, how an example becomes text.

use crate::{Description, Error, Options, Row, RowError, Value};

/// Which part of a data set an example belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Examples that are shown to the model with their answers.
    Demonstrations,
    /// Examples that are scored.
    Evaluation,
    /// Rows to predict: they need no answer, and one that is there is not looked at.
    Unlabelled,
}

/// One question with its choices and, but for a row to predict, the right answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// A name that is the same in every run, and unique within a split with answers. Left empty, it becomes the row's index.
    pub id: String,
    /// The question, the sentence to classify, the context to continue.
    pub query: String,
    /// The choices, two at least.
    pub choices: Vec<String>,
    /// The index of the right choice; `None` for a row of the split [`Split::Unlabelled`].
    pub answer: Option<usize>,
    /// Whatever else the prompt needs, as name and text.
    pub fields: Vec<(String, String)>,
}

impl Example {
    /// An example named after its row. Its answer is the index of the right choice, or what [`Row::answer`] gives.
    pub fn new<C: Into<String>>(
        query: impl Into<String>,
        choices: impl IntoIterator<Item = C>,
        answer: impl Into<Option<usize>>,
    ) -> Self {
        let choices = choices.into_iter().map(Into::into).collect();
        Self { id: String::new(), query: query.into(), choices, answer: answer.into(), fields: Vec::new() }
    }

    /// The same example under a name of its own, of up to 200 characters on one line. A row that gives another is rejected.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// The same example with a further text that the prompt needs.
    pub fn with_field(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.fields.push((name.into(), text.into()));
        self
    }

    /// The text of a field.
    ///
    /// # Errors
    /// If the example has no such field.
    pub fn field(&self, name: &str) -> Result<&str, Error> {
        let found = self.fields.iter().find(|(other, _)| other == name);
        let missing = || Error::invalid_data(format!("example `{}` has no field `{name}`", self.id));
        found.map(|(_, text)| text.as_str()).ok_or_else(missing)
    }

    /// The index of the right choice.
    ///
    /// # Errors
    /// If the example has no answer.
    pub fn right_index(&self) -> Result<usize, Error> {
        let none =
            || Error::invalid_data(format!("example `{}`: expected the index of the right choice, got none", self.id));
        self.answer.ok_or_else(none)
    }

    /// The right choice.
    ///
    /// # Errors
    /// If `answer` is no index of a choice, or there is none.
    pub fn right_choice(&self) -> Result<&str, Error> {
        let answer = self.right_index()?;
        let outside = || {
            let (id, count) = (&self.id, self.choices.len());
            Error::invalid_data(format!("example `{id}` has {count} choices, its answer is number {answer}"))
        };
        self.choices.get(answer).map(String::as_str).ok_or_else(outside)
    }

    /// Each choice behind a context and one blank: the query of most tasks.
    pub fn choices_after(&self, context: &str) -> Vec<Choice> {
        self.choices.iter().map(|choice| Choice::new(context, &format!(" {choice}"))).collect()
    }
}

/// One choice of a query, as the model sees it. The scored span is what the tokens of `full` have beyond those of `context`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The text before the scored span.
    pub context: String,
    /// The whole text: the context and the choice.
    pub full: String,
}

impl Choice {
    /// A context and the text that follows it and is scored.
    pub fn new(context: &str, continuation: &str) -> Self {
        Self { context: context.into(), full: format!("{context}{continuation}") }
    }
}

/// What to load for one of the two splits with answers: the arguments of `load_dataset(repository, config, split = name)`, and where to find it on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which split of the task this is; not [`Split::Unlabelled`], whose rows are the user's.
    pub split: Split,
    /// The data set's repository on the hub, like `nyu-mll/glue`.
    pub repository: String,
    /// Its configuration, where it has several, like `sst2`.
    pub config: Option<String>,
    /// The name that the data set has for this split, like `validation`.
    pub name: String,
    /// The data set's folder below `--data DIR`, like `sst2`.
    pub folder: String,
    /// To use only so many rows, drawn at random by the run's seed; none means all.
    pub sample: Option<u32>,
    /// Files beside the definition that describes the task, instead of the hub's. The host refuses them of any other task.
    pub files: Vec<String>,
}

impl Source {
    /// All rows of a data set without configurations.
    pub fn new(split: Split, repository: &str, name: &str, folder: &str) -> Self {
        let (repository, name, folder) = (repository.into(), name.into(), folder.into());
        Self { split, repository, config: None, name, folder, sample: None, files: Vec::new() }
    }

    /// One configuration of the data set.
    pub fn with_config(mut self, config: &str) -> Self {
        self.config = Some(config.into());
        self
    }

    /// Only so many rows, drawn at random by the run's seed.
    pub fn with_sample(mut self, rows: u32) -> Self {
        self.sample = Some(rows);
        self
    }
}

/// One task of a group of tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Subtask {
    /// Its name in the group, also that of the folder of its results: lower case letters, digits, `-` and `_`.
    pub name: String,
    /// The smaller groups that it belongs to, like `stem`, whose averages are told beside that of the whole; names as its own.
    pub groups: Vec<String>,
    /// The options by which an instance is this task alone, over those of the group, by name.
    pub options: Vec<(String, Value)>,
}

impl Subtask {
    /// The task that an option of this value makes, in no smaller group.
    pub fn new(name: impl Into<String>, option: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), groups: Vec::new(), options: vec![(option.into(), value)] }
    }
}

/// Queries that ask nothing, over which Zhao et al. average (arXiv 2102.09690, section 5).
const CONTENT_FREE: [&str; 3] = ["N/A", "[MASK]", ""];

/// A data set and its prompts. The crate's documentation has a complete one.
pub trait Task: 'static {
    /// What the task is and which options it takes. Gives the same answer every time.
    fn describe() -> Description
    where
        Self: Sized;

    /// Makes the task. `options` has a value for every option that [`Task::describe`] names.
    ///
    /// # Errors
    /// If the task cannot work with these values.
    fn new(options: &Options) -> Result<Self, Error>
    where
        Self: Sized;

    /// The task's name in results, if it follows from the options; `None` if it is the description's.
    fn task_name(&self) -> Option<String> {
        None
    }

    /// The tasks that the options stand for, where that is a group of them; empty for a single task. Each is run by itself, by
    /// an instance of its own that is made with the subtask's options, and is to stand for no group; a group's is asked nothing
    /// else.
    fn subtasks(&self) -> Vec<Subtask> {
        Vec::new()
    }

    /// What to load, one source for each of the two splits with answers.
    fn sources(&self) -> Vec<Source>;

    /// The names of the classes, where every example has these very choices in this order; empty for other tasks.
    /// Tasks with labels are sampled class by class (stratified).
    fn labels(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether a row is one of the task's. The host leaves out and counts those that are not. What follows from the answer is
    /// not asked of a row of the split [`Split::Unlabelled`].
    ///
    /// # Errors
    /// If the row does not say it.
    fn takes(&self, _split: Split, _row: &Row<'_>) -> Result<bool, RowError> {
        Ok(true)
    }

    /// Makes an example of a row. A row of the split [`Split::Unlabelled`] needs no answer: [`Row::answer`] gives none for it, and
    /// all else of the example is what it would be with one.
    ///
    /// # Errors
    /// If the row is not as it should be. The host stops there with the row's number, or skips the row if the user said so.
    fn example(&self, split: Split, row: &Row<'_>) -> Result<Example, RowError>;

    /// Demonstrations written by hand, for `--sampling written`.
    fn written(&self) -> Vec<Example> {
        Vec::new()
    }

    /// The text before the first demonstration, and before a query that has no demonstrations before it. Nothing is put behind
    /// it: it ends with what is to stand between it and the first demonstration, like `"\n\n"`. Empty for none;
    /// `--description` replaces it.
    fn prompt_description(&self) -> String {
        String::new()
    }

    /// The text that follows every demonstration.
    fn separator(&self) -> String {
        "\n\n".into()
    }

    /// An example without its answer, which it may or may not have: a context and a full text for each choice, in the choices'
    /// order.
    ///
    /// # Errors
    /// If there is no text for this example.
    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error>;

    /// An example with its answer, as it is shown to the model. Left out, it is the full text of the right choice.
    ///
    /// # Errors
    /// If there is no text for this example.
    fn demonstration(&self, example: &Example) -> Result<String, Error> {
        let right = self.query(example)?.into_iter().nth(example.right_index()?);
        let missing = || Error::invalid_data(format!("example `{}` has no text for its answer", example.id));
        right.map(|choice| choice.full).ok_or_else(missing)
    }

    /// Examples that ask nothing, for contextual calibration (Zhao et al., arXiv 2102.09690): what the model prefers behind
    /// them, it prefers whatever is asked. Their answers do not count, and may be none.
    ///
    /// Left out, they are three examples without fields for a task with labels, with the queries `N/A`, `[MASK]` and the empty
    /// text, as far as [`Task::query`] has a text for them; for other tasks there are none. A task whose prompt needs fields gives
    /// its own.
    fn content_free(&self) -> Vec<Example> {
        let labels = self.labels();
        if labels.is_empty() {
            return Vec::new();
        }
        let examples = CONTENT_FREE.map(|query| Example::new(query, labels.iter().cloned(), None)).into_iter();
        examples.filter(|example| self.query(example).is_ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task with these labels, whose prompt needs a field where one is named.
    struct Made {
        labels: Vec<String>,
        field: Option<&'static str>,
    }

    impl Task for Made {
        fn describe() -> Description {
            Description::new("made", "0.1.0", "a test")
        }

        fn new(_: &Options) -> Result<Self, Error> {
            Err(Error::failed("made by the tests"))
        }

        fn sources(&self) -> Vec<Source> {
            Vec::new()
        }

        fn labels(&self) -> Vec<String> {
            self.labels.clone()
        }

        fn example(&self, _: Split, _: &Row<'_>) -> Result<Example, RowError> {
            Err(RowError::row("no rows"))
        }

        fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
            let field = self.field.map(|name| example.field(name)).transpose()?.unwrap_or_default();
            Ok(example.choices_after(&format!("{field}{}:", example.query)))
        }
    }

    #[test]
    fn tasks_with_labels_have_three_examples_without_content() {
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        let examples = Made { labels: labels.clone(), field: None }.content_free();
        let queries: Vec<_> = examples.iter().map(|example| example.query.as_str()).collect();
        assert_eq!(queries, ["N/A", "[MASK]", ""]);
        assert!(examples.iter().all(|example| example.choices == labels && example.fields.is_empty()));
        assert!(Made { labels: Vec::new(), field: None }.content_free().is_empty());
    }

    #[test]
    fn what_shows_the_answer_needs_one() {
        let task = Made { labels: Vec::new(), field: None };
        let example = |answer: Option<usize>| Example::new("Is it?", ["no", "yes"], answer).with_id("7");
        assert_eq!(task.demonstration(&example(Some(1))).unwrap(), "Is it?: yes");
        assert_eq!(example(Some(1)).right_choice().unwrap(), "yes");
        assert_eq!(task.query(&example(None)).unwrap(), task.query(&example(Some(1))).unwrap());
        let none = "example `7`: expected the index of the right choice, got none";
        assert_eq!(example(None).right_choice().unwrap_err().message, none);
        assert_eq!(task.demonstration(&example(None)).unwrap_err().message, none);
        let outside = "example `7` has 2 choices, its answer is number 2";
        assert_eq!(example(Some(2)).right_choice().unwrap_err().message, outside);
        assert_eq!(
            task.demonstration(&example(Some(2))).unwrap_err().message,
            "example `7` has no text for its answer"
        );
    }

    #[test]
    fn a_prompt_that_needs_a_field_has_no_examples_without_content() {
        let task = Made { labels: vec!["no".into(), "yes".into()], field: Some("passage") };
        assert!(task.content_free().is_empty());
    }
}
