//! The demonstrations that a seed draws, which are shown to the model.

use super::render::{Renderer, render_all};
use crate::run::error::RunError;
use crate::run::inputs::config::TaskConfig;
use crate::run::inputs::rows::Rows;
use ft_engine::task::example::Example;
use ft_engine::task::sampling::Selection;
use ft_engine::text::Untrusted;
use ft_sandbox::TaskPlugin;

/// Which row an example is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A demonstration of a seed, by its place among them.
    Demonstration {
        /// The seed's place in the run.
        seed: usize,
        /// The demonstration's place.
        place: usize,
    },
    /// A held-out row of a seed, by its place among them.
    HeldOut {
        /// The seed's place in the run.
        seed: usize,
        /// The row's place.
        place: usize,
    },
}

/// A seed's rows and its demonstrations.
pub struct Shown<'a> {
    /// Which rows the seed drew.
    pub selection: Selection,
    /// The demonstrations, each with its row.
    pub demonstrations: Vec<(usize, &'a Example)>,
    /// The text of each demonstration.
    pub rendered: Vec<Untrusted>,
    /// All of it as one text.
    pub text: String,
    /// The token ids of that text.
    pub ids: Vec<u32>,
}

impl<'a> Shown<'a> {
    /// Lets a seed draw its rows, and renders and tokenizes its demonstrations, whether or not the model has room for them.
    ///
    /// # Errors
    /// Too few rows, an example that the prompt does not take, a failure of the plugin or the tokenizer.
    pub fn draw(renderer: &mut Renderer<'_>, rows: &'a Rows, config: &TaskConfig, seed: u64) -> Result<Self, RunError> {
        Rendered::draw(renderer.task, rows, config, seed)?.tokenized(renderer)
    }

    /// The demonstrations with their texts.
    pub fn pairs(&self) -> Vec<(&'a Example, &str)> {
        pairs(&self.demonstrations, &self.rendered)
    }
}

/// A seed's rows and the texts of its demonstrations, for which no tokenizer is needed.
pub struct Rendered<'a> {
    selection: Selection,
    demonstrations: Vec<(usize, &'a Example)>,
    rendered: Vec<Untrusted>,
}

impl<'a> Rendered<'a> {
    /// Lets a seed draw its rows, and renders its demonstrations.
    ///
    /// # Errors
    /// Too few rows, an example that the prompt does not take, a failure of the plugin.
    pub fn draw(task: &mut TaskPlugin, rows: &'a Rows, config: &TaskConfig, seed: u64) -> Result<Self, RunError> {
        let selection = rows.select(config, seed)?;
        let demonstrations = rows.demonstrations(&selection);
        let rendered = render_all(task, &demonstrations)?;
        Ok(Self { selection, demonstrations, rendered })
    }

    /// Tokenizes the demonstrations.
    ///
    /// # Errors
    /// More text than the model takes, a failure of the tokenizer.
    pub fn tokenized(self, renderer: &Renderer<'_>) -> Result<Shown<'a>, RunError> {
        let Self { selection, demonstrations, rendered } = self;
        let (text, ids) = renderer.text_and_ids(&pairs(&demonstrations, &rendered))?;
        Ok(Shown { selection, demonstrations, rendered, text, ids })
    }
}

fn pairs<'a, 't>(demonstrations: &[(usize, &'a Example)], rendered: &'t [Untrusted]) -> Vec<(&'a Example, &'t str)> {
    let pairs = demonstrations.iter().zip(rendered);
    pairs.map(|((_, example), text)| (*example, text.raw().as_str())).collect()
}
