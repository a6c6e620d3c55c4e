//! Demonstrations of a few tokens, which are known one by one.

use ft_engine::score::{ChoiceTokens, QueryTokens};
use ft_engine::tune::{AnsweredQuery, DemonstrationSpan, Demonstrations};

/// What stands before each answer, and how that goes on: with one token, or with two.
const TEXTS: [&[u32]; 3] = [&[5, 17, 80, 3], &[41, 9, 62], &[28, 33, 7, 54, 80]];
const ANSWERS: [&[u32]; 2] = [&[11], &[70, 12]];

/// The first so many demonstrations, behind a token that the model expects at the beginning.
pub fn demonstrations(count: usize) -> Demonstrations {
    let mut demonstrations = Demonstrations { ids: vec![2], seed: 7, ..Demonstrations::default() };
    for (at, text) in TEXTS.iter().enumerate().take(count) {
        let (start, answer) = (demonstrations.ids.len(), at % 2);
        demonstrations.ids.extend(text.iter().chain(ANSWERS[answer]));
        let end = demonstrations.ids.len();
        let span = DemonstrationSpan { tokens: start..end, answer: start + text.len()..end };
        let choice = |answer: &&[u32]| ChoiceTokens { ids: [text, *answer].concat(), span_start: text.len() };
        let tokens = QueryTokens { choices: ANSWERS.iter().map(choice).collect() };
        demonstrations.spans.push(span);
        demonstrations.queries.push(AnsweredQuery { tokens: tokens.into(), answer });
    }
    demonstrations
}
