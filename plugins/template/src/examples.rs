//! Rows become examples. All texts are rendered while the row is at hand, and kept in the example for the prompt.

use std::collections::BTreeSet;
use std::sync::Arc;

use ft_plugin::{Choice, Error, Example, Row};
use minijinja::value::{Value, ValueKind};
use serde_json::{Map, Value as Json};

use crate::answer::AnswerRule;
use crate::columns::{CHOICE, Columns, INDEX, OPTIONS, ROW, Scope};
use crate::definition::{Choices, Fault, Located, Prompt, RowKeys};
use crate::filter::Filter;
use crate::jinja::{Formula, Jinja, Text, printed};

/// Choices of one example: more are no question, and a list that Jinja makes may be longer than memory.
const MOST_CHOICES: usize = 1000;

/// The names of an example's fields; those that there are for each choice have its index behind them.
const CONTEXT: &str = "context";
const CONTINUATION: &str = "continuation";
const DEMONSTRATION: &str = "demonstration";

/// What makes examples of rows, and prompts of examples.
pub(crate) struct Examples {
    /// The columns that some template names.
    wanted: BTreeSet<String>,
    options: Option<Value>,
    filter: Option<Filter>,
    query: Option<Text>,
    id: Option<Formula>,
    choices: CompiledChoices,
    answer: Formula,
    rule: AnswerRule,
    context: Text,
    /// Whether there is a context for each choice.
    context_for_each: bool,
    delimiter: String,
    continuation: Option<Text>,
    demonstration: Option<Text>,
}

/// Where the choices come from.
enum CompiledChoices {
    Labels(Vec<String>),
    Listed(Box<Formula>),
    Each(Vec<Text>),
}

impl Examples {
    /// Compiles what the definition says of rows and prompts.
    pub(crate) fn new(
        jinja: &Jinja,
        filter: Option<Located<String>>,
        row: RowKeys,
        prompt: Prompt,
        options: Option<Value>,
    ) -> Result<Self, Fault> {
        let text = |key: Option<Located<String>>| key.map(|key| jinja.text(key)).transpose();
        let formula = |key: Option<Located<String>>| key.map(|key| jinja.formula(key)).transpose();
        let choices = match row.choices {
            Choices::Labels(labels) => CompiledChoices::Labels(labels),
            Choices::Listed(expression) => CompiledChoices::Listed(Box::new(jinja.formula(expression)?)),
            Choices::Each(texts) => {
                CompiledChoices::Each(texts.into_iter().map(|key| jinja.text(key)).collect::<Result<_, Fault>>()?)
            }
        };
        let context = jinja.text(prompt.context)?;
        let mut examples = Self {
            wanted: BTreeSet::new(),
            options,
            filter: None,
            query: text(row.query)?,
            id: formula(row.id)?,
            choices,
            answer: jinja.formula(row.answer)?,
            rule: AnswerRule { kind: row.answer_is, answers: row.answers },
            context_for_each: context.names().contains(CHOICE) || context.names().contains(INDEX),
            context,
            delimiter: prompt.delimiter,
            continuation: text(prompt.continuation)?,
            demonstration: text(prompt.demonstration)?,
        };
        examples.filter = formula(filter)?.map(|filter| Filter::new(filter, &examples.answer_columns()));
        examples.wanted = examples.names();
        Ok(examples)
    }

    /// The columns that `row.answer` names, and nothing that a row to predict needs.
    fn answer_columns(&self) -> BTreeSet<String> {
        let texts: Vec<&Text> =
            self.query.iter().chain(&self.continuation).chain([&self.context]).chain(self.each()).collect();
        let formulas: BTreeSet<String> = self.id.iter().chain(self.listed()).flat_map(Formula::columns).collect();
        let needed = |column: &String| formulas.contains(column) || texts.iter().any(|text| text.mentions(column));
        self.answer.columns().into_iter().filter(|column| !needed(column)).collect()
    }

    /// The templates of the choices, if each has one.
    fn each(&self) -> &[Text] {
        if let CompiledChoices::Each(texts) = &self.choices { texts } else { &[] }
    }

    /// The expression for the choices, if there is one.
    fn listed(&self) -> Option<&Formula> {
        if let CompiledChoices::Listed(formula) = &self.choices { Some(formula) } else { None }
    }

    /// All names that templates and expressions look up.
    fn names(&self) -> BTreeSet<String> {
        let texts = [&self.query, &self.continuation, &self.demonstration].into_iter().flatten();
        let texts = texts.chain([&self.context]).chain(self.each()).flat_map(Text::names);
        let filter = self.filter.as_ref().map(Filter::formula);
        let formulas = self.id.iter().chain(filter).chain([&self.answer]).chain(self.listed());
        texts.chain(formulas.flat_map(Formula::names)).cloned().collect()
    }

    /// The classes; none where rows have choices of their own.
    pub(crate) fn labels(&self) -> &[String] {
        if let CompiledChoices::Labels(labels) = &self.choices { labels } else { &[] }
    }

    fn scope(&self, row: &Map<String, Json>, index: Option<u64>) -> Scope {
        Scope::new(&Arc::new(Columns::of(row, &self.wanted, self.options.clone()).at(index)))
    }

    /// Whether a row is one of the task's.
    pub(crate) fn takes(&self, row: &Row<'_>) -> Result<bool, Fault> {
        match &self.filter {
            Some(filter) => filter.takes(row, &self.scope(row.columns(), Some(row.index()))),
            None => Ok(true),
        }
    }

    /// The example of a row of the data; without an answer, and what shows it, for a row to predict.
    pub(crate) fn of_data(&self, row: &Row<'_>) -> Result<Example, Fault> {
        let scope = self.scope(row.columns(), Some(row.index()));
        let id = self.id.as_ref().map(|id| name(id, &scope)).transpose()?;
        let example = match row.is_unlabelled() {
            true => self.rendered(&scope, self.choices(&scope)?, None)?,
            false => self.answered(&scope)?,
        };
        Ok(match id {
            Some(id) => example.with_id(id),
            None => example,
        })
    }

    /// The example of a row that the definition has itself; the host numbers it.
    pub(crate) fn of_written(&self, row: &Map<String, Json>) -> Result<Example, Fault> {
        self.answered(&self.scope(row, None))
    }

    /// The example of a row that asks nothing, without an answer.
    pub(crate) fn of_content_free(&self, row: &Map<String, Json>) -> Result<Example, Fault> {
        let scope = self.scope(row, None);
        self.rendered(&scope, self.choices(&scope)?, None)
    }

    fn answered(&self, scope: &Scope) -> Result<Example, Fault> {
        let choices = self.choices(scope)?;
        let answer = self.rule.index(&self.answer.value(scope)?, &choices);
        let answer = answer.map_err(|message| self.answer.fault(message))?;
        self.rendered(scope, choices, Some(answer))
    }

    fn choices(&self, scope: &Scope) -> Result<Vec<String>, Fault> {
        match &self.choices {
            CompiledChoices::Labels(labels) => Ok(labels.clone()),
            CompiledChoices::Each(texts) => texts.iter().map(|text| text.render(scope)).collect(),
            CompiledChoices::Listed(formula) => listed(formula, &formula.value(scope)?),
        }
    }

    /// Refuses a row with a column that a template for each choice names and would not see.
    fn check_names(&self, scope: &Scope, demonstration: Option<&Text>) -> Result<(), Fault> {
        let context = self.context_for_each.then_some(&self.context);
        for text in context.into_iter().chain(&self.continuation).chain(demonstration) {
            for name in [CHOICE, INDEX].into_iter().filter(|name| text.names().contains(*name)) {
                if scope.has_column(name) {
                    return Err(text.fault(format!(
                        "expected `{name}` to be that of the choice, got a row that has a column of this name: `row['{name}']` is the \
                         column; for the choice's own `{name}`, give the column another name in the data"
                    )));
                }
            }
        }
        Ok(())
    }

    /// The example with all texts that its prompt needs; without the demonstration if it has no answer.
    fn rendered(&self, scope: &Scope, choices: Vec<String>, answer: Option<usize>) -> Result<Example, Fault> {
        let demonstration = answer.and_then(|answer| Some((answer, self.demonstration.as_ref()?)));
        let scopes = |choices: &[String]| -> Vec<Scope> {
            choices.iter().enumerate().map(|(index, choice)| scope.with_choice(choice, index)).collect()
        };
        self.check_names(scope, demonstration.map(|(_, text)| text))?;
        let mut fields = Vec::new();
        let context = if self.context_for_each {
            let contexts =
                scopes(&choices).iter().map(|scope| self.context.render(scope)).collect::<Result<Vec<_>, _>>()?;
            let all = contexts.join("\n");
            fields.extend(contexts.into_iter().enumerate().map(|(index, text)| (of_choice(CONTEXT, index), text)));
            all
        } else {
            self.context.render(scope)?
        };
        let query = self.query.as_ref().map(|query| query.render(scope)).transpose()?;
        let query = query.unwrap_or_else(|| context.clone());
        if !self.context_for_each {
            fields.push((CONTEXT.to_owned(), context));
        }
        if let Some(continuation) = &self.continuation {
            for (index, scope) in scopes(&choices).iter().enumerate() {
                fields.push((of_choice(CONTINUATION, index), continuation.render(scope)?));
            }
        }
        if let Some((answer, demonstration)) = demonstration {
            let right = choices.get(answer).map_or_else(|| scope.clone(), |choice| scope.with_choice(choice, answer));
            fields.push((DEMONSTRATION.to_owned(), demonstration.render(&right)?));
        }
        Ok(Example { fields, ..Example::new(query, choices, answer) })
    }

    /// A choice of an example as the model reads it.
    fn choice(&self, example: &Example, index: usize, text: &str) -> Result<Choice, Error> {
        // Never the query in its place: an example that is made elsewhere has one that no template has seen.
        let context = match self.context_for_each {
            true => example.field(&of_choice(CONTEXT, index))?,
            false => example.field(CONTEXT)?,
        };
        let continuation = match &self.continuation {
            Some(_) => example.field(&of_choice(CONTINUATION, index))?,
            None => text,
        };
        Ok(Choice::new(context, &format!("{}{continuation}", self.delimiter)))
    }

    /// The column of rows to predict, if templates look at no other and the task has classes.
    fn text_column(&self) -> Option<String> {
        let texts = self.query.iter().chain(&self.continuation).chain([&self.context]).flat_map(Text::names);
        let of_rendering = |name: &str| name == CHOICE || name == INDEX || (name == OPTIONS && self.options.is_some());
        let names: BTreeSet<&String> = texts.filter(|name| !of_rendering(name)).collect();
        let one = (names.len() == 1).then(|| names.first().map(|name| (*name).clone())).flatten();
        one.filter(|name| name != ROW && !self.labels().is_empty())
    }

    /// The example of a text that stands for a row's only column; `None` for every other example.
    fn of_text(&self, example: &Example) -> Result<Option<Example>, Fault> {
        // One that is made elsewhere to ask nothing has an answer, and no column: it is not taken for a text.
        let is_text = example.fields.is_empty() && example.answer.is_none();
        let Some(column) = self.text_column().filter(|_| is_text) else { return Ok(None) };
        let row = Map::from_iter([(column, Json::from(example.query.as_str()))]);
        self.rendered(&self.scope(&row, None), example.choices.clone(), None).map(Some)
    }

    /// All choices of an example as the model reads them.
    pub(crate) fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        if let Some(of_text) = self.of_text(example)? {
            return self.query(&of_text);
        }
        let choices = example.choices.iter().enumerate();
        choices.map(|(index, text)| self.choice(example, index, text)).collect()
    }

    /// An example with its answer.
    pub(crate) fn demonstration(&self, example: &Example) -> Result<String, Error> {
        match &self.demonstration {
            Some(_) => Ok(example.field(DEMONSTRATION)?.to_owned()),
            None => Ok(self.choice(example, example.right_index()?, example.right_choice()?)?.full),
        }
    }
}

/// The field of a choice.
fn of_choice(name: &str, index: usize) -> String {
    format!("{name} {index}")
}

/// The row's name.
fn name(id: &Formula, scope: &Scope) -> Result<String, Fault> {
    let value = id.value(scope)?;
    let text = match value.kind() {
        ValueKind::String | ValueKind::Number => printed(&value),
        kind => return Err(id.fault(format!("expected a text or a number, got {kind}"))),
    };
    if text.is_empty() {
        return Err(id.fault("expected a name, got an empty text"));
    }
    Ok(text)
}

/// The choices that an expression gives.
fn listed(formula: &Formula, value: &Value) -> Result<Vec<String>, Fault> {
    let expected = |got: String| formula.fault(format!("expected a list of texts, got {got}"));
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(expected(value.kind().to_string()));
    }
    let values = value.try_iter().map_err(|error| formula.fault(error))?;
    let mut choices = Vec::new();
    for value in values {
        if choices.len() == MOST_CHOICES {
            return Err(formula.fault(format!("expected {MOST_CHOICES} choices at most, got more")));
        }
        match value.kind() {
            ValueKind::String | ValueKind::Number => choices.push(printed(&value)),
            kind => return Err(expected(format!("{kind} in it"))),
        }
    }
    if choices.len() < 2 {
        return Err(formula.fault(format!("expected two choices or more, got {}", choices.len())));
    }
    Ok(choices)
}
