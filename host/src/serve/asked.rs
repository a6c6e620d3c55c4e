//! What a request asks a run to do: options as a run file has them, in which names stand for files.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::catalogue::Catalogue;
use super::config::Surroundings;
use super::error::ApiError;
use crate::options::{OptionGroup, PathKind, RunOptions};
use crate::run::{self, ConfigError, Purpose, RunConfig, RunOverrides, TaskConfig};
use ft_sandbox::Limits;

/// Whether a run scores queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// As `ft-host run`.
    Run,
    /// As `ft-host tune`.
    Tune,
}

impl Kind {
    fn command(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Tune => "tune",
        }
    }

    pub fn purpose(self) -> Purpose {
        match self {
            Self::Run => Purpose::Score,
            Self::Tune => Purpose::Tune,
        }
    }
}

/// Options that are the server's matter, not a request's: where files go, and what plugins and the machine may be used for.
const OF_THE_SERVER: [&str; 10] = [
    "out",
    "context",
    "save-context",
    "cache-dir",
    "offline",
    "threads",
    "require-digest",
    "task-limits",
    "optimizer-limits",
    "batch-tokens",
];

/// Options of a request that can be carried out.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub options: RunOptions,
}

impl Asked {
    /// Reads the options of a request, and what their names stand for.
    ///
    /// # Errors
    /// An option that there is not, that is the server's or that has another value than it takes; a name of nothing.
    pub fn new(options: &Map<String, Value>, catalogue: &Catalogue) -> Result<Self, ApiError> {
        let of_the_server = |name: &str| {
            let name = name.replace('_', "-");
            OF_THE_SERVER.contains(&name.as_str()) || name.starts_with("plugin-")
        };
        if let Some(name) = options.keys().find(|name| of_the_server(name)) {
            return Err(ApiError::invalid(format!("`{name}`: expected an option of a run, got one of the server's")));
        }
        let mut options: RunOptions = serde_json::from_value(Value::Object(options.clone()))
            .map_err(|error| ApiError::invalid(format!("`options`: {error}")))?;
        // Whatever else holds a path, today or some day.
        let mut holds_path = false;
        options.change_paths(&mut |kind, path| {
            holds_path |= kind == PathKind::File;
            path.to_owned()
        });
        if holds_path {
            return Err(ApiError::invalid("`options`: expected names, got the path of a file"));
        }
        let unknown =
            |what: &str, name: &str| ApiError::invalid(format!("expected {what} of /v1/plugins, got `{name}`"));
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let task = options
            .task
            .task
            .as_ref()
            .map(text)
            .ok_or_else(|| ApiError::invalid("`task`: expected a name, got none"))?;
        options.task.task = Some(catalogue.task(&task).ok_or_else(|| unknown("a task", &task))?.to_owned());
        if let Some(name) = options.optimizer.optimizer.as_ref().map(text) {
            let file = catalogue.optimizer(&name).ok_or_else(|| unknown("an optimizer", &name))?;
            options.optimizer.optimizer = Some(file.to_owned());
        }
        let model = match &options.model.model {
            Some(name) => catalogue.model(name).ok_or_else(|| unknown("a model", name))?,
            None => catalogue.first_model().ok_or_else(|| ApiError::invalid("`model`: expected a name, got none"))?,
        };
        options.model.model = Some(model.to_owned());
        let data = options.data.data.iter().map(|name| catalogue.data(name).ok_or_else(|| unknown("data", name)));
        options.data.data = data.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        Ok(Self { options })
    }

    /// The command line that does the same where the server was started.
    pub fn command(&self, kind: Kind) -> String {
        let mut words = vec!["ft-host".to_owned(), kind.command().to_owned()];
        let Ok(Value::Object(options)) = serde_json::to_value(&self.options) else { return words.join(" ") };
        for (name, value) in options {
            let flag = match name.as_str() {
                "task-options" => "-T".to_owned(),
                "optimizer-options" => "-O".to_owned(),
                name => format!("--{name}"),
            };
            match value {
                Value::Bool(on) => words.extend(on.then_some(flag)),
                Value::Array(values) => values.iter().for_each(|value| words.extend([flag.clone(), word(value)])),
                Value::Object(table) => {
                    let setting = |(name, value): (&String, &Value)| quoted(&format!("{name}={}", plain(value)));
                    table.iter().for_each(|entry| words.extend([flag.clone(), setting(entry)]));
                }
                value => words.extend([flag, word(&value)]),
            }
        }
        words.join(" ")
    }

    /// What a run of these options does.
    ///
    /// # Errors
    /// Options that contradict each other, a task or an optimizer that is not there any more.
    pub fn config(self, kind: Kind, surroundings: &Surroundings) -> Result<RunConfig, run::RunError> {
        let Surroundings { plugin_path, limits, threads, batch_tokens, .. } = surroundings;
        let mut options = run::with_plugins(self.options, plugin_path)?;
        options.limits = limits.clone();
        options.compute.batch_tokens = *batch_tokens;
        RunConfig::new(kind.purpose(), options, *threads, RunOverrides::default(), plugin_path)
    }

    /// The task, its data and the choice of rows, for a look at a prompt, and the name of the model.
    ///
    /// # Errors
    /// Those of [`Self::config`].
    pub fn task_config(self, surroundings: &Surroundings) -> Result<(TaskConfig, String), run::RunError> {
        let Surroundings { plugin_path, limits, .. } = surroundings;
        let options = run::with_plugins(self.options, plugin_path)?.overlay(RunOptions::defaults());
        let file = run::find_task(plugin_path, options.task.task.as_deref().ok_or(ConfigError::NoTask)?)?;
        let limits = limits.over(&Limits::default());
        let config = TaskConfig::new(file, &options.task, &options.data, &options.rows, limits)?;
        Ok((config, options.model.model()))
    }
}

/// A value as a word of a shell's line.
fn word(value: &Value) -> String {
    quoted(&plain(value))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:@+%".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: RunOptions,
    }

    /// The words of a line as a POSIX shell takes it, of plain words and words in single quotes.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match character {
                '\'' => quoted = !quoted,
                '\\' if !quoted => words.last_mut().unwrap().extend(characters.next()),
                ' ' if !quoted => words.push(String::new()),
                character => words.last_mut().unwrap().push(character),
            }
        }
        words
    }

    #[test]
    fn the_command_line_says_the_same() {
        let options = serde_json::json!({
            "task": "x", "data": ["sample"], "steps": 5, "shots": 2, "seeds": "0..3", "sample": 20, "allow-nonfinite": true,
            "description": "it's \"quoted\" $HOME\nnext", "score-steps": "1,3", "select": "held-out", "held-out": 4,
            "optimizer-options": {"step_size": 0.5, "update": "keys"}, "task-options": {"subject": "a b"},
        });
        let options: RunOptions = serde_json::from_value(options).unwrap();
        let asked = Asked { options: options.clone() };
        let line = asked.command(Kind::Run);
        let words = words(&line);
        assert_eq!(&words[..2], ["ft-host", "run"]);
        let read = Line::try_parse_from(&words[1..]).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(serde_json::to_value(&read.options).unwrap(), serde_json::to_value(&options).unwrap(), "{line}");
        assert!(asked.command(Kind::Tune).starts_with("ft-host tune "));
    }

    /// No option that a request may set is the path of a file.
    #[test]
    fn options_with_paths_are_the_servers() {
        let catalogue = Catalogue::default();
        let mut checked = Vec::new();
        for option in RunOptions::declared() {
            let name = option.name.to_string();
            let options = Map::from_iter([(name.clone(), Value::from("a/path"))]);
            let mut holds_path = false;
            let Ok(mut read) = serde_json::from_value::<RunOptions>(Value::Object(options.clone())) else { continue };
            read.change_paths(&mut |kind, path| {
                holds_path |= kind == PathKind::File;
                path.to_owned()
            });
            if holds_path {
                let refused = Asked::new(&options, &catalogue).unwrap_err();
                assert!(refused.to_string().contains(&format!("`{name}`: expected an option of a run")), "{refused}");
                checked.push(name);
            }
        }
        checked.sort();
        assert_eq!(checked, ["cache-dir", "context", "out", "save-context"]);
        let spelled = Map::from_iter([("save_context".to_owned(), Value::from("x"))]);
        assert!(Asked::new(&spelled, &catalogue).is_err());
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        for (text, expected) in
            [("a/b-c=1,2", "a/b-c=1,2"), ("", "''"), ("a b", "'a b'"), ("~", "'~'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(quoted(text), expected);
        }
    }
}
