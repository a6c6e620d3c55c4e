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
//!         let answer = row.answer(|row| row.boolean("answer").map(usize::from))?;
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
//!
//! // A row to predict needs no answer.
//! let row = Row::parse_unlabelled(0, r#"{"passage": "Ice floats.", "question": "does ice sink"}"#)?;
//! assert_eq!(BoolQ.query(&BoolQ.example(Split::Unlabelled, &row)?)?[0].full, "Ice floats.\nQuestion: does ice sink?\nAnswer: no");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A meta-optimizer
//!
//! Every step the rule asks for the cache as it is and as a further pass proposes it, and answers with a new one. The
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
//! # An optimizer that asks the model
//!
//! A [`Step`] answers questions about any cache of the current one's shape: what a pass behind it gives, how likely examples are
//! behind it, and the gradient of that. Each costs passes of the model, which a step has a limited number of.
//!
//! ```
//! use ft_plugin::{Description, Dropout, Error, Examples, MetaOptimizer, Objective, Options, Selected, Step, Update};
//!
//! /// Goes along the gradient if that makes the left-out demonstrations likelier, and only half as far the next time if not.
//! struct Descent {
//!     rate: f64,
//! }
//!
//! impl MetaOptimizer for Descent {
//!     fn describe() -> Description {
//!         Description::new("descent", "0.1.0", "gradient descent on the leave-one-out likelihood, with a falling rate")
//!             .number("rate", 0.01, 0.0.., "how far to go along the gradient at first")
//!     }
//!
//!     fn new(options: &Options) -> Result<Self, Error> {
//!         Ok(Self { rate: options.number("rate")? })
//!     }
//!
//!     fn step(&mut self, step: &Step) -> Result<Update, Error> {
//!         let (examples, objective, cache) = (Examples::LeaveOneOut, Objective::Answer, step.cache());
//!         let gradient = step.gradient(&cache, examples, objective, Dropout { rate: 0.05, seed: step.seed() })?;
//!         let pairs = cache.iter().zip(&gradient.slots);
//!         let tried: Vec<_> = pairs.map(|(matrix, slope)| matrix.add_scaled(slope, -self.rate)).collect();
//!         let [before, after] = [&cache, &tried].map(|cache| step.likelihood(cache, examples, objective));
//!         let accepted = after?.iter().sum::<f64>() > before?.iter().sum();
//!         if !accepted {
//!             self.rate /= 2.0;
//!         }
//!         Ok(Update::new(if accepted { tried } else { cache }).with_loss(gradient.loss).with_accepted(accepted))
//!     }
//! }
//!
//! ft_plugin::export_optimizer!(Selected<Descent>);
//!
//! // In tests `Model` is asked: examples with a target each, and a likelihood of minus half the squared distance from it.
//! use ft_plugin::testing::{Model, cache, numbers};
//!
//! let model = Model::quadratic(&[[[2.0]], [[4.0]]]);
//! let mut rule = Descent { rate: 4.0 };
//! let updates = model.steps(&mut rule, cache([[0.0]]), 3)?;
//! // The gradient at 0 is -3: 12 and 6 are no nearer to the targets, 3 is.
//! assert_eq!(updates.iter().map(|update| update.accepted.unwrap()).collect::<Vec<_>>(), [false, false, true]);
//! assert_eq!((numbers(&updates[2].cache), updates[2].loss), (vec![vec![3.0]], Some(5.0)));
//! // A gradient is two passes, a likelihood one.
//! assert_eq!(model.passes(), 3 * 4);
//! # Ok::<(), ft_plugin::Error>(())
//! ```
//!
//! # When something is wrong
//!
//! Return an [`Error`] or a [`RowError`]; the host prints it with the plugin's name. A panic ends the plugin too, and its
//! message reaches the user through [`log`]. A plugin has a limit of instructions, time, memory, log messages, tensors and
//! passes; the host says which one was exceeded.

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
mod seed;
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
pub use seed::mixed;
pub use selection::Selected;
pub use step::{Proposal, Slot, Step};
pub use task::{Choice, Example, Source, Split, Subtask, Task};
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
