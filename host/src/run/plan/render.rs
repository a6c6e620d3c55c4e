//! Examples as the model gets them: text of the task's prompt, and tokens.

use super::error::DrawError;
use super::fit;
use super::fit::Room;
use super::text_bound::{MOST_TOKENS, TextBound};
use super::usable::Unusable;
use crate::run::error::RunError;
use ft_engine::model::Tokenizer;
use ft_engine::score::{ChoiceTokens, QueryTokens};
use ft_engine::task::example::{Example, RenderedChoice, TextLength};
use ft_engine::task::prompt::demonstration_text;
use ft_engine::text::Untrusted;
use ft_sandbox::TaskPlugin;

/// One example, ready to be scored.
#[derive(Clone)]
pub struct Query {
    /// The example's row in its split, from 0.
    pub index: usize,
    /// The example's own name.
    pub id: String,
    /// The right choice.
    pub answer: usize,
    /// The tokens of its choices.
    pub tokens: QueryTokens,
    /// The length of each choice's scored text.
    pub lengths: Vec<TextLength>,
}

/// Demonstrations, each as text.
///
/// # Errors
/// An example that the prompt does not take, or a failure of the plugin.
pub fn render_all(task: &mut TaskPlugin, shown: &[(usize, &Example)]) -> Result<Vec<Untrusted>, RunError> {
    Ok(shown.iter().map(|(_, example)| task.render_demonstration(example)).collect::<Result<_, _>>()?)
}

/// What a task makes of examples for one model.
pub(in crate::run) struct Renderer<'a> {
    pub task: &'a mut TaskPlugin,
    /// The model's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// What has to fit into the model's positions.
    pub room: Room,
    /// What stands before the first demonstration and before queries without demonstrations; empty for nothing.
    description: String,
    /// What follows every demonstration.
    separator: String,
    /// Tokens of all queries so far.
    tokens: usize,
}

impl<'a> Renderer<'a> {
    /// Asks the task for its separator and, where `description` is open, for its description.
    ///
    /// # Errors
    /// A failure of the plugin, or a description that is too long.
    pub fn new(
        task: &'a mut TaskPlugin,
        tokenizer: &'a Tokenizer,
        room: Room,
        description: Option<&str>,
    ) -> Result<Self, RunError> {
        let description = match description {
            Some(text) => text.to_owned(),
            None => task.prompt_description()?.into_raw(),
        };
        let separator = task.separator()?.into_raw();
        let renderer = Self { task, tokenizer, room, description, separator, tokens: 0 };
        renderer.text_bound().description(&renderer.description).map_err(DrawError::from)?;
        Ok(renderer)
    }

    /// What stands before the first demonstration and before queries without demonstrations, as text and as token ids, with
    /// those that the model expects at the beginning of a text. No ids where there is no such text.
    ///
    /// # Errors
    /// A text that the tokenizer cannot encode.
    pub fn description(&self) -> Result<(&str, Vec<u32>), RunError> {
        let text = self.description.as_str();
        let ids = if text.is_empty() { Vec::new() } else { self.tokenizer.encode_with_special(text)? };
        Ok((text, ids))
    }

    /// How many tokens of the demonstrations' text stand before the first demonstration: those that the model expects at the
    /// beginning of a text, and the description's. A token that stands for the end of the description and the beginning of the first
    /// demonstration is the demonstration's, which would lose its first word without it.
    ///
    /// # Errors
    /// A text that the tokenizer cannot encode.
    pub fn tokens_before(&self, text: &str) -> Result<usize, RunError> {
        let special = self.tokenizer.special_before();
        if self.description.is_empty() {
            return Ok(special);
        }
        Ok(special + self.tokenizer.tokens_within(text, self.description.len())?)
    }

    /// What follows every demonstration.
    pub fn separator(&self) -> &str {
        &self.separator
    }

    /// Bytes of the demonstrations' text before the first demonstration.
    pub fn bytes_before(&self) -> usize {
        self.description.len()
    }

    /// The most text that the model takes.
    pub fn text_bound(&self) -> TextBound {
        TextBound::new(self.room.limit, self.tokenizer)
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
            return Ok((Err(Unusable::TooMuchText(too_much)), choices));
        }
        Ok((self.tokenized(index, example, &choices)?, choices))
    }

    /// The choices of an example as a query that asks nothing: each behind an empty text. Their lengths are those of the choices.
    ///
    /// # Errors
    /// Those of [`Self::query`].
    pub fn unconditional(
        &mut self,
        index: usize,
        example: &Example,
        choices: &[RenderedChoice],
    ) -> Result<Result<Query, Unusable>, RunError> {
        let alone: Vec<RenderedChoice> = choices.iter().map(RenderedChoice::alone).collect();
        self.tokenized(index, example, &alone)
    }

    fn tokenized(
        &mut self,
        index: usize,
        example: &Example,
        choices: &[RenderedChoice],
    ) -> Result<Result<Query, Unusable>, RunError> {
        let tokens = match QueryTokens::encode(self.tokenizer, choices) {
            Ok(Ok(tokens)) => tokens,
            Ok(Err(empty)) => return Ok(Err(Unusable::NothingToScore(empty))),
            Err(error) => return Ok(Err(Unusable::of_tokens(error)?)),
        };
        // A choice is kept with some words of its own.
        let kept = tokens.choices.iter().map(|choice| choice.ids.len() + size_of::<ChoiceTokens>() / size_of::<u32>());
        self.tokens = self.tokens.saturating_add(kept.sum());
        if self.tokens > MOST_TOKENS {
            return Err(DrawError::TooManyTokens { id: example.id.clone(), choices: choices.len() }.into());
        }
        let lengths = choices.iter().map(RenderedChoice::scored_length).collect();
        Ok(Ok(Query { index, id: example.id.clone(), answer: example.answer, tokens, lengths }))
    }

    /// Demonstrations behind the description as one text, and its token ids with those that the model expects around a text.
    ///
    /// # Errors
    /// [`LongDemonstrations`]; a text that the tokenizer cannot encode.
    pub fn text_and_ids(&self, demonstrations: &[(&Example, &str)]) -> Result<(String, Vec<u32>), RunError> {
        let around = (self.description.as_str(), self.separator.as_str());
        self.text_bound().demonstrations(demonstrations, around).map_err(DrawError::from)?;
        let texts: Vec<&str> = demonstrations.iter().map(|(_, text)| *text).collect();
        let text = self.description.clone() + &demonstration_text(&texts, &self.separator);
        let ids = self.tokenizer.encode_with_special(&text)?;
        Ok((text, ids))
    }

    /// Demonstrations as one text and its token ids, which the model has positions for.
    ///
    /// # Errors
    /// Those of [`Self::text_and_ids`] and [`Self::check_fit`].
    pub fn demonstrations(&self, demonstrations: &[(&Example, &str)]) -> Result<(String, Vec<u32>), RunError> {
        let (text, ids) = self.text_and_ids(demonstrations)?;
        self.check_fit(demonstrations, &text, &ids)?;
        Ok((text, ids))
    }

    /// Refuses demonstrations that no pass can run over.
    ///
    /// # Errors
    /// [`DrawError::EmptyDemonstrations`], [`DrawError::ContextTooLong`].
    pub fn check_fit(&self, demonstrations: &[(&Example, &str)], text: &str, ids: &[u32]) -> Result<(), DrawError> {
        if ids.is_empty() {
            return Err(DrawError::EmptyDemonstrations { text: text.to_owned() });
        }
        let longest = || {
            let tokens = |text: &str| self.tokenizer.encode(text).map_or(0, |ids| ids.len());
            let lengths = demonstrations.iter().map(|(example, text)| (example.id.clone(), tokens(text)));
            lengths.max_by_key(|(_, tokens)| *tokens).filter(|_| demonstrations.len() > 1)
        };
        fit::demonstrations(self.room, ids.len(), longest)
    }
}
