//! Which world a component was made for, and whether this host can take it.

use crate::component::binary::Surface;

/// The WIT package.
const PACKAGE: &str = "forward-tuning:plugin";

/// A version of the WIT package: all components of one minor version are made for the same interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PackageVersion {
    /// The package in `wit/since-0.1`.
    V0_1,
    /// The package in `wit`.
    V0_2,
}

impl PackageVersion {
    const ALL: [Self; 2] = [Self::V0_1, Self::V0_2];

    /// What the patch versions have in common.
    fn prefix(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1.",
            Self::V0_2 => "0.2.",
        }
    }

    /// The version that a name of the package has, as in `0.1.0`. Inside of it only functions and interfaces are added; a
    /// pre-release promises nothing.
    fn of(version: &str) -> Option<Self> {
        let is_patch = |patch: &str| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit());
        Self::ALL.into_iter().find(|taken| version.strip_prefix(taken.prefix()).is_some_and(is_patch))
    }

    /// The name of an interface of the package, as in `forward-tuning:plugin/log@0.1.0`. wasmtime finds the interface of a
    /// later patch version by it.
    pub(crate) fn interface(self, name: &str) -> String {
        format!("{PACKAGE}/{name}@{}0", self.prefix())
    }
}

/// A kind of plugin: one world of the WIT package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginKind {
    /// A plugin of the world `task-plugin`.
    Task,
    /// A plugin of the world `optimizer-plugin`.
    Optimizer,
}

impl PluginKind {
    const ALL: [Self; 2] = [Self::Task, Self::Optimizer];

    /// The flag that takes a plugin of this kind.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Task => "--task",
            Self::Optimizer => "--optimizer",
        }
    }

    /// The interfaces that such a plugin exports.
    fn exports(self) -> &'static [&'static str] {
        match self {
            Self::Task => &["info", "dataset", "prompt"],
            Self::Optimizer => &["info", "meta-optimizer"],
        }
    }

    /// The interfaces that such a plugin may import.
    fn imports(self, version: PackageVersion) -> &'static [&'static str] {
        match (self, version) {
            (Self::Task, _) => &["types", "data", "log", "table"],
            (Self::Optimizer, PackageVersion::V0_1) => &["types", "log", "tensor"],
            (Self::Optimizer, PackageVersion::V0_2) => &["types", "log", "tensor", "model"],
        }
    }
}

impl std::fmt::Display for PluginKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Task => "task",
            Self::Optimizer => "optimizer",
        })
    }
}

/// Why a component is not the plugin that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongWorld {
    /// A plugin of the other kind.
    #[error("expected {} {expected} plugin, got {} {found} plugin", article(*.expected), article(*.found))]
    OtherKind {
        /// The kind that the component is.
        found: PluginKind,
        /// The kind that was asked for.
        expected: PluginKind,
    },
    /// Not all of what a plugin exports, or nothing of it.
    #[error("expected the exports {} of {} {expected} plugin, got a component without {}", list(.expected.exports()), article(*.expected), list(.missing))]
    Incomplete {
        /// The kind that it is nearest to, or was to be.
        expected: PluginKind,
        /// The interfaces that it does not export.
        missing: Vec<String>,
    },
    /// No interface of the package at all.
    #[error("expected a component for {PACKAGE}, got one that exports {}", list(.exports))]
    Foreign {
        /// Names of the component's exports.
        exports: Vec<String>,
    },
    /// Another version of the package.
    #[error("expected {PACKAGE}@{}, got {PACKAGE}@{found}", taken())]
    Version {
        /// The version that the component names.
        found: String,
    },
    /// Several versions of the package in one component.
    #[error("expected interfaces of one version of {PACKAGE}, got {}", list(.names))]
    MixedVersions {
        /// Two interfaces of different versions.
        names: Vec<String>,
    },
    /// Something that no such plugin is given.
    #[error("expected imports of {} {kind} plugin among {}, got {}", article(*.kind), list(.allowed), list(.names))]
    Imports {
        /// The kind that the component is.
        kind: PluginKind,
        /// The interfaces that such a plugin may import.
        allowed: &'static [&'static str],
        /// The imports that it is not given.
        names: Vec<String>,
    },
}

/// A component that this host can take.
pub(crate) struct Contract {
    pub kind: PluginKind,
    /// The interfaces that it was made for.
    pub package: PackageVersion,
    /// The version of the WIT package as the component names it.
    pub version: String,
}

impl Contract {
    /// Reads the contract off a component's names; with `expected`, it has to be of that kind.
    pub(crate) fn read(surface: &Surface, expected: Option<PluginKind>) -> Result<Self, WrongWorld> {
        let names = || surface.exports.iter().chain(&surface.imports);
        let mut own_names = names().filter_map(|name| Some((name, own(name)?.1)));
        let Some((first, version)) = own_names.next() else {
            return Err(WrongWorld::Foreign { exports: shown(surface.exports.iter().map(String::as_str)) });
        };
        let package = package_version(version)?;
        for (name, version) in own_names {
            if package_version(version)? != package {
                return Err(WrongWorld::MixedVersions { names: shown([first.as_str(), name]) });
            }
        }
        let exported: Vec<&str> = surface.exports.iter().filter_map(|name| Some(own(name)?.0)).collect();
        let kind = kind_of(&exported, expected)?;
        if let Some(expected) = expected.filter(|expected| *expected != kind) {
            return Err(WrongWorld::OtherKind { found: kind, expected });
        }
        // Guest toolchains link WASI whether it is used or not; those imports are linked to functions that refuse.
        let allowed = kind.imports(package);
        let is_allowed = |name: &str| {
            name.starts_with("wasi:") || own(name).is_some_and(|(interface, _)| allowed.contains(&interface))
        };
        let strange: Vec<&str> = surface.imports.iter().map(String::as_str).filter(|name| !is_allowed(name)).collect();
        if !strange.is_empty() {
            return Err(WrongWorld::Imports { kind, allowed, names: shown(strange) });
        }
        Ok(Self { kind, package, version: version.to_owned() })
    }
}

/// The version of the package that a name has, if this host takes it.
fn package_version(version: &str) -> Result<PackageVersion, WrongWorld> {
    PackageVersion::of(version)
        .ok_or_else(|| WrongWorld::Version { found: ft_engine::text::harmless_within(version, 40) })
}

/// The versions that this host takes, as in `0.1.x or 0.2.x`.
fn taken() -> String {
    PackageVersion::ALL.map(|version| format!("{}x", version.prefix())).join(" or ")
}

/// The kind whose exports are all there.
fn kind_of(exported: &[&str], expected: Option<PluginKind>) -> Result<PluginKind, WrongWorld> {
    let missing = |kind: PluginKind| -> Vec<String> {
        kind.exports().iter().filter(|name| !exported.contains(name)).map(ToString::to_string).collect()
    };
    let complete = |kind: &PluginKind| missing(*kind).is_empty();
    // A component that implements both worlds is what it was asked to be.
    let candidates = expected.into_iter().chain(PluginKind::ALL);
    candidates.clone().find(complete).ok_or_else(|| {
        let nearest = candidates.min_by_key(|kind| missing(*kind).len()).unwrap_or(PluginKind::Task);
        let expected = expected.unwrap_or(nearest);
        WrongWorld::Incomplete { expected, missing: missing(expected) }
    })
}

/// Interface and version of a name of the package, as in `forward-tuning:plugin/log@0.1.0`.
fn own(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

/// A few names, fit to be shown.
fn shown<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().take(12).map(|name| ft_engine::text::harmless_within(name, 100)).collect()
}

fn list<S: AsRef<str>>(names: &[S]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

fn article(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Task => "a",
        PluginKind::Optimizer => "an",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(imports: &[&str], exports: &[&str], expected: Option<PluginKind>) -> Result<(PluginKind, String), String> {
        let full = |name: &&str| {
            if name.contains(':') || !name.contains('@') { (*name).to_owned() } else { format!("{PACKAGE}/{name}") }
        };
        let surface =
            Surface { imports: imports.iter().map(full).collect(), exports: exports.iter().map(full).collect() };
        Contract::read(&surface, expected)
            .map(|contract| (contract.kind, contract.version))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_worlds_are_known() {
        let task = ["info@0.1.0", "dataset@0.1.0", "prompt@0.1.0"];
        let optimizer = ["info@0.1.7", "meta-optimizer@0.1.7"];
        let both = ["info@0.1.0", "dataset@0.1.0", "prompt@0.1.0", "meta-optimizer@0.1.0"];
        let wasi = ["types@0.1.0", "log@0.1.0", "table@0.1.0", "wasi:cli/environment@0.2.6"];
        assert_eq!(read(&wasi, &task, None), Ok((PluginKind::Task, "0.1.0".into())));
        assert_eq!(read(&["tensor@0.1.7"], &optimizer, None), Ok((PluginKind::Optimizer, "0.1.7".into())));
        let asking = ["info@0.2.0", "meta-optimizer@0.2.0"];
        assert_eq!(read(&["model@0.2.0"], &asking, None), Ok((PluginKind::Optimizer, "0.2.0".into())));
        assert_eq!(read(&[], &both, Some(PluginKind::Optimizer)), Ok((PluginKind::Optimizer, "0.1.0".into())));
    }

    #[test]
    fn every_mismatch_says_what_is_missing() {
        let task: &'static [&'static str] = &["info@0.1.0", "dataset@0.1.0", "prompt@0.1.0"];
        type Case = (&'static [&'static str], &'static [&'static str], Option<PluginKind>, &'static str);
        let cases: [Case; 12] = [
            (&[], task, Some(PluginKind::Optimizer), "expected an optimizer plugin, got a task plugin"),
            (
                &[],
                &["info@0.1.0", "meta-optimizer@0.1.0"],
                Some(PluginKind::Task),
                "expected a task plugin, got an optimizer plugin",
            ),
            (
                &[],
                &["info@0.1.0", "prompt@0.1.0"],
                None,
                "expected the exports `info`, `dataset`, `prompt` of a task plugin, got a component without `dataset`",
            ),
            (
                &[],
                &["info@0.1.0", "prompt@0.1.0"],
                Some(PluginKind::Optimizer),
                "expected the exports `info`, `meta-optimizer` of an optimizer plugin, got a component without `meta-optimizer`",
            ),
            (
                &[],
                &["info@0.3.0"],
                None,
                "expected forward-tuning:plugin@0.1.x or 0.2.x, got forward-tuning:plugin@0.3.0",
            ),
            (
                &["log@0.2.0"],
                task,
                None,
                "expected interfaces of one version of forward-tuning:plugin, got \
                 `forward-tuning:plugin/info@0.1.0`, `forward-tuning:plugin/log@0.2.0`",
            ),
            (
                &["log@0.2.0", "tensor@0.1.0"],
                &["info@0.2.0", "meta-optimizer@0.2.0"],
                None,
                "expected interfaces of one version of forward-tuning:plugin, got \
                 `forward-tuning:plugin/info@0.2.0`, `forward-tuning:plugin/tensor@0.1.0`",
            ),
            (
                &["model@0.1.0"],
                &["info@0.1.0", "meta-optimizer@0.1.0"],
                None,
                "expected imports of an optimizer plugin among `types`, `log`, `tensor`, got \
                 `forward-tuning:plugin/model@0.1.0`",
            ),
            (
                &["log@0.1.0-rc.1"],
                task,
                None,
                "expected forward-tuning:plugin@0.1.x or 0.2.x, got forward-tuning:plugin@0.1.0-rc.1",
            ),
            (
                &[],
                &["wasi:http/proxy@0.2.0"],
                None,
                "expected a component for forward-tuning:plugin, got one that exports `wasi:http/proxy@0.2.0`",
            ),
            (&[], &[], None, "expected a component for forward-tuning:plugin, got one that exports nothing"),
            (
                &["log@0.1.0", "tensor@0.1.0", "evil:corp/spy\u{1b}"],
                task,
                None,
                "expected imports of a task plugin among `types`, `data`, `log`, `table`, got \
                 `forward-tuning:plugin/tensor@0.1.0`, `evil:corp/spy\\u{1b}`",
            ),
        ];
        for (imports, exports, expected, message) in cases {
            assert_eq!(read(imports, exports, expected), Err(message.to_owned()));
        }
    }
}
