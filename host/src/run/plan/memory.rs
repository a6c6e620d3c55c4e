//! Whether a run fits into memory, before anything large is read.

use std::borrow::Borrow;

use candle_core::{DType, Device};

use super::draw::{Draw, Drawn};
use super::dry_step::Asked;
use super::error::PlanError;
use super::render::Query;
use crate::run::inputs::config::{Purpose, RunConfig};
use crate::run::inputs::model::OpenModel;
use ft_engine::model::decoder::{DecoderConfig, Placement};
use ft_engine::model::device::free_memory;
use ft_engine::model::memory::{Memory, Phase, estimate};
use ft_engine::model::weights::WeightFormat;
use ft_engine::score::{self, BatchSize, QueryTokens};
use ft_engine::text::size;
use ft_engine::tune::{self, Demonstrations, Question, QuestionSize};
use ft_record::files::samples::SampleRecord;
use ft_record::files::schema::MemoryRecord;
use ft_record::files::unconditional::UnconditionalRecord;
use ft_store::machine::memory::available;

/// What the program takes besides the model: its code, the plugins and their compiler, the tokenizer.
const PROGRAM: u64 = 40 << 20;

/// The memory of a run that scores queries behind so many contexts of each seed, steps, zero-shot and baselines, with an
/// optimizer that asks this in a step, and what there is of it on its device.
pub(super) fn of_run(
    config: &RunConfig,
    (device, dtype): (&Device, DType),
    model: &OpenModel,
    (drawn, scored_contexts): (&Drawn, usize),
    asked: &Asked,
) -> MemoryRecord {
    let demonstrations = drawn.draws.iter().map(|draw| draw.record.demonstration_ids.len()).max().unwrap_or(0);
    let records = of_records(drawn, scored_contexts, config.steps);
    let placement = Placement { device: device.clone(), dtype, weights: config.weights };
    let alone = of_unconditional(config, model, (&placement, drawn));
    let (model, layout) = (&model.family.config, &model.family.layout);
    let groups = [&drawn.queries, &drawn.content_free.queries];
    let batches = groups.map(|queries| batch_size(&tokens_of(queries), config.batch_tokens));
    let mut phases = tune::phases(demonstrations, config.steps);
    if !drawn.description.ids.is_empty() {
        // Zero-shot: what is read once before all queries is longer.
        for batch in batches {
            let shared_start = batch.shared_start + drawn.description.ids.len();
            let batch = BatchSize { shared_start, ..batch };
            phases.extend(tune::phases(batch.shared_start, 1));
            phases.extend(score::phases(model, &placement, 0, 1, batch));
        }
    }
    phases.extend(
        batches.into_iter().flat_map(|batch| score::phases(model, &placement, demonstrations, config.steps, batch)),
    );
    phases.extend(alone.into_iter().flatten());
    if !config.baselines.0.is_empty() {
        let longest = drawn.draws.iter().map(Draw::longest_context).max().unwrap_or(0);
        // What the optimizer keeps of the last step is alive as well.
        let kept = if config.steps > 1 { demonstrations } else { 0 };
        let scoring = batches.into_iter().flat_map(|batch| score::phases(model, &placement, longest, 1, batch));
        let further = tune::phases(longest, 1).into_iter().chain(scoring);
        phases.extend(further.map(|phase| Phase { cached: phase.cached.saturating_add(kept), ..phase }));
    }
    let tuned_on = drawn.draws.iter().map(|draw| &draw.demonstrations);
    phases.extend(of_questions(asked, (model, &placement), tuned_on, config.batch_tokens));
    if config.purpose == Purpose::Tune || config.save_context.is_some() {
        // The context of the result so far is kept beside that of the step.
        phases.iter_mut().for_each(|phase| phase.cached = phase.cached.saturating_add(demonstrations));
    }
    recorded(estimate(model, layout, &placement, &phases), records, device)
}

/// The memory of a run that scores queries behind a saved context of so many positions, and what there is of it on its device.
pub(super) fn of_context(
    config: &RunConfig,
    (device, dtype): (&Device, DType),
    model: &OpenModel,
    (drawn, positions): (&Drawn, usize),
) -> MemoryRecord {
    let placement = Placement { device: device.clone(), dtype, weights: config.weights };
    let (decoder, layout) = (&model.family.config, &model.family.layout);
    let batches = [&drawn.queries, &drawn.content_free.queries]
        .map(|queries| batch_size(&tokens_of(queries), config.batch_tokens));
    let phases = batches.into_iter().flat_map(|batch| score::phases(decoder, &placement, positions, 1, batch));
    let phases: Vec<Phase> =
        phases.chain(of_unconditional(config, model, (&placement, drawn)).into_iter().flatten()).collect();
    recorded(estimate(decoder, layout, &placement, &phases), of_records(drawn, 1, 0), device)
}

/// What is alive while choices are scored without their queries; nothing where they are not.
fn of_unconditional(
    config: &RunConfig,
    model: &OpenModel,
    (placement, drawn): (&Placement, &Drawn),
) -> Option<[Phase; 2]> {
    let start = model.tokenizer.text_start().filter(|_| !drawn.unconditional.is_empty())?;
    let alone: Vec<QueryTokens> =
        tokens_of(&drawn.unconditional).iter().map(|tokens| tokens.preceded_by(&[start])).collect();
    Some(score::phases(&model.family.config, placement, 0, 1, batch_size(&alone, config.batch_tokens)))
}

/// An estimate as it is written down, with the bytes of the records, and what the device has.
fn recorded(memory: Memory, records: u64, device: &Device) -> MemoryRecord {
    let program = if device.is_cpu() { PROGRAM.saturating_add(records) } else { 0 };
    MemoryRecord {
        weights: memory.weights,
        dense_weights: memory.dense_weights,
        cache: memory.cache,
        activations: memory.activations,
        records,
        total: memory.total.saturating_add(program),
        available: if device.is_cpu() { available() } else { free_memory(device) },
    }
}

fn tokens_of(queries: &[Query]) -> Vec<&QueryTokens> {
    queries.iter().map(|query| &query.tokens).collect()
}

/// The size of the largest batch of these queries.
fn batch_size<T: Borrow<QueryTokens>>(queries: &[T], batch_tokens: usize) -> BatchSize {
    let (mut all, mut longest, mut scored) = (0usize, 0usize, 0usize);
    for query in queries.iter().map(Borrow::borrow) {
        let tokens = query.tree_tokens();
        all += tokens;
        longest = longest.max(tokens);
        scored += query.choices.iter().map(|choice| choice.ids.len() - choice.span_start).sum::<usize>();
    }
    let shared_start = score::shared_start(queries.iter().map(Borrow::borrow)).len();
    // Every tree has the shared start as long as it is not cut off.
    let (all, longest) = (all - shared_start * queries.len(), longest - shared_start);
    let tokens = all.min(longest.max(batch_tokens));
    BatchSize { shared_start, tokens, largest_tree: longest, predictions: scored.min(tokens) }
}

/// What is alive while an optimizer's questions about any of these demonstrations are answered. What a proposal takes, each
/// step takes.
fn of_questions<'a>(
    Asked(asked): &Asked,
    (config, placement): (&DecoderConfig, &Placement),
    tuned_on: impl Iterator<Item = &'a Demonstrations> + Clone,
    batch_tokens: usize,
) -> Vec<Phase> {
    let mut phases = Vec::new();
    for (index, question) in asked.iter().enumerate() {
        let (Question::Likelihood(examples, objective) | Question::Gradient(examples, objective)) = *question else {
            continue;
        };
        if asked[..index].contains(question) {
            continue;
        }
        for demonstrations in tuned_on.clone() {
            // There is no such question where there are no such examples.
            let Ok(of) = demonstrations.examples(examples) else { continue };
            let (size, tokens) = (QuestionSize::of(of, objective), demonstrations.ids.len());
            match question {
                Question::Gradient(..) => {
                    phases.push(tune::gradient_phase(config, placement, tokens, size, batch_tokens))
                }
                _ => phases.extend(tune::likelihood_phases(config, placement, tokens, size, batch_tokens)),
            }
        }
    }
    phases
}

/// Bytes of the records of all steps and baselines, which a run keeps until its end: with many choices, rows, steps and seeds they outgrow
/// all else.
fn of_records(drawn: &Drawn, scored_contexts: usize, steps: usize) -> u64 {
    let record = |query: &Query| {
        let choice = size_of::<f64>() + 3 * size_of::<usize>();
        (size_of::<SampleRecord>() + query.id.len() + query.tokens.choices.len() * choice) as u64
    };
    let of_draw = |draw: &Draw| {
        let scored = draw.queries.iter().map(|place| &drawn.queries[*place]).chain(&drawn.content_free.queries);
        let scored: u64 = scored.map(record).sum();
        let held_out: u64 = draw.held_out.folds.iter().flat_map(|fold| &fold.queries).map(record).sum();
        scored.saturating_mul(scored_contexts as u64).saturating_add(held_out.saturating_mul(steps as u64))
    };
    // Their log-likelihoods are there twice: as records, and by their rows.
    let unconditional = |query: &Query| {
        let choice = 2 * size_of::<f64>() + size_of::<usize>();
        let row = size_of::<UnconditionalRecord>() + size_of::<(usize, Vec<f64>)>();
        (row + query.id.len() + query.tokens.choices.len() * choice) as u64
    };
    let once = drawn.unconditional.iter().map(unconditional).sum();
    drawn.draws.iter().map(of_draw).fold(once, u64::saturating_add)
}

/// Refuses a run that does not fit.
///
/// # Errors
/// [`PlanError::Memory`] with the numbers. Where the system does not say what it has, everything fits.
pub(super) fn check(memory: &MemoryRecord, model: &str, device: &Device) -> Result<(), PlanError> {
    match memory.available {
        Some(available) if memory.total > available => Err(PlanError::Memory {
            model: model.into(),
            place: if device.is_cpu() { "this machine" } else { "the device" },
            memory: Box::new(memory.clone()),
            available,
        }),
        _ => Ok(()),
    }
}

/// What 8-bit weights save.
pub(super) fn saved(memory: &MemoryRecord, weights: WeightFormat, dtype: DType) -> Option<String> {
    (weights == WeightFormat::Quantized).then(|| {
        format!(
            "8-bit weights take {}, where all in {} would take {}",
            size(memory.weights),
            dtype.as_str(),
            size(memory.dense_weights)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Diagnosis;

    #[test]
    fn what_does_not_fit_is_refused_with_numbers() {
        let memory = |available| MemoryRecord {
            weights: 30_000_000_000,
            dense_weights: 120_000_000_000,
            cache: 2_000_000_000,
            activations: 400_000_000,
            records: 40_000_000,
            total: 32_480_000_000,
            available,
        };
        assert!(check(&memory(None), "m", &Device::Cpu).is_ok());
        assert!(check(&memory(Some(32_480_000_000)), "m", &Device::Cpu).is_ok());
        let error = check(&memory(Some(16_000_000_000)), "m", &Device::Cpu).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`m` needs about 32.5 GB of memory (weights 30.0 GB, keys and values 2.0 GB, states 400 MB, records 40 MB), and this machine has \
             16.0 GB"
        );
        assert!(error.hint().unwrap().contains("--force"));
        let note = saved(&memory(None), WeightFormat::Quantized, DType::F32).unwrap();
        assert_eq!(note, "8-bit weights take 30.0 GB, where all in f32 would take 120.0 GB");
        assert_eq!(saved(&memory(None), WeightFormat::Dense, DType::F32), None);
    }
}
