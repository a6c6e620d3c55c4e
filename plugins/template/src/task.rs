//! The task that a definition describes.

use std::sync::Arc;

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Subtask, Task};
use minijinja::value::Value;
use serde_json::{Map, Value as Json};

use crate::columns::{Columns, Scope};
use crate::definition::{self, Data, Definition, Fault, Located, OptionKey, Place, SplitData};
use crate::examples::Examples;
use crate::group::GroupValue;
use crate::jinja::Jinja;

/// The options of this component.
const DEFINITION: &str = "definition";
pub(crate) const PARAMETERS: &str = "parameters";
const NAME: &str = "name";

/// The names of the splits of a data set that is files alone, for `--data DIR`.
const SPLITS: [(Split, &str); 2] = [(Split::Demonstrations, "demonstrations"), (Split::Evaluation, "evaluation")];

/// A task that a definition describes.
pub(crate) struct Template {
    name: String,
    /// The tasks that the options stand for; all else is that of the first of them.
    subtasks: Vec<Subtask>,
    sources: Vec<Source>,
    examples: Examples,
    written: Vec<Example>,
    content_free: Vec<Example>,
    description: String,
    separator: Option<String>,
}

impl Template {
    fn read(definition: Definition, name: String, parameters: &Map<String, Json>) -> Result<Self, Error> {
        let group = GroupValue::of(&definition.options, parameters);
        let subtasks = group.as_ref().map(|group| group.subtasks(parameters)).transpose()?.unwrap_or_default();
        let suffix = group.as_ref().map(|group| group.option.suffix(group.value)).unwrap_or_default();
        // All that is not asked of a group is that of the first of its tasks.
        let first = group.and_then(|group| Some(group.parameters(group.members.first()?, parameters)));
        let parameters = first.as_ref().unwrap_or(parameters);
        let options = option_values(&definition.options, parameters)?;
        let jinja = Jinja::new();
        let scope = Scope::new(&Arc::new(Columns::none(options.clone())));
        let name = definition.name.unwrap_or(name);
        let texts = SourceTexts { jinja: &jinja, scope: &scope };
        let sources = texts.sources(&definition.data, &name)?;
        let prompt = definition.prompt;
        let separator = prompt.separator.clone();
        let description = prompt.description.clone().map(|text| jinja.text(text)?.render(&scope)).transpose()?;
        let examples = Examples::new(&jinja, definition.data.filter, definition.row, prompt, options)?;
        let written = made_of(definition.written, |row| examples.of_written(row))?;
        let content_free = made_of(definition.content_free, |row| examples.of_content_free(row))?;
        let description = description.unwrap_or_default();
        let name = name + &suffix;
        Ok(Self { name, subtasks, sources, examples, written, content_free, description, separator })
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

    fn subtasks(&self) -> Vec<Subtask> {
        self.subtasks.clone()
    }

    fn sources(&self) -> Vec<Source> {
        self.sources.clone()
    }

    fn labels(&self) -> Vec<String> {
        self.examples.labels().to_vec()
    }

    fn takes(&self, _: Split, row: &Row<'_>) -> Result<bool, RowError> {
        Ok(self.examples.takes(row)?)
    }

    fn example(&self, _: Split, row: &Row<'_>) -> Result<Example, RowError> {
        Ok(self.examples.of_data(row)?)
    }

    fn written(&self) -> Vec<Example> {
        self.written.clone()
    }

    fn prompt_description(&self) -> String {
        self.description.clone()
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

/// The examples of rows that the definition has itself.
fn made_of(
    rows: Vec<Located<Map<String, Json>>>,
    make: impl Fn(&Map<String, Json>) -> Result<Example, Fault>,
) -> Result<Vec<Example>, Fault> {
    rows.into_iter().map(|row| make(&row.value).map_err(|fault| Fault::at(&row.place, fault))).collect()
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
    let values = options.iter().map(value).collect::<Result<Vec<(String, Value)>, Fault>>()?;
    Ok((!values.is_empty()).then(|| Value::from_pairs(values)))
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

#[cfg(test)]
mod tests {
    use ft_plugin::Value::Text;

    use super::*;
    use crate::testing::{SST2, definition, example, prompt, rejection, task, with_parameters};

    #[test]
    fn sst2_is_that_of_the_component() {
        let task = task(SST2).unwrap();
        let context = "Review: it 's a charming journey .\nSentiment:";
        let (demonstration, choices) =
            prompt(&task, r#"{"sentence": "it 's a charming journey . ", "label": 1, "idx": 7}"#);
        assert_eq!(demonstration + &task.separator(), format!("{context} positive\n\n"));
        let scored = |text: &str| (context.to_owned(), text.to_owned());
        assert_eq!(choices, [scored(" negative"), scored(" positive")]);
        let example = example(&task, r#"{"sentence": " a ", "label": "0"}"#).unwrap();
        assert_eq!((example.query.as_str(), example.answer, example.id.as_str()), ("a", Some(0), ""));
        assert_eq!(
            (task.labels(), task.task_name()),
            (["negative", "positive"].map(str::to_owned).into(), Some("sst2".into()))
        );
        let source = |split, name| Source::new(split, "nyu-mll/glue", name, "sst2").with_config("sst2");
        assert_eq!(task.sources(), [source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]);
        let contexts: Vec<String> =
            task.content_free().iter().map(|example| task.query(example).unwrap().swap_remove(0).context).collect();
        assert_eq!(contexts, ["Review: N/A\nSentiment:", "Review: [MASK]\nSentiment:", "Review: \nSentiment:"]);
    }

    #[test]
    fn a_group_is_its_choices_with_what_else_is_set() {
        let options = "[options]\nlong = { default = \"no\" }\n[options.topic]\ndefault = \"A\"\n\
            choices = [\"A\", \"b\", \"c\"]\ngroups = { first = [\"b\", \"A\"] }\n";
        let rest = definition("labels = [\"no\", \"yes\"]\nanswer = \"y\"", "context = \"{{ options.topic }}\"");
        let text = rest.replace("[data]", &format!("{options}[data]"));
        let subtasks = |parameters: &str| {
            let subtasks = with_parameters(&text, parameters).unwrap().subtasks().into_iter();
            let shown = |subtask: Subtask| {
                let Some((name, Text(value))) = subtask.options.first() else { panic!() };
                format!("{} {:?} {name}={value}", subtask.name, subtask.groups)
            };
            subtasks.map(shown).collect::<Vec<String>>()
        };
        assert!(subtasks("{}").is_empty() && subtasks(r#"{"topic": "b"}"#).is_empty());
        assert_eq!(
            subtasks(r#"{"topic": "first", "long": "yes"}"#),
            [r#"b [] parameters={"long":"yes","topic":"b"}"#, r#"a [] parameters={"long":"yes","topic":"A"}"#]
        );
        assert_eq!(
            subtasks(r#"{"topic": "all"}"#)[1..],
            [r#"b ["first"] parameters={"topic":"b"}"#, r#"c [] parameters={"topic":"c"}"#]
        );
        let named = |parameters: &str| with_parameters(&text, parameters).unwrap().task_name().unwrap();
        assert_eq!(
            (named(r#"{"topic": "all"}"#), named(r#"{"topic": "first"}"#)),
            ("template".into(), "template-first".into())
        );
        // What else it is asked is answered as by the first.
        let group = with_parameters(&text, r#"{"topic": "all"}"#).unwrap();
        assert_eq!(prompt(&group, r#"{"y": "no"}"#).0, "A no");
        assert!(
            with_parameters(&text, r#"{"topic": "second"}"#)
                .map(drop)
                .unwrap_err()
                .contains("for several first, all, got")
        );
    }

    #[test]
    fn a_row_is_refused_by_key_line_and_what_it_has() {
        let task = task(SST2).unwrap();
        let cases = [
            (r#"{"label": 1}"#, "`prompt.context` (line 15): expected a column `sentence`, the row has none"),
            (r#"{"sentence": "x"}"#, "`row.answer` (line 12): expected a column `label`, the row has none"),
            (r#"{"sentence": "x", "label": 2}"#, "`row.answer` (line 12): expected a class from 0 to 1, got 2"),
            (r#"{"sentence": "x", "label": null}"#, "`row.answer` (line 12): expected a class from 0 to 1, got None"),
        ];
        for (row, expected) in cases {
            let message = rejection(&task, row);
            assert!(message.starts_with(expected), "{row}: {message}");
        }
    }

    #[test]
    fn a_text_alone_is_a_row_of_the_only_column() {
        let of_text = |text: &str| Example { answer: None, ..Example::new(text, ["no", "yes"], 0) };
        let row = "labels = [\"no\", \"yes\"]\nanswer = \"label\"";
        let task = task(&definition(row, "context = \"Is {{ q | trim }}? {{ choice }}\"")).unwrap();
        let choices = task.query(&of_text(" it ")).unwrap();
        assert_eq!(choices[1], Choice::new("Is it? yes", " yes"));
        let rendered = prompt(&task, r#"{"q": " it ", "label": 1}"#).1;
        assert_eq!(rendered[1], ("Is it? yes".to_owned(), " yes".to_owned()));
        // Two columns, none, and the whole row are more than a text.
        for context in ["{{ q }} {{ r }}", "x", "{{ row['q'] }}"] {
            let task = crate::testing::task(&definition(row, &format!("context = \"{context}\"")));
            assert!(task.unwrap().query(&of_text("it")).is_err(), "{context}");
        }
    }

    /// As the host makes them of labels for a task that has no rows which ask nothing.
    #[test]
    fn an_example_that_no_row_is_of_has_no_prompt() {
        let text = definition("labels = [\"no\", \"yes\"]\nanswer = \"label\"", "context = \"Is {{ q }}?\"");
        for text in [text.clone(), text.replace("labels =", "query = \"{{ q }}\"\nlabels =")] {
            let task = task(&text).unwrap();
            assert!(task.content_free().is_empty());
            assert!(task.query(&Example::new("N/A", ["no", "yes"], 0)).is_err(), "{text}");
        }
    }

    #[test]
    fn choices_come_from_a_list_or_from_templates() {
        let listed = task(&definition(
            "choices = \"c.text\"\nanswer = \"key\"\nanswer-is = \"letter\"",
            "context = \"{{ q }}\"",
        ));
        let (demonstration, choices) =
            prompt(&listed.unwrap(), r#"{"q": "How many?", "c": {"text": ["one", 2, "three"]}, "key": "B"}"#);
        assert_eq!(demonstration, "How many? 2");
        assert_eq!(choices.iter().map(|(_, scored)| scored.as_str()).collect::<Vec<_>>(), [" one", " 2", " three"]);

        let row = "choices = [\"{{ option1 }}\", \"{{ option2 }}\"]\nanswer = \"answer\"\nanswer-is = \"index-from-1\"";
        let each = "context = \"{{ s.split('_')[0] }}{{ choice }}\"\ndelimiter = \"\"\ncontinuation = \"{{ s.split('_')[1] }}\"";
        let each = task(&definition(row, each)).unwrap();
        let json = r#"{"s": "Ann beat _ again.", "option1": "Bo", "option2": "Cy", "answer": "2"}"#;
        let (demonstration, choices) = prompt(&each, json);
        assert_eq!(demonstration, "Ann beat Cy again.");
        let choice = |name: &str| (format!("Ann beat {name}"), " again.".to_owned());
        assert_eq!(choices, [choice("Bo"), choice("Cy")]);
        assert_eq!(example(&each, json).unwrap().query, "Ann beat Bo\nAnn beat Cy");
    }

    #[test]
    fn lists_of_choices_are_lists_of_texts() {
        let made = |choices: &str| {
            let row = format!("choices = '{choices}'\nanswer = \"0\"");
            rejection(&task(&definition(&row, "context = \"x\"")).unwrap(), r#"{"c": ["a"], "o": {"a": 1}}"#)
        };
        let at = "`row.choices` (line 7): ";
        assert_eq!(made("c"), format!("{at}expected two choices or more, got 1"));
        assert_eq!(made("c + [none]"), format!("{at}expected a list of texts, got none in it"));
        assert_eq!(made("o"), format!("{at}expected a list of texts, got map"));
        assert_eq!(made("\"ab\""), format!("{at}expected a list of texts, got string"));
        assert_eq!(made("[\"a\"] * 90000000"), format!("{at}expected 1000 choices at most, got more"));
    }

    #[test]
    fn demonstrations_ids_and_separators_are_as_the_definition_says() {
        let row = "labels = [\"no\", \"yes\"]\nanswer = \"label\"\nid = \"row['Row Number']\"";
        let text = "context = \"{{ q }}?\"\ndelimiter = \"\\n\"\ncontinuation = \"({{ index }}) {{ choice | upper }}\"\n\
            demonstration = \"{{ q }}! {{ choice }} {{ index }}\"\nseparator = \"\\n---\\n\"";
        let task = task(&definition(row, text)).unwrap();
        let json = r#"{"q": "Is it", "label": "yes", "Row Number": 12}"#;
        let (demonstration, choices) = prompt(&task, json);
        assert_eq!((demonstration.as_str(), task.separator().as_str()), ("Is it! yes 1", "\n---\n"));
        assert_eq!(choices[1], ("Is it?".to_owned(), "\n(1) YES".to_owned()));
        assert_eq!(example(&task, json).unwrap().id, "12");
        let none = rejection(&task, r#"{"q": "Is it", "label": "yes", "Row Number": ""}"#);
        assert_eq!(none, "`row.id` (line 9): expected a name, got an empty text");
    }

    #[test]
    fn a_row_to_predict_is_rendered_as_one_with_an_answer() {
        let row = "query = \"{{ q }}\"\nid = \"n\"\nchoices = [\"{{ a }}\", \"{{ b }}\"]\nanswer = \"right\"\n\
            answer-is = \"text\"\nanswers = [\"first\", \"second\"]";
        let text = "context = \"{{ q }}?\"\ncontinuation = \"{{ index }}: {{ choice }}\"\n\
            demonstration = \"{{ q }}! {{ choice }} ({{ why }})\"";
        let task = task(&definition(row, text)).unwrap();
        let unlabelled = |json: &str| task.example(Split::Unlabelled, &Row::parse_unlabelled(0, json).unwrap());
        let labelled = example(&task, r#"{"n": 7, "q": "Is it", "a": "x", "b": "y", "right": "first", "why": "so"}"#);
        let labelled = labelled.unwrap();
        assert_eq!(task.demonstration(&labelled).unwrap(), "Is it! x (so)");
        for json in [
            r#"{"n": 7, "q": "Is it", "a": "x", "b": "y"}"#,
            r#"{"n": 7, "q": "Is it", "a": "x", "b": "y", "right": "", "why": null}"#,
        ] {
            let question = unlabelled(json).unwrap();
            assert_eq!((question.id.as_str(), question.query.as_str(), question.answer), ("7", "Is it", None));
            assert_eq!(question.choices, labelled.choices);
            assert_eq!(task.query(&question).unwrap(), task.query(&labelled).unwrap());
        }
        let missing = unlabelled(r#"{"n": 7, "q": "Is it", "a": "x"}"#).unwrap_err().to_string();
        assert_eq!(missing, "`row.choices` (line 9): expected a column `b`, the row has none");
    }

    #[test]
    fn a_filter_takes_rows_or_leaves_them() {
        let text = definition("labels = [\"no\", \"yes\"]\nanswer = \"label\"", "context = \"{{ q }}\"");
        let task = task(&text.replace("[row]", "filter = \"label != -1 and q != ''\"\nsample = 5\n[row]")).unwrap();
        let takes = |json: &str| task.takes(Split::Evaluation, &Row::parse(0, json).unwrap());
        assert_eq!(takes(r#"{"q": "a", "label": 1}"#), Ok(true));
        assert_eq!((takes(r#"{"q": "a", "label": -1}"#), takes(r#"{"q": "", "label": 1}"#)), (Ok(false), Ok(false)));
        let message = takes(r#"{"q": "a", "lable": 1}"#).unwrap_err().to_string();
        assert_eq!(message, "`data.filter` (line 6): expected a column `label`, the row has none");
        let samples: Vec<Option<u32>> = task.sources().iter().map(|source| source.sample).collect();
        assert_eq!(samples, [None, Some(5)]);
    }

    #[test]
    fn a_filter_is_true_or_false() {
        let text = definition("labels = [\"no\", \"yes\"]\nanswer = \"label\"", "context = \"{{ q }}\"");
        let takes = |filter: &str, json: &str| {
            let task = task(&text.replace("[row]", &format!("filter = \"{filter}\"\n[row]"))).unwrap();
            task.takes(Split::Evaluation, &Row::parse(0, json).unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(takes("keep", r#"{"keep": false}"#), Ok(false));
        assert_eq!(takes("keep == '1'", r#"{"keep": "0"}"#), Ok(false));
        assert_eq!(takes("keep | int > 0", r#"{"keep": "1"}"#), Ok(true));
        for (filter, json, got) in [
            ("keep", r#"{"keep": "0"}"#, "expected true or false, got the text `0`: "),
            ("keep", r#"{"keep": "no"}"#, "expected true or false, got the text `no`: "),
            ("keep", r#"{"keep": 1}"#, "expected true or false, got the number `1`: "),
            ("keep", r#"{"keep": null}"#, "expected true or false, got the none `None`: "),
            (
                "keep > 3",
                r#"{"keep": "4"}"#,
                "expected two texts or two numbers to compare, got the text `4` of `keep`",
            ),
            ("meta.lable is not none", r#"{"meta": {}}"#, "expected a value of `meta.lable`, got none"),
        ] {
            let message = takes(filter, json).unwrap_err();
            assert!(message.starts_with(&format!("`data.filter` (line 6): {got}")), "{filter}: {message}");
        }
    }

    #[test]
    fn a_column_that_a_choice_would_hide_is_refused() {
        let row = "query = \"{{ index }}\"\nlabels = [\"no\", \"yes\"]\nanswer = \"label\"";
        let json = r#"{"q": "a", "label": "no", "index": 7}"#;
        for prompt in [
            "context = \"{{ index }}\"",
            "context = \"a\"\ncontinuation = \"{{ index }}\"",
            "context = \"a\"\ndemonstration = \"{{ index }}\"",
        ] {
            let message = rejection(&task(&definition(row, prompt)).unwrap(), json);
            assert!(message.contains("a column of this name: `row['index']` is the column"), "{prompt}: {message}");
        }
        let plain =
            task(&definition(row, "context = \"{{ row.index }}{{ row['index'] }}\"\ncontinuation = \"{{ choice }}\""))
                .unwrap();
        assert_eq!(prompt(&plain, json).0, "77 no");
        assert_eq!(example(&plain, json).unwrap().query, "7");
    }

    #[test]
    fn options_are_seen_by_all_templates() {
        let options = "[options]\nsubject = { default = \"law\", choices = [\"law\", \"art\"] }\nword = { default = \"a\" }\n[data]";
        let text = definition(
            "choices = \"options\"\nanswer = \"0\"",
            "context = \"{{ options.subject }}{{ options.word }}\"",
        );
        let text = text.replace("[data]", options).replace("\"train\"", "\"{{ options.subject }}-dev\"");
        let text = text.replace("choices = \"options\"\n", "labels = [\"x\", \"y\"]\n");
        let made = with_parameters(&text, r#"{"subject": "art"}"#).unwrap();
        assert_eq!((prompt(&made, "{}").0.as_str(), made.sources()[0].name.as_str()), ("arta x", "art-dev"));
        assert_eq!(task(&text).unwrap().sources()[0].name, "law-dev");
        let refused = |parameters: &str| with_parameters(&text, parameters).map(drop).unwrap_err();
        assert_eq!(
            refused(r#"{"subject": "physics"}"#),
            "`options.subject` (line 3): expected one of law, art, got `physics`"
        );
        assert_eq!(refused(r#"{"topic": "x"}"#), "expected options of the definition (`subject`, `word`), got `topic`");
        assert_eq!(refused(r#"{"word": 3}"#), "`options.word` (line 4): expected a text, got 3");
        assert!(refused("[]").starts_with("`parameters`: expected a JSON object, got "));
        let described = text.replace("context =", "description = \"On {{ options.subject }}.\\n\"\ncontext =");
        assert_eq!(with_parameters(&described, r#"{"subject": "art"}"#).unwrap().prompt_description(), "On art.\n");
        let row = described.replace("options.subject }}.", "q }}.");
        let message = "`prompt.description` (line 13): expected a column `q`, the row has none";
        assert_eq!(task(&row).map(drop).unwrap_err(), message);
        let none = with_parameters(SST2, r#"{"x": "1"}"#).map(drop).unwrap_err();
        assert_eq!(none, "expected options of the definition (none), got `x`");
        // Without options of the definition, a column may have the name.
        let column = definition("choices = \"options\"\nanswer = \"1\"", "context = \"q\"");
        assert_eq!(prompt(&task(&column).unwrap(), r#"{"options": ["a", "b"]}"#).0, "q b");
        let bad = text.replace("default = \"law\"", "default = \"tea\"");
        assert!(
            task(&bad)
                .map(drop)
                .unwrap_err()
                .starts_with("`options.subject.choices` (line 3): expected the default \"tea\"")
        );
    }

    #[test]
    fn written_rows_become_demonstrations() {
        let written = "[[written]]\nsentence = \"fine\"\nlabel = 1\n[[written]]\nsentence = \"poor\"\nlabel = 0\n";
        let task = task(&format!("{SST2}{written}")).unwrap();
        let texts: Vec<String> = task.written().iter().map(|example| task.demonstration(example).unwrap()).collect();
        assert_eq!(texts, ["Review: fine\nSentiment: positive", "Review: poor\nSentiment: negative"]);
        let bad = crate::testing::task(&format!("{SST2}{}", written.replace("label = 0", "label = 3")))
            .map(drop)
            .unwrap_err();
        let expected = "`written[1]` (line 19): `row.answer` (line 12): expected a class from 0 to 1, got 3";
        assert_eq!(bad, expected);
    }

    #[test]
    fn written_rows_keep_their_order() {
        let text = definition("labels = [\"no\", \"yes\"]\nanswer = \"0\"", "context = \"{{ o }}\"");
        let task = task(&format!("{text}[[written]]\no = {{ z = 1, a = 2 }}\n")).unwrap();
        assert_eq!(task.demonstration(&task.written()[0]).unwrap(), "{'z': 1, 'a': 2} no");
    }

    #[test]
    fn a_definition_without_a_name_has_that_of_its_file() {
        let text = definition("labels = [\"a\", \"b\"]\nanswer = \"x\"", "context = \"c\"");
        let named = |name: &str| {
            let options = Options::defaults(&Template::describe());
            let options = options.with(DEFINITION, ft_plugin::Value::Text(text.clone()));
            Template::new(&options.with(NAME, ft_plugin::Value::Text(name.into())))
        };
        let task = named("reviews").unwrap();
        assert_eq!((task.task_name().as_deref(), task.sources()[0].folder.as_str()), (Some("reviews"), "reviews"));
        let message = named("My Reviews").map(drop).unwrap_err().message;
        assert!(message.ends_with("got \"My Reviews\": set `name` in the definition"), "{message}");
    }

    #[test]
    fn files_are_those_of_the_definition() {
        let text = definition("labels = [\"a\", \"b\"]\nanswer = \"x\"", "context = \"c\"");
        let hub = "repository = \"a/b\"\ndemonstrations = \"train\"\nevaluation = \"test\"";
        let task =
            task(&text.replace(hub, "demonstration-files = \"t*.csv\"\nevaluation-files = [\"a.jsonl\", \"b.jsonl\"]"));
        let [demonstrations, evaluation] = task.unwrap().sources().try_into().unwrap();
        assert_eq!((demonstrations.files, demonstrations.name.as_str()), (vec!["t*.csv".to_owned()], "demonstrations"));
        assert_eq!((evaluation.files.len(), evaluation.repository.as_str()), (2, ""));
    }
}
