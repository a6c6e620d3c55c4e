//! What a plugin is, as it is shown and written.

use serde::Serialize;
use serde_json::Value;

use ft_sandbox::{Inspection, OptionKind, OptionSpec};

/// What a plugin is. Texts in it are fit to be shown.
#[derive(Clone, Debug, Serialize)]
pub struct PluginCard {
    /// The plugin's file, as it was named.
    pub file: String,
    /// `task` or `optimizer`.
    pub kind: String,
    /// The world of the WIT package that it implements.
    pub world: String,
    /// The version of the WIT package that it was made for.
    pub package_version: String,
    /// Its own name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it does, in one sentence.
    pub summary: String,
    /// The options that it takes.
    pub options: Vec<OptionCard>,
    /// Bytes of the file.
    pub bytes: usize,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
}

/// An option that a plugin takes.
#[derive(Clone, Debug, Serialize)]
pub struct OptionCard {
    /// The option's name, as `-T` and `-O` take it.
    pub name: String,
    /// `boolean`, `integer`, `number`, `text` or `choice`.
    pub kind: &'static str,
    /// The least value, where there is one.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub minimum: Value,
    /// The greatest value, where there is one.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub maximum: Value,
    /// The texts to choose from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Its value when the user sets none.
    pub default: Value,
    /// What it does, in one sentence.
    pub help: String,
    /// Which values it takes, in words.
    pub takes: String,
}

impl PluginCard {
    /// Of a plugin that was inspected in its file.
    pub fn new(file: String, inspection: Inspection) -> Self {
        let Inspection { kind, description, size, sha256, imports, exports, package_version } = inspection;
        Self {
            file,
            kind: kind.to_string(),
            world: format!("{kind}-plugin"),
            package_version,
            name: description.name,
            version: description.version,
            summary: description.summary,
            options: description.options.iter().map(OptionCard::new).collect(),
            bytes: size,
            sha256,
            imports,
            exports,
        }
    }
}

impl OptionCard {
    fn new(spec: &OptionSpec) -> Self {
        let (mut minimum, mut maximum, mut choices) = (Value::Null, Value::Null, Vec::new());
        let kind = match &spec.kind {
            OptionKind::Boolean => "boolean",
            OptionKind::Integer { minimum: low, maximum: high } => {
                (minimum, maximum) = ((*low).into(), (*high).into());
                "integer"
            }
            OptionKind::Number { minimum: low, maximum: high } => {
                (minimum, maximum) = ((*low).into(), (*high).into());
                "number"
            }
            OptionKind::Text => "text",
            OptionKind::Choice(texts) => {
                choices.clone_from(texts);
                "choice"
            }
        };
        let (name, help) = (spec.name.clone(), spec.help.clone());
        Self {
            name,
            kind,
            minimum,
            maximum,
            choices,
            default: spec.default.to_json(),
            help,
            takes: spec.kind.to_string(),
        }
    }
}
