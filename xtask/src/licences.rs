//! The licences of everything that is built into the project, held to the list in `deny.toml`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::{Workspace, output};

/// The workspaces, each with a lock file of its own.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "plugins/Cargo.toml", "fuzz/Cargo.toml"];

/// What is read of `deny.toml`.
#[derive(Deserialize)]
struct Policy {
    licenses: Licences,
}

#[derive(Deserialize)]
struct Licences {
    /// Licences that every package may have.
    allow: Vec<String>,
    /// Licences that single packages may have.
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

impl Licences {
    /// Whether the package may have the licence, a single one by its SPDX name.
    fn allows(&self, package: &str, licence: &str) -> bool {
        let exceptions = self.exceptions.iter().filter(|exception| exception.package == package);
        let mut allowed = self.allow.iter().chain(exceptions.flat_map(|exception| &exception.allow));
        allowed.any(|allowed| allowed == licence)
    }

    /// What is wrong with a package of that licence expression, if anything is.
    fn fault(&self, package: &str, expression: Option<&str>) -> Option<String> {
        let Some(expression) = expression else { return Some("names no licence".into()) };
        match holds(expression, &|licence| self.allows(package, licence)) {
            Some(true) => None,
            Some(false) => Some(format!("is under `{expression}`")),
            None => Some(format!("has `{expression}`: expected a licence expression")),
        }
    }
}

/// Checks every package of the three lock files, for all systems and with all features.
///
/// # Errors
/// If `deny.toml` does not allow a package; the error lists them all.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let policy = std::fs::read_to_string(workspace.path("deny.toml")).context("cannot read deny.toml")?;
    let policy: Policy = toml::from_str(&policy).context("cannot read deny.toml")?;
    let mut licences: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    for manifest in MANIFESTS {
        let mut cargo = workspace.cargo();
        cargo.args(["metadata", "--locked", "--all-features", "--format-version", "1", "--manifest-path", manifest]);
        let metadata: serde_json::Value = serde_json::from_str(&output(&mut cargo)?)?;
        for package in metadata["packages"].as_array().context("cargo lists no packages")? {
            let text = |key: &str| package[key].as_str().map(str::to_owned);
            let name = text("name").context("cargo lists a package without a name")?;
            licences.insert((name, text("version").unwrap_or_default()), text("license"));
        }
    }
    let faults: Vec<String> = licences
        .iter()
        .filter_map(|((name, version), licence)| {
            Some(format!("{name} {version} {}", policy.licenses.fault(name, licence.as_deref())?))
        })
        .collect();
    if !faults.is_empty() {
        bail!("deny.toml does not allow:\n  {}", faults.join("\n  "));
    }
    println!("licences: {} packages, all allowed by deny.toml", licences.len());
    Ok(())
}

/// Whether an SPDX expression can be met with the licences for which `allowed` holds. `A/B` is how old packages write
/// `A OR B`. `None` if it is no expression.
fn holds(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let holds = parser.any()?;
    parser.words.is_empty().then_some(holds)
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    /// Takes the next word if it is this one.
    fn takes(&mut self, word: &str) -> bool {
        let next = self.words.first() == Some(&word);
        self.words = &self.words[usize::from(next)..];
        next
    }

    fn any(&mut self) -> Option<bool> {
        let mut holds = self.all()?;
        while self.takes("OR") {
            // Both sides are read, whatever the first is.
            holds |= self.all()?;
        }
        Some(holds)
    }

    fn all(&mut self) -> Option<bool> {
        let mut holds = self.one()?;
        while self.takes("AND") {
            holds &= self.one()?;
        }
        Some(holds)
    }

    fn one(&mut self) -> Option<bool> {
        if self.takes("(") {
            let holds = self.any()?;
            return self.takes(")").then_some(holds);
        }
        let licence = self.name()?;
        if self.takes("WITH") {
            let exception = self.name()?;
            return Some((self.allowed)(&format!("{licence} WITH {exception}")));
        }
        Some((self.allowed)(licence))
    }

    fn name(&mut self) -> Option<&'a str> {
        let (name, rest) = self.words.split_first()?;
        let is_name = !["OR", "AND", "WITH", "(", ")"].contains(name);
        self.words = rest;
        is_name.then_some(*name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_by_their_precedence() {
        let allowed = |licence: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
        let cases = [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("GPL-3.0 OR MIT", Some(true)),
            ("GPL-3.0/MIT", Some(true)),
            ("GPL-3.0 / BSL-1.0", Some(false)),
            ("MIT AND ISC", Some(true)),
            ("MIT AND GPL-3.0", Some(false)),
            ("GPL-3.0 AND MIT OR ISC", Some(true)),
            ("GPL-3.0 AND (MIT OR ISC)", Some(false)),
            ("(GPL-3.0 OR MIT) AND ISC", Some(true)),
            ("ISC OR GPL-3.0 AND GPL-2.0", Some(true)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("Apache-2.0", Some(false)),
            ("MIT WITH LLVM-exception", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("OR MIT", None),
            ("MIT ISC", None),
            ("(MIT", None),
            ("MIT)", None),
            ("MIT WITH", None),
        ];
        for (expression, expected) in cases {
            assert_eq!(holds(expression, &allowed), expected, "{expression:?}");
        }
    }

    #[test]
    fn an_exception_is_for_its_package_alone() {
        let policy = "[licenses]\nallow = [\"MIT\"]\nexceptions = [{ crate = \"a\", allow = [\"MPL-2.0\"] }]";
        let licences = toml::from_str::<Policy>(policy).unwrap().licenses;
        assert_eq!(licences.fault("a", Some("MPL-2.0")), None);
        assert_eq!(licences.fault("b", Some("MIT")), None);
        assert_eq!(licences.fault("b", Some("MPL-2.0")).as_deref(), Some("is under `MPL-2.0`"));
        assert_eq!(licences.fault("a", None).as_deref(), Some("names no licence"));
        assert!(licences.fault("a", Some("(MIT")).unwrap().contains("expected a licence expression"));
    }
}
