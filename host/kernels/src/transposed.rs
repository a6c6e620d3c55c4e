//! Products with a weight matrix from its other side, `dy W`: how a gradient goes back through `x W^T`.
//!
//! Weights stay packed as they are for the product: a strip of [`WIDTH`] outputs has, input by input, the weights of its
//! outputs. A tile wants them output by output, so a thread turns blocks of [`WIDTH`] by [`WIDTH`] weights before it
//! multiplies by them: of [`DEPTH`] outputs and [`WIDTH`] inputs at a time, which stay in a processor's second cache. Turning
//! a block costs as much as multiplying a few rows by it.
//!
//! Everything is in f32 whatever the weights' format: gradients are far smaller than states, and bfloat16 would round them.

use rayon::prelude::*;

use super::Instructions;
use super::panels::{Panels, Part, Scratch};
use super::product::{Shared, multiply, parts_of};
use super::rows::{Rows, RowsMut};
use super::tile::{Task, WIDTH};

/// Outputs whose terms are added up before the sums go to memory.
const DEPTH: usize = 2048;
/// Rows below which a panel of inputs is not divided between threads: less would turn weights again for little.
const ROWS: usize = 96;
/// What sums start from.
static ZEROS: [f32; WIDTH] = [0.0; WIDTH];

/// `out = x W` for weights `W` `[outputs, inputs]`, `x` `[rows, outputs]` and `out` `[rows, inputs]`. A row's result depends
/// neither on the rows beside it nor on the number of threads.
///
/// # Panics
/// If `x` is not as wide as `W` has outputs, or `out` as it has inputs.
pub fn product_transposed(x: Rows<'_>, weights: &Panels, out: RowsMut<'_>) {
    product_transposed_with(Instructions::detected(), x, weights, out);
}

fn product_transposed_with(instructions: Instructions, x: Rows<'_>, weights: &Panels, mut out: RowsMut<'_>) {
    let (rows, outputs, inputs) = (x.count(), weights.outputs(), weights.inputs());
    assert_eq!(x.width(), outputs, "states and outputs of weights");
    assert_eq!((out.count(), out.width()), (rows, inputs), "the result's shape");
    let panels = inputs.div_ceil(WIDTH);
    let (height, parts) = parts_of(rows, panels, ROWS);
    let (target, stride) = (Shared::new(out.as_mut_ptr()), out.stride());
    (0..panels * parts).into_par_iter().for_each_init(Turned::default, |turned, index| {
        let (panel, first) = (index / parts, index % parts * height);
        let (first_column, count) = (panel * WIDTH, height.min(rows - first));
        let columns = WIDTH.min(inputs - first_column);
        // Once even without outputs: sums of nothing are to be written.
        for from in (0..outputs.max(1)).step_by(DEPTH) {
            let to = outputs.min(from + DEPTH);
            let right = turned.fill(weights, from..to, first_column..first_column + columns);
            assert!(right.len() >= (to - from) * WIDTH, "a panel is shorter than its outputs");
            let task = Task {
                rows: count,
                steps: to - from,
                columns,
                // SAFETY: within row `first` of `x`, or at its end where there are no outputs.
                left: unsafe { x.as_ptr().add(first * x.stride() + from) },
                left_stride: x.stride(),
                right: right.as_ptr(),
                right_stride: WIDTH,
                start: ZEROS.as_ptr(),
                // SAFETY: rows `first .. first + count` and these columns lie within `out`, as its type guarantees, and no
                // other index has them.
                out: unsafe { target.pointer().add(first * stride + first_column) },
                out_stride: stride,
                add: from > 0,
            };
            // SAFETY: rows of `x`, the panel and `out` are as large as the task says.
            unsafe { multiply(instructions, &task) };
        }
    });
}

/// A thread's room for weights output by output.
#[derive(Default)]
struct Turned {
    scratch: Scratch,
    /// [`WIDTH`] weights of each output, side by side.
    numbers: Vec<f32>,
}

impl Turned {
    /// The weights of some outputs, from a multiple of [`WIDTH`] on, and of at most [`WIDTH`] inputs, from a multiple of it on:
    /// for each output those of its inputs, filled up with any numbers to [`WIDTH`].
    fn fill(&mut self, weights: &Panels, outputs: std::ops::Range<usize>, inputs: std::ops::Range<usize>) -> &[f32] {
        self.numbers.resize(outputs.len().next_multiple_of(WIDTH) * WIDTH, 0.0);
        let blocks = self.numbers.as_chunks_mut::<{ WIDTH * WIDTH }>().0;
        for (strip, block) in (outputs.start / WIDTH..).zip(blocks).take(outputs.len().div_ceil(WIDTH)) {
            let Part::Floats(part) = weights.part(strip, inputs.clone(), false, &mut self.scratch) else {
                unreachable!("pairs are not asked for")
            };
            for (input, of_outputs) in part.as_chunks::<WIDTH>().0.iter().take(inputs.len()).enumerate() {
                for (output, weight) in of_outputs.iter().enumerate() {
                    block[output * WIDTH + input] = *weight;
                }
            }
        }
        &self.numbers
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::panels::Format;
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i + seed) * 2_654_435_761 % 1999) as f32 - 999.0) / 1000.0).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        #[test]
        fn transposed_products_are_sums_of_products(
            (rows, inputs) in (1usize..40, 1usize..100),
            outputs in prop_oneof![1usize..70, Just(2048), Just(2080), Just(4128)],
            format in prop_oneof![Just(Format::F32), Just(Format::F16), Just(Format::Bf16), Just(Format::Q8)],
            pad in 0usize..5,
        ) {
            let inputs = if format == Format::Q8 { inputs.next_multiple_of(32) } else { inputs };
            let weights = numbers(outputs * inputs, 1);
            let panels = Panels::new(format, outputs, inputs, |output, row| {
                row.copy_from_slice(&weights[output * inputs..][..inputs]);
            });
            let (x, before) = (numbers(rows * (outputs + pad), 7), numbers(rows * (inputs + pad), 3));
            let states = Rows::new(&x, rows, outputs, outputs + pad);
            let mut held = vec![0.0; outputs * inputs];
            held.chunks_mut(inputs).enumerate().for_each(|(output, row)| panels.row(output, row));
            use Instructions::{Avx2, Avx512, Avx512Bf16, Portable};
            for set in [Portable, Avx2, Avx512, Avx512Bf16].into_iter().filter(|set| *set <= Instructions::detected()) {
                let mut out = before.clone();
                product_transposed_with(set, states, &panels, RowsMut::new(&mut out, rows, inputs, inputs + pad));
                for (index, found) in out.iter().enumerate() {
                    let (row, column) = (index / (inputs + pad), index % (inputs + pad));
                    if column >= inputs {
                        prop_assert_eq!(*found, before[index], "what is between rows is left alone");
                        continue;
                    }
                    let terms = states.row(row).iter().enumerate();
                    let sum: f64 =
                        terms.map(|(output, x)| f64::from(*x) * f64::from(held[output * inputs + column])).sum();
                    prop_assert!((f64::from(*found) - sum).abs() < 1e-4 * (1.0 + (outputs as f64).sqrt()),
                        "{set:?} {format:?}: {found} is not {sum}");
                }
            }
        }
    }
}
