//! Queries of a task's shape, made of arbitrary tokens that are shared as in real prompts.

use ft_engine::score::{ChoiceTokens, QueryTokens};

use super::model::VOCABULARY;

/// The lengths of contexts go round in a cycle, as shares of the mean: a whole cycle costs what as many queries cost on
/// average, and so does its first one alone.
const CYCLE: [f64; 3] = [1.0, 0.7, 1.3];

/// Tokens that begin every query of a task, such as `Review:`.
const TEMPLATE: usize = 3;

/// What the queries of a task have in common.
#[derive(Clone, Copy)]
pub struct Shape {
    /// What it is like, in words.
    pub name: &'static str,
    /// Tokens of the demonstrations.
    pub demonstrations: usize,
    /// Tokens of a context, on average.
    pub context: usize,
    /// Choices of a query.
    pub choices: usize,
    /// Tokens of a choice; they go round from the first number to the second.
    pub choice: (usize, usize),
}

impl Shape {
    /// The first so many queries. Choices share their whole context, and phrases often their first token.
    pub fn queries(&self, count: usize) -> Vec<QueryTokens> {
        let mut tokens = Tokens(1);
        let template = tokens.take(TEMPLATE);
        let labels = tokens.take(self.choices);
        let articles = tokens.take(4);
        let (shortest, longest) = self.choice;
        let query = |index: usize| {
            let length = (self.context as f64 * CYCLE[index % CYCLE.len()]).round() as usize;
            let context = [template.as_slice(), &tokens.take(length - TEMPLATE)].concat();
            let choices = (0..self.choices).map(|choice| {
                let own = match shortest + (index + choice) % (longest - shortest + 1) {
                    1 => vec![labels[choice]],
                    // Not all begin with one of the few words that phrases begin with.
                    more if choice % 2 == 0 => {
                        [&[articles[(index + choice / 2) % 4]], tokens.take(more - 1).as_slice()].concat()
                    }
                    more => tokens.take(more),
                };
                ChoiceTokens { ids: [context.as_slice(), &own].concat(), span_start: context.len() }
            });
            QueryTokens { choices: choices.collect() }
        };
        (0..count).map(query).collect()
    }

    /// Demonstrations of its length.
    pub fn demonstrations(&self) -> Vec<u32> {
        Tokens(2).take(self.demonstrations)
    }
}

/// Arbitrary tokens, the same in every run.
struct Tokens(u32);

impl Tokens {
    fn take(&mut self, count: usize) -> Vec<u32> {
        let next = |_| {
            // The multiplier is prime to the vocabulary's size, so that tokens come again only after all others.
            self.0 = (self.0 + 7919) % VOCABULARY;
            (self.0 * 31) % VOCABULARY
        };
        (0..count).map(next).collect()
    }
}
