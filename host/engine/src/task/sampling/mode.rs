//! The modes in which demonstrations are drawn (`--sampling`).

use std::fmt;
use std::str::FromStr;

/// The mode in which demonstrations are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// Equally many rows of every class, at random; where a task has no classes, as [`Sampling::Random`].
    Stratified,
    /// Rows at random, whatever their class.
    Random,
    /// The plugin's own demonstrations, written by hand, from the first on.
    Written,
    /// The first rows of the split, in its order.
    First,
}

impl Sampling {
    /// All of them, the default first.
    pub const ALL: [Sampling; 4] = [Sampling::Stratified, Sampling::Random, Sampling::Written, Sampling::First];

    /// The word for it on the command line and in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Sampling::Stratified => "stratified",
            Sampling::Random => "random",
            Sampling::Written => "written",
            Sampling::First => "first",
        }
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Sampling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Sampling::ALL.into_iter().find(|sampling| sampling.as_str() == text);
        found.ok_or_else(|| {
            let words = Sampling::ALL.map(Sampling::as_str).join(", ");
            format!("expected one of {words}, got `{text}`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_modes_are_one_to_one() {
        for sampling in Sampling::ALL {
            assert_eq!(sampling.to_string().parse(), Ok(sampling));
        }
        let error = "best".parse::<Sampling>().unwrap_err();
        assert_eq!(error, "expected one of stratified, random, written, first, got `best`");
    }
}
