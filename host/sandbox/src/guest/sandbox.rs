//! One running plugin: its store, the limits armed before every call, and what its failures mean.

use std::time::{Duration, Instant};

use candle_core::Device;
use wasmtime::component::{Instance, ResourceTable};
use wasmtime::{Store, UpdateDeadline};

use super::exports::{Describe, Exports};
use super::usage::Usage;
use crate::bindings::types;
use crate::component::binary::PluginBinary;
use crate::component::contract::{Contract, PluginKind};
use crate::description::Description;
use crate::engine::PluginEngine;
use crate::error::{ErrorKind, Failure, Identity, PluginError};
use crate::imports;
use crate::limits::{Limit, Limits};
use crate::state::HostState;
use crate::state::log_book::{LogBook, LogSink};
use crate::wasmtime_error;
use ft_engine::text::harmless_within;

/// A plugin that has been compiled, linked and instantiated.
pub(crate) struct Sandbox {
    store: Store<HostState>,
    /// Kept for as long as calls are made: its thread ends those whose time is up.
    _engine: PluginEngine,
    binary: PluginBinary,
    identity: Identity,
    usage: Usage,
    /// The call that made the instance unusable.
    dead_since: Option<&'static str>,
}

/// A sandbox, the instance in it with its function `info.describe`, what it was made for, and what it says it is.
pub(crate) struct Started {
    pub(crate) sandbox: Sandbox,
    pub(crate) instance: Instance,
    pub(crate) describe: Describe,
    pub(crate) contract: Contract,
    pub(crate) description: Description,
}

impl Sandbox {
    /// Reads, compiles, links and instantiates a plugin, and asks what it is. With `expected`, it has to be of that kind.
    pub(crate) fn start(
        engine: &PluginEngine,
        binary: PluginBinary,
        expected: Option<PluginKind>,
        limits: Limits,
        log: LogSink,
        device: &Device,
    ) -> Result<Started, PluginError> {
        let file = harmless_within(binary.file(), 200);
        let identity = Identity { file, name_and_version: None, definition: None };
        let fail = |failure| PluginError::new(identity.clone(), None, failure);
        let contract = contract(&binary, expected)?;
        let component = engine.compile(&binary, &limits).map_err(fail)?;
        let interface = |error| fail(Failure::Interface { reason: wasmtime_error::reason(&error) });
        let instance = imports::linker(engine.wasmtime(), &component, &contract)
            .and_then(|linker| linker.instantiate_pre(&component))
            .map_err(interface)?;

        let log = LogBook::new(identity.file.clone(), &limits, log);
        let state = HostState::new(limits, log, device.clone(), engine.stop().clone());
        let mut store = Store::new(engine.wasmtime(), state);
        store.limiter(|state| &mut state.meter);
        store.epoch_deadline_callback(|context| {
            context.data().clock.check()?;
            Ok(UpdateDeadline::Continue(1))
        });
        let mut sandbox =
            Self { store, _engine: engine.clone(), binary, identity, usage: Usage::default(), dead_since: None };
        let instance = sandbox.call("instantiate", |store| instance.instantiate(store))?;
        // Before anything of the plugin is relied on, all of its exports are held to the package.
        let describe = sandbox.look_up(&contract, &instance, |exports| exports.describe())?;
        match contract.kind {
            PluginKind::Task => sandbox.look_up(&contract, &instance, |exports| exports.task().map(drop))?,
            PluginKind::Optimizer => sandbox.look_up(&contract, &instance, |exports| exports.optimizer().map(drop))?,
        }
        let description = sandbox.describe(&describe)?;
        sandbox.identity.name_and_version = Some((description.name.clone(), description.version.clone()));
        sandbox.store.data_mut().log.rename(&description.name);
        Ok(Started { sandbox, instance, describe, contract, description })
    }

    /// Names the definition that the plugin interprets in the errors of all later calls.
    pub(crate) fn interpret(&mut self, definition: String) {
        self.identity.definition = Some(definition);
    }

    /// Asks the plugin what it is.
    pub(crate) fn describe(&mut self, describe: &Describe) -> Result<Description, PluginError> {
        let call = "info.describe";
        let (raw,) = self.call(call, |store| describe.call(store, ()))?;
        Description::check(raw).map_err(|error| self.error(Some(call), Failure::Description(error)))
    }

    /// Looks up exports; an error means that they are not those of the package.
    pub(crate) fn look_up<T>(
        &mut self,
        contract: &Contract,
        instance: &Instance,
        look_up: impl FnOnce(&mut Exports<'_>) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        self.bind(|store| look_up(&mut Exports { store, instance, package: contract.package }))
    }

    /// Does what fails only if something is not what the package says.
    pub(crate) fn bind<T>(
        &mut self,
        load: impl FnOnce(&mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let loaded = load(&mut self.store);
        loaded.map_err(|error| self.error(None, Failure::Interface { reason: wasmtime_error::reason(&error) }))
    }

    /// One call into the plugin, with all limits armed.
    pub(crate) fn call<T>(
        &mut self,
        call: &'static str,
        run: impl FnOnce(&mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        self.alive(call)?;
        let started = Instant::now();
        let outcome = self.arm(started).and_then(|()| run(&mut self.store));
        let took = self.account(started);
        let state = self.store.data_mut();
        state.system.flush(&mut state.log);
        let said = state.log.take_last_error();
        let work = state.work.take();
        let row_failure = state.row_failure.take();
        let settled = state.ledger.settle();
        let outcome = match (outcome, settled) {
            // It may have come back between its deadline and the next epoch.
            (Ok(_), Ok(())) if took > state.limits.time => {
                Err(Failure::LimitExceeded(Limit::Time { limit: state.limits.time }))
            }
            (Ok(value), Ok(())) => Ok(value),
            (Ok(_), Err(limit)) => Err(Failure::LimitExceeded(limit)),
            (Err(error), _) => Err(wasmtime_error::failure(error, &state.limits, said)),
        };
        if outcome.is_err() {
            self.dead_since = Some(call);
            // What the plugin held is of no more use; tensors are the largest of it.
            self.store.data_mut().resources = ResourceTable::new();
        }
        // Whatever the plugin made of unreadable rows, that they are unreadable is the news.
        let outcome = row_failure.map_or(outcome, |error| Err(Failure::Rows(error)));
        outcome.map_err(|failure| {
            let work = work.filter(|_| matches!(failure, Failure::Trap { .. } | Failure::LimitExceeded(_)));
            let error = self.error(Some(call), failure);
            match work {
                Some(work) => {
                    error.about(format!("at work on {}", harmless_within(&work, self.limits().log_characters)))
                }
                None => error,
            }
        })
    }

    /// Refuses a call after one that made the instance unusable.
    pub(crate) fn alive(&self, call: &'static str) -> Result<(), PluginError> {
        match self.dead_since {
            Some(earlier) => Err(self.error(Some(call), Failure::Dead { earlier })),
            None => Ok(()),
        }
    }

    /// A call to a function that may report an error.
    pub(crate) fn call_fallible<T>(
        &mut self,
        call: &'static str,
        run: impl FnOnce(&mut Store<HostState>) -> wasmtime::Result<(Result<T, types::Error>,)>,
    ) -> Result<T, PluginError> {
        let (answer,) = self.call(call, run)?;
        answer.map_err(|error| {
            let kind = match error.kind {
                types::ErrorKind::InvalidOption => ErrorKind::InvalidOption,
                types::ErrorKind::InvalidData => ErrorKind::InvalidData,
                types::ErrorKind::Unsupported => ErrorKind::Unsupported,
                types::ErrorKind::Failed => ErrorKind::Failed,
            };
            let message = harmless_within(&error.message, self.limits().log_characters);
            self.error(Some(call), Failure::Returned { kind, message })
        })
    }

    /// An error of this plugin.
    pub(crate) fn error(&self, call: Option<&'static str>, failure: Failure) -> PluginError {
        PluginError::new(self.identity.clone(), call, failure)
    }

    pub(crate) fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.store.data().limits
    }

    pub(crate) fn binary(&self) -> &PluginBinary {
        &self.binary
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    fn arm(&mut self, now: Instant) -> wasmtime::Result<()> {
        let limits = self.limits();
        let fuel = limits.fuel;
        let call_bytes = usize::try_from(limits.call_bytes).unwrap_or(usize::MAX);
        let handles = limits.table_elements;
        self.store.set_fuel(fuel)?;
        // The present epoch may end at once; the clock says whether the time is up.
        self.store.set_epoch_deadline(1);
        self.store.set_hostcall_fuel(call_bytes);
        self.store.set_max_component_handles(handles);
        let state = self.store.data_mut();
        state.clock.start(now);
        state.passes = 0;
        Ok(())
    }

    /// Notes what a call used; gives its time.
    fn account(&mut self, started: Instant) -> Duration {
        // Fuel is on in every engine made here, so there is always a remainder to ask for.
        let left = self.store.get_fuel().unwrap_or_default();
        let fuel = self.limits().fuel.saturating_sub(left);
        let time = started.elapsed().saturating_sub(self.store.data().clock.stood_still);
        let passes = self.store.data().passes;
        self.usage.fuel = self.usage.fuel.saturating_add(fuel);
        self.usage.most_fuel = self.usage.most_fuel.max(fuel);
        self.usage.calls += 1;
        self.usage.time += time;
        self.usage.most_time = self.usage.most_time.max(time);
        self.usage.peak_memory = self.store.data().meter.peak_memory();
        self.usage.peak_table_elements = self.store.data().meter.peak_table_elements();
        self.usage.most_moved = self.store.data().most_moved;
        self.usage.peak_tensor_bytes = self.store.data().ledger.peak();
        self.usage.passes = self.usage.passes.saturating_add(passes);
        self.usage.most_passes = self.usage.most_passes.max(passes);
        time
    }
}

/// Which world a file was made for, by its names alone: nothing of it is compiled.
pub(crate) fn contract(binary: &PluginBinary, expected: Option<PluginKind>) -> Result<Contract, PluginError> {
    let fail = |failure| {
        let identity = Identity { file: harmless_within(binary.file(), 200), name_and_version: None, definition: None };
        PluginError::new(identity, None, failure)
    };
    let surface = binary.surface().map_err(|error| fail(Failure::NotAComponent(error)))?;
    Contract::read(&surface, expected).map_err(|error| fail(Failure::WrongWorld(error)))
}
