//! What `--held-out` takes.

use std::str::FromStr;

/// What a step is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldOut {
    /// The demonstrations themselves, each scored over a cache of the others.
    LeaveOneOut,
    /// So many rows of the demonstrations' split that are no demonstrations.
    Rows(usize),
    /// The demonstrations where there are two or more, else 32 rows.
    Either,
}

/// Rows that may be held out: each is scored at every step.
const MOST_HELD_OUT: usize = 10_000_000;

/// Rows that are held out where a single demonstration leaves nothing to leave out.
pub const HELD_OUT_ROWS: usize = 32;

impl FromStr for HeldOut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("leave-one-out", _) => Ok(Self::LeaveOneOut),
            (_, Ok(rows)) if (1..=MOST_HELD_OUT).contains(&rows) => Ok(Self::Rows(rows)),
            _ => Err(format!("expected leave-one-out or a number of rows from 1 to {MOST_HELD_OUT}, got `{text}`")),
        }
    }
}

impl std::fmt::Display for HeldOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LeaveOneOut => f.write_str("leave-one-out"),
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Either => f.write_str("auto"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_out_is_a_word_or_a_number() {
        assert_eq!("leave-one-out".parse(), Ok(HeldOut::LeaveOneOut));
        assert_eq!("12".parse(), Ok(HeldOut::Rows(12)));
        for text in ["", "0", "-1", "auto", "leave"] {
            assert!(text.parse::<HeldOut>().is_err(), "{text:?}");
        }
    }
}
