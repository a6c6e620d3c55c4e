//! Values as people write them, on the command line and in run files alike.

use std::fmt::{self, Display};
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::compute::MOST_THREADS;

/// More steps than anybody waits for.
pub const MOST_STEPS: usize = 100_000;

/// A number of bytes: `64M`, `2G`, `512k` (powers of 1024), or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Bytes(pub u64);

const UNITS: [(char, u32); 4] = [('G', 30), ('M', 20), ('k', 10), ('K', 10)];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a number of bytes, or one with k, M or G, got `{text}`");
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
        let (digits, shift) = unit.map_or((text, 0), |(_, shift)| (&text[..text.len() - 1], *shift));
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).map(Self).ok_or_else(wrong)
    }
}

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, shift)| self.0 > 0 && self.0.is_multiple_of(1 << shift)) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

/// One of a few words, which the help lists.
pub fn one_of<T>(words: impl IntoIterator<Item = &'static str> + 'static) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|text: String| text.parse::<T>())
}

/// The value that a word stands for.
///
/// # Errors
/// The words that there are.
pub fn word<T: Copy, const N: usize>(text: &str, all: [T; N], as_str: fn(T) -> &'static str) -> Result<T, String> {
    let found = all.into_iter().find(|value| as_str(*value) == text);
    found.ok_or_else(|| format!("expected one of {}, got `{text}`", all.map(as_str).join(", ")))
}

/// A SHA-256 in hexadecimal; it is compared in lower case.
///
/// # Errors
/// What was expected.
pub fn sha256(text: &str) -> Result<String, String> {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest
        .then(|| text.to_ascii_lowercase())
        .ok_or_else(|| format!("expected a SHA-256 of 64 hexadecimal digits, got `{text}`"))
}

/// `NAME=VALUE`.
///
/// # Errors
/// What was expected.
pub fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err(format!("expected NAME=VALUE, got `{text}`")),
    }
}

/// Rows: more than any split has, and no more than a run file, whose numbers have 63 bits, can say.
///
/// # Errors
/// What was expected.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    count::<4_000_000_000>(text)
}

/// A whole number from 1 to `MOST`, beyond which nobody means it and memory or time would not suffice.
///
/// # Errors
/// What was expected.
pub fn count<const MOST: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=MOST).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from 1 to {MOST}")),
    }
}

/// Deep-Thinking steps: each is kept in journals and tables.
///
/// # Errors
/// What was expected.
pub fn steps(text: &str) -> Result<usize, String> {
    count::<MOST_STEPS>(text)
}

/// Demonstrations, of each class or in all: more than any model has positions.
///
/// # Errors
/// What was expected.
pub fn shots(text: &str) -> Result<usize, String> {
    count::<100_000>(text)
}

/// Threads for computing: each takes a stack, and starting them takes time.
///
/// # Errors
/// What was expected.
pub fn threads(text: &str) -> Result<usize, String> {
    count::<MOST_THREADS>(text)
}

/// Query tokens that run together: their states are in memory at once.
///
/// # Errors
/// What was expected.
pub fn batch_tokens(text: &str) -> Result<usize, String> {
    count::<1_048_576>(text)
}

/// A positive number of seconds.
///
/// # Errors
/// What was expected.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds < 1e9 => Ok(seconds),
        _ => Err("expected a positive number of seconds, below 1e9".into()),
    }
}

/// A positive number.
///
/// # Errors
/// What was expected.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a positive number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [("1", 1), ("3k", 3072), ("64M", 64 << 20), ("2G", 2 << 30)] {
            assert_eq!(text.parse(), Ok(Bytes(expected)));
            assert_eq!(Bytes(expected).to_string(), text);
        }
        for text in ["", "M", "0", "1.5G", "-1", "1T", "5GG", "99999999999G"] {
            assert!(text.parse::<Bytes>().is_err(), "{text:?}");
        }
        assert_eq!(Bytes(1025).to_string(), "1025");
    }
}
