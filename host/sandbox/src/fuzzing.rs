//! A door for the fuzz targets in `fuzz/`: what this host does with the answers and messages of a plugin, without a plugin.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::Device;

pub use super::bindings::{data, dataset, info, log, tensor, types};
use super::host::HostState;
use super::log::LogBook;
use super::{BadAnswer, BadDescription, Description, Limits, LogRecord, task_answers};
use ft_engine::task::example::{Example, Source};

/// What `info.describe` gave, checked.
///
/// # Errors
/// What is wrong with it.
pub fn description(raw: info::Description) -> Result<Description, BadDescription> {
    Description::check(raw)
}

/// What `dataset.sources` gave, checked.
///
/// # Errors
/// What is wrong with it.
pub fn sources(raw: Vec<dataset::Source>) -> Result<Vec<Source>, BadAnswer> {
    task_answers::sources(raw)
}

/// What `dataset.labels` gave, checked.
///
/// # Errors
/// What is wrong with them.
pub fn labels(raw: Vec<String>) -> Result<Vec<String>, BadAnswer> {
    task_answers::labels(raw)
}

/// What `dataset.read` or `dataset.written` gave, checked.
///
/// # Errors
/// What is wrong with the first bad one.
pub fn examples(raw: Vec<data::Example>, labels: &[String], limits: &Limits) -> Result<Vec<Example>, BadAnswer> {
    let mut check = task_answers::ExampleCheck::new(limits, labels);
    raw.into_iter().map(|raw| check.check(raw)).collect()
}

/// What reaches a person of the messages that a plugin writes.
pub fn messages(raw: Vec<(log::Level, String)>, limits: &Limits) -> Vec<LogRecord> {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&shown);
    let keep = move |record| sink.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    let book = LogBook::new("fuzz".into(), limits, Arc::new(keep));
    let mut state = HostState::new(limits.clone(), book, Device::Cpu, super::clock::Stop::default());
    for (level, message) in raw {
        // A message is never refused.
        let _ = log::Host::write(&mut state, level, message);
    }
    std::mem::take(&mut *shown.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The `tensor` resource as a plugin reaches it, with nothing in it.
pub fn tensors(limits: Limits) -> impl tensor::HostTensor {
    let book = LogBook::new("fuzz".into(), &limits, Arc::new(|_| ()));
    HostState::new(limits, book, Device::Cpu, super::clock::Stop::default())
}
