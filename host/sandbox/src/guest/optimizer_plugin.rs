//! An optimizer plugin as a meta-optimizer of the tuning loop.

use candle_core::Device;
use wasmtime::component::ResourceAny;

use super::sandbox::{Sandbox, Started};
use super::usage::Usage;
use crate::bindings::{self, info, meta_optimizer, types};
use crate::component::binary::PluginBinary;
use crate::component::contract::PluginKind;
use crate::description::Description;
use crate::engine::PluginEngine;
use crate::error::{Failure, PluginError};
use crate::limits::Limits;
use crate::options::OptionSetting;
use crate::state::log_book::LogSink;
use crate::tensor::shape_check::wit_dtype;
use ft_engine::tune::{MetaOptimizer, OptimizerError, Slot, SlotKind, StepContext, StepReport, Update, Verdict};

const STEP: &str = "meta-optimizer.session.step";

/// A loaded optimizer plugin. It steps after `open`; what it remembers between steps is in its own memory.
pub struct OptimizerPlugin {
    sandbox: Sandbox,
    info: info::Guest,
    exports: bindings::optimizer::OptimizerPlugin,
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
        let Started { mut sandbox, instance, info, description, .. } = started;
        let exports = sandbox.bind(|store| bindings::optimizer::OptimizerPlugin::new(store, &instance))?;
        Ok(Self { sandbox, info, exports, description, session: None })
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
        self.sandbox.describe(&self.info)
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
        let exports = &self.exports;
        let session = self.sandbox.call_fallible("meta-optimizer.session.open", |store| {
            exports.forward_tuning_plugin_meta_optimizer().session().call_open(store, &options)
        })?;
        self.session = Some(session);
        Ok(())
    }

    /// Lets the plugin take step `step`, from 2, over these slots, in the slots' order.
    ///
    /// # Errors
    /// When no session is open, a handle that comes back is not the plugin's to give, or the plugin reports an error,
    /// traps or runs over a limit.
    pub fn step(&mut self, step: usize, slots: Vec<Slot>) -> Result<Update, PluginError> {
        let session = self.session.ok_or_else(|| self.sandbox.error(Some(STEP), Failure::NotOpen))?;
        if let Some(dtype) = slots.iter().map(|slot| slot.previous.dtype()).find(|dtype| wit_dtype(*dtype).is_none()) {
            let problem = format!("expected a cache of fp32, fp16 or bf16, got {dtype:?}");
            return Err(self
                .sandbox
                .error(Some(STEP), Failure::InvalidArguments { operation: "tensor.dtype", problem }));
        }
        let exports = &self.exports;
        // More steps than that are not counted, and no optimizer tells them apart.
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        let stepped = self.sandbox.call_fallible(STEP, |store| {
            let lent = slots.into_iter().map(|slot| lend(store.data_mut(), slot));
            let lent = lent.collect::<wasmtime::Result<Vec<meta_optimizer::Slot>>>()?;
            let guest = exports.forward_tuning_plugin_meta_optimizer().session();
            let update = match guest.call_step(&mut *store, session, step, &lent)? {
                Ok(update) => update,
                Err(error) => return Ok(Err(error)),
            };
            // Taken back within the call: what the plugin no longer holds is not counted as kept.
            let cache = update.cache.into_iter().map(|handle| store.data_mut().take(handle));
            Ok(Ok((cache.collect::<wasmtime::Result<Vec<_>>>()?, update.verdict)))
        });
        let (cache, verdict) = stepped.map_err(|error| error.about(format!("step {step}")))?;
        let verdict = match verdict {
            meta_optimizer::Verdict::Continue => Verdict::Continue,
            meta_optimizer::Verdict::Converged => Verdict::Converged,
        };
        Ok(Update { cache, verdict, report: StepReport::default() })
    }
}

fn lend(state: &mut crate::state::HostState, slot: Slot) -> wasmtime::Result<meta_optimizer::Slot> {
    Ok(meta_optimizer::Slot {
        // The loop counts a model's layers.
        layer: u32::try_from(slot.layer).unwrap_or(u32::MAX),
        kind: match slot.kind {
            SlotKind::Key => meta_optimizer::SlotKind::Key,
            SlotKind::Value => meta_optimizer::SlotKind::Value,
        },
        previous: state.lend(slot.previous)?,
        proposed: state.lend(slot.proposed)?,
    })
}

/// The world of 0.1 is handed its proposal: it is asked for before the guest's call, so that the pass is none of the
/// guest's time.
impl MetaOptimizer for OptimizerPlugin {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        let slots = context.slots()?;
        Ok(OptimizerPlugin::step(self, context.step(), slots)?)
    }
}
