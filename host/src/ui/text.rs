//! Text from data sets, plugins and models, made fit to print: it may neither move the cursor nor mislead the eye.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use crate::text::harmless;

/// Where a text was cut.
const CUT: &str = "...";

/// The text as far as it fits into `width` columns of a terminal, the last three of them dots if it was cut.
/// Expects one line, see [`harmless`].
pub fn shorten(text: &str, width: usize) -> String {
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

/// The first `lines` lines, each made [`harmless`] and [`shorten`]ed to `width`, and if there are more a line that counts them.
/// Every line ends with a line feed.
pub fn head(text: &str, lines: usize, width: usize) -> String {
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
    use crate::report::escape::is_harmful;
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
    }
}
