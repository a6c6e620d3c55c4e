//! CPython's `random.Random`, number for number, so that a seed means here what it means in the authors' code.
//!
//! The generator is MT19937 (Matsumoto and Nishimura 1998), seeded by `init_by_array` from the seed's 32-bit words;
//! `sample` and `shuffle` draw in the order that CPython 3.2 and later draw in.

use std::collections::HashSet;
use std::fmt;

const WORDS: usize = 624;
const SHIFT: usize = 397;

/// A stream of pseudo-random numbers equal to that of `random.Random(seed)` in CPython.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PythonRandom {
    state: [u32; WORDS],
    next: usize,
}

/// Shows the type's name without the state's 624 words.
impl fmt::Debug for PythonRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonRandom").finish_non_exhaustive()
    }
}

impl PythonRandom {
    /// The stream that `random.Random(seed)` gives.
    pub(crate) fn new(seed: u64) -> Self {
        let low = seed as u32;
        let high = (seed >> 32) as u32;
        let key: &[u32] = if high == 0 { &[low] } else { &[low, high] };
        Self { state: init_by_array(key), next: WORDS }
    }

    /// `random()`: a number in `0.0 .. 1.0` with 53 random bits.
    pub(crate) fn random(&mut self) -> f64 {
        let high = f64::from(self.word() >> 5);
        let low = f64::from(self.word() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// `getrandbits(count)`: a number of `count` random bits.
    ///
    /// # Panics
    /// If `count` is over 64.
    pub(crate) fn bits(&mut self, count: u32) -> u64 {
        assert!(count <= 64, "at most 64 bits fit, {count} were asked for");
        let mut value = 0;
        let mut done = 0;
        while done < count {
            let wanted = (count - done).min(32);
            value |= u64::from(self.word() >> (32 - wanted)) << done;
            done += wanted;
        }
        value
    }

    /// `randrange(bound)`: a number in `0..bound`, every one as likely as the others.
    ///
    /// # Panics
    /// If `bound` is 0: there is no such number.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "no number is below 0");
        // The bound's own bit length, not that of bound - 1: a power of two costs a rejected draw half of the time.
        let bits = usize::BITS - bound.leading_zeros();
        loop {
            let draw = self.bits(bits) as usize;
            if draw < bound {
                return draw;
            }
        }
    }

    /// `sample(range(population), count)`: `count` different numbers of `0..population`, in the order drawn.
    /// `None` if `count` is more than `population`; nothing is drawn then.
    pub(crate) fn sample(&mut self, population: usize, count: usize) -> Option<Vec<usize>> {
        if count > population {
            return None;
        }
        Some(if population <= set_size(count) {
            self.sample_from_pool(population, count)
        } else {
            self.sample_with_set(population, count)
        })
    }

    /// `shuffle(items)`: permutes the items in place.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }

    /// What CPython does where a list of the population is smaller than a set of the selection.
    fn sample_from_pool(&mut self, population: usize, count: usize) -> Vec<usize> {
        let mut pool: Vec<usize> = (0..population).collect();
        (0..count)
            .map(|taken| {
                let at = self.below(population - taken);
                let drawn = pool[at];
                pool[at] = pool[population - taken - 1];
                drawn
            })
            .collect()
    }

    /// What CPython does otherwise: draws again whatever was drawn before.
    fn sample_with_set(&mut self, population: usize, count: usize) -> Vec<usize> {
        let mut seen = HashSet::with_capacity(count);
        (0..count)
            .map(|_| {
                loop {
                    let drawn = self.below(population);
                    if seen.insert(drawn) {
                        return drawn;
                    }
                }
            })
            .collect()
    }

    /// The next 32 bits of the generator, tempered.
    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for i in 0..WORDS {
            let mixed = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % WORDS] & 0x7fff_ffff);
            let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + SHIFT) % WORDS] ^ (mixed >> 1) ^ odd;
        }
        self.next = 0;
    }
}

/// The size from which on CPython takes a population for larger than a set of `count` of its members:
/// 21, and for more than five members also the least power of four that is not below `3 * count`.
fn set_size(count: usize) -> usize {
    let mut size = 21;
    if count > 5 {
        let mut table = 1usize;
        while table < count.saturating_mul(3) {
            table = table.saturating_mul(4);
        }
        size += table;
    }
    size
}

fn init_by_array(key: &[u32]) -> [u32; WORDS] {
    let mut state = [0u32; WORDS];
    state[0] = 19_650_218;
    for i in 1..WORDS {
        state[i] = scramble(state[i - 1], 1_812_433_253).wrapping_add(i as u32);
    }
    // `at` runs over 1..WORDS again and again; element 0 follows the last one.
    let mut at = 1;
    let mut advance = |state: &mut [u32; WORDS]| {
        at += 1;
        if at == WORDS {
            state[0] = state[WORDS - 1];
            at = 1;
        }
        at
    };
    let mut i = 1;
    for round in 0..WORDS.max(key.len()) {
        let j = round % key.len();
        state[i] = (state[i] ^ scramble(state[i - 1], 1_664_525)).wrapping_add(key[j]).wrapping_add(j as u32);
        i = advance(&mut state);
    }
    for _ in 1..WORDS {
        state[i] = (state[i] ^ scramble(state[i - 1], 1_566_083_941)).wrapping_sub(i as u32);
        i = advance(&mut state);
    }
    state[0] = 0x8000_0000;
    state
}

fn scramble(word: u32, factor: u32) -> u32 {
    (word ^ (word >> 30)).wrapping_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// Made by `tests/data/sampling/make.py` with CPython itself.
    const GOLDEN: &str = include_str!("../../../tests/data/sampling/python_random.json");

    #[derive(Deserialize)]
    struct Golden {
        streams: Vec<Stream>,
        samples: Vec<Sample>,
        shuffles: Vec<Shuffle>,
    }

    /// One stream: all calls are made one after the other.
    #[derive(Deserialize)]
    struct Stream {
        seed: u64,
        /// Numerators over 2^53. Of every fifty calls only the first is kept: seven hundred calls reach the third
        /// twist.
        random: Vec<u64>,
        bits: Vec<(u32, u64)>,
        below: Vec<(usize, usize)>,
    }

    #[derive(Deserialize)]
    struct Sample {
        seed: u64,
        population: usize,
        count: usize,
        /// Every drawn number, or only their first ones.
        first: Vec<usize>,
        /// Sum over all of (position + 1) * number, modulo 2^32.
        sum: u64,
        /// The 32 bits that the stream gives next: it shows that as many words were drawn.
        next: u64,
    }

    #[derive(Deserialize)]
    struct Shuffle {
        seed: u64,
        order: Vec<usize>,
    }

    fn golden() -> Golden {
        serde_json::from_str(GOLDEN).expect("the fixture is well-formed")
    }

    #[test]
    fn numbers_are_cpythons() {
        let golden = golden();
        assert!(golden.streams.len() >= 10);
        for stream in golden.streams {
            let mut random = PythonRandom::new(stream.seed);
            for numerator in stream.random {
                assert_eq!(random.random(), numerator as f64 / 9_007_199_254_740_992.0, "seed {}", stream.seed);
                (1..50).for_each(|_| _ = random.random());
            }
            for (count, value) in stream.bits {
                assert_eq!(random.bits(count), value, "seed {}, {count} bits", stream.seed);
            }
            for (bound, value) in stream.below {
                assert_eq!(random.below(bound), value, "seed {}, below {bound}", stream.seed);
            }
        }
    }

    #[test]
    fn samples_are_cpythons_in_both_branches() {
        let samples = golden().samples;
        let pooled = samples.iter().filter(|s| s.population <= set_size(s.count)).count();
        assert!(pooled > 50 && samples.len() - pooled > 50, "{pooled} of {}", samples.len());
        for Sample { seed, population, count, first, sum, next } in samples {
            let mut random = PythonRandom::new(seed);
            let drawn = random.sample(population, count).expect("the fixture asks for no more than there are");
            let weighted = drawn.iter().zip(1u64..).map(|(&number, place)| number as u64 * place);
            let name = format!("seed {seed}, {count} of {population}");
            assert_eq!(drawn.len(), count, "{name}");
            assert_eq!(drawn[..first.len()], first[..], "{name}");
            assert_eq!(weighted.sum::<u64>() % (1 << 32), sum, "{name}");
            assert_eq!(random.bits(32), next, "{name}");
        }
    }

    #[test]
    fn shuffles_are_cpythons() {
        for Shuffle { seed, order } in golden().shuffles {
            let mut items: Vec<usize> = (0..order.len()).collect();
            PythonRandom::new(seed).shuffle(&mut items);
            assert_eq!(items, order, "seed {seed}");
        }
    }

    #[test]
    fn more_than_the_population_is_refused_without_a_draw() {
        let mut random = PythonRandom::new(0);
        let mut other = random.clone();
        assert_eq!(random.sample(3, 4), None);
        assert_eq!(random.bits(32), other.bits(32));
    }
}
