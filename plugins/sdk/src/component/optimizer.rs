//! A [`MetaOptimizer`] as a component of the world `optimizer-plugin`.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::info::optimizer::{description, error, options};
use super::panic::log_panics;
use super::step::HostStep;
use crate::{MetaOptimizer, Step, Verdict};

pub(super) use ft_plugin_optimizer_world as world;
use world::exports::forward_tuning::plugin::{info, meta_optimizer};
use world::forward_tuning::plugin::{model, types};

/// What the host calls; `export_optimizer!` makes one of it.
pub struct OptimizerComponent<T>(PhantomData<T>);

/// A rule in use, behind the handle that the host holds.
pub struct Session<T>(RefCell<T>);

impl<T: MetaOptimizer> info::Guest for OptimizerComponent<T> {
    fn describe() -> info::Description {
        log_panics();
        description(T::describe())
    }
}

impl<T: MetaOptimizer> meta_optimizer::Guest for OptimizerComponent<T> {
    type Session = Session<T>;
}

impl<T: MetaOptimizer> meta_optimizer::GuestSession for Session<T> {
    fn open(settings: Vec<types::OptionSetting>) -> Result<meta_optimizer::Session, types::Error> {
        log_panics();
        let rule = T::new(&options(settings)).map_err(error)?;
        Ok(meta_optimizer::Session::new(Session(RefCell::new(rule))))
    }

    fn step(&self, context: &model::StepContext) -> Result<meta_optimizer::Update, types::Error> {
        let context = HostStep(context);
        let update = self.0.borrow_mut().step(&Step::new(&context)).map_err(error)?;
        let verdict = match update.verdict {
            Verdict::Continue => meta_optimizer::Verdict::Continue,
            Verdict::Converged => meta_optimizer::Verdict::Converged,
        };
        let cache = update.cache.into_iter().map(|tensor| tensor.0).collect();
        Ok(meta_optimizer::Update { cache, verdict, loss: update.loss, accepted: update.accepted })
    }
}
