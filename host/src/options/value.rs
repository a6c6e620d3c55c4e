//! Values of options as a run file has them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::baselines::Baselines;
use super::held_out::HeldOut;
use super::parse::Bytes;
use super::score_steps::ScoreSteps;
use super::seeds::Seeds;
use super::select::SelectBy;
use ft_engine::model::device::{DTypeChoice, DeviceChoice};
use ft_engine::model::saved_context::HalfFormat;
use ft_engine::model::weights::WeightFormat;
use ft_engine::task::sampling::Sampling;
use ft_engine::tune::Positions;
use ft_store::table::Quoting;

/// What an option holds: nothing, while it is open, or its value.
pub trait OptionValue: Clone + Default {
    /// The value of an option that is set.
    type Item;

    /// Whether a run file has it as a table of its own.
    const IS_TABLE: bool = false;

    /// Whether it is not open.
    fn is_set(&self) -> bool;

    /// This, or `below` where this is open.
    fn or(self, below: Self) -> Self;

    /// Reads a value.
    ///
    /// # Errors
    /// Another kind of value.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Reads the value of the option with this name, which a table has its own options told with.
    ///
    /// # Errors
    /// Another kind of value.
    fn read_named<'de, D: Deserializer<'de>>(_name: &str, deserializer: D) -> Result<Self, D::Error> {
        Self::read(deserializer)
    }

    /// Writes the value of an option that is set.
    ///
    /// # Errors
    /// Propagates the serializer's.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// A single value.
pub trait Single: Clone {
    /// Reads it.
    ///
    /// # Errors
    /// Another kind of value.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Writes it.
    ///
    /// # Errors
    /// Propagates the serializer's.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

impl<T: Single> OptionValue for Option<T> {
    type Item = T;

    fn is_set(&self) -> bool {
        self.is_some()
    }

    fn or(self, below: Self) -> Self {
        self.or(below)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Some)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write(serializer),
            None => serializer.serialize_none(),
        }
    }
}

/// A switch is open while it is off: a file cannot be told to be off by a flag.
impl OptionValue for bool {
    type Item = bool;

    fn is_set(&self) -> bool {
        *self
    }

    fn or(self, below: Self) -> Self {
        self || below
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bool::deserialize(deserializer)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

/// Texts: one, or a list.
impl OptionValue for Vec<String> {
    type Item = Vec<String>;

    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn or(self, below: Self) -> Self {
        if self.is_empty() { below } else { self }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = Vec<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
                Ok(vec![text.to_owned()])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(texts)
            }
        }

        deserializer.deserialize_any(Texts)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_slice() {
            [text] => text.serialize(serializer),
            texts => texts.serialize(serializer),
        }
    }
}

/// What a plugin's own options are set to: a table, with values of any kind. Sources are merged option by option.
impl OptionValue for Vec<(String, String)> {
    type Item = Vec<(String, String)>;

    const IS_TABLE: bool = true;

    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn or(self, below: Self) -> Self {
        let further = below.into_iter().filter(|(name, _)| !self.iter().any(|(known, _)| known == name));
        let further: Vec<(String, String)> = further.collect();
        self.into_iter().chain(further).collect()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
        let text = |value: toml::Value| match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(table.into_iter().map(|(name, value)| (name, text(value))).collect())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(name, value)| (name, value)))
    }
}

/// A value that an option does not take.
pub(crate) struct Refused {
    /// The value as text.
    pub text: String,
    /// The message of the flag's parser, which says what it expects.
    pub expected: String,
}

/// A value that is held to what its flag's parser takes.
pub(crate) trait Checked<T>: Sized {
    /// What the parser makes of the value.
    ///
    /// # Errors
    /// What it expected.
    fn checked(self, parse: fn(&str) -> Result<T, String>) -> Result<Self, Refused>;
}

fn checked<T>(text: String, parse: fn(&str) -> Result<T, String>) -> Result<T, Refused> {
    parse(&text).map_err(|expected| Refused { text, expected })
}

impl<T: ToString> Checked<T> for Option<T> {
    fn checked(self, parse: fn(&str) -> Result<T, String>) -> Result<Self, Refused> {
        self.map(|value| checked(value.to_string(), parse)).transpose()
    }
}

impl Checked<String> for Vec<String> {
    fn checked(self, parse: fn(&str) -> Result<String, String>) -> Result<Self, Refused> {
        self.into_iter().map(|text| checked(text, parse)).collect()
    }
}

/// Values that TOML has by itself.
macro_rules! by_serde {
    ($($type:ty),+) => {$(
        impl Single for $type {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Deserialize::deserialize(deserializer)
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.serialize(serializer)
            }
        }
    )+};
}

by_serde!(u64, usize, f64, String, PathBuf);

/// Values that are written as the flag takes them.
macro_rules! by_text {
    ($($type:ty),+) => {$(
        impl Single for $type {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(AnyText)?.parse().map_err(Error::custom)
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}

by_text!(
    Baselines,
    Bytes,
    DTypeChoice,
    DeviceChoice,
    HalfFormat,
    HeldOut,
    Positions,
    Quoting,
    Sampling,
    ScoreSteps,
    Seeds,
    SelectBy,
    WeightFormat
);

/// A number is a text of digits: `held-out = 5` and `held-out = "5"` are both fine.
struct AnyText;

impl Visitor<'_> for AnyText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    /// JSON's numbers without a sign.
    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }
}
