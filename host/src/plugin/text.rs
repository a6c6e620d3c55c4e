//! Text that a guest made, before a person or a terminal sees it.

use std::fmt::Write;

/// `text` with everything escaped that could move the cursor, end the line or turn the writing direction,
/// cut to about `limit` characters with `…` in the place of the rest.
pub fn harmless(text: &str, limit: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(limit));
    let mut length = 0;
    for character in text.chars() {
        if length >= limit {
            safe.push('…');
            break;
        }
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            _ if is_harmful(character) => {
                // Writing to a string does not fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
                length += 5;
            }
            _ => safe.push(character),
        }
        length += 1;
    }
    safe
}

/// Whether `text` can be shown as it stands.
pub(super) fn is_harmless(text: &str) -> bool {
    !text.chars().any(is_harmful)
}

/// Control characters, and the invisible ones that change how the text around them reads.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A number of bytes as a person reads it: exact, and in a larger unit where that helps.
pub(super) fn bytes(count: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        let cases = [
            ("plain text, ünïcode", "plain text, ünïcode"),
            ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("a\u{202e}b\u{2066}c\u{200b}", "a\\u{202e}b\\u{2066}c\\u{200b}"),
            ("\u{9b}31m", "\\u{9b}31m"),
        ];
        for (text, expected) in cases {
            assert_eq!(harmless(text, 100), expected, "{text:?}");
            assert!(is_harmless(&harmless(text, 100)), "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(harmless("abcdef", 6), "abcdef");
        assert_eq!(harmless("abcdefg", 6), "abcdef…");
        assert_eq!(harmless(&"é".repeat(1 << 20), 3), "ééé…");
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
