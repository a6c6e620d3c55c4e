//! Text of strangers, made fit to be shown, and numbers of bytes as a person reads them. Used by every layer.

mod untrusted;

use std::fmt::Write;

pub use untrusted::Untrusted;

/// `text` on one line, with everything escaped that could move a terminal's cursor, end the line, turn the direction of
/// writing or hide: `\n` and `\u{1b}` as Rust writes them. All else is left as it is.
pub fn harmless(text: &str) -> String {
    harmless_within(text, usize::MAX)
}

/// `text` made [`harmless`] and cut to about `limit` characters, with `…` in the place of the rest.
pub fn harmless_within(text: &str, limit: usize) -> String {
    escaped(text, limit, is_harmful)
}

/// `text` made [`harmless`] except for [joiners](is_joiner), for texts that another program reads as data: words and
/// emoji stay what they are.
pub fn harmless_data(text: &str) -> String {
    escaped(text, usize::MAX, |character| is_harmful(character) && !is_joiner(character))
}

fn escaped(text: &str, limit: usize, is_escaped: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len().min(limit));
    let mut length = 0;
    for character in text.chars() {
        if length >= limit {
            safe.push('…');
            break;
        }
        if is_escaped(character) {
            // Writing to a string does not fail.
            let _ = write!(safe, "{}", character.escape_default());
            // These three are two characters then, and all others some six.
            length += if matches!(character, '\t' | '\n' | '\r') { 0 } else { 5 };
        } else {
            safe.push(character);
        }
        length += 1;
    }
    safe
}

/// Whether `text` can be shown as it stands.
pub fn is_harmless(text: &str) -> bool {
    !text.chars().any(is_harmful)
}

/// Whether a character moves the cursor or misleads the eye: Unicode's categories Cc (controls), Cf (invisible marks
/// that change how the text around them reads, those of the bidirectional algorithm of UAX 9 among them), Zl and Zp
/// (line and paragraph separators), and all of the block of tags.
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a character does nothing but join the letters around it or keep them apart: words of Persian and of
/// languages of India are spelt with these, and emoji made of several are joined by them.
pub fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// A number of bytes as a person reads it: exact, and in a larger unit where that helps.
pub fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        0..1024 => return format!("{count} bytes"),
        1024..0x10_0000 => (1024, "KiB"),
        0x10_0000..0x4000_0000 => (0x10_0000, "MiB"),
        _ => (0x4000_0000, "GiB"),
    };
    if count.is_multiple_of(unit) {
        format!("{} {name}", count / unit)
    } else {
        format!("{count} bytes ({:.1} {name})", count as f64 / unit as f64)
    }
}

/// A number of bytes rounded for reading, in decimal units: `538 MB`. [`bytes`] is exact.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        let cases = [
            ("plain text, ünïcode 電影 🎬", "plain text, ünïcode 電影 🎬"),
            ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("a\u{202e}b\u{2066}c\u{200b}", "a\\u{202e}b\\u{2066}c\\u{200b}"),
            ("\u{9b}31m\u{7f}\0", "\\u{9b}31m\\u{7f}\\u{0}"),
            ("\u{feff}a\u{2028}b\u{e0041}", "\\u{feff}a\\u{2028}b\\u{e0041}"),
        ];
        for (text, expected) in cases {
            assert_eq!(harmless(text), expected, "{text:?}");
            assert!(is_harmless(&harmless(text)), "{text:?}");
            assert_eq!(harmless(expected), expected, "made harmless twice");
        }
    }

    /// By the Unicode Character Database, as Python's `unicodedata` has it: `tests/data/text/harmful.py` wrote the
    /// list.
    #[test]
    fn every_invisible_character_is_harmful() {
        let listed = include_str!("../../tests/data/text/harmful.txt");
        let number = |text: &str| u32::from_str_radix(text, 16).unwrap();
        let mut count = 0;
        for line in listed.lines() {
            let (first, last) = line.split_once(' ').unwrap();
            for code in number(first)..=number(last) {
                let character = char::from_u32(code).unwrap();
                assert!(is_harmful(character), "{code:x}");
                assert!(is_harmless(&harmless(&character.to_string())), "{code:x}");
                count += 1;
            }
        }
        assert!(count > 200, "only {count} characters are listed");
    }

    #[test]
    fn joiners_stay_in_data() {
        let (word, family) = ("می\u{200c}خواهم", "👨\u{200d}👩\u{200d}👧");
        for text in [word, family] {
            assert_eq!(harmless_data(text), text);
            assert!(!is_harmless(text) && is_harmless(&harmless(text)));
        }
        assert_eq!(harmless_data("\u{1b}\u{202e}\u{200b}\n"), "\\u{1b}\\u{202e}\\u{200b}\\n");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(harmless_within("abcdef", 6), "abcdef");
        assert_eq!(harmless_within("abcdefg", 6), "abcdef…");
        assert_eq!(harmless_within(&"é".repeat(1 << 20), 3), "ééé…");
        assert_eq!(harmless_within(&"\u{c}".repeat(9), 12), "\\u{c}\\u{c}…");
    }

    #[test]
    fn sizes_read_well() {
        let sizes = [12, 999_999, 538_060_032, 59_949_080_576].map(size);
        assert_eq!(sizes, ["1 kB", "1000 kB", "538 MB", "59.9 GB"]);
    }

    #[test]
    fn bytes_are_exact() {
        let cases =
            [(7, "7 bytes"), (1 << 16, "64 KiB"), (1 << 28, "256 MiB"), ((1 << 20) + 1, "1048577 bytes (1.0 MiB)")];
        for (count, expected) in cases {
            assert_eq!(bytes(count), expected);
        }
    }
}
