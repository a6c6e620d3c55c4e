//! Examples as the model gets them: text of the task's prompt, and tokens.

use super::config::RunConfig;
use super::text_bound::{MOST_TOKENS, TextBound};
use super::usable::Unusable;
use super::{RunError, fit};
use ft_engine::model::Tokenizer;
use ft_engine::score::{ChoiceTokens, QueryTokens};
use ft_engine::task::example::{Example, RenderedChoice};
use ft_engine::task::prompt::demonstration_text;
use ft_engine::text::Untrusted;
use ft_sandbox::TaskPlugin;

/// One example, ready to be scored.
#[derive(Clone)]
pub struct Query {
    /// Its row in its split.
    pub index: usize,
    /// Its name.
    pub id: String,
    /// The right choice.
    pub answer: usize,
    /// Its choices' tokens.
    pub tokens: QueryTokens,
    /// How many characters each choice's scored text has.
    pub characters: Vec<usize>,
}

/// Demonstrations, each as text.
///
/// # Errors
/// An example that the prompt does not take, or a failure of the plugin.
pub fn render_all(task: &mut TaskPlugin, shown: &[(usize, &Example)]) -> Result<Vec<Untrusted>, RunError> {
    Ok(shown.iter().map(|(_, example)| task.render_demonstration(example)).collect::<Result<_, _>>()?)
}

/// What a task makes of examples for one model.
pub struct Renderer<'a> {
    /// The settings.
    pub config: &'a RunConfig,
    /// The task.
    pub task: &'a mut TaskPlugin,
    /// The model's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// The model's positions, where they are bounded.
    pub positions: Option<usize>,
    /// What follows every demonstration.
    pub separator: String,
    /// Tokens of all queries so far.
    pub tokens: usize,
}

impl Renderer<'_> {
    fn text_bound(&self) -> TextBound {
        TextBound::new(self.positions, self.tokenizer)
    }

    /// An example as a query, with its choices as the prompt writes them; none of those where the prompt does not take it.
    ///
    /// # Errors
    /// A failure of the plugin or the tokenizer that is not about this one example; more tokens than a run keeps.
    pub fn query(
        &mut self,
        index: usize,
        example: &Example,
    ) -> Result<(Result<Query, Unusable>, Vec<RenderedChoice>), RunError> {
        let choices = match self.task.render_query(example) {
            Ok(choices) => choices,
            Err(error) => return Ok((Err(Unusable::of_prompt(error)?), Vec::new())),
        };
        if let Err(too_much) = self.text_bound().query(&choices) {
            return Ok((Err(too_much), choices));
        }
        let tokens = match QueryTokens::encode(self.tokenizer, &choices) {
            Ok(Ok(tokens)) => tokens,
            Ok(Err(empty)) => return Ok((Err(Unusable::NothingToScore(empty)), choices)),
            Err(error) => return Ok((Err(Unusable::of_tokens(error)?), choices)),
        };
        // A choice is kept with some words of its own.
        let kept = tokens.choices.iter().map(|choice| choice.ids.len() + size_of::<ChoiceTokens>() / size_of::<u32>());
        self.tokens = self.tokens.saturating_add(kept.sum());
        if self.tokens > MOST_TOKENS {
            return Err(RunError::TooManyTokens { id: example.id.clone(), choices: choices.len() });
        }
        let characters = choices.iter().map(RenderedChoice::scored_characters).collect();
        Ok((Ok(Query { index, id: example.id.clone(), answer: example.answer, tokens, characters }), choices))
    }

    /// Demonstrations as tokens that the model has positions for.
    ///
    /// # Errors
    /// A text without tokens, or one that does not fit.
    pub fn demonstrations(&self, demonstrations: &[(&Example, &str)]) -> Result<(String, Vec<u32>), RunError> {
        self.text_bound().demonstrations(demonstrations, &self.separator)?;
        let texts: Vec<&str> = demonstrations.iter().map(|(_, text)| *text).collect();
        let text = demonstration_text(&texts, &self.separator);
        let ids = self.tokenizer.encode_with_special(&text)?;
        if ids.is_empty() {
            return Err(RunError::EmptyDemonstrations { text });
        }
        let longest = || {
            let tokens = |text: &str| self.tokenizer.encode(text).map_or(0, |ids| ids.len());
            let lengths = demonstrations.iter().map(|(example, text)| (example.id.clone(), tokens(text)));
            lengths.max_by_key(|(_, tokens)| *tokens).filter(|_| demonstrations.len() > 1)
        };
        fit::demonstrations(self.config, self.positions, ids.len(), longest)?;
        Ok((text, ids))
    }
}
