//! Fewer bits: 8-bit weights, f16 and bf16.

use std::path::{Path, PathBuf};

use candle_core::DType;
use ft_engine::model::decoder::Placement;
use ft_engine::model::weights::WeightFormat;
use ft_engine::score::{ChoiceTokens, QueryTokens, score};

use crate::support::{F32, Golden, families, load, name, states, variants};
use ft_engine::tune::State;

/// The log-likelihood of each token of the query, after each step.
fn log_likelihoods(folder: &Path, placement: &Placement) -> Vec<Vec<f64>> {
    let golden = Golden::read(folder);
    let decoder = load(folder, placement);
    let up_to = |end: usize| ChoiceTokens { ids: golden.query[..=end].to_vec(), span_start: end };
    let query = [QueryTokens { choices: (0..golden.query.len()).map(up_to).collect() }];
    let of_state = |state: &State| {
        score(&decoder, &state.context, &query).unwrap()[0].iter().map(|choice| choice.loglik).collect()
    };
    states(&decoder, &golden).iter().map(of_state).collect()
}

/// The log-likelihood of the query after its first token, in one sum, after each step.
fn sums(folder: &Path, placement: &Placement) -> Vec<f64> {
    let golden = Golden::read(folder);
    let decoder = load(folder, placement);
    let query = [QueryTokens { choices: vec![ChoiceTokens { ids: golden.query.clone(), span_start: 1 }] }];
    let of_state = |state: &State| score(&decoder, &state.context, &query).unwrap()[0][0].loglik;
    states(&decoder, &golden).iter().map(of_state).collect()
}

/// Compares log-likelihoods with those of f32.
fn check(what: &str, folders: &[PathBuf], placement: &Placement, tolerance: f64) {
    for folder in folders {
        let expected = log_likelihoods(folder, &F32);
        let found = log_likelihoods(folder, placement);
        let pairs = expected.iter().flatten().zip(found.iter().flatten());
        let differences = pairs.map(|(expected, found)| (expected - found).abs());
        let worst = differences.fold(0.0, |worst, x| if x.is_nan() || worst < x { x } else { worst });
        println!("{what} {}: {worst:.1e}", name(folder));
        assert!(worst <= tolerance, "{what} {}: {found:?}, {expected:?} in f32", name(folder));
    }
}

const QUANTIZED: Placement = Placement { weights: WeightFormat::Quantized, ..F32 };

#[test]
fn eight_bit_weights_are_close_to_f32() {
    check("8 bit", &families(), &QUANTIZED, 2e-2);
}

/// Differences of several tokens add up, here of four: in two families to more than one token may have.
#[test]
fn sums_with_eight_bit_weights_are_close_to_f32() {
    let mut beyond = Vec::new();
    for folder in families() {
        let (expected, found) = (sums(&folder, &F32), sums(&folder, &QUANTIZED));
        let differences = expected.iter().zip(&found).map(|(expected, found)| (expected - found).abs());
        let worst = differences.fold(0.0, f64::max);
        println!("8 bit, sum, {}: {worst:.1e}", name(&folder));
        assert!(worst <= 6e-2, "{}: {found:?}, {expected:?} in f32", name(&folder));
        if worst > 2e-2 {
            beyond.push(name(&folder));
        }
    }
    assert_eq!(beyond, ["gpt_neo", "gpt_neox"]);
}

#[test]
fn eight_bit_weights_are_close_in_every_variant() {
    // Their weights are larger, and so are the logits' differences; rows of 24 and 40 numbers stay dense.
    check("8 bit", &variants(), &QUANTIZED, 6e-2);
}

#[test]
fn f16_is_close_to_f32() {
    check("f16", &[families(), variants()].concat(), &Placement { dtype: DType::F16, ..F32 }, 1e-2);
}

#[test]
fn bf16_is_close_to_f32() {
    // bf16 has three bits less than f16.
    check("bf16", &[families(), variants()].concat(), &Placement { dtype: DType::BF16, ..F32 }, 4e-2);
}

#[test]
fn eight_bit_weights_go_with_half_precision() {
    check("8 bit, bf16", &families(), &Placement { dtype: DType::BF16, ..QUANTIZED }, 5e-2);
}
