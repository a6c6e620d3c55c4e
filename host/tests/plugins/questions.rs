//! Optimizers that ask the model: a guest written by hand, and a step whose answers the test knows.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use candle_core::{DType, Tensor};
use ft_engine::model::decoder::LayerCache;
use ft_engine::model::{KvCache, ModelError};
use ft_engine::tune::{
    CacheGradient, DemonstrationSpan, Dropout, Examples, MetaOptimizer, Objective, OptimizerError, ProposalPass,
    QuestionError, StepContext, StepReport, Unanswerable, Update, Verdict,
};
use ft_sandbox::{EngineOptions, Failure, Limits, OptimizerPlugin, PluginBinary, PluginEngine, PluginError, Stop};

use super::encode::{WIT, component};
use super::support::*;

/// Bytes of each of the two slots, `[2, 6, 4]` in single precision.
const SLOT: u64 = 2 * 6 * 4 * 4;

/// An optimizer that puts the handles of its slots at 512 and then does `$ask` with the step in `$context`. Its update is the
/// matrices at 512, unless `$ask` puts others there, with the loss 0.25, accepted.
fn guest(ask: &str) -> PluginBinary {
    let module = format!(
        r#"(module
  (import "[export]forward-tuning:plugin/meta-optimizer@0.2.0" "[resource-new]session" (func $session (param i32) (result i32)))
  (import "forward-tuning:plugin/tensor@0.2.0" "[resource-drop]tensor" (func $drop-tensor (param i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[resource-drop]step-context" (func $drop-context (param i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.number" (func $number (param i32) (result i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.seed" (func $seed (param i32) (result i64)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.held-out-rows" (func $held-out (param i32) (result i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.passes-left" (func $left (param i32) (result i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.slots" (func $slots (param i32 i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.demonstrations" (func $demonstrations (param i32 i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.propose"
    (func $propose (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.likelihood"
    (func $likelihood (param i32 i32 i32 i32 i32 i32)))
  (import "forward-tuning:plugin/model@0.2.0" "[method]step-context.gradient"
    (func $gradient (param i32 i32 i32 i32 i32 f64 i64 i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 4096))
  (data (i32.const 16) "asking")
  (data (i32.const 32) "1.0.0")
  ;; Two spans, 0..2 and 3..3, and two orders of two demonstrations, 1 0 and 1 1.
  (data (i32.const 640) "\00\00\00\00\02\00\00\00\03\00\00\00\03\00\00\00")
  (data (i32.const 656) "\01\00\00\00\00\00\00\00\01\00\00\00\01\00\00\00")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))
  (func $expect (param i32) (if (i32.eqz (local.get 0)) (then unreachable)))
  (func (export "forward-tuning:plugin/info@0.2.0#describe") (result i32)
    (i32.store (i32.const 64) (i32.const 16)) (i32.store (i32.const 68) (i32.const 6))
    (i32.store (i32.const 72) (i32.const 32)) (i32.store (i32.const 76) (i32.const 5))
    (i32.const 64))
  (func (export "forward-tuning:plugin/meta-optimizer@0.2.0#[static]session.open") (param i32 i32) (result i32)
    (i32.store8 (i32.const 128) (i32.const 0))
    (i32.store (i32.const 132) (call $session (i32.const 1)))
    (i32.const 128))
  (func (export "forward-tuning:plugin/meta-optimizer@0.2.0#[method]session.step")
    (param $self i32) (param $context i32) (result i32)
    (global.set $free (i32.const 4096))
    (call $slots (local.get $context) (i32.const 160))
    (call $expect (i32.eq (i32.load (i32.const 164)) (i32.const 2)))
    (i32.store (i32.const 512) (i32.load offset=8 (i32.load (i32.const 160))))
    (i32.store (i32.const 516) (i32.load offset=20 (i32.load (i32.const 160))))
    {ask}
    (call $drop-context (local.get $context))
    (i32.store8 (i32.const 256) (i32.const 0))
    (i32.store (i32.const 264) (i32.const 512))
    (i32.store (i32.const 268) (i32.const 2))
    (i32.store8 (i32.const 272) (i32.const 1))
    (i32.store8 (i32.const 280) (i32.const 1))
    (f64.store (i32.const 288) (f64.const 0.25))
    (i32.store8 (i32.const 296) (i32.const 1))
    (i32.store8 (i32.const 297) (i32.const 1))
    (i32.const 256)))"#
    );
    PluginBinary::new("asking.wasm", component(&[], WIT, "optimizer-plugin", Some(&module)))
}

/// The published method's proposal behind `count` of the matrices at 512, with its answer at 768.
fn propose(count: u32) -> String {
    proposal(count, 0, (640, 0), (656, 0))
}

fn proposal(count: u32, positions: u32, hidden: (u32, u32), order: (u32, u32)) -> String {
    format!(
        "(call $propose (local.get $context) (i32.const 512) (i32.const {count}) (i32.const {positions}) \
         (i32.const {}) (i32.const {}) (i32.const {}) (i32.const {}) (i32.const 768))",
        hidden.0, hidden.1, order.0, order.1
    )
}

/// The likelihood of examples, by their index, that the answers' tokens have, with its answer at 800.
fn likelihood(count: u32, examples: u32) -> String {
    format!(
        "(call $likelihood (local.get $context) (i32.const 512) (i32.const {count}) (i32.const {examples}) \
         (i32.const 0) (i32.const 800))"
    )
}

/// The gradient of the right choices left one out, with its answer at 832.
fn gradient(count: u32, dropout: &str) -> String {
    format!(
        "(call $gradient (local.get $context) (i32.const 512) (i32.const {count}) (i32.const 0) (i32.const 1) \
         (f64.const {dropout}) (i64.const 7) (i32.const 832))"
    )
}

/// A step over two demonstrations that notes what it is asked.
struct Scripted {
    cache: KvCache,
    demonstrations: Vec<DemonstrationSpan>,
    asked: Vec<String>,
    /// What every question meets before it is answered.
    meets: Box<dyn Fn() -> Result<(), QuestionError>>,
}

fn cache(seed: u64) -> KvCache {
    let matrix = |seed| tensor(seed, &[2, 6, 4], DType::F32);
    KvCache::new(vec![LayerCache { keys: matrix(seed), values: matrix(seed + 1) }]).unwrap()
}

impl Scripted {
    fn new() -> Self {
        Self::meeting(|| Ok(()))
    }

    fn meeting(meets: impl Fn() -> Result<(), QuestionError> + 'static) -> Self {
        let span = |tokens: Range<usize>, answer: Range<usize>| DemonstrationSpan { tokens, answer };
        let demonstrations = vec![span(0..4, 2..3), span(4..6, 5..6)];
        Self { cache: cache(1), demonstrations, asked: Vec::new(), meets: Box::new(meets) }
    }

    fn note(&mut self, question: String) -> Result<(), QuestionError> {
        self.asked.push(question);
        (self.meets)()
    }
}

impl StepContext for Scripted {
    fn step(&self) -> usize {
        9
    }

    fn seed(&self) -> u64 {
        u64::MAX - 1
    }

    fn cache(&self) -> &KvCache {
        &self.cache
    }

    fn demonstrations(&self) -> &[DemonstrationSpan] {
        &self.demonstrations
    }

    fn held_out(&self) -> usize {
        3
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        self.note("propose".into())?;
        Ok(cache(3))
    }

    fn propose_behind(&mut self, _: &KvCache, pass: &ProposalPass) -> Result<KvCache, QuestionError> {
        self.note(format!("propose behind: {:?} {:?} {:?}", pass.positions, pass.hidden, pass.order))?;
        Ok(cache(5))
    }

    fn likelihood(&mut self, _: &KvCache, examples: Examples, objective: Objective) -> Result<Vec<f64>, QuestionError> {
        self.note(format!("likelihood: {examples:?} {objective:?}"))?;
        match examples {
            Examples::HeldOut => Err(Unanswerable::NothingHeldOut.into()),
            _ => Ok(vec![-0.5, -1.5]),
        }
    }

    fn gradient(
        &mut self,
        _: &KvCache,
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<CacheGradient, QuestionError> {
        self.note(format!("gradient: {examples:?} {objective:?} {} {}", dropout.rate, dropout.seed))?;
        let slots = cache(7).matrices().cloned().collect();
        Ok(CacheGradient { loss: 1.0, likelihoods: vec![-0.5, -1.5], slots })
    }
}

fn stepped(ask: &str, limits: Limits, context: &mut Scripted) -> (OptimizerPlugin, Result<Update, OptimizerError>) {
    let mut rule = optimizer(guest(ask), limits, no_log(), &[]).unwrap();
    let update = MetaOptimizer::step(&mut rule, context);
    (rule, update)
}

/// What a step that asks so fails with, which is the plugin's own fault.
fn fault(ask: &str, limits: Limits) -> PluginError {
    let update = stepped(ask, limits, &mut Scripted::new()).1;
    *update.expect_err("the step fails").downcast().expect("the plugin is at fault")
}

fn message(ask: &str) -> String {
    let message = fault(ask, tight()).to_string();
    let named = "plugin asking 1.0.0 (asking.wasm), in `meta-optimizer.session.step`: ";
    let rest = message.strip_prefix(named).and_then(|rest| rest.strip_suffix(" (step 9)"));
    rest.unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn same(tensors: &[Tensor], cache: &KvCache) -> bool {
    let of_cache = cache.matrices();
    tensors.iter().map(bits).eq(of_cache.map(bits))
}

#[test]
fn a_step_says_what_it_is() {
    let ask = "(call $expect (i32.eq (call $number (local.get $context)) (i32.const 9)))
        (call $expect (i64.eq (call $seed (local.get $context)) (i64.const -2)))
        (call $expect (i32.eq (call $held-out (local.get $context)) (i32.const 3)))
        (call $expect (i32.eq (call $left (local.get $context)) (i32.const 100)))
        (call $demonstrations (local.get $context) (i32.const 700))
        (call $expect (i32.eq (i32.load (i32.const 704)) (i32.const 2)))
        (call $expect (i32.eq (i32.load offset=16 (i32.load (i32.const 700))) (i32.const 4)))
        (call $expect (i32.eq (i32.load offset=28 (i32.load (i32.const 700))) (i32.const 6)))";
    let mut context = Scripted::new();
    let (rule, update) = stepped(ask, tight(), &mut context);
    let update = update.unwrap();
    assert!(same(&update.cache, &context.cache) && update.verdict == Verdict::Converged);
    assert_eq!(update.report, StepReport { loss: Some(0.25), accepted: Some(true) });
    assert!(context.asked.is_empty());
    assert_eq!((rule.usage().passes, rule.usage().peak_tensor_bytes), (0, 0));
}

#[test]
fn a_loss_that_is_no_number_and_no_loss_are_passed_on() {
    // The three come after the memory for them was zeroed: the stores of the guest are skipped.
    let end = |loss: &str| {
        format!(
            "(call $drop-context (local.get $context))
             (i64.store (i32.const 256) (i64.const 0)) (i64.store (i32.const 272) (i64.const 0))
             (i32.store (i32.const 264) (i32.const 512)) (i32.store (i32.const 268) (i32.const 2))
             {loss} (return (i32.const 256))"
        )
    };
    let report = |loss| stepped(&end(loss), tight(), &mut Scripted::new()).1.unwrap().report;
    assert_eq!(report(""), StepReport::default());
    let no_number = report("(i32.store8 (i32.const 280) (i32.const 1)) (f64.store (i32.const 288) (f64.const nan))");
    assert!(no_number.loss.is_some_and(f64::is_nan) && no_number.accepted.is_none(), "{no_number:?}");
}

#[test]
fn questions_reach_the_step_with_their_arguments() {
    let ask = [
        gradient(2, "0.25"),
        "(call $expect (f64.eq (f64.load (i32.const 840)) (f64.const 1.0)))".into(),
        "(call $expect (i32.eq (i32.load (i32.const 860)) (i32.const 2)))".into(),
        likelihood(2, 1),
        "(call $expect (f64.eq (f64.load offset=8 (i32.load (i32.const 804))) (f64.const -1.5)))".into(),
        propose(2),
        // The published proposal again, said in other words: an empty span, and the order of the cache.
        proposal(2, 0, (648, 1), (664, 0)),
        proposal(2, 2, (640, 2), (656, 2)),
        "(call $expect (i32.eq (call $left (local.get $context)) (i32.const 95)))".into(),
        // The same matrices in another order are another cache.
        "(i32.store (i32.const 524) (i32.load (i32.const 512))) (i32.store (i32.const 512) (i32.load (i32.const 516)))
         (i32.store (i32.const 516) (i32.load (i32.const 524)))"
            .into(),
        propose(2),
        // The update is what that gave.
        "(i64.store (i32.const 512) (i64.load (i32.load (i32.const 772))))".into(),
    ];
    let mut context = Scripted::new();
    let (rule, update) = stepped(&ask.concat(), Limits::default(), &mut context);
    assert!(same(&update.unwrap().cache, &cache(5)));
    let expected = [
        "gradient: LeaveOneOut Choice 0.25 7",
        "likelihood: Demonstrations Answer",
        "propose",
        "propose behind: Some(Restart) [0..2] [1, 0]",
        "propose behind: None [] []",
    ];
    assert_eq!(context.asked, expected);
    assert_eq!((rule.usage().passes, rule.usage().most_passes), (6, 6));
    // A gradient, and four proposals: what is handed over twice counts twice.
    assert_eq!(rule.usage().peak_tensor_bytes, 5 * 2 * SLOT);
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_computed() {
    let cases = [
        (gradient(1, "0.0"), "`step-context.gradient`: expected 2 matrices, one for each slot, got 1"),
        (likelihood(0, 0), "`step-context.likelihood`: expected 2 matrices, one for each slot, got 0"),
        (gradient(2, "1.0"), "`step-context.gradient`: expected a dropout from 0 to below 1, got 1"),
        (gradient(2, "-0.5"), "`step-context.gradient`: expected a dropout from 0 to below 1, got -0.5"),
        (gradient(2, "nan"), "`step-context.gradient`: expected a dropout from 0 to below 1, got NaN"),
        (
            proposal(2, 0, (652, 1), (0, 0)),
            "`step-context.propose`: expected hidden spans with start <= end within 0..6, got 3..1",
        ),
        (
            proposal(2, 0, (0, 0), (664, 2)),
            "`step-context.propose`: expected an order of 2 demonstrations, each once, got [1, 1]",
        ),
        (
            proposal(2, 0, (0, 0), (656, 1)),
            "`step-context.propose`: expected an order of 2 demonstrations, each once, got [1]",
        ),
    ];
    for (ask, expected) in cases {
        assert_eq!(message(&ask), format!("invalid arguments to {expected}"));
    }
}

#[test]
fn a_step_ends_at_its_pass_limit() {
    let limits = || Limits { passes: 4, ..tight() };
    let mut context = Scripted::new();
    let within = [gradient(2, "0.0"), likelihood(2, 0), propose(2), propose(2)].concat();
    let (mut rule, update) = stepped(&within, limits(), &mut context);
    update.unwrap();
    // The limit is that of a step.
    MetaOptimizer::step(&mut rule, &mut context).unwrap();
    assert_eq!((rule.usage().passes, rule.usage().most_passes), (8, 4));

    let mut context = Scripted::new();
    let beyond = [likelihood(2, 0), gradient(2, "0.0"), gradient(2, "0.0")].concat();
    let error = stepped(&beyond, limits(), &mut context).1.unwrap_err();
    assert!(error.to_string().ends_with("exceeded the pass limit (4 per step) (step 9)"), "{error}");
    assert_eq!(context.asked.len(), 2, "the last was not computed");
    let endless = format!("(loop $again {} (br $again))", likelihood(2, 2));
    let error = fault(&endless, tight());
    assert!(error.to_string().contains("exceeded the pass limit (100 per step)"), "{error}");
    assert_eq!(error.hint().unwrap(), "if you trust the plugin, raise the limit with `--plugin-passes`");
}

#[test]
fn a_step_cannot_be_kept() {
    // It returns with the step still in its hands, or uses it after it gave it back.
    let kept = "(return (i32.const 256))";
    let told = message(kept);
    assert!(told.contains("borrow"), "{told}");
    let ended = "(call $drop-context (local.get $context)) (drop (call $number (local.get $context)))";
    let told = fault(ended, tight()).to_string();
    assert!(told.contains("used a handle that it does not own"), "{told}");
}

#[test]
fn what_the_model_fails_with_is_the_models() {
    for ask in [propose(2), likelihood(2, 0), gradient(2, "0.5")] {
        let mut context = Scripted::meeting(|| Err(QuestionError::Model(ModelError::NotFinitePass { layer: Some(3) })));
        let (mut rule, update) = stepped(&ask, tight(), &mut context);
        let error = update.unwrap_err().downcast::<ModelError>().expect("the model failed");
        assert!(matches!(*error, ModelError::NotFinitePass { layer: Some(3) }));
        let again = MetaOptimizer::step(&mut rule, &mut Scripted::new()).unwrap_err();
        assert!(again.to_string().contains("cannot be called after it failed"), "{again}");
    }
    let mut context = Scripted::meeting(|| Err(QuestionError::Invalid("expected a span, got none".into())));
    let error = stepped(&gradient(2, "0.5"), tight(), &mut context).1.unwrap_err();
    let expected = "invalid arguments to `step-context.gradient`: expected a span, got none (step 9)";
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn what_a_run_does_not_have_is_told_to_the_guest() {
    // Error, of the kind `unsupported`; the guest hands it on.
    let ask = [
        likelihood(2, 2),
        "(call $expect (i32.load8_u (i32.const 800)))
         (call $expect (i32.eq (i32.load8_u (i32.const 804)) (i32.const 2)))
         (call $drop-context (local.get $context))
         (i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 264) (i32.const 2))
         (i64.store (i32.const 268) (i64.load (i32.const 808))) (return (i32.const 256))"
            .into(),
    ];
    let told = message(&ask.concat());
    assert_eq!(told, format!("reported (unsupported): {}", Unanswerable::NothingHeldOut));
}

#[test]
fn answers_count_as_the_plugins_tensors() {
    // The cache itself is lent. Two proposals are too much, unless the first was given up.
    let limits = || Limits { tensor_bytes: 3 * SLOT, ..tight() };
    let another = proposal(2, 1, (0, 0), (0, 0));
    let give_up = "(call $drop-tensor (i32.load (i32.load (i32.const 772))))
        (call $drop-tensor (i32.load offset=4 (i32.load (i32.const 772))))";
    stepped(&[&another, give_up, &another].concat(), limits(), &mut Scripted::new()).1.unwrap();
    let mut context = Scripted::new();
    let error = stepped(&[another.as_str(), &another].concat(), limits(), &mut context).1.unwrap_err();
    let expected = "exceeded the tensor memory limit (576 bytes): 384 bytes in use, asked for 384 bytes more (step 9)";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert_eq!(context.asked.len(), 1, "the second was not computed");
}

#[test]
fn slots_that_are_kept_count_from_the_next_step_on() {
    // The first handles are lost, and others to the same matrices are given back.
    let again = "(call $slots (local.get $context) (i32.const 160))
        (i32.store (i32.const 512) (i32.load offset=8 (i32.load (i32.const 160))))
        (i32.store (i32.const 516) (i32.load offset=20 (i32.load (i32.const 160))))";
    let mut rule = optimizer(guest(again), tight(), no_log(), &[]).unwrap();
    for bytes in [0, 2 * SLOT] {
        let update = MetaOptimizer::step(&mut rule, &mut Scripted::new()).unwrap();
        assert!(same(&update.cache, &cache(1)));
        assert_eq!(rule.usage().peak_tensor_bytes, bytes);
    }
}

#[test]
fn the_clock_stands_still_while_the_host_computes() {
    let limits = Limits { time: Duration::from_millis(500), ..tight() };
    let mut context = Scripted::meeting(|| {
        std::thread::sleep(Duration::from_millis(600));
        Ok(())
    });
    let (rule, update) = stepped(&[propose(2), likelihood(2, 0)].concat(), limits, &mut context);
    update.unwrap();
    assert!(rule.usage().time < Duration::from_millis(500), "{:?}", rule.usage().time);
    // After the answer it goes on.
    let limits = Limits { time: Duration::from_millis(500), fuel: u64::MAX, ..tight() };
    let error = fault(&format!("{} (loop $again (br $again))", propose(2)), limits);
    assert!(error.to_string().contains("exceeded the time limit (500 ms per call)"), "{error}");
}

#[test]
fn a_user_who_wants_to_stop_is_heard_between_questions() {
    let stop = Stop::default();
    let engine = PluginEngine::new(EngineOptions { stop: stop.clone(), ..EngineOptions::default() }).unwrap();
    let asking = guest(&[likelihood(2, 0), likelihood(2, 0)].concat());
    let mut rule = OptimizerPlugin::load(&engine, asking, tight(), no_log(), &candle_core::Device::Cpu).unwrap();
    rule.open(&[]).unwrap();
    let mut context = Scripted::meeting(move || {
        stop.ask();
        Ok(())
    });
    let error = MetaOptimizer::step(&mut rule, &mut context).unwrap_err();
    let error = error.downcast::<PluginError>().unwrap();
    assert!(matches!(error.failure(), Failure::Interrupted), "{error}");
    assert_eq!(context.asked.len(), 1);
}

#[test]
fn a_panic_of_the_host_ends_the_step() {
    let mut context = Scripted::meeting(|| panic!("a fault of the host"));
    let mut rule = optimizer(guest(&propose(2)), tight(), no_log(), &[]).unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| MetaOptimizer::step(&mut rule, &mut context).map(drop).is_ok()));
    assert_eq!(ended.unwrap_err().downcast_ref(), Some(&"a fault of the host"));
}

#[test]
fn a_step_over_slots_alone_answers_with_them() {
    let ask = [propose(2), "(i64.store (i32.const 512) (i64.load (i32.load (i32.const 772))))".into()];
    let mut rule = optimizer(guest(&ask.concat()), tight(), no_log(), &[]).unwrap();
    let slots = slots(1, &[2, 4, 8], DType::F32);
    let update = rule.step(2, slots.clone()).unwrap();
    assert!(update.cache.iter().zip(&slots).all(|(new, slot)| bits(new) == bits(&slot.proposed)));
    let error = rule.step(3, slots[..1].to_vec()).unwrap_err();
    assert!(error.to_string().contains("expected slots of whole layers"), "{error}");
}
