//! Emphasis by terminal codes, where the reader's terminal shows it. Nothing is said by emphasis alone.

/// Whether text carries terminal codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    codes: bool,
}

impl Style {
    /// Text as it is.
    pub const PLAIN: Style = Style { codes: false };

    /// Text with codes.
    pub const CODES: Style = Style { codes: true };

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

    #[test]
    fn emphasis_is_a_pair_of_codes() {
        assert_eq!(Style::CODES.strong("a"), "\x1b[1ma\x1b[0m");
        assert_eq!(Style::PLAIN.strong("a"), "a");
    }
}
