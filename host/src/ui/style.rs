//! Emphasis by terminal codes, where the reader's terminal shows it. Nothing is said by emphasis alone.

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emphasis {
    /// Not at all.
    None,
    /// Text as it stands, without emphasis.
    Strong,
    /// What is of less weight.
    Faint,
    /// The word before an error's message.
    Error,
}

/// Whether text carries terminal codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    codes: bool,
}

impl Style {
    /// Text without terminal codes.
    pub const PLAIN: Style = Style { codes: false };

    /// Text with terminal codes.
    pub(crate) const CODES: Style = Style { codes: true };

    /// A text with the codes of an emphasis around it.
    pub(super) fn with(self, emphasis: Emphasis, text: &str) -> String {
        let code = match emphasis {
            Emphasis::Strong => "1",
            Emphasis::Faint => "2",
            Emphasis::Error => "1;31",
            Emphasis::None => return text.to_owned(),
        };
        if self.codes { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Emphasis, Style};

    #[test]
    fn emphasis_is_a_pair_of_codes() {
        assert_eq!(Style::CODES.with(Emphasis::Strong, "a"), "\x1b[1ma\x1b[0m");
        assert_eq!(Style::CODES.with(Emphasis::None, "a"), "a");
        assert_eq!(Style::PLAIN.with(Emphasis::Error, "a"), "a");
    }
}
