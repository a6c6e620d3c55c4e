//! How much text a model takes, held to before the text becomes tokens: a tokenizer needs more than a hundred bytes of
//! memory, and much time, for each byte of what in the end has no positions.

use std::fmt;

use ft_engine::model::Tokenizer;
use ft_engine::task::example::{Example, RenderedChoice};

/// Bytes of text for each position of a model. Tokens of ordinary text stand for three to five bytes; the longest in use,
/// runs of blanks or of one sign, stand for 128.
const BYTES_PER_POSITION: usize = 256;

/// Tokens that the texts of all queries may come to, a gibibyte of them. The largest of the published data sets have some
/// ten million.
pub const MOST_TOKENS: usize = 1 << 28;

/// The most bytes that one text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextBound {
    most: usize,
    by: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Positions(usize),
    Tokenizer,
}

/// A text that is longer than a [`TextBound`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchText {
    bytes: usize,
    bound: TextBound,
}

/// A description that is longer than a [`TextBound`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the description is too long: {0}")]
pub struct LongDescription(TooMuchText);

/// Demonstrations that are longer together than a [`TextBound`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the demonstrations are too long: {reason}{}", .longest.as_ref().map(|(id, bytes)| format!(" (the longest demonstration is `{id}`, with {bytes} bytes; the separator behind each has {separator})")).unwrap_or_default())]
pub struct LongDemonstrations {
    /// How much too long.
    reason: TooMuchText,
    /// Bytes of the separator.
    separator: usize,
    /// The longest of several demonstrations, with its bytes.
    longest: Option<(String, usize)>,
}

impl fmt::Display for TooMuchText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, bound: TextBound { most, by } } = self;
        write!(f, "expected at most {most} bytes of text")?;
        match by {
            Bound::Positions(positions) => write!(f, " for a model of {positions} positions")?,
            Bound::Tokenizer => write!(f, " for this tokenizer")?,
        }
        write!(f, ", got {bytes}")
    }
}

impl TextBound {
    /// For a model of so many positions, where they are bounded, and its tokenizer.
    pub fn new(positions: Option<usize>, tokenizer: &Tokenizer) -> Self {
        let most = tokenizer.most_text();
        match positions.map(|positions| (positions, positions.saturating_mul(BYTES_PER_POSITION))) {
            Some((positions, bytes)) if bytes < most => Self { most: bytes, by: Bound::Positions(positions) },
            _ => Self { most, by: Bound::Tokenizer },
        }
    }

    fn check(self, bytes: usize) -> Result<(), TooMuchText> {
        if bytes <= self.most { Ok(()) } else { Err(TooMuchText { bytes, bound: self }) }
    }

    /// Holds a description to the bound.
    ///
    /// # Errors
    /// [`LongDescription`].
    pub fn description(self, description: &str) -> Result<(), LongDescription> {
        self.check(description.len()).map_err(LongDescription)
    }

    /// Holds demonstrations, each with the separator behind it and all of them behind the description, to the bound before they
    /// are put together.
    ///
    /// # Errors
    /// [`LongDemonstrations`] with the longest of several.
    pub fn demonstrations(
        self,
        demonstrations: &[(&Example, &str)],
        (description, separator): (&str, &str),
    ) -> Result<(), LongDemonstrations> {
        let lengths = demonstrations.iter().map(|(_, text)| text.len().saturating_add(separator.len()));
        let bytes = lengths.fold(description.len(), usize::saturating_add);
        self.check(bytes).map_err(|reason| {
            let longest = demonstrations.iter().max_by_key(|(_, text)| text.len());
            let longest = longest.filter(|_| demonstrations.len() > 1);
            LongDemonstrations {
                reason,
                separator: separator.len(),
                longest: longest.map(|(example, text)| (example.id.clone(), text.len())),
            }
        })
    }

    /// Holds each text of a query to the bound.
    ///
    /// # Errors
    /// [`TooMuchText`] for the first that is longer.
    pub fn query(self, choices: &[RenderedChoice]) -> Result<(), TooMuchText> {
        let texts = choices.iter().flat_map(|choice| [&choice.context, &choice.full]);
        texts.map(|text| text.raw().len()).try_for_each(|bytes| self.check(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: TextBound = TextBound { most: 2560, by: Bound::Positions(10) };

    fn example(id: &str) -> Example {
        Example { id: id.into(), query: String::new().into(), choices: Vec::new(), answer: 0, fields: Vec::new() }
    }

    #[test]
    fn demonstrations_and_separators_count_together() {
        let (a, b) = (example("a"), example("b"));
        let (short, long) = ("x".repeat(500), "x".repeat(1500));
        let of = |description: &str, separator: &str| {
            let shown = [(&a, long.as_str()), (&b, short.as_str())];
            BOUND.demonstrations(&shown, (description, separator)).map_err(|error| error.to_string())
        };
        assert_eq!(of("", &"-".repeat(280)), Ok(()));
        assert_eq!(of("--", &"-".repeat(279)), Ok(()));
        assert!(of("---", &"-".repeat(279)).unwrap_err().contains("got 2561"));
        assert_eq!(
            of("", &"-".repeat(281)).unwrap_err(),
            "the demonstrations are too long: expected at most 2560 bytes of text for a model of 10 positions, got 2562 \
             (the longest demonstration is `a`, with 1500 bytes; the separator behind each has 281)"
        );
    }

    #[test]
    fn each_text_of_a_query_counts_alone() {
        let choice = |context: usize, full: usize| RenderedChoice {
            context: "x".repeat(context).into(),
            full: "x".repeat(full).into(),
        };
        assert!(BOUND.query(&[choice(2559, 2560), choice(2559, 2560)]).is_ok());
        for choices in [[choice(1, 2), choice(2560, 2561)], [choice(2561, 2), choice(1, 2)]] {
            let message = BOUND.query(&choices).unwrap_err().to_string();
            assert_eq!(message, "expected at most 2560 bytes of text for a model of 10 positions, got 2561");
        }
    }
}
