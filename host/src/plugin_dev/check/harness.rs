//! The plugin under test: every instance of it counts toward what the test says that it used.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use candle_core::Device;

use super::candidate::Candidate;
use crate::run::{RunError, resolve_options};
use ft_sandbox::{Description, OptimizerPlugin, PluginError, TaskPlugin, Usage};

/// What is checked, and what its instances used so far.
#[derive(Clone, Copy)]
pub struct Harness<'a> {
    candidate: Candidate<'a>,
    usage: &'a RefCell<Usage>,
}

impl<'a> Harness<'a> {
    /// A harness that adds to `usage`.
    pub fn new(candidate: Candidate<'a>, usage: &'a RefCell<Usage>) -> Self {
        Self { candidate, usage }
    }

    /// A task with these options.
    pub fn task(&self, options: &[(String, String)]) -> Result<Counted<'a, TaskPlugin>, RunError> {
        Ok(Counted { plugin: self.plugins.task(self.candidate.spec(options))?.plugin, usage: self.usage })
    }

    /// An optimizer with a session of these options.
    pub fn optimizer(&self, options: &[(String, String)]) -> Result<Counted<'a, OptimizerPlugin>, RunError> {
        let optimizer = self.plugins.unopened_optimizer(self.file, self.limits, &Device::Cpu)?;
        let mut optimizer = Counted { plugin: optimizer, usage: self.usage };
        let options = resolve_options(optimizer.description(), options)?;
        optimizer.open(&options)?;
        Ok(optimizer)
    }
}

impl<'a> Deref for Harness<'a> {
    type Target = Candidate<'a>;

    fn deref(&self) -> &Candidate<'a> {
        &self.candidate
    }
}

/// Either kind of plugin.
pub trait Instance {
    /// What it used so far.
    fn used(&self) -> Usage;
    /// What it said it is.
    fn said(&self) -> &Description;
    /// What it says when it is asked again.
    fn say_again(&mut self) -> Result<Description, PluginError>;
}

impl Instance for TaskPlugin {
    fn used(&self) -> Usage {
        self.usage()
    }

    fn said(&self) -> &Description {
        self.description()
    }

    fn say_again(&mut self) -> Result<Description, PluginError> {
        self.describe_again()
    }
}

impl Instance for OptimizerPlugin {
    fn used(&self) -> Usage {
        self.usage()
    }

    fn said(&self) -> &Description {
        self.description()
    }

    fn say_again(&mut self) -> Result<Description, PluginError> {
        self.describe_again()
    }
}

/// An instance whose use is added up when it goes.
pub struct Counted<'a, P: Instance> {
    plugin: P,
    usage: &'a RefCell<Usage>,
}

impl<P: Instance> Deref for Counted<'_, P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.plugin
    }
}

impl<P: Instance> DerefMut for Counted<'_, P> {
    fn deref_mut(&mut self) -> &mut P {
        &mut self.plugin
    }
}

impl<P: Instance> Drop for Counted<'_, P> {
    fn drop(&mut self) {
        self.usage.borrow_mut().add(&self.plugin.used());
    }
}

/// Two instances say the same of themselves, and one that is asked again says it too.
pub fn same_description<P: Instance>(first: &mut Counted<'_, P>, second: &Counted<'_, P>) -> Result<String, String> {
    let said = first.say_again().map_err(|error| error.to_string())?;
    if said != *first.said() {
        return Err("it describes itself in another way when it is asked again".into());
    }
    match said == *second.said() {
        true => Ok(format!("{} {}: {}", said.name, said.version, said.summary)),
        false => Err("a second instance describes itself in another way".into()),
    }
}
