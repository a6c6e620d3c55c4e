//! How options are defined: two macros, and what they make of a group.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

use super::paths::PathKind;
use super::value::{OptionValue, Refused};

/// What another value of an option means for a run that there is already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Other results: an unfinished run does not go on with it, and a comparison names it.
    Results,
    /// The same results but for rounding: an unfinished run does not go on with it, and a comparison does not name it.
    Rounding,
    /// None by itself, since what it names is compared by digest; a comparison names it.
    Source,
    /// None: no result depends on it, or what it names is compared by digest.
    Nothing,
}

impl Effect {
    /// All effects, from the strongest to none.
    pub(crate) const ALL: [Effect; 4] = [Effect::Results, Effect::Rounding, Effect::Source, Effect::Nothing];
}

/// The name of an option in a run file; that of its field, with `-` for `_`, or one of its own.
#[derive(Clone, Copy, Debug)]
pub struct OptionName(pub &'static str);

impl OptionName {
    /// Whether `text` is this name.
    pub fn is(self, text: &str) -> bool {
        let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte };
        self.0.bytes().map(dashed).eq(text.bytes())
    }
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace('_', "-"))
    }
}

/// The declaration of an option: all but its value.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// The option's name in a run file.
    pub name: OptionName,
    /// What another value changes of a finished run.
    pub effect: Effect,
    /// Where `results.json` has what the option came to, like `config.steps`.
    pub recorded: &'static str,
}

/// Which options of a group are written, and how.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The beginning of the options' names that a table of their own leaves out.
    pub prefix: &'a str,
    /// Whether to write the options whose values are tables, or the others.
    pub tables: bool,
    /// Write only options with one of these effects.
    pub effects: &'a [Effect],
}

/// A key of a table of options.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The whole name of the option.
    pub name: &'a str,
    /// The beginning of the name that the table leaves out.
    pub prefix: &'a str,
    /// The name of the table; empty for the whole file.
    pub table: &'a str,
}

/// A set of options, each of which may be open.
pub trait OptionGroup: Default {
    /// All options, in the order in which a run file is printed.
    fn declared() -> Vec<Declared>;

    /// The values that are the same everywhere; options without one stay open.
    fn defaults() -> Self;

    /// These options, and those of `below` where these are open.
    fn overlay(self, below: Self) -> Self;

    /// Changes every path in the values.
    fn change_paths(&mut self, change: &mut dyn FnMut(PathKind, &Path) -> PathBuf);

    /// Reads the value that follows a key; false if there is no option of its name.
    ///
    /// # Errors
    /// A value that the option does not take, by the option's name.
    fn read_option<'de, A: MapAccess<'de>>(&mut self, key: Key<'_>, map: &mut A) -> Result<bool, A::Error>;

    /// Writes the options of a part that are set.
    ///
    /// # Errors
    /// Propagates the serializer's.
    fn write_options<M: SerializeMap>(&self, part: Part<'_>, map: &mut M) -> Result<(), M::Error>;
}

/// Defines a group of options.
///
/// Before the name of each option stand its help and its flag (clap's `arg`), after it
/// - `as "NAME"`: its name in a run file, where it is not the field's;
/// - `parse FUNCTION`: what reads and checks a value, for the flag and for the run file alike;
/// - `path KIND`: that it holds a path, see [`PathKind`];
/// - `default VALUE`: its default, which a function of the option's name gives where the option is open;
/// - `recorded "PLACE"`: where `results.json` has it, where it is not `config.` and the field's name;
/// - `affects EFFECT`: an [`Effect`].
///
/// `supersedes by FUNCTION`, after the group's name: what these options make void of those below them.
macro_rules! options {
    (
        $(#[$of_group:meta])*
        pub struct $group:ident $(supersedes by $supersede:path)? {
            $(
                $(#[$of_option:meta])*
                $option:ident $(as $name:literal)?: $type:ty
                    $(, parse $parse:expr)?
                    $(, path $path:ident)?
                    $(, default $default:expr)?
                    $(, recorded $recorded:literal)?
                    , affects $effect:ident;
            )+
        }
    ) => {
        $(#[$of_group])*
        #[derive(clap::Args, Clone, Debug, Default, PartialEq)]
        pub struct $group {
            $(
                $(#[$of_option])*
                $(#[arg(value_parser = $parse)])?
                pub $option: $type,
            )+
        }

        impl $group {
            $($(
                #[doc = concat!("`", stringify!($option), "`, or its default.")]
                pub fn $option(&self) -> <$type as $crate::options::value::OptionValue>::Item {
                    self.$option.clone().unwrap_or_else(|| $default)
                }
            )?)+
        }

        impl $crate::options::define::OptionGroup for $group {
            fn declared() -> Vec<$crate::options::define::Declared> {
                vec![$(
                    $crate::options::define::Declared {
                        name: $crate::options::define::OptionName(first!($($name,)? stringify!($option))),
                        effect: $crate::options::define::Effect::$effect,
                        recorded: first!($($recorded,)? concat!("config.", stringify!($option))),
                    },
                )+]
            }

            #[allow(clippy::needless_update)]
            fn defaults() -> Self {
                Self {
                    $($($option: Some($default),)?)+
                    ..Self::default()
                }
            }

            #[allow(unused_mut)]
            fn overlay(self, mut below: Self) -> Self {
                $($supersede(&self, &mut below);)?
                Self {
                    $($option: $crate::options::value::OptionValue::or(self.$option, below.$option),)+
                }
            }

            fn change_paths(
                &mut self,
                change: &mut dyn FnMut($crate::options::paths::PathKind, &std::path::Path) -> std::path::PathBuf,
            ) {
                $($(
                    $crate::options::paths::change_path(&mut self.$option, |path| {
                        change($crate::options::paths::PathKind::$path, path)
                    });
                )?)+
                let _ = change;
            }

            fn read_option<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: $crate::options::define::Key<'_>,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                $(
                    if $crate::options::define::OptionName(first!($($name,)? stringify!($option))).is(key.name) {
                        self.$option = $crate::options::define::read_value(key, map, checked!($type $(, $parse)?))?;
                        return Ok(true);
                    }
                )+
                Ok(false)
            }

            fn write_options<M: serde::ser::SerializeMap>(
                &self,
                part: $crate::options::define::Part<'_>,
                map: &mut M,
            ) -> Result<(), M::Error> {
                $(
                    if part.effects.contains(&$crate::options::define::Effect::$effect) {
                        let name = $crate::options::define::OptionName(first!($($name,)? stringify!($option)));
                        $crate::options::define::write_value(name, &self.$option, part, map)?;
                    }
                )+
                Ok(())
            }
        }

        group_by_serde!($group);
    };
}

/// Defines a group of groups, whose options have one name space.
macro_rules! option_groups {
    (
        $(#[$of_all:meta])*
        pub struct $all:ident $(supersedes by $supersede:path)? {
            $(
                $(#[$of_group:meta])*
                $field:ident: $group:ty,
            )+
        }
    ) => {
        $(#[$of_all])*
        #[derive(clap::Args, Clone, Debug, Default, PartialEq)]
        pub struct $all {
            $(
                $(#[$of_group])*
                pub $field: $group,
            )+
        }

        impl $crate::options::define::OptionGroup for $all {
            fn declared() -> Vec<$crate::options::define::Declared> {
                [$(<$group as $crate::options::define::OptionGroup>::declared(),)+].concat()
            }

            fn defaults() -> Self {
                Self { $($field: <$group as $crate::options::define::OptionGroup>::defaults(),)+ }
            }

            #[allow(unused_mut)]
            fn overlay(self, mut below: Self) -> Self {
                $($supersede(&self, &mut below);)?
                Self { $($field: self.$field.overlay(below.$field),)+ }
            }

            fn change_paths(
                &mut self,
                change: &mut dyn FnMut($crate::options::paths::PathKind, &std::path::Path) -> std::path::PathBuf,
            ) {
                $(self.$field.change_paths(change);)+
            }

            fn read_option<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: $crate::options::define::Key<'_>,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                $(if self.$field.read_option(key, map)? {
                    return Ok(true);
                })+
                Ok(false)
            }

            fn write_options<M: serde::ser::SerializeMap>(
                &self,
                part: $crate::options::define::Part<'_>,
                map: &mut M,
            ) -> Result<(), M::Error> {
                $(self.$field.write_options(part, map)?;)+
                Ok(())
            }
        }

        group_by_serde!($all);
    };
}

/// A group as a table.
macro_rules! group_by_serde {
    ($group:ty) => {
        impl serde::Serialize for $group {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::options::define::serialize("", self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $group {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::options::define::deserialize("", "", deserializer)
            }
        }
    };
}

/// The first of one or two expressions.
macro_rules! first {
    ($first:expr $(, $second:expr)?) => {
        $first
    };
}

/// What holds a value of a run file to what the flag takes.
macro_rules! checked {
    ($type:ty) => {
        |value: $type| Ok(value)
    };
    ($type:ty, $parse:expr) => {
        |value: $type| $crate::options::value::Checked::checked(value, $parse)
    };
}

/// The next value of a map, read and checked. Errors have the option's name, and the value's place where the format has one.
pub(super) fn read_value<'de, A: MapAccess<'de>, T: OptionValue>(
    Key { name, prefix, table }: Key<'_>,
    map: &mut A,
    check: fn(T) -> Result<T, Refused>,
) -> Result<T, A::Error> {
    struct Value<'a, T> {
        table: &'a str,
        name: &'a str,
        check: fn(T) -> Result<T, Refused>,
    }

    impl<'de, T: OptionValue> DeserializeSeed<'de> for Value<'_, T> {
        type Value = T;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
            let table = if self.table.is_empty() { String::new() } else { format!("[{}] ", self.table) };
            let refused =
                |Refused { text, expected }| D::Error::custom(format!("{table}`{} = {text}`: {expected}", self.name));
            (self.check)(T::read_named(self.name, deserializer)?).map_err(refused)
        }
    }

    map.next_value_seed(Value { table, name: name.strip_prefix(prefix).unwrap_or(name), check })
}

/// Writes a value under its name if it is set, and is a table or not, as asked.
pub(super) fn write_value<M: SerializeMap, T: OptionValue>(
    name: OptionName,
    value: &T,
    Part { prefix, tables, .. }: Part<'_>,
    map: &mut M,
) -> Result<(), M::Error> {
    struct Value<'a, T>(&'a T);

    impl<T: OptionValue> serde::Serialize for Value<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.write(serializer)
        }
    }

    if value.is_set() && T::IS_TABLE == tables {
        let name = name.to_string();
        map.serialize_entry(name.strip_prefix(prefix).unwrap_or(&name), &Value(value))?;
    }
    Ok(())
}

/// Writes what is set of a group as one table, in which options lack the `prefix` of their names. Tables within it come
/// last, where TOML wants them.
pub(super) fn serialize<G: OptionGroup, S: Serializer>(
    prefix: &str,
    group: &G,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serialize_of(&Effect::ALL, prefix, group, serializer)
}

/// Writes what is set of the options of some effects, as [`serialize`] does.
pub(super) fn serialize_of<G: OptionGroup, S: Serializer>(
    effects: &[Effect],
    prefix: &str,
    group: &G,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for tables in [false, true] {
        group.write_options(Part { prefix, tables, effects }, &mut map)?;
    }
    map.end()
}

/// Reads a group from the table of this name, in which options lack the `prefix` of their names. The whole file has none.
pub(super) fn deserialize<'de, G: OptionGroup, D: Deserializer<'de>>(
    table: &str,
    prefix: &'static str,
    deserializer: D,
) -> Result<G, D::Error> {
    struct Table<'a, G> {
        table: &'a str,
        prefix: &'static str,
        group: PhantomData<G>,
    }

    impl<'de, G: OptionGroup> Visitor<'de> for Table<'_, G> {
        type Value = G;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table of options")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<G, A::Error> {
            let declared = G::declared();
            let mut group = G::default();
            while let Some(name) = map.next_key_seed(Name { prefix: self.prefix, declared: &declared })? {
                group.read_option(Key { name: &name, prefix: self.prefix, table: self.table }, &mut map)?;
            }
            Ok(group)
        }
    }

    deserializer.deserialize_map(Table::<G> { table, prefix, group: PhantomData })
}

/// Reads the name of an option that there is, so that an unknown one is told where it stands.
struct Name<'a> {
    prefix: &'static str,
    declared: &'a [Declared],
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let text: String = serde::Deserialize::deserialize(deserializer)?;
        let name = format!("{}{text}", self.prefix);
        if self.declared.iter().any(|option| option.name.is(&name)) {
            return Ok(name);
        }
        let bare = |option: &Declared| {
            let name = option.name.to_string();
            format!("`{}`", name.strip_prefix(self.prefix).unwrap_or(&name))
        };
        let expected: Vec<String> = self.declared.iter().map(bare).collect();
        Err(D::Error::custom(format!("unknown field `{text}`, expected one of {}", expected.join(", "))))
    }
}
