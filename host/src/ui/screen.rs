//! Where text goes: with emphasis or without, and into lines of which width.

use super::style::Style;
use super::text::{LongWords, harmless, wrap};

/// A stream as text is laid out for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Whether it shows emphasis.
    pub style: Style,
    /// The columns of a terminal; `None` for a file or a pipe, whose lines have any length.
    pub width: Option<usize>,
}

impl Screen {
    /// A file or a pipe: nothing but text, in lines of any length.
    pub const PLAIN: Screen = Screen { style: Style::PLAIN, width: None };

    /// A line, or as many as it takes, the further ones indented; each with its line feed. What is longer than a line is cut.
    pub fn line(self, text: &str, indent: usize) -> String {
        self.laid_out(text, indent, LongWords::Cut)
    }

    /// As [`line`](Self::line) with a heading at its beginning, which is emphasised.
    pub fn headed(self, heading: &str, rest: &str, indent: usize) -> String {
        emphasised(self.line(&format!("{heading}{rest}"), indent), heading, &self.style.strong(heading))
    }

    /// Prose, line by line. A word that is longer than a line stays whole, since it is a path or an address that somebody
    /// may want to copy.
    pub fn prose(self, text: &str) -> String {
        text.lines().map(|line| self.laid_out(line, 2, LongWords::Keep)).collect()
    }

    /// A note as prose; whatever files or plugins had a part in it, it is made [`harmless`].
    pub fn note(self, note: &str) -> String {
        self.prose(&format!("note: {}", harmless(note)))
    }

    fn laid_out(self, text: &str, indent: usize, long: LongWords) -> String {
        match self.width {
            None => format!("{text}\n"),
            Some(width) => wrap(text, width, indent, long).iter().map(|line| format!("{line}\n")).collect(),
        }
    }
}

/// Laid out lines with the emphasised `styled` in the place of their `beginning`, where that was not broken.
pub fn emphasised(lines: String, beginning: &str, styled: &str) -> String {
    match lines.strip_prefix(beginning) {
        Some(behind) => format!("{styled}{behind}"),
        None => lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_wrapped_on_a_terminal_alone() {
        let narrow = Screen { width: Some(12), ..Screen::PLAIN };
        assert_eq!(Screen::PLAIN.line("one two three four", 2), "one two three four\n");
        assert_eq!(narrow.line("one two three four", 2), "one two\n  three four\n");
        assert_eq!(narrow.prose("one two\nat /a/path/that/is/long"), "one two\nat\n  /a/path/that/is/long\n");
    }

    #[test]
    fn a_heading_is_emphasised_where_it_fits() {
        let screen = |width| Screen { style: Style::CODES, width: Some(width) };
        assert_eq!(screen(9).headed("name", " is this", 2), "\x1b[1mname\x1b[0m is\n  this\n");
        assert_eq!(screen(3).headed("name", " x", 0), "nam\ne x\n");
    }
}
