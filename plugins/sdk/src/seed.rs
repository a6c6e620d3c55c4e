//! Random numbers that follow from a step's seed.

/// SplitMix64's output function (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014): seeds beside each
/// other become seeds that have nothing to do with each other.
pub fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::mixed;

    /// The first two numbers of the generator that starts at 0 and goes on by the constant above.
    #[test]
    fn numbers_are_those_of_splitmix64() {
        assert_eq!(mixed(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mixed(0x9e37_79b9_7f4a_7c15), 0x6e78_9e6a_a1b9_65f4);
    }
}
