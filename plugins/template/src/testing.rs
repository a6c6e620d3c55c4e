//! Definitions and rows for the tests.

use ft_plugin::{Choice, Description, Example, Options, Row, RowError, Split, Task, Value};

use crate::task::Template;

/// The definition of SST-2 with the prompt of the component of that name.
pub(crate) const SST2: &str = include_str!("../examples/sst2.toml");

/// A definition with these lines in `[row]` and `[prompt]`, and data that nobody reads.
pub(crate) fn definition(row: &str, prompt: &str) -> String {
    let data = "repository = \"a/b\"\ndemonstrations = \"train\"\nevaluation = \"test\"";
    format!("task = \"template\"\n[data]\n{data}\n[row]\n{row}\n[prompt]\n{prompt}\n")
}

/// The task of a definition, or what is wrong with it.
pub(crate) fn task(definition: &str) -> Result<Template, String> {
    with_parameters(definition, "{}")
}

/// The task of a definition with values of its options.
pub(crate) fn with_parameters(definition: &str, parameters: &str) -> Result<Template, String> {
    let description: Description = Template::describe();
    let text = |text: &str| Value::Text(text.to_owned());
    let options = Options::defaults(&description).with("definition", text(definition));
    Template::new(&options.with("parameters", text(parameters))).map_err(|error| error.to_string())
}

/// The example of a row.
pub(crate) fn example(task: &Template, json: &str) -> Result<Example, String> {
    let example = Row::parse(0, json).and_then(|row| task.example(Split::Evaluation, &row));
    example.map_err(|error: RowError| error.to_string())
}

/// The demonstration of a row, and the context and the scored text of each choice.
pub(crate) fn prompt(task: &Template, json: &str) -> (String, Vec<(String, String)>) {
    let example = example(task, json).unwrap();
    let scored = |Choice { context, full }: Choice| {
        let scored = full[context.len()..].to_owned();
        (context, scored)
    };
    (task.demonstration(&example).unwrap(), task.query(&example).unwrap().into_iter().map(scored).collect())
}

/// What is wrong with a row.
pub(crate) fn rejection(task: &Template, json: &str) -> String {
    example(task, json).unwrap_err()
}
