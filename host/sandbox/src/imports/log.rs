//! The interface `log`: messages of a plugin to the person who runs it.

use crate::bindings::log;
use crate::state::HostState;
use crate::state::log_book::LogLevel;

impl log::Host for HostState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.clock.check()?;
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.moved(message.len() as u64);
        self.log.write(level, &message);
        Ok(())
    }

    fn work_on(&mut self, what: String) -> wasmtime::Result<()> {
        self.clock.check()?;
        self.moved(what.len() as u64);
        self.work = Some(what);
        Ok(())
    }
}
