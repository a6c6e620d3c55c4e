//! An optimizer plugin as a meta-optimizer of the tuning loop.

use std::panic::resume_unwind;
use std::thread;

use candle_core::{DType, Device, Tensor};
use wasmtime::Store;
use wasmtime::component::{Resource, ResourceAny};

use super::exports::{AskingStep, Describe, HandedStep, OptimizerExports, StepExport};
use super::sandbox::{Sandbox, Started};
use super::usage::Usage;
use crate::bindings::{meta_optimizer, since_0_1, types};
use crate::compiler::config::GUEST_STACK;
use crate::component::binary::PluginBinary;
use crate::component::contract::PluginKind;
use crate::description::Description;
use crate::engine::PluginEngine;
use crate::error::{Failure, PluginError};
use crate::limits::Limits;
use crate::options::OptionSetting;
use crate::state::HostState;
use crate::state::ledger::DeviceTensor;
use crate::state::log_book::LogSink;
use crate::state::step::{Step, StepFacts, line};
use crate::tensor::shape_check::wit_dtype;
use ft_engine::tune::{
    Demonstrations, MetaOptimizer, OptimizerError, Slot, SlotKind, StandInStep, StepContext, StepReport, Update,
    Verdict,
};

const STEP: &str = "meta-optimizer.session.step";

/// Bytes of stack of the thread of a step: the guest's, and as much as Rust gives a thread for host functions, which use what
/// a thread of the program uses.
const STEP_STACK: usize = GUEST_STACK + (2 << 20);

/// A loaded optimizer plugin. It steps after `open`; what it remembers between steps is in its own memory.
pub struct OptimizerPlugin {
    sandbox: Sandbox,
    describe: Describe,
    exports: OptimizerExports,
    description: Description,
    session: Option<ResourceAny>,
}

impl OptimizerPlugin {
    /// Compiles and starts an optimizer plugin for caches on `device`.
    ///
    /// # Errors
    /// When the bytes are no optimizer plugin that this host takes, or it fails to start or to describe itself.
    pub fn load(
        engine: &PluginEngine,
        binary: PluginBinary,
        limits: Limits,
        log: LogSink,
        device: &Device,
    ) -> Result<Self, PluginError> {
        let started = Sandbox::start(engine, binary, Some(PluginKind::Optimizer), limits, log, device)?;
        let Started { mut sandbox, instance, describe, contract, description } = started;
        let exports = sandbox.look_up(&contract, &instance, |exports| exports.optimizer())?;
        Ok(Self { sandbox, describe, exports, description, session: None })
    }

    /// What the plugin says it is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Asks the plugin once more what it is.
    ///
    /// # Errors
    /// When the description is none, or the plugin fails.
    pub fn describe_again(&mut self) -> Result<Description, PluginError> {
        self.sandbox.describe(&self.describe)
    }

    /// The bytes that the plugin was loaded from.
    pub fn binary(&self) -> &PluginBinary {
        self.sandbox.binary()
    }

    /// What the plugin's calls used so far of its limits.
    pub fn usage(&self) -> Usage {
        self.sandbox.usage()
    }

    /// Starts the optimizer afresh with these options, all of them, as [`options::resolve`](crate::options::resolve) gives
    /// them. A session that was open is dropped.
    ///
    /// # Errors
    /// When the plugin does not take the options, or fails.
    pub fn open(&mut self, options: &[OptionSetting]) -> Result<(), PluginError> {
        if let Some(session) = self.session.take() {
            self.sandbox.call("meta-optimizer.session.drop", |store| session.resource_drop(store))?;
        }
        let options: Vec<types::OptionSetting> = options.iter().map(Into::into).collect();
        let open = &self.exports.open;
        let session =
            self.sandbox.call_fallible("meta-optimizer.session.open", |store| open.call(store, (options,)))?;
        self.session = Some(session);
        Ok(())
    }

    /// Lets the plugin take step `step`, from 2, over these slots, in the slots' order: layer 0 keys, layer 0 values, layer 1
    /// keys, and so on. Its questions are answered as by a [`StandInStep`] of no known demonstrations.
    ///
    /// # Errors
    /// When no session is open, the slots are no cache, a handle that comes back is not the plugin's to give, or the plugin
    /// reports an error, traps or runs over a limit.
    pub fn step(&mut self, step: usize, slots: Vec<Slot>) -> Result<Update, PluginError> {
        match self.exports.step {
            StepExport::Handed(export) => self.handed_step(export, step, slots),
            StepExport::Asking(export) => {
                let problem = || "expected slots of whole layers of equal positions, got others".to_owned();
                let unknown = Demonstrations::default();
                let mut context = StandInStep::new(step, &slots, &unknown)
                    .ok_or_else(|| self.invalid("step-context.slots", problem()))?;
                self.asking_step(export, &mut context)
            }
        }
    }

    /// A step of an optimizer that is handed the slots.
    fn handed_step(&mut self, export: HandedStep, step: usize, slots: Vec<Slot>) -> Result<Update, PluginError> {
        let session = self.session(slots.iter().map(|slot| slot.previous.dtype()))?;
        // More steps than that are not counted, and no optimizer tells them apart.
        let number = u32::try_from(step).unwrap_or(u32::MAX);
        let stepped = self.sandbox.call_fallible(STEP, |store| {
            let lent = slots.into_iter().map(|slot| lend(store.data_mut(), slot));
            let lent = lent.collect::<wasmtime::Result<Vec<_>>>()?;
            let (answer,) = export.call(&mut *store, (session, number, lent))?;
            let update = match answer {
                Ok(update) => update,
                Err(error) => return Ok((Err(error),)),
            };
            let verdict = match update.verdict {
                since_0_1::meta_optimizer::Verdict::Continue => Verdict::Continue,
                since_0_1::meta_optimizer::Verdict::Converged => Verdict::Converged,
            };
            let cache = take_back(store, update.cache)?;
            Ok((Ok(Update { cache, verdict, report: StepReport::default() }),))
        });
        stepped.map_err(|error| error.about(format!("step {step}")))
    }

    /// A step of an optimizer that asks. The guest's call has a thread of its own, with the store, while the context stays
    /// here and answers.
    fn asking_step(&mut self, export: AskingStep, context: &mut dyn StepContext) -> Result<Update, PluginError> {
        let known = StepFacts::of(context);
        let session = self.session(known.matrices().map(Tensor::dtype))?;
        let number = context.step();
        let sandbox = &mut self.sandbox;
        let (questions, over, answers) = line();
        let stepped = thread::scope(|scope| {
            let call = move || {
                let _over = over;
                sandbox.call_fallible(STEP, |store| {
                    let step = Step::new(store.data_mut(), known, questions);
                    call_step(store, export, session, step)
                })
            };
            let guest = thread::Builder::new().name("plugin-step".into()).stack_size(STEP_STACK);
            let guest = guest.spawn_scoped(scope, call)?;
            answers.answer(context);
            Ok(guest.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let stepped = stepped.unwrap_or_else(|error: std::io::Error| {
            let reason = format!("cannot start a thread: {error}");
            Err(self.sandbox.error(Some(STEP), Failure::NoMemory { reason }))
        });
        stepped.map_err(|error| error.about(format!("step {number}")))
    }

    /// The open session, for a cache whose slots have these dtypes.
    fn session(&self, mut dtypes: impl Iterator<Item = DType>) -> Result<ResourceAny, PluginError> {
        let session = self.session.ok_or_else(|| self.sandbox.error(Some(STEP), Failure::NotOpen))?;
        match dtypes.find(|dtype| wit_dtype(*dtype).is_none()) {
            Some(dtype) => {
                Err(self.invalid("tensor.dtype", format!("expected a cache of fp32, fp16 or bf16, got {dtype:?}")))
            }
            None => Ok(session),
        }
    }

    fn invalid(&self, operation: &'static str, problem: String) -> PluginError {
        self.sandbox.error(Some(STEP), Failure::InvalidArguments { operation, problem })
    }
}

/// The guest's own part of a step that it is lent.
fn call_step(
    store: &mut Store<HostState>,
    export: AskingStep,
    session: ResourceAny,
    step: Step,
) -> wasmtime::Result<(Result<Update, types::Error>,)> {
    let step = store.data_mut().resources.push(step)?;
    let answer = export.call(&mut *store, (session, Resource::new_borrow(step.rep())));
    // What of it the plugin still holds is counted when the call is over; the step itself does not hold it then.
    let gone = store.data_mut().resources.delete(step);
    let (answer,) = answer?;
    gone?;
    let update = match answer {
        Ok(update) => update,
        Err(error) => return Ok((Err(error),)),
    };
    let verdict = match update.verdict {
        meta_optimizer::Verdict::Continue => Verdict::Continue,
        meta_optimizer::Verdict::Converged => Verdict::Converged,
    };
    let report = StepReport { loss: update.loss, accepted: update.accepted };
    Ok((Ok(Update { cache: take_back(store, update.cache)?, verdict, report }),))
}

/// Takes the new matrices back within the call: what the plugin no longer holds is not counted as kept.
fn take_back(store: &mut Store<HostState>, cache: Vec<Resource<DeviceTensor>>) -> wasmtime::Result<Vec<Tensor>> {
    cache.into_iter().map(|handle| store.data_mut().take(handle)).collect()
}

fn lend(state: &mut HostState, slot: Slot) -> wasmtime::Result<since_0_1::meta_optimizer::Slot> {
    Ok(since_0_1::meta_optimizer::Slot {
        // The loop counts a model's layers.
        layer: u32::try_from(slot.layer).unwrap_or(u32::MAX),
        kind: match slot.kind {
            SlotKind::Key => since_0_1::meta_optimizer::SlotKind::Key,
            SlotKind::Value => since_0_1::meta_optimizer::SlotKind::Value,
        },
        previous: state.lend(slot.previous)?,
        proposed: state.lend(slot.proposed)?,
    })
}

impl MetaOptimizer for OptimizerPlugin {
    /// An optimizer of version 0.1 is handed its proposal: it is asked for before the guest's call, so that the pass is none
    /// of the guest's time. What the model fails with is given back as it is.
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        let stepped = match self.exports.step {
            StepExport::Handed(export) => {
                let slots = context.slots()?;
                self.handed_step(export, context.step(), slots)
            }
            StepExport::Asking(export) => self.asking_step(export, context),
        };
        stepped.map_err(|error| error.into_model_error().map_or_else(Into::into, Into::into))
    }
}
