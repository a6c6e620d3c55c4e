//! Text that a stranger wrote, held apart from this program's own by its type.

use std::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize};

use super::harmless;

/// A value that a stranger had a hand in: what was read from a file, or what a plugin answered.
///
/// It is data as it stands: it compares, sorts and goes into JSON and back as the value in it does, byte by byte. What
/// it cannot do is be shown, since there is no `Display`:
///
/// ```compile_fail
/// let note = ft_engine::text::Untrusted::from("three rows\u{1b}[2J");
/// println!("note: {note}");
/// ```
///
/// It has to be made harmless first:
///
/// ```
/// let note = ft_engine::text::Untrusted::from("three rows\u{1b}[2J");
/// println!("note: {}", note.harmless());
/// # assert_eq!(note.harmless(), "three rows\\u{1b}[2J");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted<T = String>(T);

impl<T> Untrusted<T> {
    /// A value from elsewhere. A text becomes one by `into` too.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value as it came, for what takes it as data: a comparison, a file, a prompt. Not for anything that is shown.
    pub fn raw(&self) -> &T {
        &self.0
    }

    /// Takes the value out, as [`raw`](Self::raw) gives it.
    pub fn into_raw(self) -> T {
        self.0
    }
}

impl<T: Display> Untrusted<T> {
    /// The value as a text that can be shown; see [`harmless`].
    pub fn harmless(&self) -> String {
        harmless(&self.0.to_string())
    }
}

/// The value's own `Debug` output, made harmless: Rust's escapes know most of what a terminal acts on, and need not
/// know all.
impl<T: Debug> Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&harmless(&format!("{:?}", self.0)))
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl PartialEq<str> for Untrusted {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl PartialEq<&str> for Untrusted {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl PartialEq<String> for Untrusted {
    fn eq(&self, text: &String) -> bool {
        self.0 == *text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::text::is_harmless;

    const HARMFUL: &str = "a\u{1b}[2J\u{202e}\u{2028}\u{200d}\n\"\\z";

    #[test]
    fn it_is_shown_harmless_alone() {
        let text = Untrusted::from(HARMFUL);
        assert_eq!(text.harmless(), "a\\u{1b}[2J\\u{202e}\\u{2028}\\u{200d}\\n\"\\z");
        for shown in [text.harmless(), format!("{text:?}"), format!("{:?}", [&text]), format!("{:#?}", Some(&text))] {
            // The alternate form has line feeds of its own.
            assert!(is_harmless(&shown.replace('\n', "")), "{shown:?}");
        }
        let value = Untrusted::new(json!({ HARMFUL: HARMFUL }));
        assert!(is_harmless(&value.harmless()) && is_harmless(&format!("{value:?}")));
    }

    /// By the same list as the sanitizer itself.
    #[test]
    fn nothing_harmful_is_left_for_debug() {
        for line in include_str!("../../../tests/data/text/harmful.txt").lines() {
            let (first, _) = line.split_once(' ').unwrap();
            let character = char::from_u32(u32::from_str_radix(first, 16).unwrap()).unwrap();
            assert!(is_harmless(&format!("{:?}", Untrusted::new(character))), "{first}");
        }
    }

    #[test]
    fn as_data_it_is_what_it_was() {
        type Record<T> = (T, Vec<T>, BTreeMap<T, Value>);
        let plain: Record<String> =
            (HARMFUL.into(), vec!["b".into()], BTreeMap::from([(HARMFUL.to_owned(), json!(1))]));
        let written = serde_json::to_string(&plain).unwrap();
        let read: Record<Untrusted> = serde_json::from_str(&written).unwrap();
        assert_eq!(read.0, HARMFUL);
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
        assert_eq!(read.0.into_raw(), HARMFUL);
    }
}
