//! A door for the fuzz targets in `fuzz/`: what this host does with the answers and messages of a plugin, without a plugin.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::Device;

pub use crate::bindings::{data, dataset, info, log, tensor, types};
use crate::description::{Description, InvalidDescription};
use crate::limits::Limits;
use crate::state::HostState;
use crate::state::log_book::LogBook;
use crate::state::log_book::LogRecord;
use crate::task::answer_check;
use crate::task::invalid_answer::InvalidAnswer;
use ft_engine::task::example::{Example, Source};

/// What `info.describe` gave, checked.
///
/// # Errors
/// What is wrong with it.
pub fn description(raw: info::Description) -> Result<Description, InvalidDescription> {
    Description::check(raw)
}

/// What `dataset.sources` gave, checked.
///
/// # Errors
/// What is wrong with it.
pub fn sources(raw: Vec<dataset::Source>) -> Result<Vec<Source>, InvalidAnswer> {
    answer_check::sources(raw)
}

/// What `dataset.labels` gave, checked.
///
/// # Errors
/// What is wrong with them.
pub fn labels(raw: Vec<String>) -> Result<Vec<String>, InvalidAnswer> {
    answer_check::labels(raw)
}

/// What `dataset.read` or `dataset.written` gave, checked.
///
/// # Errors
/// What is wrong with the first bad one.
pub fn examples(raw: Vec<data::Example>, labels: &[String], limits: &Limits) -> Result<Vec<Example>, InvalidAnswer> {
    let mut check = answer_check::ExampleCheck::new(limits, labels);
    raw.into_iter().map(|raw| check.check(raw)).collect()
}

/// What reaches a person of the messages that a plugin writes.
pub fn messages(raw: Vec<(log::Level, String)>, limits: &Limits) -> Vec<LogRecord> {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&shown);
    let keep = move |record| sink.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    let book = LogBook::new("fuzz".into(), limits, Arc::new(keep));
    let mut state = HostState::new(limits.clone(), book, Device::Cpu, crate::stop::Stop::default());
    for (level, message) in raw {
        // A message is never refused.
        let _ = log::Host::write(&mut state, level, message);
    }
    std::mem::take(&mut *shown.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The `tensor` resource as a plugin reaches it, with nothing in it.
pub fn tensors(limits: Limits) -> impl tensor::HostTensor {
    let book = LogBook::new("fuzz".into(), &limits, Arc::new(|_| ()));
    HostState::new(limits, book, Device::Cpu, crate::stop::Stop::default())
}
