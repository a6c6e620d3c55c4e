//! What an author says their plugin gives: rows and the prompts they become, caches and the updates they become.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::candidate::Candidate;
use crate::plugin_dev::PluginDevError;
use ft_engine::task::example::Split;
use ft_store::fs::file::read_file;

/// A file of fixtures is written by hand; what is larger is something else.
const LARGEST: u64 = 16 << 20;

/// A file of fixtures.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixtures {
    /// Where they were read.
    #[serde(skip)]
    pub path: PathBuf,
    /// Rows for a task.
    #[serde(default, rename = "row")]
    pub rows: Vec<RowFixture>,
    /// Steps for an optimizer.
    #[serde(default, rename = "steps")]
    pub steps: Vec<StepsFixture>,
}

/// A row, and what it is to become. What is left out is not looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowFixture {
    /// The row's columns.
    pub data: BTreeMap<String, Value>,
    /// The split that it is from.
    #[serde(default)]
    pub split: FixtureSplit,
    /// Options of the task.
    #[serde(default)]
    pub options: BTreeMap<String, Value>,
    /// A part of the message with which the row is to be refused, its column before it: ``column `x`: expected ...``.
    pub rejected: Option<String>,
    /// The example's query.
    pub query: Option<String>,
    /// The example's choices.
    pub choices: Option<Vec<String>>,
    /// The index of the right one.
    pub answer: Option<usize>,
    /// The text of the demonstration.
    pub demonstration: Option<String>,
    /// The text before the scored span, where it is the same for all choices.
    pub context: Option<String>,
    /// The full text of each choice.
    pub full: Option<Vec<String>>,
}

/// Which split a row is from.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixtureSplit {
    /// Examples that are shown.
    Demonstrations,
    /// Examples that are scored.
    #[default]
    Evaluation,
}

impl From<FixtureSplit> for Split {
    fn from(split: FixtureSplit) -> Self {
        match split {
            FixtureSplit::Demonstrations => Self::Demonstrations,
            FixtureSplit::Evaluation => Self::Evaluation,
        }
    }
}

/// A cache, what the passes of some steps propose for it, and what it is to be after each. A cache is a list of slots
/// (keys of layer 0, values of layer 0, keys of layer 1, ...), a slot a number for each position of one head.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepsFixture {
    /// Options of the optimizer.
    #[serde(default)]
    pub options: BTreeMap<String, Value>,
    /// The cache after step 1.
    pub cache: Vec<Vec<f32>>,
    /// What the pass of each step from 2 on proposes.
    pub proposed: Vec<Vec<Vec<f32>>>,
    /// The cache after each of these steps.
    pub expected: Vec<Vec<Vec<f32>>>,
    /// How far a number may be from what is expected, in proportion to the larger of it and 1.
    #[serde(default = "default_tolerance")]
    pub tolerance: f32,
}

/// Some roundings of single precision.
fn default_tolerance() -> f32 {
    1e-6
}

impl Fixtures {
    /// The fixtures that the user names, or those beside the plugin; `None` where there are none.
    ///
    /// # Errors
    /// A file that cannot be read as fixtures.
    pub fn find(candidate: Candidate<'_>) -> Result<Option<Self>, PluginDevError> {
        if let Some(path) = candidate.fixtures {
            return Self::read(path).map(Some);
        }
        let beside = [candidate.named().with_extension("fixtures.toml"), candidate.folder().join("fixtures.toml")];
        beside.iter().find(|path| path.is_file()).map(|path| Self::read(path)).transpose()
    }

    fn read(path: &Path) -> Result<Self, PluginDevError> {
        let wrong = |message: String| PluginDevError::Fixtures { path: path.to_owned(), message };
        let text = String::from_utf8(read_file(path, LARGEST)?).map_err(|error| wrong(error.to_string()))?;
        let fixtures: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        fixtures.check().map_err(wrong)?;
        Ok(Self { path: path.to_owned(), ..fixtures })
    }

    /// That every fixture expects something, and that its parts fit together.
    fn check(&self) -> Result<(), String> {
        if self.rows.is_empty() && self.steps.is_empty() {
            return Err("no `[[row]]` and no `[[steps]]` in it".into());
        }
        for (number, row) in (1..).zip(&self.rows) {
            let RowFixture { rejected, query, choices, answer, demonstration, context, full, .. } = row;
            let texts = [query, demonstration, context].into_iter().any(Option::is_some);
            let example = texts || choices.is_some() || full.is_some() || answer.is_some();
            match (rejected, example) {
                (None, false) => return Err(format!("row {number} expects nothing")),
                (Some(_), true) => return Err(format!("row {number} is to be rejected, and to become an example")),
                _ => {}
            }
        }
        for (number, steps) in (1..).zip(&self.steps) {
            if steps.proposed.is_empty() || steps.expected.len() != steps.proposed.len() {
                let (proposed, expected) = (steps.proposed.len(), steps.expected.len());
                return Err(format!("steps {number} has {proposed} proposals and {expected} expected caches"));
            }
            let form = |cache: &Vec<Vec<f32>>| cache.iter().map(Vec::len).collect::<Vec<_>>();
            let first = form(&steps.cache);
            let is_odd =
                first.len() % 2 == 1 || first.iter().any(|positions| *positions == 0 || *positions != first[0]);
            if first.is_empty() || is_odd {
                return Err(format!(
                    "steps {number}: a cache has keys and values of each layer, all of as many positions"
                ));
            }
            if steps.proposed.iter().chain(&steps.expected).any(|cache| form(cache) != first) {
                return Err(format!("steps {number}: not all caches have the form of the first one"));
            }
        }
        Ok(())
    }
}

/// Options as a user gives them on the command line.
pub fn as_given(options: &BTreeMap<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    options.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Fixtures, String> {
        let fixtures: Fixtures = toml::from_str(text).map_err(|error| error.to_string())?;
        fixtures.check().map(|()| fixtures)
    }

    #[test]
    fn fixtures_that_check_nothing_are_refused() {
        let cases = [
            ("", "no `[[row]]`"),
            ("[[row]]\ndata = { a = 1 }\n", "row 1 expects nothing"),
            ("[[row]]\ndata = { a = 1 }\nanswer = 0\nrejected = \"x\"\n", "to be rejected, and to become"),
            ("[[row]]\ndata = { a = 1 }\nanswr = 0\n", "unknown field `answr`"),
            ("[[steps]]\ncache = [[1.0], [2.0]]\nproposed = []\nexpected = []\n", "0 proposals"),
            ("[[steps]]\ncache = [[1.0]]\nproposed = [[[1.0]]]\nexpected = [[[1.0]]]\n", "keys and values"),
            (
                "[[steps]]\ncache = [[1.0], [2.0]]\nproposed = [[[1.0], [2.0]]]\nexpected = [[[1.0]]]\n",
                "form of the first",
            ),
        ];
        for (text, part) in cases {
            let message = parse(text).map(|_| "taken".to_owned()).unwrap_or_else(|message| message);
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn options_are_given_as_on_the_command_line() {
        let text = "[[row]]\ndata = { a = 1 }\nanswer = 0\noptions = { prompt = \"sp\", shots = 2, deep = true }\n";
        let fixtures = parse(text).unwrap();
        let given: Vec<String> =
            as_given(&fixtures.rows[0].options).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(given, ["deep=true", "prompt=sp", "shots=2"]);
    }
}
