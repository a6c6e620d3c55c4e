//! A [`MetaOptimizer`] as a component of the world `optimizer-plugin`.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::info::optimizer::{description, error, options};
use super::panic::log_panics;
use crate::{MetaOptimizer, Slot, SlotKind, Tensor, Verdict};

pub(super) use ft_plugin_optimizer_world as world;
use world::exports::forward_tuning::plugin::{info, meta_optimizer};
use world::forward_tuning::plugin::types;

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

    fn step(&self, step: u32, slots: Vec<meta_optimizer::Slot>) -> Result<meta_optimizer::Update, types::Error> {
        let slots = slots.into_iter().map(slot_in).collect();
        let update = self.0.borrow_mut().step(step, slots).map_err(error)?;
        let verdict = match update.verdict {
            Verdict::Continue => meta_optimizer::Verdict::Continue,
            Verdict::Converged => meta_optimizer::Verdict::Converged,
        };
        Ok(meta_optimizer::Update { cache: update.cache.into_iter().map(|tensor| tensor.0).collect(), verdict })
    }
}

fn slot_in(slot: meta_optimizer::Slot) -> Slot {
    let kind = match slot.kind {
        meta_optimizer::SlotKind::Key => SlotKind::Key,
        meta_optimizer::SlotKind::Value => SlotKind::Value,
    };
    Slot { layer: slot.layer, kind, previous: Tensor(slot.previous), proposed: Tensor(slot.proposed) }
}
