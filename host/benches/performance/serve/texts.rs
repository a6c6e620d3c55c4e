//! Texts like SST-2's, made of words here: no row of a data set is in them.

/// Words of reviews, all lower case as SST-2 has them.
const WORDS: &str = "a the film movie story plot and but of with for in its is was feels looks sounds warm cold slow \
    quick dull bright funny sad tired fresh stale gentle cruel honest false clever silly grand small \
    long short first last never always often almost quite too very so more less than any every some no \
    actor actress director writer camera music score scene ending opening hour minute dialogue character \
    audience viewer critic comedy drama thriller romance mystery sequel remake summer winter city \
    village family friend stranger heart mind eye laughter tears boredom wonder charm wit";

/// Lengths of texts, which go round from the shortest to the longest.
pub struct Kind {
    /// What they are, in words.
    pub name: &'static str,
    /// The fewest and the most words.
    words: (usize, usize),
}

/// Whole sentences of about 20 words, and phrases of about 5: SST-2's evaluation split has the former, its training
/// split mostly the latter.
pub const KINDS: [Kind; 2] = [Kind { name: "sentences", words: (16, 24) }, Kind { name: "phrases", words: (3, 7) }];

impl Kind {
    /// So many texts, the same ones in every run; each begins with other words than its neighbours.
    pub fn texts(&self, count: usize) -> Vec<String> {
        let (fewest, most) = self.words;
        let words: Vec<&str> = WORDS.split(' ').collect();
        let mut state = most as u64;
        let mut word = || {
            // Knuth's MMIX generator; its upper bits are the better ones.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            words[(state >> 33) as usize % words.len()]
        };
        let mut text = |index: usize| {
            let text: Vec<&str> = (0..fewest + index % (most - fewest + 1)).map(|_| word()).collect();
            text.join(" ") + " ."
        };
        (0..count).map(&mut text).collect()
    }
}
