//! The plain scorer: one choice at a time, nothing shared, nothing packed, no cache. Tests hold the real one to it, and
//! benches measure against it.

use ft_engine::model::decoder::{Batch, TokenTree};
use ft_engine::model::{Context, Decoder};
use ft_engine::score::{ChoiceScore, ChoiceTokens};

/// The demonstrations and one choice in one pass, and the scored tokens' log-probabilities read off its logits.
pub fn plain(decoder: &Decoder, demonstrations: &[u32], choice: &ChoiceTokens) -> ChoiceScore {
    let ids = [demonstrations, &choice.ids].concat();
    let rows: Vec<usize> = (0..ids.len()).collect();
    let trees = [TokenTree::chain(&ids)];
    let output = decoder.forward(Batch::after(&Context::zero_shot(None), &trees, &rows)).unwrap();
    let logits: Vec<Vec<f32>> = decoder.logits(&output.hidden_states).unwrap().to_vec2().unwrap();
    let scored = demonstrations.len() + choice.span_start..ids.len();
    let mut score = ChoiceScore { loglik: 0.0, tokens: 0 };
    // Nothing predicts the very first token of all.
    for place in scored.filter(|place| *place > 0) {
        let row: Vec<f64> = logits[place - 1].iter().map(|x| f64::from(*x)).collect();
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        score.loglik += row[ids[place] as usize] - sum.ln();
        score.tokens += 1;
    }
    score
}
