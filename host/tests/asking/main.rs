//! Optimizers that ask the model, and what a tiny model answers: the rules as components, and passes behind any cache.

mod passes;
mod rules;
mod shown;
#[path = "../support_tiny/mod.rs"]
mod support_tiny;

use candle_core::{DType, Tensor};
use ft_engine::model::{Decoder, KvCache};
use ft_engine::tune::{
    Demonstrations, MetaOptimizer, OptimizerError, QuestionError, State, StepContext, StepPolicy, StepReport, Update,
    Verdict,
};

fn matrices(cache: &KvCache) -> Vec<Tensor> {
    cache.matrices().cloned().collect()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().and_then(|flat| flat.to_dtype(DType::F64)?.to_vec1()).unwrap()
}

fn bits(cache: &KvCache) -> Vec<Vec<u64>> {
    matrices(cache).iter().map(|matrix| values(matrix).into_iter().map(f64::to_bits).collect()).collect()
}

/// An optimizer that asks one question and leaves the cache as it is.
struct Asks<T, F> {
    question: F,
    answer: Option<Result<T, QuestionError>>,
}

impl<T, F: FnMut(&mut dyn StepContext) -> Result<T, QuestionError>> MetaOptimizer for Asks<T, F> {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        self.answer = Some((self.question)(context));
        let cache = matrices(context.cache());
        Ok(Update { cache, verdict: Verdict::Continue, report: StepReport::default() })
    }
}

/// What a question is answered in the step that comes next.
fn ask<T>(
    decoder: &Decoder,
    state: &State,
    demonstrations: &Demonstrations,
    question: impl FnMut(&mut dyn StepContext) -> Result<T, QuestionError>,
) -> Result<T, QuestionError> {
    let mut asks = Asks { question, answer: None };
    state.next(decoder, demonstrations, StepPolicy::PUBLISHED, &mut asks).expect("the pass that proposes");
    asks.answer.expect("a step was taken")
}
