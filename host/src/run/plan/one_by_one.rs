//! The demonstrations one by one, as an optimizer may ask about them: where each stands in their text, and each as a query.

use std::ops::Range;

use super::fit;
use super::render::{Query, Renderer};
use super::shown::Shown;
use crate::run::error::RunError;
use ft_engine::model::{ModelError, Tokenizer};
use ft_engine::task::example::{Example, RenderedChoice};
use ft_engine::text::Untrusted;
use ft_engine::tune::{AnsweredQuery, DemonstrationSpan, Demonstrations};

/// A seed's demonstrations as queries, as those of the evaluation are.
pub struct OneByOne {
    /// `None` where the prompt makes no query of the demonstration, or nothing is left to score of it.
    queries: Vec<Option<AsQuery>>,
}

/// What a seed is tuned on.
pub struct Tuned<'a> {
    /// Its rows and its demonstrations.
    pub shown: Shown<'a>,
    /// The demonstrations as queries.
    pub one_by_one: OneByOne,
    /// The demonstrations as tuning sees them.
    pub demonstrations: Demonstrations,
}

impl<'a> Tuned<'a> {
    /// Looks at a seed's demonstrations one by one; `seed` is the run's.
    ///
    /// # Errors
    /// A failure of the plugin or the tokenizer that is not about one example.
    pub fn of(renderer: &mut Renderer<'_>, shown: Shown<'a>, seed: u64) -> Result<Self, RunError> {
        let one_by_one = OneByOne::of(renderer, &shown.demonstrations)?;
        let places: Vec<usize> = (0..shown.rendered.len()).collect();
        let texts = ((&places[..], &shown.rendered[..]), (shown.text.as_str(), &shown.ids[..]));
        let demonstrations = one_by_one.demonstrations(renderer, texts.0, texts.1, seed)?;
        Ok(Self { shown, one_by_one, demonstrations })
    }
}

/// A demonstration as a query.
struct AsQuery {
    query: AnsweredQuery,
    /// The text before the right choice.
    context: Untrusted,
}

impl OneByOne {
    /// Has the task render the demonstrations as queries.
    ///
    /// # Errors
    /// A failure of the plugin or the tokenizer that is not about one example.
    pub fn of(renderer: &mut Renderer<'_>, shown: &[(usize, &Example)]) -> Result<Self, RunError> {
        let mut queries = Vec::with_capacity(shown.len());
        for (row, example) in shown {
            let (query, choices) = renderer.query(*row, example)?;
            queries.push(match (query, choices.get(example.answer)) {
                (Ok(query), Some(RenderedChoice { context, .. })) => {
                    Some(AsQuery { query: answered(&query), context: context.clone() })
                }
                _ => None,
            });
        }
        Ok(Self { queries })
    }

    /// What is tuned on where the demonstrations in these places are shown in this order, `text` with the tokens `ids`; `rendered` has
    /// the texts of all demonstrations. `seed` is the run's.
    ///
    /// # Errors
    /// A text that the tokenizer cannot encode.
    pub fn demonstrations(
        &self,
        renderer: &Renderer<'_>,
        (places, rendered): (&[usize], &[Untrusted]),
        (text, ids): (&str, &[u32]),
        seed: u64,
    ) -> Result<Demonstrations, RunError> {
        let shown: Vec<Part<'_>> = places
            .iter()
            .map(|place| Part {
                text: rendered[*place].raw(),
                context: self.queries[*place].as_ref().map(|query| query.context.raw().as_str()),
            })
            .collect();
        let spans = spans(renderer.tokenizer, &shown, (renderer.bytes_before(), text), ids.len())?;
        let queries = places.iter().map(|place| self.queries[*place].as_ref().map(|query| query.query.clone()));
        let fits = |query: &AnsweredQuery| fit::query(renderer.room.limit, ids.len(), query.tokens.longest()).is_none();
        // Of some of them alone nobody could say what their mean is of.
        let queries = queries.collect::<Option<Vec<_>>>().filter(|all| !spans.is_empty() && all.iter().all(fits));
        let queries = queries.unwrap_or_default();
        Ok(Demonstrations { ids: ids.to_vec(), spans, queries, held_out: Vec::new(), seed })
    }
}

/// A query as an optimizer's questions are about it.
pub fn answered(query: &Query) -> AnsweredQuery {
    AnsweredQuery { tokens: query.tokens.clone().into(), answer: query.answer }
}

/// A demonstration as it is shown.
struct Part<'a> {
    text: &'a str,
    /// The text before its answer, where it is known.
    context: Option<&'a str>,
}

/// Where the demonstrations stand among `tokens` tokens of their text, behind its first `before` bytes and each with what follows
/// it; none where one of them has no token of its own. A token belongs where the first byte of what it stands for lies, but for
/// one that begins before the first demonstration and ends in it, which is that one's.
fn spans(
    tokenizer: &Tokenizer,
    shown: &[Part<'_>],
    (before, text): (usize, &str),
    tokens: usize,
) -> Result<Vec<DemonstrationSpan>, ModelError> {
    let starts = tokenizer.byte_starts(text)?;
    // What stands before every text is no part of it.
    let special = tokens.saturating_sub(starts.len());
    let token_at = |byte: usize| special + starts.partition_point(|start| *start < byte);
    let separators = text.len() - before - shown.iter().map(|part| part.text.len()).sum::<usize>();
    let separator = separators / shown.len().max(1);
    let mut spans = Vec::with_capacity(shown.len());
    let mut from = before;
    for Part { text, context } in shown {
        let (end, next) = (from + text.len(), from + text.len() + separator);
        let answer = from + context.map_or(0, |context| common_start(text, context));
        let of = |bytes: Range<usize>| token_at(bytes.start)..token_at(bytes.end);
        spans.push(DemonstrationSpan { tokens: of(from..next), answer: of(answer..end) });
        from = next;
    }
    if let Some(first) = spans.first_mut().filter(|_| before > 0) {
        first.tokens.start = special + tokenizer.tokens_within(text, before)?;
    }
    // A tokenizer may place what stands for blanks at the end of a text behind it.
    if let Some(last) = spans.last_mut() {
        last.tokens.end = tokens;
    }
    Ok(if spans.iter().any(|span| span.tokens.is_empty()) { Vec::new() } else { spans })
}

/// How many bytes two texts have in common at their start, in whole characters.
fn common_start(left: &str, right: &str) -> usize {
    let same = left.char_indices().zip(right.chars()).find(|((_, left), right)| left != right);
    same.map_or(left.len().min(right.len()), |((byte, _), _)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_starts_end_between_characters() {
        for (left, right, expected) in [("abc", "abd", 2), ("", "x", 0), ("a\u{e9}b", "a\u{e8}b", 1), ("ab", "abc", 2)]
        {
            assert_eq!(common_start(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn demonstrations_stand_side_by_side_behind_what_stands_before_a_text() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny-tokenizer/tokenizer.json");
        let tokenizer = Tokenizer::from_json(&std::fs::read(folder).unwrap(), None).unwrap();
        let parts = [("good film: yes", "good film:"), ("no: no", "no:"), ("bad: no", "else")];
        let shown = parts.map(|(text, context)| Part { text, context: Some(context) });
        let text: String = shown.iter().map(|part| format!("{}\n\n", part.text)).collect();
        let ids = tokenizer.encode(&text).unwrap();
        let found = spans(&tokenizer, &shown, (0, &text), ids.len() + 1).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].tokens.start, found[2].tokens.end), (1, ids.len() + 1));
        for pair in found.windows(2) {
            assert_eq!(pair[0].tokens.end, pair[1].tokens.start);
        }
        // A description moves all of them, and is part of none.
        let before = "which is it?\n\n";
        let description = tokenizer.encode(before).unwrap().len();
        let described = format!("{before}{text}");
        let tokens = tokenizer.encode(&described).unwrap().len() + 1;
        let moved = spans(&tokenizer, &shown, (before.len(), &described), tokens).unwrap();
        let shifted = |range: &Range<usize>| range.start + description..range.end + description;
        let expected = found.iter().map(|span| (shifted(&span.tokens), shifted(&span.answer)));
        assert!(moved.iter().map(|span| (span.tokens.clone(), span.answer.clone())).eq(expected), "{moved:?}");
        let pieces = tokenizer.pieces(&text).unwrap();
        let text_of = |range: &Range<usize>| -> String {
            pieces[range.start - 1..range.end - 1].iter().map(|piece| piece.text.as_str()).collect()
        };
        assert_eq!(text_of(&found[0].tokens), "good film: yes\n\n");
        assert_eq!(text_of(&found[0].answer), " yes");
        assert_eq!(text_of(&found[1].answer), " no");
        // A token that the description and the first demonstration share is the demonstration's.
        let (before, shown) = ("say ", [Part { text: "no: yes", context: Some("no:") }]);
        let described = format!("{before}no: yes\n\n");
        let of_both = tokenizer.pieces(&described).unwrap();
        let seam = spans(&tokenizer, &shown, (before.len(), &described), of_both.len()).unwrap();
        assert_eq!(of_both[seam[0].tokens.start].text, " n");
        // A demonstration that does not begin with its query's text is its answer as a whole.
        assert_eq!(text_of(&found[2].answer), "bad: no");
    }
}
