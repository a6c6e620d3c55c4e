//! One running plugin: its store, the budgets armed before every call, and what its failures mean.

use std::time::{Duration, Instant};

use candle_core::Device;
use wasmtime::component::{Component, HasSelf, Instance, Linker, ResourceTable};
use wasmtime::{Engine, Store, UpdateDeadline};

use super::binary::PluginBinary;
use super::bindings::{self, info, types};
use super::contract::{Contract, PluginKind};
use super::description::Description;
use super::engine::PluginEngine;
use super::error::{Budget, ErrorKind, Failure, Identity, PluginError};
use super::fault;
use super::host::HostState;
use super::limits::Limits;
use super::log::{LogBook, LogSink};
use super::wasi;
use ft_engine::text::harmless_within;

/// What a plugin used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls into the plugin.
    pub calls: u64,
    /// Fuel of all calls.
    pub fuel: u64,
    /// The most fuel of one call.
    pub most_fuel: u64,
    /// Wall clock of all calls, host functions included.
    pub time: Duration,
    /// The longest call.
    pub most_time: Duration,
    /// The most bytes of linear memory at once.
    pub peak_memory: u64,
    /// The most table elements at once.
    pub peak_table_elements: usize,
    /// The most bytes that one call of a host function moved.
    pub most_moved: u64,
    /// The most bytes of tensors at once that the plugin made or kept.
    pub peak_tensor_bytes: u64,
}

impl Usage {
    /// Adds what another instance used.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.most_fuel = self.most_fuel.max(other.most_fuel);
        self.time += other.time;
        self.most_time = self.most_time.max(other.most_time);
        self.peak_memory = self.peak_memory.max(other.peak_memory);
        self.peak_table_elements = self.peak_table_elements.max(other.peak_table_elements);
        self.most_moved = self.most_moved.max(other.most_moved);
        self.peak_tensor_bytes = self.peak_tensor_bytes.max(other.peak_tensor_bytes);
    }
}

/// A plugin that has been compiled, linked and instantiated.
pub(super) struct Sandbox {
    store: Store<HostState>,
    /// Kept for as long as calls are made: its thread ends those whose time is up.
    _engine: PluginEngine,
    binary: PluginBinary,
    identity: Identity,
    usage: Usage,
    /// The call that made the instance unusable.
    dead_since: Option<&'static str>,
}

/// A sandbox, the instance in it with its interface `info`, what it was made for, and what it says it is.
pub(super) struct Started {
    pub sandbox: Sandbox,
    pub instance: Instance,
    pub info: info::Guest,
    pub contract: Contract,
    pub description: Description,
}

impl Sandbox {
    /// Reads, compiles, links and instantiates a plugin, and asks what it is. With `expected`, it has to be of that kind.
    pub fn start(
        engine: &PluginEngine,
        binary: PluginBinary,
        expected: Option<PluginKind>,
        limits: Limits,
        log: LogSink,
        device: &Device,
    ) -> Result<Started, PluginError> {
        let file = harmless_within(binary.file(), 200);
        let identity = Identity { file, name_and_version: None };
        let fail = |failure| PluginError::new(identity.clone(), None, failure);
        let contract = contract(&binary, expected)?;
        let component = engine.compile(&binary, &limits).map_err(fail)?;
        let interface = |error| fail(Failure::Interface { reason: fault::reason(&error) });
        let instance = linker(engine.wasmtime(), &component, contract.kind)
            .and_then(|linker| linker.instantiate_pre(&component))
            .map_err(interface)?;
        let info = info::GuestIndices::new(&instance).map_err(interface)?;

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
        let info = sandbox.bind(|store| info.load(store, &instance))?;
        // Before anything of the plugin is relied on, all of its exports are held to the package.
        match contract.kind {
            PluginKind::Task => sandbox.bind(|store| bindings::task::TaskPlugin::new(store, &instance).map(drop))?,
            PluginKind::Optimizer => {
                sandbox.bind(|store| bindings::optimizer::OptimizerPlugin::new(store, &instance).map(drop))?;
            }
        }
        let description = sandbox.describe(&info)?;
        sandbox.identity.name_and_version = Some((description.name.clone(), description.version.clone()));
        sandbox.store.data_mut().log.rename(&description.name);
        Ok(Started { sandbox, instance, info, contract, description })
    }

    /// Asks the plugin what it is.
    pub fn describe(&mut self, info: &info::Guest) -> Result<Description, PluginError> {
        let call = "info.describe";
        let raw = self.call(call, |store| info.call_describe(store))?;
        Description::check(raw).map_err(|error| self.error(Some(call), Failure::Description(error)))
    }

    /// Looks up exports; an error means that they are not those of the package.
    pub fn bind<T>(
        &mut self,
        load: impl FnOnce(&mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let loaded = load(&mut self.store);
        loaded.map_err(|error| self.error(None, Failure::Interface { reason: fault::reason(&error) }))
    }

    /// One call into the plugin, with all budgets armed.
    pub fn call<T>(
        &mut self,
        call: &'static str,
        run: impl FnOnce(&mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        if let Some(earlier) = self.dead_since {
            return Err(self.error(Some(call), Failure::Dead { earlier }));
        }
        let started = Instant::now();
        let outcome = self.arm(started).and_then(|()| run(&mut self.store));
        let took = self.account(started);
        let state = self.store.data_mut();
        state.system.flush(&mut state.log);
        let said = state.log.take_last_error();
        let row_failure = state.row_failure.take();
        let settled = state.ledger.settle();
        let outcome = match (outcome, settled) {
            // It may have come back between its deadline and the next epoch.
            (Ok(_), Ok(())) if took > state.limits.time => {
                Err(Failure::Spent(Budget::Time { limit: state.limits.time }))
            }
            (Ok(value), Ok(())) => Ok(value),
            (Ok(_), Err(budget)) => Err(Failure::Spent(budget)),
            (Err(error), _) => Err(fault::failure(error, &state.limits, said)),
        };
        if outcome.is_err() {
            self.dead_since = Some(call);
            // What the plugin held is of no more use; tensors are the largest of it.
            self.store.data_mut().resources = ResourceTable::new();
        }
        // Whatever the plugin made of unreadable rows, that they are unreadable is the news.
        let outcome = row_failure.map_or(outcome, |error| Err(Failure::Rows(error)));
        outcome.map_err(|failure| self.error(Some(call), failure))
    }

    /// A call to a function that may report an error.
    pub fn call_fallible<T>(
        &mut self,
        call: &'static str,
        run: impl FnOnce(&mut Store<HostState>) -> wasmtime::Result<Result<T, types::Error>>,
    ) -> Result<T, PluginError> {
        self.call(call, run)?.map_err(|error| {
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
    pub fn error(&self, call: Option<&'static str>, failure: Failure) -> PluginError {
        PluginError::new(self.identity.clone(), call, failure)
    }

    pub fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    pub fn limits(&self) -> &Limits {
        &self.store.data().limits
    }

    pub fn binary(&self) -> &PluginBinary {
        &self.binary
    }

    pub fn usage(&self) -> Usage {
        self.usage
    }

    fn arm(&mut self, now: Instant) -> wasmtime::Result<()> {
        let limits = self.limits();
        let (fuel, time) = (limits.fuel, limits.time);
        let call_bytes = usize::try_from(limits.call_bytes).unwrap_or(usize::MAX);
        let handles = limits.table_elements;
        self.store.set_fuel(fuel)?;
        // The present epoch may end at once; the clock says whether the time is up.
        self.store.set_epoch_deadline(1);
        self.store.set_hostcall_fuel(call_bytes);
        self.store.set_max_component_handles(handles);
        self.store.data_mut().clock.deadline = now.checked_add(time);
        Ok(())
    }

    /// Notes what a call used; gives its time.
    fn account(&mut self, started: Instant) -> Duration {
        // Fuel is on in every engine made here, so there is always a remainder to ask for.
        let left = self.store.get_fuel().unwrap_or_default();
        let (fuel, time) = (self.limits().fuel.saturating_sub(left), started.elapsed());
        self.usage.fuel = self.usage.fuel.saturating_add(fuel);
        self.usage.most_fuel = self.usage.most_fuel.max(fuel);
        self.usage.calls += 1;
        self.usage.time += time;
        self.usage.most_time = self.usage.most_time.max(time);
        self.usage.peak_memory = self.store.data().meter.peak_memory();
        self.usage.peak_table_elements = self.store.data().meter.peak_table_elements();
        self.usage.most_moved = self.store.data().most_moved;
        self.usage.peak_tensor_bytes = self.store.data().ledger.peak();
        time
    }
}

/// Which world a file was made for, by its names alone: nothing of it is compiled.
pub(super) fn contract(binary: &PluginBinary, expected: Option<PluginKind>) -> Result<Contract, PluginError> {
    let fail = |failure| {
        let identity = Identity { file: harmless_within(binary.file(), 200), name_and_version: None };
        PluginError::new(identity, None, failure)
    };
    let surface = binary.surface().map_err(|error| fail(Failure::NotAComponent(error)))?;
    Contract::read(&surface, expected).map_err(|error| fail(Failure::WrongWorld(error)))
}

/// The imports of one kind of plugin, and what there is of WASI.
fn linker(engine: &Engine, component: &Component, kind: PluginKind) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    match kind {
        PluginKind::Task => {
            bindings::task::TaskPlugin::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)?;
        }
        PluginKind::Optimizer => {
            bindings::optimizer::OptimizerPlugin::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)?;
        }
    }
    wasi::link(&mut linker, engine, component)?;
    Ok(linker)
}
