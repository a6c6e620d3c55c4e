//! Tasks and meta-optimizers for ft-host, each a sandboxed WebAssembly component.
//!
//! A plugin is a library crate of type `cdylib` that implements one trait and names the type to one macro:
//! [`Task`] and [`export_task!`], or [`MetaOptimizer`] and [`export_optimizer!`]. `ft-host plugin new task NAME` makes such
//! a crate, `ft-host plugin build` makes the component of it, and `ft-host plugin test` takes that through what a run
//! would ask of it.
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! ft-plugin = { path = "../sdk" }
//! ```
//!
//! # A task
//!
//! The host reads the data, draws the demonstrations and scores the choices. The task says where the data are, what a
//! row means, and what the model gets to read.
//!
//! ```
//! use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};
//!
//! const LABELS: [&str; 2] = ["no", "yes"];
//!
//! struct BoolQ;
//!
//! impl Task for BoolQ {
//!     fn describe() -> Description {
//!         Description::new("boolq", "0.1.0", "BoolQ: yes or no, given a passage")
//!     }
//!
//!     fn new(_: &Options) -> Result<Self, Error> {
//!         Ok(Self)
//!     }
//!
//!     fn sources(&self) -> Vec<Source> {
//!         vec![
//!             Source::new(Split::Demonstrations, "google/boolq", "train", "boolq"),
//!             Source::new(Split::Evaluation, "google/boolq", "validation", "boolq"),
//!         ]
//!     }
//!
//!     fn labels(&self) -> Vec<String> {
//!         LABELS.map(Into::into).into()
//!     }
//!
//!     fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
//!         let answer = usize::from(row.boolean("answer")?);
//!         Ok(Example::new(row.text("question")?, LABELS, answer).with_field("passage", row.text("passage")?))
//!     }
//!
//!     fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
//!         let context = format!("{}\nQuestion: {}?\nAnswer:", example.field("passage")?, example.query);
//!         Ok(example.choices_after(&context))
//!     }
//! }
//!
//! ft_plugin::export_task!(BoolQ);
//!
//! // Everything but the host's side works in ordinary tests. A demonstration is the right choice's text, unless the task
//! // says otherwise.
//! let row = Row::parse(0, r#"{"passage": "Ice floats.", "question": "does ice float", "answer": true}"#)?;
//! let example = BoolQ.example(Split::Evaluation, &row)?;
//! assert_eq!(BoolQ.demonstration(&example)?, "Ice floats.\nQuestion: does ice float?\nAnswer: yes");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A meta-optimizer
//!
//! Every step the rule gets the whole cache as it is and as a further pass proposes it, and answers with a new one. Its
//! tensors stay on the host's device; the rule says what to do with them.
//!
//! ```
//! use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Step, Update};
//!
//! struct Gate {
//!     eta: f64,
//! }
//!
//! impl MetaOptimizer for Gate {
//!     fn describe() -> Description {
//!         Description::new("gate", "0.1.0", "C = eta * P + (1 - eta) * C")
//!             .number("eta", 0.1, 0.0..=1.0, "how much of the proposed cache comes in")
//!     }
//!
//!     fn new(options: &Options) -> Result<Self, Error> {
//!         Ok(Self { eta: options.number("eta")? })
//!     }
//!
//!     fn step(&mut self, step: &Step) -> Result<Update, Error> {
//!         let gate = |slot: Proposal| slot.previous.scale(1.0 - self.eta).add_scaled(&slot.proposed, self.eta);
//!         Ok(Update::new(step.proposal()?.into_iter().map(gate).collect()))
//!     }
//! }
//!
//! ft_plugin::export_optimizer!(Gate);
//! ```
//!
//! `P - C` is the *pseudo-gradient*, and it points to where the cache is to go: rules add it (ascent), where a rule of the
//! literature subtracts the gradient of a loss. `export_optimizer!(Selected<Gate>)` adds options for moving keys or
//! values alone, some layers, or all but the first positions, with nothing to be done in the rule; see [`Selected`].
//! [`testing`] takes a rule through its steps in ordinary tests.
//!
//! # When something is wrong
//!
//! Return an [`Error`] or a [`RowError`]; the host prints it with the plugin's name. A panic ends the plugin too, and its
//! message reaches the user through [`log`]. A plugin has a budget of instructions, time, memory, log messages and tensors; the
//! host says which one was spent.

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod component;
mod description;
mod error;
// The component checks the ids of what leaves it.
#[cfg(any(target_arch = "wasm32", test))]
mod id;
pub mod log;
mod optimizer;
mod options;
mod question;
mod row;
mod selection;
mod step;
mod task;
mod tensor;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use description::{Bounds, Description, OptionKind, OptionSpec, Value};
pub use error::{Error, ErrorKind, RowError};
pub use optimizer::{MetaOptimizer, SlotKind, Update, Verdict};
pub use options::Options;
pub use question::{Demonstration, Dropout, Examples, Gradient, Objective, Pass, Positions};
pub use row::Row;
pub use selection::Selected;
pub use step::{Proposal, Slot, Step};
pub use task::{Choice, Example, Source, Split, Task};
pub use tensor::{Dtype, Tensor};

/// The bindings, for the macros below.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod worlds {
    pub use ft_plugin_optimizer_world as optimizer;
    pub use ft_plugin_task_world as task;
}

/// Makes a type that implements [`Task`] what the component exports. Once in a crate.
#[rustfmt::skip] // it loses the indentation of `with_types_in`
#[macro_export]
macro_rules! export_task {
    ($task:ty) => {
        // Elsewhere nothing is exported; this has the compiler take the type for used, and check that it is what it should be.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&$crate::Options) -> Result<$task, $crate::Error> = <$task as $crate::Task>::new;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::component::TaskComponent<$task>;
            $crate::worlds::task::export!(Component with_types_in $crate::worlds::task);
        };
    };
}

/// Makes a type that implements [`MetaOptimizer`] what the component exports. Once in a crate.
#[rustfmt::skip] // it loses the indentation of `with_types_in`
#[macro_export]
macro_rules! export_optimizer {
    ($optimizer:ty) => {
        // Elsewhere nothing is exported; this has the compiler take the type for used, and check that it is what it should be.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&$crate::Options) -> Result<$optimizer, $crate::Error> = <$optimizer as $crate::MetaOptimizer>::new;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::component::OptimizerComponent<$optimizer>;
            $crate::worlds::optimizer::export!(Component with_types_in $crate::worlds::optimizer);
        };
    };
}
