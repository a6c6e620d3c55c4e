//! A task plugin: what to load, how rows become examples, and how examples become text.

mod unlabelled;

use candle_core::Device;
use wasmtime::component::Resource;

use self::unlabelled::UnlabelledTable;
use super::exports::Describe;
use super::sandbox::{Sandbox, Started};
use super::task_exports::TaskExports;
use super::usage::Usage;
use crate::bindings::{data, types};
use crate::component::binary::PluginBinary;
use crate::component::contract::PluginKind;
use crate::description::Description;
use crate::engine::PluginEngine;
use crate::error::{Failure, PluginError};
use crate::limits::Limits;
use crate::options::OptionSetting;
use crate::rows::RowSource;
use crate::state::log_book::LogSink;
use crate::state::row_table::RowTable;
use crate::task::answer_check::{self, ExampleCheck};
use crate::task::convert;
use crate::task::invalid_answer::InvalidAnswer;
use crate::task::row_outcome::Rejection;
use crate::task::subtask::{self, Subtask};
use ft_engine::task::example::{Example, Question, RenderedChoice, Source, Split};
use ft_engine::text::Untrusted;

/// Rows that one call to `dataset.read` is asked for: enough to make the call's cost vanish, few enough to stay far
/// within the limits of one call.
const BATCH: u32 = 256;

/// A loaded task plugin. Its functions need `configure` first, once.
pub struct TaskPlugin {
    sandbox: Sandbox,
    describe: Describe,
    exports: TaskExports,
    description: Description,
    /// The task's own name, where its options make it.
    task_name: Option<String>,
    /// The tasks that its options stand for, where that is a group of them.
    subtasks: Vec<Subtask>,
    /// The table that rows without answers are read from, once one has begun.
    unlabelled: Option<UnlabelledTable>,
}

/// All examples of one split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOutcome {
    /// The examples, in the order of the rows.
    pub examples: Vec<Example>,
    /// The rows that made none.
    pub rejected: Vec<Rejection>,
    /// The rows that are none of the task's, by their indices in the table, from 0.
    pub left_out: Vec<u64>,
}

impl TaskPlugin {
    /// Compiles and starts a task plugin.
    ///
    /// # Errors
    /// When the bytes are no task plugin that this host takes, or it fails to start or to describe itself.
    pub fn load(
        engine: &PluginEngine,
        binary: PluginBinary,
        limits: Limits,
        log: LogSink,
    ) -> Result<Self, PluginError> {
        // A task has no tensors; the device stays unused.
        let started = Sandbox::start(engine, binary, Some(PluginKind::Task), limits, log, &Device::Cpu)?;
        let Started { mut sandbox, instance, describe, contract, description } = started;
        let exports = sandbox.look_up(&contract, &instance, |exports| exports.task())?;
        Ok(Self { sandbox, describe, exports, description, task_name: None, subtasks: Vec::new(), unlabelled: None })
    }

    /// What the plugin says it is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The task's name in results: its own, once it is configured, where its options make it, or the plugin's.
    pub fn task_name(&self) -> &str {
        self.task_name.as_deref().unwrap_or(&self.description.name)
    }

    /// The tasks that its options stand for, where that is a group of them; none for a single task, and before it is configured.
    pub fn subtasks(&self) -> &[Subtask] {
        &self.subtasks
    }

    /// Names the definition that the plugin interprets in the errors of all later calls.
    pub fn interpret(&mut self, definition: String) {
        self.sandbox.interpret(definition);
    }

    /// What it says that it is when it is asked again.
    ///
    /// # Errors
    /// When the description is none, or the plugin fails.
    pub fn describe_again(&mut self) -> Result<Description, PluginError> {
        self.sandbox.describe(&self.describe)
    }

    /// The bytes that it was loaded from.
    pub fn binary(&self) -> &PluginBinary {
        self.sandbox.binary()
    }

    /// What it used so far.
    pub fn usage(&self) -> Usage {
        self.sandbox.usage()
    }

    /// Sets all options, as [`options::resolve`](crate::options::resolve) gives them.
    ///
    /// # Errors
    /// When the plugin does not take them, or fails.
    pub fn configure(&mut self, options: &[OptionSetting]) -> Result<(), PluginError> {
        let settings: Vec<types::OptionSetting> = options.iter().map(Into::into).collect();
        let configure = &self.exports.configure;
        self.sandbox.call_fallible("dataset.configure", |store| configure.call(store, (settings,)))?;
        let Some(task_name) = &self.exports.task_name else { return Ok(()) };
        let call = "dataset.task-name";
        let (name,) = self.sandbox.call(call, |store| task_name.call(store, ()))?;
        self.task_name = answer_check::task_name(name).map_err(|bad| self.bad(call, bad))?;
        let Some(subtasks) = &self.exports.subtasks else { return Ok(()) };
        let call = "dataset.subtasks";
        let (raw,) = self.sandbox.call(call, |store| subtasks.call(store, ()))?;
        let subtasks = subtask::subtasks(raw, &self.description.options, options);
        self.subtasks = subtasks.map_err(|bad| self.bad(call, bad))?;
        Ok(())
    }

    /// What to load: one source for each split, demonstrations first. Its names are plain file names.
    ///
    /// # Errors
    /// When there is not one source for each split, a name is none, or the plugin fails.
    pub fn sources(&mut self) -> Result<Vec<Source>, PluginError> {
        let (call, sources) = ("dataset.sources", &self.exports.sources);
        let raw = self.sandbox.call(call, |store| sources.call(store))?;
        answer_check::sources(raw).map_err(|bad| self.bad(call, bad))
    }

    /// The classes, where every example has these very choices; none for other tasks.
    ///
    /// # Errors
    /// When the labels are not different lines of text, or the plugin fails.
    pub fn labels(&mut self) -> Result<Vec<String>, PluginError> {
        let (call, labels) = ("dataset.labels", &self.exports.labels);
        let (raw,) = self.sandbox.call(call, |store| labels.call(store, ()))?;
        answer_check::labels(raw).map_err(|bad| self.bad(call, bad))
    }

    /// All examples of a split, read in batches until the plugin says that there are no more.
    ///
    /// # Errors
    /// When the rows cannot be read ([`Failure::Rows`] has the source's own error), an example is not what it has to be,
    /// there are more than the limits allow, or the plugin fails.
    pub fn read_all(&mut self, split: Split, rows: Box<dyn RowSource + Send>) -> Result<ReadOutcome, PluginError> {
        self.read_table(split, RowTable::new(rows)).map(|(outcome, _)| outcome)
    }

    /// All examples of a split as [`Self::read_all`] gives them, and the source that they were read from.
    ///
    /// # Errors
    /// Those of [`Self::read_all`]; the source is gone then.
    pub fn read_back<R: RowSource + Send>(&mut self, split: Split, rows: R) -> Result<(ReadOutcome, R), PluginError> {
        let (outcome, table) = self.read_table(split, RowTable::new(Box::new(rows)))?;
        let rows = self.sandbox.bind(|_| Ok(table.into_source()?))?;
        Ok((outcome, rows))
    }

    fn read_table(&mut self, split: Split, table: RowTable) -> Result<(ReadOutcome, RowTable), PluginError> {
        let labels = self.labels()?;
        let table = self.sandbox.state().resources.push(table);
        let table = self.sandbox.bind(|_| Ok(table?))?;
        let outcome = self.read_batches(split, table.rep(), &labels);
        // After a trap the table is gone already, with all else that the plugin could reach.
        let table = self.sandbox.state().resources.delete(table);
        let outcome = outcome?;
        Ok((outcome, self.sandbox.bind(|_| Ok(table?))?))
    }

    fn read_batches(&mut self, split: Split, table: u32, labels: &[String]) -> Result<ReadOutcome, PluginError> {
        let call = "dataset.read";
        let limits = self.sandbox.limits().clone();
        let mut check = ExampleCheck::new(&limits, labels);
        let mut outcome = ReadOutcome { examples: Vec::new(), rejected: Vec::new(), left_out: Vec::new() };
        loop {
            let read = &self.exports.read;
            let batch = self.sandbox.call_fallible(call, |store| {
                read.call(store, (convert::wit_split(split), Resource::new_borrow(table), BATCH))
            })?;
            if batch.examples.is_empty() && batch.rejected.is_empty() && batch.left_out.is_empty() {
                return Ok(outcome);
            }
            for raw in batch.examples {
                outcome.examples.push(check.check(raw).map_err(|bad| self.bad(call, bad))?);
            }
            for row in batch.left_out {
                check.leave_out().map_err(|bad| self.bad(call, bad))?;
                outcome.left_out.push(row);
            }
            for raw in batch.rejected {
                outcome.rejected.push(check.rejection(raw).map_err(|bad| self.bad(call, bad))?);
            }
        }
    }

    /// Demonstrations written by hand; none if the task has none.
    ///
    /// # Errors
    /// When an example is not what it has to be, or the plugin fails.
    pub fn written(&mut self) -> Result<Vec<Example>, PluginError> {
        let labels = self.labels()?;
        let (call, written) = ("dataset.written", &self.exports.written);
        let raw = self.sandbox.call(call, |store| written.call(store))?;
        self.checked(call, raw, &labels)
    }

    /// Examples that ask nothing, for contextual calibration (arXiv 2102.09690); their answers do not count, and are 0
    /// where they have none. No examples if the task has none, or was made for version 0.1 of the package, which does not ask for any.
    ///
    /// # Errors
    /// When an example is not what it has to be, or the plugin fails.
    pub fn content_free(&mut self) -> Result<Vec<Example>, PluginError> {
        let Some(content_free) = self.exports.content_free else { return Ok(Vec::new()) };
        let labels = self.labels()?;
        let call = "prompt.content-free";
        let (mut raw,) = self.sandbox.call(call, |store| content_free.call(store, ()))?;
        raw.iter_mut().for_each(|example| example.answer = example.answer.or(Some(0)));
        self.checked(call, raw, &labels)
    }

    /// Examples that one call gave, as the host keeps them.
    fn checked(
        &self,
        call: &'static str,
        raw: Vec<data::Example>,
        labels: &[String],
    ) -> Result<Vec<Example>, PluginError> {
        let mut check = ExampleCheck::new(self.sandbox.limits(), labels);
        let examples: Result<Vec<Example>, InvalidAnswer> = raw.into_iter().map(|raw| check.check(raw)).collect();
        examples.map_err(|bad| self.bad(call, bad))
    }

    /// The text before the first demonstration, and before a query without demonstrations. Empty if the task has none, or was
    /// made for version 0.1 of the package, which does not ask for any.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn prompt_description(&mut self) -> Result<Untrusted, PluginError> {
        let Some(description) = &self.exports.prompt_description else { return Ok(Untrusted::default()) };
        let (text,) = self.sandbox.call("prompt.description", |store| description.call(store, ()))?;
        Ok(text.into())
    }

    /// The text that follows every demonstration.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn separator(&mut self) -> Result<Untrusted, PluginError> {
        let separator = &self.exports.separator;
        let (text,) = self.sandbox.call("prompt.separator", |store| separator.call(store, ()))?;
        Ok(text.into())
    }

    /// An example with its answer, as the model is shown it.
    ///
    /// # Errors
    /// When the text is empty, or the plugin does not take the example or fails.
    pub fn render_demonstration(&mut self, example: &Example) -> Result<Untrusted, PluginError> {
        let (call, render) = ("prompt.render-demonstration", &self.exports.render_demonstration);
        let text = self.sandbox.call_fallible(call, |store| render.call(store, convert::wit_example(example)));
        let text = text.map_err(|error| error.about(format!("example `{}`", example.id)))?;
        if text.is_empty() {
            return Err(self.bad(call, InvalidAnswer::EmptyText { id: example.id.clone() }));
        }
        Ok(text.into())
    }

    /// Context and full text for each choice of an example, in the choices' order.
    ///
    /// # Errors
    /// When there are not as many texts as choices, one is empty or does not start with its context, or the plugin does not take the example or fails.
    pub fn render_query(&mut self, example: &Example) -> Result<Vec<RenderedChoice>, PluginError> {
        self.render_choices(convert::wit_example(example))
    }

    /// Context and full text for each choice of a row without an answer, in the choices' order. A component of version 0.1 is
    /// handed choice 0 as the answer, which no prompt shows before it is scored.
    ///
    /// # Errors
    /// Those of [`Self::render_query`].
    pub fn render_question(&mut self, question: &Question) -> Result<Vec<RenderedChoice>, PluginError> {
        self.render_choices(convert::wit_question(question))
    }

    fn render_choices(&mut self, example: data::Example) -> Result<Vec<RenderedChoice>, PluginError> {
        let (call, render) = ("prompt.render-query", &self.exports.render_query);
        let (id, expected) = (example.id.clone(), example.choices.len());
        let choices = self
            .sandbox
            .call_fallible(call, |store| render.call(store, example))
            .map_err(|error| error.about(format!("example `{id}`")))?;
        let found = choices.len();
        if found != expected {
            return Err(self.bad(call, InvalidAnswer::RenderedChoices { id, expected, found }));
        }
        if choices.iter().any(|choice| choice.full.is_empty()) {
            return Err(self.bad(call, InvalidAnswer::EmptyText { id }));
        }
        // Tokens are counted from the end of the context's: in another text these are any.
        if let Some(choice) = choices.iter().position(|choice| !choice.full.starts_with(&choice.context)) {
            return Err(self.bad(call, InvalidAnswer::FullWithoutContext { id, choice }));
        }
        let rendered = choices
            .into_iter()
            .map(|choice| RenderedChoice { context: choice.context.into(), full: choice.full.into() });
        Ok(rendered.collect())
    }

    fn bad(&self, call: &'static str, bad: InvalidAnswer) -> PluginError {
        self.sandbox.error(Some(call), Failure::Answer(bad))
    }
}
