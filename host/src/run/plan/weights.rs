//! Weights that several runs and predictors of one process use at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::common::ModelInput;
use crate::run::error::RunError;
use ft_engine::model::Decoder;
use ft_engine::model::decoder::Placement;
use ft_record::files::schema::ModelRecord;

/// The decoders that are in memory: whoever asks for the weights of the same files, on the same device and in the same formats,
/// gets the same decoder. One that nobody uses any more is let go of.
#[derive(Clone, Default)]
pub struct SharedWeights(Arc<Mutex<HashMap<String, Weak<Decoder>>>>);

impl SharedWeights {
    /// The weights of a model, which are read if they are not in memory. Others that ask meanwhile wait: two readings would take
    /// twice the memory.
    ///
    /// # Errors
    /// A missing or misshapen tensor, files that have changed since they were first read.
    pub(in crate::run) fn decoder(
        &self,
        model: &ModelInput,
        record: &ModelRecord,
        placement: &Placement,
    ) -> Result<Arc<Decoder>, RunError> {
        // A decoder is put in whole or not at all: what a panic left behind can be used.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(record, placement);
        if let Some(decoder) = known.get(&key).and_then(Weak::upgrade) {
            return Ok(decoder);
        }
        let decoder = Arc::new(model.model.load(placement)?);
        // From here on nothing is read of the files: these weights are those of the digests.
        model.state.check()?;
        known.retain(|_, decoder| decoder.strong_count() > 0);
        known.insert(key, Arc::downgrade(&decoder));
        Ok(decoder)
    }
}

/// What makes two decoders the same: the digests of all files, the device and the formats.
fn key(record: &ModelRecord, Placement { device, dtype, weights }: &Placement) -> String {
    let files: Vec<&str> = record.files.iter().map(|file| file.sha256.raw().as_str()).collect();
    format!("{} on {:?} in {} as {weights}", files.join(" "), device.location(), dtype.as_str())
}
