//! What PyTorch gives for the gradient of demonstrations' likelihood, made by `tests/data/gradients.py`.
//!
//! The demonstrations of `golden.safetensors`, `L` tokens, are cut into three spans. Each span stands once more behind
//! the cache of step 1, at the positions `L`, `L + 1`, ..., as a query that does not see what is hidden from it. A
//! hidden key has the weight 0 and nothing else changes: positions, ALiBi and windows count hidden keys as if they were
//! seen.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use crate::support::{Golden, families, name, variants, worst};

/// What PyTorch gave for a folder's model; computed in f64 and rounded to f32.
pub struct GradientGolden {
    /// The demonstrations' tokens, `L` of them.
    pub demonstrations: Vec<u32>,
    /// The cache's keys as stored, after rotation: `[layers, kv_heads, L, head_dim]`.
    pub keys: Tensor,
    /// The cache's values, `[layers, kv_heads, L, head_dim]`.
    pub values: Tensor,
    /// Which of the demonstrations' tokens each query has.
    pub spans: Vec<Range<usize>>,
    /// For each query which positions of the cache it does not see, `L` of them.
    pub hidden: Vec<Vec<bool>>,
    /// Each query's answer is its last two tokens. `log_likelihoods` are theirs, each predicted from the token before
    /// it, `[queries]`; the loss is the mean over queries of minus the mean log-probability of an answer's token.
    pub answer: Objective,
    /// For each query the tokens of its three choices, one or two. They stand behind the query without its last token,
    /// which is the first choice and the right one.
    pub choice_ids: Vec<Vec<Vec<u32>>>,
    /// `log_likelihoods` are those of each query's choices, `[queries, choices]`; the loss is the mean over queries of
    /// minus the log-softmax over a query's choices at the first.
    pub choice: Objective,
}

/// An objective's log-likelihoods in nats, its loss, and the loss's gradient with respect to the cache.
pub struct Objective {
    pub log_likelihoods: Tensor,
    pub loss: f32,
    /// By the cache's keys, `[layers, kv_heads, L, head_dim]`.
    pub gradient_keys: Tensor,
    /// By the cache's values, `[layers, kv_heads, L, head_dim]`.
    pub gradient_values: Tensor,
}

impl GradientGolden {
    /// Reads a folder's `gradient.safetensors`, and the demonstrations and their cache from its `golden.safetensors`.
    pub fn read(folder: &Path) -> GradientGolden {
        let golden = Golden::read(folder);
        let path = folder.join("gradient.safetensors");
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu)
            .unwrap_or_else(|error| panic!("{}: {error}; tests/data/gradients.py writes it", path.display()));
        let hidden: Vec<Vec<u8>> = tensors["hidden"].to_vec2().unwrap();
        let spans: Vec<Vec<i64>> = tensors["spans"].to_vec2().unwrap();
        let choice_ids: Vec<Vec<Vec<i64>>> = tensors["choice_ids"].to_vec3().unwrap();
        // Shorter choices are padded with -1.
        let ids = |choice: &Vec<i64>| choice.iter().filter_map(|id| u32::try_from(*id).ok()).collect();
        GradientGolden {
            keys: golden.tensor("step1_k").clone(),
            values: golden.tensor("step1_v").clone(),
            demonstrations: golden.demonstrations,
            spans: spans.iter().map(|span| span[0] as usize..span[1] as usize).collect(),
            hidden: hidden.iter().map(|row| row.iter().map(|hidden| *hidden == 1).collect()).collect(),
            answer: Objective::of(&tensors, "answer"),
            choice_ids: choice_ids.iter().map(|choices| choices.iter().map(ids).collect()).collect(),
            choice: Objective::of(&tensors, "choice"),
        }
    }
}

impl Objective {
    fn of(tensors: &HashMap<String, Tensor>, objective: &str) -> Objective {
        let tensor = |what: &str| tensors[&format!("{objective}_{what}")].clone();
        Objective {
            log_likelihoods: tensor("loglik"),
            loss: tensor("loss").to_scalar().unwrap(),
            gradient_keys: tensor("grad_k"),
            gradient_values: tensor("grad_v"),
        }
    }
}

/// How far a loss may be from that of the log-likelihoods beside it, in nats: both are rounded to f32.
const LOSS: f32 = 1e-5;

fn close(found: f32, expected: f32) -> bool {
    (found - expected).abs() <= LOSS
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

fn goldens() -> impl Iterator<Item = (String, GradientGolden)> {
    [families(), variants()].concat().into_iter().map(|folder| (name(&folder), GradientGolden::read(&folder)))
}

#[test]
fn spans_cover_all_tokens_and_each_is_hidden_from_itself() {
    for (name, golden) in goldens() {
        let ends: Vec<usize> = golden.spans.iter().map(|span| span.end).collect();
        let starts: Vec<usize> = golden.spans.iter().map(|span| span.start).collect();
        assert_eq!(starts, [0, ends[0], ends[1]], "{name}");
        assert_eq!(ends[2], golden.demonstrations.len(), "{name}");
        assert!(golden.spans.iter().all(|span| span.len() > 2), "{name}: a span has nothing before its answer");
        for (span, hidden) in golden.spans.iter().zip(&golden.hidden) {
            assert_eq!(hidden.len(), golden.demonstrations.len(), "{name}");
            assert!(hidden[span.clone()].iter().all(|hidden| *hidden), "{name}: {span:?} sees itself");
            assert!(hidden[0] == span.contains(&0), "{name}: {span:?} and the first position");
            let further = hidden.iter().filter(|hidden| **hidden).count() - span.len();
            assert!(further > 0 && further < hidden.len() - span.len(), "{name}: {further} more hidden from {span:?}");
        }
    }
}

#[test]
fn losses_follow_from_the_log_likelihoods_beside_them() {
    for (name, golden) in goldens() {
        let answers: Vec<f32> = golden.answer.log_likelihoods.to_vec1().unwrap();
        assert_eq!(answers.len(), golden.spans.len(), "{name}");
        assert!(close(golden.answer.loss, -mean(&answers) / 2.0), "{name}: {}", golden.answer.loss);

        let choices: Vec<Vec<f32>> = golden.choice.log_likelihoods.to_vec2().unwrap();
        assert_eq!(choices.len(), golden.spans.len(), "{name}");
        let right = |scores: &Vec<f32>| scores[0] - scores.iter().map(|score| score.exp()).sum::<f32>().ln();
        let right: Vec<f32> = choices.iter().map(right).collect();
        assert!(close(golden.choice.loss, -mean(&right)), "{name}: {}", golden.choice.loss);
    }
}

#[test]
fn the_first_choice_is_the_spans_last_token_and_no_two_are_alike() {
    for (name, golden) in goldens() {
        for (span, choices) in golden.spans.iter().zip(&golden.choice_ids) {
            assert_eq!(choices[0], [golden.demonstrations[span.end - 1]], "{name}");
            assert_eq!(choices.len(), 3, "{name}");
            assert!(choices.iter().all(|choice| (1..=2).contains(&choice.len())), "{name}: {choices:?}");
            assert!(choices[0] != choices[1] && choices[0] != choices[2] && choices[1] != choices[2], "{name}");
        }
        assert!(golden.choice_ids.iter().flatten().any(|choice| choice.len() == 2), "{name}: no choice has two tokens");
    }
}

#[test]
fn gradients_are_of_the_caches_shape_and_zero_where_no_query_sees() {
    for (name, golden) in goldens() {
        let unseen: Vec<usize> =
            (0..golden.demonstrations.len()).filter(|place| golden.hidden.iter().all(|row| row[*place])).collect();
        assert!(!unseen.is_empty(), "{name}: some query sees each position");
        for objective in [&golden.answer, &golden.choice] {
            for (gradient, slot) in
                [(&objective.gradient_keys, &golden.keys), (&objective.gradient_values, &golden.values)]
            {
                assert_eq!((gradient.dims(), gradient.dtype()), (slot.dims(), DType::F32), "{name}");
                let largest = |tensor: &Tensor| worst(tensor, &tensor.zeros_like().unwrap());
                let of_all = largest(gradient);
                assert!(of_all.is_finite() && of_all > 0.0, "{name}: {of_all}");
                for place in &unseen {
                    assert_eq!(largest(&gradient.narrow(2, *place, 1).unwrap()), 0.0, "{name}: position {place}");
                }
            }
        }
    }
}
