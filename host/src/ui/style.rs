//! Emphasis by terminal codes, where the reader's terminal shows it. Nothing is said by emphasis alone.

use std::ffi::OsStr;

/// Whether text carries terminal codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    codes: bool,
}

impl Style {
    /// Text as it is.
    pub const PLAIN: Style = Style { codes: false };

    /// Codes only where the stream is a terminal and `NO_COLOR` is unset or empty (<https://no-color.org>).
    pub fn new(terminal: bool, no_color: Option<&OsStr>) -> Self {
        Self { codes: terminal && no_color.is_none_or(OsStr::is_empty) }
    }

    /// Headings.
    pub fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What is of less weight.
    pub fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    /// The word before an error's message.
    pub fn error(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.codes { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::Style;
    use std::ffi::OsStr;

    #[test]
    fn codes_need_a_terminal_and_no_objection() {
        let check = |terminal, no_color: Option<&str>, expected| {
            assert_eq!(Style::new(terminal, no_color.map(OsStr::new)).strong("a"), expected);
        };
        check(true, None, "\x1b[1ma\x1b[0m");
        check(true, Some(""), "\x1b[1ma\x1b[0m");
        check(true, Some("0"), "a");
        check(false, None, "a");
        assert_eq!(Style::PLAIN, Style::new(false, None));
    }
}
