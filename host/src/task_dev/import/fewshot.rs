//! `fewshot_config`: how the harness's demonstrations differ from its queries.

use super::definition::written_row;
use super::error::{COMPONENT, ImportError, Mismatch};
use super::fields;
use super::task::{Task, plain_text};
use super::yaml::{Entry, Map, Value};

/// What is special about demonstrations.
#[derive(Default)]
pub(super) struct Fewshot {
    /// The split that they come from, if one is named.
    pub(super) split: Option<String>,
    /// Rows that are written in the task file: columns and values as TOML.
    pub(super) written: Vec<Vec<(String, String)>>,
    /// What stands behind each, if it is said here.
    pub(super) separator: Option<String>,
    /// Lines for the definition's comment.
    pub(super) left_out: Vec<String>,
    /// Their own context, if it is another than that of queries: a template.
    context: Option<String>,
    /// Their own text between context and answer.
    delimiter: Option<String>,
}

/// Keys within `fewshot_config` whose values count only if they are other than those of the task.
const FIELDS: [&str; 2] = ["doc_to_choice", "doc_to_target"];

/// Reads `fewshot_split` and `fewshot_config`.
pub(super) fn read(task: &Task) -> Result<Fewshot, ImportError> {
    let mut fewshot = Fewshot { split: task.text("fewshot_split")?, ..Fewshot::default() };
    let Some(config) = task.value("fewshot_config") else {
        return Ok(fewshot);
    };
    let Value::Map(map) = &config.value else {
        return Err(fields::unknown("a mapping", &config.value).at(&config.place, "fewshot_config"));
    };
    for entry in map.iter() {
        fewshot.read_key(task, entry)?;
    }
    fewshot.read_samples(map)?;
    Ok(fewshot)
}

impl Fewshot {
    fn read_key(&mut self, task: &Task, entry: &Entry) -> Result<(), ImportError> {
        let key = format!("fewshot_config.{}", entry.key);
        let refused = |mismatch: Mismatch| mismatch.at(&entry.place, &key);
        let same = task.keys.get(&entry.key).is_some_and(|of_task| of_task.value == entry.value);
        match (entry.key.as_str(), &entry.value) {
            ("split", Value::Null) => self.split = None,
            ("split", _) => self.split = Some(plain_text(entry, &key)?),
            ("sampler", Value::Text(name)) if name == "default" => {}
            ("sampler", Value::Text(name)) if name == "first_n" => {
                self.left_out.push(format!("`{key}`: first_n; `--sampling first` takes the first rows"));
            }
            ("sampler", other) => return Err(refused(fields::unknown("`default` or `first_n`", other))),
            ("fewshot_indices", _) => self.left_out.push(format!("`{key}`, which the harness does not use either")),
            ("samples", _) => {}
            ("doc_to_text", Value::Null) => {}
            ("doc_to_text", _) if same => {}
            ("doc_to_text", Value::Text(text)) => {
                self.context = Some(fields::text_template(text).map_err(refused)?.0);
            }
            ("doc_to_text", other) => return Err(refused(fields::unknown("a template or a column's name", other))),
            ("target_delimiter", _) => self.delimiter = Some(plain_text(entry, &key)?),
            ("fewshot_delimiter", _) => self.separator = Some(plain_text(entry, &key)?),
            (name, Value::Null) if FIELDS.contains(&name) => {}
            (name, _) if FIELDS.contains(&name) && same => {}
            (name, other) if FIELDS.contains(&name) => {
                let got = other.shown();
                return Err(refused(Mismatch::new(format!("the task's own `{name}`"), got).hint(COMPONENT)));
            }
            ("process_docs" | "gen_prefix", Value::Null) => {}
            (_, other) => {
                let mismatch = Mismatch::new("no such key, since no definition can say it", other.shown());
                return Err(refused(mismatch.hint(COMPONENT)));
            }
        }
        Ok(())
    }

    /// Rows that are written count where no split is named.
    fn read_samples(&mut self, map: &Map) -> Result<(), ImportError> {
        let Some(entry) = map.get("samples").filter(|entry| entry.value != Value::Null) else {
            return Ok(());
        };
        let key = "fewshot_config.samples";
        if self.split.is_some() {
            self.left_out.push(format!("`{key}`, since a split is named and wins"));
            return Ok(());
        }
        let Value::List(rows) = &entry.value else {
            return Err(fields::unknown("a list of rows", &entry.value).at(&entry.place, key));
        };
        for row in rows {
            let Value::Map(columns) = &row.value else {
                return Err(fields::unknown("a row with columns", &row.value).at(&row.place, key));
            };
            self.written.push(written_row(columns).map_err(|mismatch| mismatch.at(&row.place, key))?);
        }
        if self.written.is_empty() {
            return Err(Mismatch::new("at least one row", "none").at(&entry.place, key));
        }
        self.left_out.push(format!("the way of drawing from `{key}`; `--sampling written` takes them in order"));
        Ok(())
    }

    /// Whether demonstrations are other than queries with the right choice behind them.
    pub(super) fn differs(&self, delimiter: &str) -> bool {
        self.context.is_some() || self.delimiter.as_deref().is_some_and(|own| own != delimiter)
    }

    /// The template of a demonstration, where it differs; `context` and `delimiter` are those of queries.
    pub(super) fn demonstration(&self, context: &str, delimiter: &str) -> Option<String> {
        let context = self.context.as_deref().unwrap_or(context);
        let own = self.delimiter.as_deref().unwrap_or(delimiter);
        self.differs(delimiter).then(|| format!("{context}{own}{{{{ choice }}}}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::task;
    use super::*;

    #[test]
    fn written_rows_count_where_no_split_is_named() {
        let samples = "fewshot_config:\n  sampler: first_n\n  samples:\n  - {input: \"a\\nb\", target: (A)}\n";
        let fewshot = read(&task(samples)).unwrap();
        let expected = vec![("input".to_owned(), "\"a\\nb\"".to_owned()), ("target".into(), "\"(A)\"".into())];
        assert_eq!(fewshot.written, [expected]);
        let fewshot = read(&task(&format!("fewshot_split: dev\n{samples}"))).unwrap();
        assert_eq!((fewshot.split.as_deref(), fewshot.written.len()), (Some("dev"), 0));
    }

    #[test]
    fn a_demonstration_of_another_form_has_a_template_of_its_own() {
        let context = "{{a}}:\n";
        let plain = read(&task("fewshot_config: {doc_to_target: null, target_delimiter: ' '}\n")).unwrap();
        assert_eq!(plain.demonstration(context, " "), None);
        let other = read(&task("fewshot_config: {target_delimiter: '-'}\n")).unwrap();
        assert_eq!(other.demonstration(context, " ").as_deref(), Some("{{a}}:\n-{{ choice }}"));
        let other = read(&task("fewshot_config: {doc_to_text: 'Q {{q}}'}\n")).unwrap();
        assert_eq!(other.demonstration(context, " ").as_deref(), Some("Q {{q}} {{ choice }}"));
    }

    #[test]
    fn what_no_definition_can_say_is_refused_with_key_and_line() {
        for config in [
            "samples: !function utils.f",
            "sampler: balanced",
            "doc_to_text: !function utils.f",
            "doc_to_choice: [x, z]",
            "process_docs: !function utils.f",
            "gen_prefix: x",
            "samples: [{a: true}]",
            "samples: []",
        ] {
            let key = config.split(':').next().unwrap();
            let Err(error) = read(&task(&format!("fewshot_config:\n  {config}\n"))) else { panic!("{config}") };
            let error = error.to_string();
            assert!(error.contains("line 2") && error.contains(&format!("`fewshot_config.{key}`")), "{error}");
        }
    }
}
