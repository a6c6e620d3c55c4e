//! Weights as the products want them: in strips of [`WIDTH`] outputs, each strip input by input.
//!
//! A tile reads [`WIDTH`] weights of one input at every step, so these lie side by side, and a strip is read from its first
//! byte to its last. For a matrix of 40 outputs (`w[output][input]`, outputs 40 to 63 are 0):
//!
//! ```text
//! F32, F16     strip 0:  w[0][0] w[1][0] ... w[31][0]   w[0][1] w[1][1] ... w[31][1]   ...
//!              strip 1:  w[32][0] ... w[39][0] 0 ... 0  w[32][1] ...                   ...
//! Bf16         an element is two inputs: (w[0][0], w[0][1]) (w[1][0], w[1][1]) ...     (w[0][2], w[0][3]) ...
//! Q8           multiples the same way, two inputs of an output side by side; scales apart, for every 32 inputs one
//!              for each of the 32 outputs
//! ```
//!
//! Pairs are what AVX512-BF16 multiplies: of both factors two neighbouring inputs, added to one sum.

use half::{bf16, f16};
use rayon::prelude::*;

use super::Instructions;
use super::bf16::blocks_to_pairs;
use super::elementwise::{blocks_to_floats, halves_to_floats, pairs_to_floats};
use super::q8::{BLOCK, Block};
use super::tile::WIDTH;

/// How the numbers of a packed matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16: the upper half of a number in single precision.
    Bf16,
    /// 8 bits, and a scale for every 32 inputs ([`Block`]). The inputs are whole blocks.
    Q8,
}

/// A weight matrix `[outputs, inputs]`.
pub struct Panels {
    outputs: usize,
    inputs: usize,
    numbers: Numbers,
}

/// Strip after strip. A strip has, for every input, the weights of its outputs; those beyond the last output are 0.
enum Numbers {
    F32(Vec<f32>),
    F16(Vec<f16>),
    /// Two inputs in one element, the first in its lower half; behind an odd last input comes 0.
    Bf16(Vec<u32>),
    /// Two inputs of each output side by side; and for every block of inputs the scales of the outputs.
    Q8 {
        multiples: Vec<i8>,
        scales: Vec<f16>,
    },
}

/// A part of a strip as a product reads it.
pub(super) enum Part<'a> {
    /// Input by input.
    Floats(&'a [f32]),
    /// Two inputs at a time.
    Pairs(&'a [u32]),
}

/// Room for a part of a strip whose numbers a product wants in another format.
#[derive(Default)]
pub(super) struct Scratch {
    floats: Vec<f32>,
    pairs: Vec<u32>,
}

/// Where in a strip of multiples an input's weight for one of the outputs stands: in the row of its pair of inputs, at its
/// output's pair.
fn at(input: usize, column: usize) -> usize {
    input / 2 * 2 * WIDTH + 2 * column + input % 2
}

impl Scratch {
    /// Bytes of the room that one thread needs for parts of `inputs` inputs at most, read in pairs or as floats.
    pub(super) fn bytes(format: Format, inputs: usize, in_pairs: bool) -> u64 {
        let number = match format {
            Format::F32 => 0,
            Format::Bf16 if in_pairs => 0,
            Format::Q8 if in_pairs => size_of::<u32>() / 2,
            Format::F16 | Format::Bf16 | Format::Q8 => size_of::<f32>(),
        };
        (inputs * WIDTH * number) as u64
    }
}

impl Format {
    /// Whether a product may round its inputs to bfloat16 on a processor that multiplies pairs of them: its weights are
    /// no more precise.
    pub(super) fn is_coarse(self) -> bool {
        matches!(self, Self::Bf16 | Self::Q8)
    }
}

/// `length` numbers for each strip, all `zero` until `fill` is called with the strip's index.
fn by_strip<T: Clone + Send>(strips: usize, length: usize, zero: T, fill: impl Fn(usize, &mut [T]) + Sync) -> Vec<T> {
    let mut numbers = vec![zero; strips * length];
    numbers.par_chunks_mut(length.max(1)).enumerate().for_each(|(strip, numbers)| fill(strip, numbers));
    numbers
}

impl Panels {
    /// Bytes of a matrix `[outputs, inputs]` in this format; a size that no number holds is the largest there is.
    pub fn bytes(format: Format, outputs: usize, inputs: usize) -> u64 {
        let strips = outputs.div_ceil(WIDTH) as u64;
        let column = match format {
            Format::F32 => (inputs as u64).saturating_mul(size_of::<f32>() as u64),
            Format::F16 => (inputs as u64).saturating_mul(size_of::<f16>() as u64),
            Format::Bf16 => (inputs.div_ceil(2) as u64).saturating_mul(size_of::<u32>() as u64),
            Format::Q8 => (inputs as u64).saturating_add((inputs / BLOCK * size_of::<f16>()) as u64),
        };
        strips.saturating_mul(WIDTH as u64).saturating_mul(column)
    }

    /// Packs a matrix whose rows `read` gives, one output's weights at a time.
    pub fn new(format: Format, outputs: usize, inputs: usize, read: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let strips = outputs.div_ceil(WIDTH);
        // Calls `place` with each output of a strip, its column there and its weights.
        let each = |strip: usize, place: &mut dyn FnMut(usize, &[f32])| {
            let mut row = vec![0f32; inputs];
            for output in (strip * WIDTH..outputs).take(WIDTH) {
                read(output, &mut row);
                place(output % WIDTH, &row);
            }
        };
        let numbers = match format {
            Format::F32 => Numbers::F32(by_strip(strips, inputs * WIDTH, 0f32, |strip, numbers| {
                each(strip, &mut |column, row| {
                    row.iter().enumerate().for_each(|(input, weight)| numbers[input * WIDTH + column] = *weight);
                });
            })),
            Format::F16 => Numbers::F16(by_strip(strips, inputs * WIDTH, f16::ZERO, |strip, numbers| {
                each(strip, &mut |column, row| {
                    let weights = row.iter().map(|weight| f16::from_f32(*weight));
                    weights.enumerate().for_each(|(input, weight)| numbers[input * WIDTH + column] = weight);
                });
            })),
            Format::Bf16 => Numbers::Bf16(by_strip(strips, inputs.div_ceil(2) * WIDTH, 0u32, |strip, numbers| {
                each(strip, &mut |column, row| {
                    for (pair, weights) in row.chunks(2).enumerate() {
                        let half = |index: usize| {
                            weights.get(index).map_or(0, |weight| u32::from(bf16::from_f32(*weight).to_bits()))
                        };
                        numbers[pair * WIDTH + column] = half(0) | half(1) << 16;
                    }
                });
            })),
            Format::Q8 => {
                assert!(inputs.is_multiple_of(BLOCK), "{inputs} inputs are no whole number of blocks");
                let mut multiples = vec![0i8; strips * inputs * WIDTH];
                let mut scales = vec![f16::ZERO; strips * inputs / BLOCK * WIDTH];
                let strips = multiples.par_chunks_mut((inputs * WIDTH).max(1));
                let strips = strips.zip(scales.par_chunks_mut((inputs / BLOCK * WIDTH).max(1)));
                strips.enumerate().for_each(|(strip, (multiples, scales))| {
                    each(strip, &mut |column, row| {
                        for (index, numbers) in row.as_chunks::<BLOCK>().0.iter().enumerate() {
                            let block = Block::of(numbers);
                            scales[index * WIDTH + column] = block.scale;
                            for (multiple, input) in block.multiples.into_iter().zip(index * BLOCK..) {
                                multiples[at(input, column)] = multiple;
                            }
                        }
                    });
                });
                Numbers::Q8 { multiples, scales }
            }
        };
        Self { outputs, inputs, numbers }
    }

    /// The number of outputs: rows of the matrix.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The number of inputs: columns of the matrix.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn format(&self) -> Format {
        match self.numbers {
            Numbers::F32(_) => Format::F32,
            Numbers::F16(_) => Format::F16,
            Numbers::Bf16(_) => Format::Bf16,
            Numbers::Q8 { .. } => Format::Q8,
        }
    }

    /// Writes the weights of one output.
    ///
    /// # Panics
    /// If there is no such output, or `out` is shorter than the number of inputs.
    pub fn row(&self, output: usize, out: &mut [f32]) {
        assert!(output < self.outputs, "expected an output below {}, got {output}", self.outputs);
        let (strip, column) = (output / WIDTH, output % WIDTH);
        let (inputs, out) = (self.inputs, &mut out[..self.inputs]);
        let start = strip * inputs * WIDTH + column;
        match &self.numbers {
            Numbers::F32(numbers) => {
                out.iter_mut().zip(numbers[start..].iter().step_by(WIDTH)).for_each(|(out, number)| *out = *number);
            }
            Numbers::F16(numbers) => {
                let numbers = numbers[start..].iter().step_by(WIDTH);
                out.iter_mut().zip(numbers).for_each(|(out, number)| *out = number.to_f32());
            }
            Numbers::Bf16(numbers) => {
                let numbers = &numbers[strip * inputs.div_ceil(2) * WIDTH + column..];
                for (out, pair) in out.chunks_mut(2).zip(numbers.iter().step_by(WIDTH)) {
                    out[0] = f32::from_bits(pair << 16);
                    if let Some(second) = out.get_mut(1) {
                        *second = f32::from_bits(pair & 0xffff_0000);
                    }
                }
            }
            Numbers::Q8 { multiples, scales } => {
                let multiples = &multiples[strip * inputs * WIDTH..];
                let scales = &scales[strip * (inputs / BLOCK) * WIDTH + column..];
                for (input, out) in out.iter_mut().enumerate() {
                    *out = f32::from(multiples[at(input, column)]) * scales[input / BLOCK * WIDTH].to_f32();
                }
            }
        }
    }

    /// The weights of some inputs, from an even one on, for one strip: in pairs, or as floats. Blocks are not divided. Pairs may
    /// be asked for where there is AVX512-BF16.
    pub(super) fn part<'a>(
        &'a self,
        strip: usize,
        from: std::ops::Range<usize>,
        in_pairs: bool,
        scratch: &'a mut Scratch,
    ) -> Part<'a> {
        let inputs = self.inputs;
        let range = strip * inputs * WIDTH + from.start * WIDTH..strip * inputs * WIDTH + from.end * WIDTH;
        let Scratch { floats, pairs } = scratch;
        match &self.numbers {
            Numbers::F32(numbers) => return Part::Floats(&numbers[range]),
            Numbers::F16(numbers) => {
                floats.resize(range.len(), 0.0);
                halves_to_floats(&numbers[range], floats);
            }
            Numbers::Bf16(numbers) => {
                let start = strip * inputs.div_ceil(2) * WIDTH + from.start / 2 * WIDTH;
                let numbers = &numbers[start..][..from.len().div_ceil(2) * WIDTH];
                if in_pairs {
                    return Part::Pairs(numbers);
                }
                // An odd last input has a row of zeros behind it, which the product does not read.
                floats.resize(from.len().next_multiple_of(2) * WIDTH, 0.0);
                pairs_to_floats(numbers, floats);
            }
            Numbers::Q8 { multiples, scales } => {
                let start = (strip * (inputs / BLOCK) + from.start / BLOCK) * WIDTH;
                let scales = &scales[start..][..from.len() / BLOCK * WIDTH];
                if in_pairs {
                    pairs.resize(range.len() / 2, 0);
                    assert_eq!(Instructions::detected(), Instructions::Avx512Bf16, "pairs without their products");
                    // SAFETY: just looked for.
                    unsafe { blocks_to_pairs(&multiples[range], scales, pairs) };
                    return Part::Pairs(pairs);
                }
                floats.resize(range.len(), 0.0);
                blocks_to_floats(&multiples[range], scales, floats);
            }
        }
        Part::Floats(floats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(output: usize, input: usize) -> f32 {
        ((output * 7 + input * 13) % 31) as f32 - 15.0
    }

    fn panels(format: Format, outputs: usize, inputs: usize) -> Panels {
        Panels::new(format, outputs, inputs, |output, row| {
            row.iter_mut().enumerate().for_each(|(input, out)| *out = weight(output, input));
        })
    }

    #[test]
    fn rows_come_back() {
        for (format, inputs) in [(Format::F32, 5), (Format::F16, 5), (Format::Bf16, 5), (Format::Q8, 64)] {
            let panels = panels(format, 40, inputs);
            for output in [0, 31, 32, 39] {
                let mut row = vec![f32::NAN; inputs];
                panels.row(output, &mut row);
                for (input, found) in row.iter().enumerate() {
                    // All but the multiples of a scale are exact.
                    let bound = if format == Format::Q8 { 15.0 / 124.0 } else { 0.0 };
                    assert!((found - weight(output, input)).abs() <= bound, "{format:?} {output} {input}: {found}");
                }
            }
        }
    }

    #[test]
    fn bytes_are_those_of_the_numbers() {
        for (format, inputs) in [(Format::F32, 5), (Format::F16, 5), (Format::Bf16, 5), (Format::Q8, 64)] {
            let held = match panels(format, 40, inputs).numbers {
                Numbers::F32(numbers) => size_of_val(&*numbers),
                Numbers::F16(numbers) => size_of_val(&*numbers),
                Numbers::Bf16(numbers) => size_of_val(&*numbers),
                Numbers::Q8 { multiples, scales } => size_of_val(&*multiples) + size_of_val(&*scales),
            };
            assert_eq!(Panels::bytes(format, 40, inputs), held as u64, "{format:?}");
        }
    }

    #[test]
    fn parts_are_the_rows_in_both_formats() {
        for format in [Format::F32, Format::F16, Format::Bf16, Format::Q8] {
            let (outputs, inputs) = (40, 96);
            let panels = panels(format, outputs, inputs);
            let mut row = vec![0.0; inputs];
            for (strip, from) in [(0, 0..32), (1, 32..96)] {
                // A processor without products of pairs has no conversion to them either.
                let pairs = (Instructions::detected() == Instructions::Avx512Bf16).then_some(true);
                for in_pairs in [Some(false), pairs].into_iter().flatten() {
                    let mut scratch = Scratch::default();
                    let part = panels.part(strip, from.clone(), in_pairs, &mut scratch);
                    for output in (strip * WIDTH..outputs).take(WIDTH) {
                        panels.row(output, &mut row);
                        for input in from.clone() {
                            let (at, column) = (input - from.start, output % WIDTH);
                            let found = match part {
                                Part::Floats(floats) => floats[at * WIDTH + column],
                                Part::Pairs(pairs) => {
                                    f32::from_bits(pairs[at / 2 * WIDTH + column] >> (at % 2 * 16) << 16)
                                }
                            };
                            // In pairs, a multiple of a scale is rounded.
                            assert!((found - row[input]).abs() <= row[input].abs() / 256.0, "{format:?} {found}");
                        }
                    }
                }
            }
        }
    }
}
