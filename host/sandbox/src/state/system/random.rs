//! Random numbers that are the same in every run.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), from one seed for all
/// plugins: guests draw from here what their runtimes need, such as the seeds of their hash tables. Whatever a run draws
/// at random by its own seed is drawn by the host.
pub(crate) struct Random(u64);

const SEED: u64 = 0;

impl Random {
    pub(crate) fn new() -> Self {
        Self(SEED)
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// So many bytes, the low ones of a number first.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.number().to_le_bytes()[..chunk.len()]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        // The first outputs for seed 0, as in the test vectors of Rust's `rand_xoshiro` and Java's `SplittableRandom`.
        let mut random = Random::new();
        let expected = [0xe220_a839_7b1d_cdaf_u64, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([random.number(), random.number(), random.number()], expected);
    }

    #[test]
    fn bytes_are_the_numbers() {
        let bytes = Random::new().bytes(11);
        assert_eq!(bytes[..8], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
        assert_eq!(bytes[8..], 0x6e78_9e6a_a1b9_65f4_u64.to_le_bytes()[..3]);
        assert!(Random::new().bytes(0).is_empty());
    }
}
