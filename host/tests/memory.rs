//! The estimate of a run's memory against what is allocated: weights are read, the cache is moved by some steps of
//! momentum, and queries are scored after each, as a run does it.
//!
//! Counted is every allocation of the process through its global allocator, from the moment before the weights are read,
//! and of the weight file, which a run maps, each tensor from when it is asked for until it is released: so long its pages
//! are in memory. Not counted are code, stacks, the state of threads, and what the allocator keeps back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Tensor};
use ft_engine::model::arithmetic::add_scaled;
use ft_engine::model::decoder::Placement;
use ft_engine::model::decoder::tensors::DecoderTensors;
use ft_engine::model::families::{Family, UnknownSettings, from_config_json};
use ft_engine::model::memory::{Memory, estimate};
use ft_engine::model::weights::{Arrays, FileBytes, TensorSource, WeightBytes, WeightFormat};
use ft_engine::model::{Decoder, ModelError};
use ft_engine::score::{self, BatchSize, ChoiceTokens, QueryTokens};
use ft_engine::tune::{
    self, AnsweredQuery, DemonstrationSpan, Demonstrations, Dropout, Examples, MetaOptimizer, Momentum, Objective,
    OptimizerError, QuestionSize, State, StepContext, StepPolicy, StepReport, Update, Verdict,
};

/// How far the estimate may be from the peak, as a share of it.
const TOLERANCE: f64 = 0.1;
/// The same for a gradient, beside weights that are there already.
const GRADIENT_TOLERANCE: f64 = 0.2;
const STEPS: usize = 3;

/// The system's allocator, counted.
struct Counting;

static ALIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let alive = ALIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(alive, Ordering::Relaxed);
}

// SAFETY: every call is the system allocator's own; beside it only numbers change.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are alive while one is copied to the other; the system may do without, and then it takes less.
        grow(size);
        ALIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A model, the form in which it is stored, and a workload.
struct Case {
    name: &'static str,
    config: &'static str,
    dtype: DType,
    weights: WeightFormat,
    demonstrations: usize,
    /// Queries of two choices with twenty tokens in common.
    queries: usize,
    /// Tokens that all queries start with.
    shared_start: usize,
    /// The row of the estimate that is to be the largest, so that each is held to the peak once.
    dominates: fn(&Memory) -> bool,
}

const QUERY_TOKENS: usize = 20;
const CHOICE_TOKENS: usize = 6;

const WIDE: &str = r#"{"model_type": "llama", "hidden_size": 320, "intermediate_size": 1280, "num_hidden_layers": 6,
    "num_attention_heads": 5, "num_key_value_heads": 5, "vocab_size": 4000, "max_position_embeddings": 4096,
    "tie_word_embeddings": false}"#;
const SMALL: &str = r#"{"model_type": "llama", "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000, "max_position_embeddings": 4096,
    "tie_word_embeddings": true}"#;
const DEEP: &str = r#"{"model_type": "llama", "hidden_size": 96, "intermediate_size": 128, "num_hidden_layers": 16,
    "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 500, "max_position_embeddings": 4096,
    "tie_word_embeddings": true}"#;
const GPT2: &str = r#"{"model_type": "gpt2", "n_embd": 256, "n_layer": 3, "n_head": 4, "n_positions": 2048,
    "n_ctx": 2048, "vocab_size": 20000}"#;

fn weights_dominate(memory: &Memory) -> bool {
    memory.weights > (memory.cache + memory.activations)
}

fn activations_dominate(memory: &Memory) -> bool {
    memory.activations > (memory.cache + memory.weights)
}

fn cache_dominates(memory: &Memory) -> bool {
    memory.cache > (memory.weights + memory.activations)
}

fn reading_dominates(memory: &Memory) -> bool {
    memory.total > memory.weights + memory.cache + memory.activations
}

const CASES: [Case; 9] = [
    case("weights", WIDE, DType::F32, WeightFormat::Dense, (40, 8), weights_dominate),
    case("weights in 8 bit", WIDE, DType::F32, WeightFormat::Quantized, (40, 8), weights_dominate),
    case("weights in bf16", WIDE, DType::BF16, WeightFormat::Dense, (40, 8), weights_dominate),
    case("activations", SMALL, DType::F32, WeightFormat::Dense, (40, 250), activations_dominate),
    case(
        "activations between weights in 8 bit",
        SMALL,
        DType::F32,
        WeightFormat::Quantized,
        (40, 250),
        activations_dominate,
    ),
    case("cache", DEEP, DType::F32, WeightFormat::Dense, (900, 4), cache_dominates),
    case("cache in f16", DEEP, DType::F16, WeightFormat::Dense, (900, 4), cache_dominates),
    Case {
        shared_start: 400,
        ..case("cache with a shared start", DEEP, DType::F32, WeightFormat::Dense, (300, 4), cache_dominates)
    },
    case("reading a large embedding", GPT2, DType::F32, WeightFormat::Dense, (20, 2), reading_dominates),
];

const fn case(
    name: &'static str,
    config: &'static str,
    dtype: DType,
    weights: WeightFormat,
    (demonstrations, queries): (usize, usize),
    dominates: fn(&Memory) -> bool,
) -> Case {
    Case { name, config, dtype, weights, demonstrations, queries, shared_start: 1, dominates }
}

/// A mapped file, whose pages count until they are released.
struct Mapped(Vec<u8>);

impl FileBytes for Mapped {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn release(&self, range: Range<usize>) {
        ALIVE.fetch_sub(range.len(), Ordering::Relaxed);
    }
}

/// Tensors in f32 of a mapped file, whose pages count from when a tensor is asked for.
struct Paged(Arrays);

impl TensorSource for Paged {
    fn file(&self) -> &str {
        self.0.file()
    }

    fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.0.shape(name)
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        self.0.check(name, shape)
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        grow(shape.iter().product::<usize>() * size_of::<f32>());
        self.0.tensor(name, shape, dtype, device)
    }
}

/// No tensors at all: the names and shapes that a model looks for follow from its description.
struct Nothing;

impl TensorSource for Nothing {
    fn file(&self) -> &str {
        "nothing"
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn shape(&self, _: &str) -> Option<&[usize]> {
        None
    }

    fn check(&self, _: &str, _: &[usize]) -> Result<(), ModelError> {
        Ok(())
    }

    fn tensor(&self, _: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        Ok(Tensor::zeros(shape, dtype, device)?)
    }
}

/// A safetensors file of the model in f32, with small numbers.
fn file(family: &Family) -> WeightBytes {
    let tensors = DecoderTensors::new(&family.config, &family.layout, &Nothing).unwrap();
    let named: Vec<(String, Tensor)> = tensors
        .all()
        .into_iter()
        .map(|tensor| {
            let count: usize = tensor.shape().iter().product();
            let numbers = (0..count).map(|index| ((index * 37 % 101) as f32 - 50.0) / 1000.0).collect();
            (tensor.name().to_owned(), Tensor::from_vec(numbers, tensor.shape(), &Device::Cpu).unwrap())
        })
        .collect();
    Arc::new(Mapped(safetensors::serialize(named.iter().map(|(name, tensor)| (name, tensor)), None).unwrap()))
}

fn query(number: usize, shared_start: usize) -> QueryTokens {
    let token = |index: usize| ((number * 31 + index * 7) % 499 + 1) as u32;
    let choice = |choice: usize| ChoiceTokens {
        // The tokens that all queries begin with run once for all.
        ids: std::iter::repeat_n(1, shared_start)
            .chain((1..QUERY_TOKENS).map(token))
            .chain((0..CHOICE_TOKENS).map(|index| token(index + 50 * (choice + 1))))
            .collect(),
        span_start: shared_start + QUERY_TOKENS - 1,
    };
    QueryTokens { choices: vec![choice(0), choice(1)] }
}

/// Reads the model, takes the steps and scores the queries after each, all in one batch.
fn run(family: Family, source: &Paged, placement: &Placement, demonstrations: &[u32], queries: &[QueryTokens]) {
    let decoder = Decoder::load(family.config, &family.layout, source, placement).unwrap();
    let start = score::shared_start(queries).to_vec();
    assert!(!start.is_empty());
    let rest: Vec<QueryTokens> = queries.iter().map(|query| query.without_start(start.len())).collect();
    let mut optimizer = Momentum::new(0.01, 0.9);
    let mut state = State::first(&decoder, demonstrations).unwrap();
    loop {
        let context = score::extended(&decoder, &state.context, &start).unwrap();
        let scores = score::score(&decoder, &context, &rest).unwrap();
        assert!(scores.iter().flatten().all(|score| score.loglik.is_finite()));
        drop(context);
        if state.step() == STEPS {
            return;
        }
        state = state
            .next(&decoder, &Demonstrations::of_tokens(demonstrations), StepPolicy::PUBLISHED, &mut optimizer)
            .unwrap();
    }
}

/// The estimate of a case, and the peak.
fn measured(case: &Case) -> (Memory, usize) {
    let family = from_config_json("config.json", case.config.as_bytes(), UnknownSettings::Refuse).unwrap();
    let placement = Placement { device: Device::Cpu, dtype: case.dtype, weights: case.weights };
    let demonstrations: Vec<u32> = (0..case.demonstrations).map(|index| (index * 13 % 499 + 1) as u32).collect();
    let queries: Vec<QueryTokens> = (0..case.queries).map(|number| query(number, case.shared_start)).collect();
    let shared_start = score::shared_start(&queries).len();
    assert_eq!(shared_start, case.shared_start);
    let tokens: usize = queries.iter().map(|query| query.tree_tokens() - shared_start).sum();
    let batch = BatchSize {
        shared_start,
        tokens,
        largest_tree: tokens / case.queries,
        predictions: case.queries * (1 + 2 * (CHOICE_TOKENS - 1)),
    };
    let tuning = tune::phases(case.demonstrations, STEPS);
    let scoring = score::phases(&family.config, &placement, case.demonstrations, STEPS, batch);
    let memory = estimate(&family.config, &family.layout, &placement, &[&tuning[..], &scoring].concat());
    let source = Paged(Arrays::new(vec![("model.safetensors".into(), file(&family))]).unwrap());
    let before = ALIVE.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    run(family, &source, &placement, &demonstrations, &queries);
    (memory, MOST.load(Ordering::Relaxed) - before)
}

/// Adam on the gradient of the demonstrations' leave-one-out likelihood.
#[derive(Default)]
struct Adam {
    moments: Vec<(Tensor, Tensor)>,
}

impl MetaOptimizer for Adam {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        let cache = context.cache().clone();
        let (examples, dropout) = (Examples::LeaveOneOut, Dropout { rate: 0.05, seed: 1 });
        let gradient = context.gradient(&cache, examples, Objective::Answer, dropout)?;
        let matrices = cache.matrices();
        let mut next = Vec::new();
        for (index, (matrix, gradient)) in matrices.zip(gradient.slots).enumerate() {
            if self.moments.len() == index {
                self.moments.push((gradient.zeros_like()?, gradient.zeros_like()?));
            }
            let (first, second) = &mut self.moments[index];
            *first = add_scaled(&gradient, first, 0.9)?;
            *second = add_scaled(&gradient.sqr()?, second, 0.999)?;
            next.push(add_scaled(matrix, &(&*first / (second.sqrt()? + 1e-3)?)?, -0.001)?);
        }
        Ok(Update { cache: next, verdict: Verdict::Continue, report: StepReport::default() })
    }
}

/// What a gradient takes, against its estimate; the weights are there before.
fn asked(config: &str, dtype: DType, demonstrations: usize, queries: usize) -> (u64, usize) {
    let family = from_config_json("config.json", config.as_bytes(), UnknownSettings::Refuse).unwrap();
    let placement = Placement { device: Device::Cpu, dtype, weights: WeightFormat::Dense };
    let source = Paged(Arrays::new(vec![("model.safetensors".into(), file(&family))]).unwrap());
    let decoder = Decoder::load(family.config.clone(), &family.layout, &source, &placement).unwrap();
    let ids: Vec<u32> = (0..demonstrations).map(|index| (index * 13 % 499 + 1) as u32).collect();
    let place = |index: usize| index * demonstrations / queries;
    let spans = (0..queries).map(|index| DemonstrationSpan {
        tokens: place(index)..place(index + 1),
        answer: place(index + 1) - 1..place(index + 1),
    });
    let of = |index| AnsweredQuery { tokens: query(index, 0).into(), answer: 0 };
    let tuned_on = Demonstrations {
        spans: spans.collect(),
        queries: (0..queries).map(of).collect(),
        ..Demonstrations::of_tokens(ids)
    };
    let tree = |query: &AnsweredQuery| query.tokens.choices[0].ids.len() - 1;
    let size = QuestionSize {
        tokens: tuned_on.queries.iter().map(tree).sum(),
        largest_tree: tuned_on.queries.iter().map(tree).max().unwrap(),
        predictions: queries * CHOICE_TOKENS,
    };
    let phases =
        [tune::gradient_phase(&family.config, &placement, demonstrations, size, StepPolicy::PUBLISHED.batch_tokens)];
    let expected = estimate(&family.config, &family.layout, &placement, &phases);
    let mut optimizer = Adam::default();
    let mut state = State::first(&decoder, &tuned_on.ids).unwrap();
    let before = ALIVE.load(Ordering::Relaxed) - cache_bytes(&state);
    MOST.store(before, Ordering::Relaxed);
    for _ in 1..STEPS {
        state = state.next(&decoder, &tuned_on, StepPolicy::PUBLISHED, &mut optimizer).unwrap();
    }
    (expected.cache + expected.activations, MOST.load(Ordering::Relaxed) - before)
}

fn cache_bytes(state: &State) -> usize {
    let matrices = state.context.cache.matrices();
    matrices.map(|matrix| matrix.elem_count() * matrix.dtype().size_in_bytes()).sum()
}

fn gradients_are_near_their_estimate(wrong: &mut Vec<String>) {
    let cases = [
        ("few tokens", WIDE, DType::F32, 60, 4),
        ("more tokens than a pass takes", WIDE, DType::F32, 300, 30),
        ("bf16", WIDE, DType::BF16, 120, 8),
        ("a long cache", DEEP, DType::F32, 900, 4),
        ("gpt2", GPT2, DType::F32, 60, 4),
    ];
    for (name, config, dtype, demonstrations, queries) in cases {
        let (estimate, peak) = asked(config, dtype, demonstrations, queries);
        let ratio = estimate as f64 / peak as f64;
        let found = format!("a gradient, {name}: {ratio:.3} of the peak of {peak} bytes");
        println!("{found}");
        if (ratio - 1.0).abs() > GRADIENT_TOLERANCE {
            wrong.push(found);
        }
    }
}

#[test]
fn the_estimate_is_near_the_peak() {
    // One test for all: they share the allocator. The first of them starts the threads.
    measured(&CASES[3]);
    let mut wrong = Vec::new();
    for case in &CASES {
        let (memory, peak) = measured(case);
        let ratio = memory.total as f64 / peak as f64;
        let found = format!("{}: {ratio:.3} of the peak of {peak} bytes: {memory:?}", case.name);
        println!("{found}");
        if !(case.dominates)(&memory) || (ratio - 1.0).abs() > TOLERANCE {
            wrong.push(found);
        }
    }
    gradients_are_near_their_estimate(&mut wrong);
    assert!(wrong.is_empty(), "another row is the largest, or the estimate is off:\n{}", wrong.join("\n"));
}
