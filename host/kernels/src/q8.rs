//! Numbers in 8 bit: blocks of 32 with one scale each, ggml's `Q8_0`.

use half::f16;

/// Numbers of a quantization block.
pub const BLOCK: usize = 32;
/// The largest multiple that the largest number of a block may be. Each gives a scale, and where the 32 numbers fall
/// between its multiples is chance: the best of four leaves less than nine tenths of the first one's squared error.
const LARGEST: std::ops::RangeInclusive<u8> = 124..=127;
/// Adding and subtracting it rounds a small f32 to a whole number, and unlike `round` in many lanes at once.
const ROUNDS: f32 = 12_582_912.0;

/// A quantization block: 32 numbers as multiples of one scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// The scale: a number is its multiple times this.
    pub scale: f16,
    /// The numbers as multiples of the scale, from -127 to 127.
    pub multiples: [i8; BLOCK],
}

impl Block {
    /// Bytes of a block as ggml stores it: the scale, then the multiples.
    pub const BYTES: usize = size_of::<f16>() + BLOCK;

    /// Numbers in 8 bit, with the scale that gives the least squared error.
    pub fn of(numbers: &[f32; BLOCK]) -> Self {
        let scale = best_scale(numbers);
        let inverse = inverse(scale);
        Self { scale, multiples: numbers.map(|number| rounded(number * inverse) as i8) }
    }
}

/// The scale whose multiples leave the least squared error; of equal ones that of the largest multiple. What a block becomes
/// is part of every result with 8-bit weights: a better search is another result.
fn best_scale(numbers: &[f32; BLOCK]) -> f16 {
    let largest = numbers.iter().fold(0f32, |largest, number| largest.max(number.abs()));
    let mut best = (f32::INFINITY, f16::ZERO);
    for multiple in LARGEST.rev() {
        // Rounded to f16 before the error is taken: products see the rounded one.
        let scale = f16::from_f32(largest / f32::from(multiple));
        let (wide, inverse) = (scale.to_f32(), inverse(scale));
        let error = numbers.iter().map(|number| (rounded(number * inverse) * wide - number).powi(2)).sum();
        if error < best.0 {
            best = (error, scale);
        }
    }
    best.1
}

fn inverse(scale: f16) -> f32 {
    // Of zeros, and of numbers too small for an f16: all multiples are 0.
    if scale == f16::ZERO { 0.0 } else { 1.0 / scale.to_f32() }
}

fn rounded(multiple: f32) -> f32 {
    // The scale was rounded itself: 127 of it may be a little less than the largest number.
    ((multiple + ROUNDS) - ROUNDS).clamp(-127.0, 127.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(block: &Block) -> [f32; BLOCK] {
        block.multiples.map(|multiple| f32::from(multiple) * block.scale.to_f32())
    }

    fn error(numbers: &[f32; BLOCK], block: &Block) -> f32 {
        back(block).iter().zip(numbers).map(|(a, b)| (a - b).powi(2)).sum()
    }

    #[test]
    fn numbers_come_back_within_half_a_step() {
        let numbers = std::array::from_fn(|x| (x * x % 41) as f32 - 20.0);
        let worst = back(&Block::of(&numbers)).iter().zip(&numbers).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(worst <= 20.0 / 124.0 / 2.0 + 0.02, "{worst}");
        assert_eq!(back(&Block::of(&[0.0; BLOCK])), [0.0; BLOCK]);
    }

    #[test]
    fn errors_are_smaller_than_with_the_largest_scale() {
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32
        };
        let (mut ours, mut plain) = (0.0, 0.0);
        for _ in 0..1000 {
            let numbers: [f32; BLOCK] = std::array::from_fn(|_| random() + random() + random() - 1.5);
            ours += error(&numbers, &Block::of(&numbers));
            let largest = numbers.iter().fold(0f32, |largest, number| largest.max(number.abs()));
            let scale = f16::from_f32(largest / 127.0);
            let multiples = numbers.map(|number| (number / scale.to_f32()).round().clamp(-127.0, 127.0) as i8);
            plain += error(&numbers, &Block { scale, multiples });
        }
        assert!(ours / plain < 0.93, "{}", ours / plain);
    }
}
