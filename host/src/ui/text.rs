//! Lines of harmless text, cut or broken to the width of a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use ft_engine::text::harmless;

/// The mark at which a text was cut.
const CUT: &str = "...";

/// The text as far as it fits into `width` columns of a terminal, the last three of them dots if it was cut.
/// Expects one line, see [`harmless`].
pub(crate) fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let dots = &CUT[..CUT.len().min(width)];
    let mut left = width - dots.len();
    let fits = |character: &char| {
        let columns = character.width().unwrap_or(0);
        let fits = columns <= left;
        left = left.saturating_sub(columns);
        fits
    };
    let mut out: String = text.chars().take_while(fits).collect();
    out.push_str(dots);
    out
}

/// What becomes of a word that is longer than a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LongWords {
    /// A long word goes on in the next line.
    Cut,
    /// A long word stays whole, and its line is too long.
    Keep,
}

/// The text in lines of at most `width` columns, broken at blanks; all but the first are indented by `indent` columns,
/// or by as many as leave most of the line. Expects one line, see [`harmless`].
pub(crate) fn wrap(text: &str, width: usize, indent: usize, long: LongWords) -> Vec<String> {
    let width = width.max(1);
    let indent = " ".repeat(indent.min(width / 3));
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut is_empty = true;
    for piece in text.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        // A word that is cut anyhow begins where the line is.
        let is_cut = long == LongWords::Cut && indent.len() + word.width() > width;
        if !is_empty && !is_cut && line.width() + word.width() > width {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            is_empty = true;
        }
        if word.is_empty() && is_empty && !lines.is_empty() {
            continue;
        }
        for character in piece.chars() {
            line.push(character);
            // Measured as a whole: some characters change the width of the one before.
            if long == LongWords::Cut && !is_empty && character != ' ' && line.width() > width {
                line.pop();
                lines.push(std::mem::replace(&mut line, format!("{indent}{character}")));
            }
            is_empty &= character == ' ';
        }
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end_matches(' ').to_owned()).collect()
}

/// The first `lines` lines, each made [`harmless`] and [`shorten`]ed to `width`, and if there are more a line that
/// counts them. Every line ends with a line feed.
pub(crate) fn head(text: &str, lines: usize, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines().take(lines) {
        out.push_str(&shorten(&harmless(line), width));
        out.push('\n');
    }
    match text.lines().count().saturating_sub(lines) {
        0 => {}
        1 => out.push_str("(1 more line)\n"),
        more => out.push_str(&format!("({more} more lines)\n")),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_engine::text::is_harmful;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_cut_at_the_width() {
        let check = |text: &str, width, expected: &str| assert_eq!(shorten(text, width), expected);
        check("review", 6, "review");
        check("reviews", 6, "rev...");
        check("reviews", 2, "..");
        check("reviews", 0, "");
        check("", 0, "");
        // Two columns each: a character that fits by half is left out.
        check("電影院影院", 8, "電影...");
        check("電影院", 6, "電影院");
    }

    #[test]
    fn a_text_is_broken_at_blanks() {
        let check = |text: &str, width, indent, long, expected: &[&str]| {
            assert_eq!(wrap(text, width, indent, long), expected, "{text:?} {width}");
        };
        check("", 9, 2, LongWords::Cut, &[""]);
        check("one two three", 13, 2, LongWords::Cut, &["one two three"]);
        check("one two three", 12, 2, LongWords::Cut, &["one two", "  three"]);
        check("  one  two three", 10, 2, LongWords::Cut, &["  one  two", "  three"]);
        check("  one  two three", 9, 0, LongWords::Cut, &["  one", "two three"]);
        check("a 0123456789abcdef b", 8, 2, LongWords::Cut, &["a 012345", "  6789ab", "  cdef b"]);
        check("a 0123456789abcdef b", 8, 2, LongWords::Keep, &["a", "  0123456789abcdef", "  b"]);
        check("電影院影院", 5, 0, LongWords::Cut, &["電影", "院影", "院"]);
    }

    #[test]
    fn a_head_counts_what_it_leaves_out() {
        let text = "Review: a\nSentiment: positive\n\nReview: b\n";
        assert_eq!(head(text, 2, 12), "Review: a\nSentiment...\n(2 more lines)\n");
        assert_eq!(head(text, 3, 80), "Review: a\nSentiment: positive\n\n(1 more line)\n");
        assert_eq!(head("a\x1b[0m", 9, 80), "a\\u{1b}[0m\n");
        assert_eq!(head("", 3, 80), "");
    }

    proptest! {
        #[test]
        fn nothing_harmful_gets_through(text in any::<String>(), width in 0usize..40) {
            let line = shorten(&harmless(&text), width);
            prop_assert!(line.width() <= width);
            prop_assert!(!line.chars().any(is_harmful));
        }

        #[test]
        fn wrapping_loses_nothing_but_blanks(text in any::<String>(), width in 2usize..40, indent in 0usize..50) {
            let text = harmless(&text);
            let lines = wrap(&text, width, indent, LongWords::Cut);
            prop_assert!(lines.iter().all(|line| line.width() <= width), "{lines:?}");
            let blackened = |text: &str| text.replace(' ', "");
            prop_assert_eq!(blackened(&lines.concat()), blackened(&text));
        }
    }
}
