//! A task that a definition in TOML describes: where its rows are, what a row means, and what the model gets to read, as
//! templates in Jinja.
//!
//! `docs` of the project have the definition's keys. The host passes a definition's text as the option `definition`, what
//! `-T` sets of the definition's own options as a JSON object in `parameters`, and the name of the file in `name`.
//!
//! - `definition`: the text with the place of every key; `jinja` compiles what is a template or an expression.
//! - `checks`: what is wrong with an expression for a row before it is evaluated.
//! - `columns`: what a template sees of a row. `answer`: which choice a value means.
//! - `group`: the tasks that an option stands for.
//! - `filter`: which rows are the task's; `examples`: rows become examples, with all texts rendered while the row is at hand.

mod answer;
mod checks;
mod columns;
mod definition;
mod examples;
mod filter;
mod group;
mod jinja;
mod task;
#[cfg(test)]
mod testing;

ft_plugin::export_task!(task::Template);
