//! Whether cells of CSV and TSV files may stand in quotes.

use std::fmt;
use std::str::FromStr;

use super::format::Format;

/// Whether cells of CSV and TSV files may stand in quotes (`--quoting`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quoting {
    /// By the format: CSV has quoting, TSV has none, as GLUE's files.
    #[default]
    Auto,
    /// A cell that begins with `"` goes to the next single `"`, over delimiters and line breaks; `""` in it is one `"`.
    Csv,
    /// `"` is a character like others, and every line is a row.
    None,
}

impl Quoting {
    const ALL: [Quoting; 3] = [Quoting::Auto, Quoting::Csv, Quoting::None];

    /// The word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Quoting::Auto => "auto",
            Quoting::Csv => "csv",
            Quoting::None => "none",
        }
    }

    /// Whether cells of a format may stand in quotes.
    pub(crate) fn applies_to(self, format: Format) -> bool {
        match self {
            Quoting::Auto => format == Format::Csv,
            Quoting::Csv => true,
            Quoting::None => false,
        }
    }
}

impl fmt::Display for Quoting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Quoting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Quoting::ALL.into_iter().find(|quoting| quoting.as_str() == text);
        found.ok_or_else(|| format!("expected one of auto, csv, none, got `{text}`"))
    }
}
