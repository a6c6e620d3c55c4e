//! Prompt processing in every number format, beside the matrix products that bound it.

use candle_core::{DType, Device, Tensor};
use ft_engine::model::decoder::{Batch, TokenTree};
use ft_engine::model::{Context, Decoder};

use crate::Bench;
use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::model::{Format, VOCABULARY, layer_flops};
use crate::common::rounds::{Case, Effort, Samples, in_turns};

/// Rows of the square matrices whose product is the peak, whichever is fastest.
const SQUARES: [usize; 3] = [1024, 1536, 2048];
const LENGTHS: [usize; 2] = [64, 512];
const GIGA: f64 = 1e9;

/// Of a product of two squares, in 10^9.
fn operations(rows: usize) -> f64 {
    2.0 * (rows as f64).powi(3) / GIGA
}

/// A text's pass and the logits behind its last token.
fn pass(decoder: &Decoder, tokens: usize) -> Outcome<Tensor> {
    let ids: Vec<u32> = (0..tokens as u32).map(|token| token * 7 % VOCABULARY).collect();
    let trees = [TokenTree::chain(&ids)];
    let output = decoder.forward(Batch::after(&Context::zero_shot(None), &trees, &[tokens - 1]))?;
    Ok(decoder.logits(&output.hidden_states)?)
}

pub fn measure(bench: &Bench) -> Outcome<Part> {
    let flops = layer_flops()?;
    let mut cases = Vec::new();
    for rows in SQUARES {
        let square = Tensor::rand(-1f32, 1f32, (rows, rows), &Device::Cpu)?.to_dtype(DType::F32)?;
        cases.push(Case::new(format!("product of squares of {rows} rows"), move || Ok(square.matmul(&square)?)));
    }
    for tokens in LENGTHS {
        for format in Format::ALL {
            let decoder = bench.models.get(format)?;
            cases.push(Case::new(format!("{format}, {tokens} tokens"), move || pass(decoder, tokens)));
        }
    }
    // Two rounds also where it has to be quick: everything else is held against these figures.
    let effort = Effort { least: bench.effort.least.max(2), ..bench.effort };
    let samples = in_turns(effort, &mut cases)?;
    let (products, passes) = samples.split_at(SQUARES.len());
    // In every round the product that ran fastest in it, as the time of 10^9 operations.
    let peak = Samples::combined("10^9 operations of a matrix product", products, |seconds| {
        let times = seconds.iter().zip(SQUARES).map(|(seconds, rows)| seconds / operations(rows));
        times.fold(f64::INFINITY, f64::min)
    });
    let mut figures = vec![Figure::rate("matrix product, f32: the peak", "GFLOP/s", 1.0, &peak)];
    for (rows, product) in SQUARES.into_iter().zip(products) {
        figures.push(Figure::rate(&product.name, "GFLOP/s", operations(rows), product));
    }
    for (tokens, passes) in LENGTHS.into_iter().zip(passes.chunks(Format::ALL.len())) {
        for pass in passes {
            figures.push(Figure::rate(&pass.name, "tokens/s", tokens as f64, pass));
        }
        for pass in passes {
            let work = tokens as f64 * flops / GIGA;
            figures.push(Figure::ratio(format!("{}: share of the peak", pass.name), work, &peak, pass));
        }
        for (format, pass) in Format::ALL.into_iter().zip(passes).skip(1) {
            figures.push(Figure::ratio(format!("{tokens} tokens: {format} over f32"), 1.0, &passes[0], pass));
        }
    }
    let what = format!(
        "one text, output head on its last token; {:.1} MFLOP a token counted (the blocks' matrices, neither attention \
         nor head)",
        flops / 1e6
    );
    Ok(Part { name: "prefill", what, figures })
}
