//! The task that a definition describes.

use std::sync::Arc;

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};
use minijinja::value::Value;
use serde_json::{Map, Value as Json};

use crate::columns::{Columns, Scope};
use crate::definition::{self, Data, Definition, Fault, Located, OptionKey, Place, SplitData};
use crate::examples::Examples;
use crate::jinja::Jinja;

/// The options of this component.
const DEFINITION: &str = "definition";
const PARAMETERS: &str = "parameters";
const NAME: &str = "name";

/// The names of the splits of a data set that is files alone, for `--data DIR`.
const SPLITS: [(Split, &str); 2] = [(Split::Demonstrations, "demonstrations"), (Split::Evaluation, "evaluation")];

/// A task that a definition describes.
pub(crate) struct Template {
    name: String,
    sources: Vec<Source>,
    examples: Examples,
    written: Vec<Example>,
    content_free: Vec<Example>,
    separator: Option<String>,
}

impl Template {
    fn read(definition: Definition, name: String, parameters: &Map<String, Json>) -> Result<Self, Error> {
        let options = option_values(&definition.options, parameters)?;
        let jinja = Jinja::new();
        let scope = Scope::new(&Arc::new(Columns::none(options.clone())));
        let name = definition.name.unwrap_or(name);
        let texts = SourceTexts { jinja: &jinja, scope: &scope };
        let sources = texts.sources(&definition.data, &name)?;
        let prompt = definition.prompt;
        let separator = prompt.separator.clone();
        let examples = Examples::new(&jinja, definition.data.filter, definition.row, prompt, options)?;
        let each = |rows: Vec<Located<Map<String, Json>>>,
                    make: &dyn Fn(&Map<String, Json>) -> Result<Example, Fault>| {
            let example =
                |row: Located<Map<String, Json>>| make(&row.value).map_err(|fault| Fault::at(&row.place, fault));
            rows.into_iter().map(example).collect::<Result<Vec<Example>, Fault>>()
        };
        let written = each(definition.written, &|row| examples.of_written(row))?;
        let content_free = each(definition.content_free, &|row| examples.of_content_free(row))?;
        Ok(Self { name, sources, examples, written, content_free, separator })
    }
}

impl Task for Template {
    fn describe() -> Description {
        Description::new(
            "template",
            env!("CARGO_PKG_VERSION"),
            "a task that a definition in TOML describes, with prompts in Jinja",
        )
        .text(DEFINITION, "", "the definition's text")
        .text(PARAMETERS, "{}", "values of the definition's options, as a JSON object of texts")
        .text(
            NAME,
            "template",
            "the task's name and the data set's folder, unless the definition says otherwise",
        )
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let text = options.text(DEFINITION)?;
        if text.is_empty() {
            // Whoever looks at the component has none: it has to start all the same.
            return Err(Error::invalid_option(
                "expected a definition in TOML, got none: name its file, as `--task mine.toml`",
            ));
        }
        let definition = Definition::parse(text)?;
        let name = options.text(NAME)?;
        if definition.name.is_none() {
            definition::check_name(name)
                .map_err(|message| Error::invalid_option(format!("{message}: set `name` in the definition")))?;
        }
        let parameters = serde_json::from_str(options.text(PARAMETERS)?)
            .map_err(|error| Error::invalid_option(format!("`{PARAMETERS}`: expected a JSON object, got {error}")))?;
        Self::read(definition, name.to_owned(), &parameters)
    }

    fn task_name(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn sources(&self) -> Vec<Source> {
        self.sources.clone()
    }

    fn labels(&self) -> Vec<String> {
        self.examples.labels().to_vec()
    }

    fn takes(&self, _: Split, row: &Row<'_>) -> Result<bool, RowError> {
        Ok(self.examples.takes(row.columns())?)
    }

    fn example(&self, _: Split, row: &Row<'_>) -> Result<Example, RowError> {
        Ok(self.examples.of_data(row.columns())?)
    }

    fn written(&self) -> Vec<Example> {
        self.written.clone()
    }

    fn separator(&self) -> String {
        self.separator.clone().unwrap_or_else(|| "\n\n".into())
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        self.examples.query(example)
    }

    fn demonstration(&self, example: &Example) -> Result<String, Error> {
        self.examples.demonstration(example)
    }

    fn content_free(&self) -> Vec<Example> {
        self.content_free.clone()
    }
}

/// The options as templates see them; `None` if the definition has none.
fn option_values(options: &[OptionKey], parameters: &Map<String, Json>) -> Result<Option<Value>, Error> {
    for name in parameters.keys() {
        if !options.iter().any(|option| option.name == *name) {
            let known = options.iter().map(|option| format!("`{}`", option.name)).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            return Err(Error::invalid_option(format!("expected options of the definition ({known}), got `{name}`")));
        }
    }
    let value = |option: &OptionKey| {
        let value = match parameters.get(&option.name) {
            None => option.default.clone(),
            Some(Json::String(text)) => text.clone(),
            Some(other) => return Err(Fault::at(&option.place, format!("expected a text, got {other}"))),
        };
        option.check(&value)?;
        Ok((option.name.clone(), Value::from(value)))
    };
    let values = options.iter().map(value).collect::<Result<Vec<_>, Fault>>()?;
    Ok((!values.is_empty()).then(|| values.into_iter().collect()))
}

/// Renders the texts of `[data]`.
struct SourceTexts<'a> {
    jinja: &'a Jinja,
    scope: &'a Scope,
}

impl SourceTexts<'_> {
    /// One source for each split.
    fn sources(&self, data: &Data, name: &str) -> Result<Vec<Source>, Fault> {
        let repository = self.optional(data.repository.as_ref())?.unwrap_or_default();
        let config = self.optional(data.config.as_ref())?;
        let folder = self.optional(data.folder.as_ref())?.unwrap_or_else(|| name.to_owned());
        let source = |(split, default): (Split, &str), keys: &SplitData, sample: Option<u32>| {
            let name = self.optional(keys.name.as_ref())?.unwrap_or_else(|| default.to_owned());
            let files = keys.files.iter().map(|file| self.text(file)).collect::<Result<Vec<_>, Fault>>()?;
            let (repository, config, folder) = (repository.clone(), config.clone(), folder.clone());
            Ok(Source { split, repository, config, name, folder, sample, files })
        };
        let [demonstrations, evaluation] = SPLITS;
        Ok(vec![
            source(demonstrations, &data.demonstrations, None)?,
            source(evaluation, &data.evaluation, data.sample)?,
        ])
    }

    fn optional(&self, key: Option<&Located<String>>) -> Result<Option<String>, Fault> {
        key.map(|key| self.text(key)).transpose()
    }

    fn text(&self, key: &Located<String>) -> Result<String, Fault> {
        let text = self.jinja.text(key.clone())?.render(self.scope)?;
        if text.is_empty() {
            let place: &Place = &key.place;
            return Err(Fault::at(place, "expected a text, got an empty one"));
        }
        Ok(text)
    }
}
