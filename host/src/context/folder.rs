//! The folder of a saved context.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::ContextError;
use ft_engine::model::saved_context::{ContextDistance, ContextToSave, PositionDistances, SavedContext};
use ft_engine::model::{Context, Decoder};
use ft_record::files::context::{
    CONTEXT_LIMIT, CONTEXT_RECORD, CONTEXT_TENSORS, ContextRecord, ContextUse, NewContext, TensorsRecord,
};
use ft_store::fs::context::{self, ContextNames, Written};

const NAMES: ContextNames = ContextNames { tensors: CONTEXT_TENSORS, record: CONTEXT_RECORD };

/// A saved context, opened: both files are whole and belong together. The tensors are mapped and not read into memory.
pub struct ContextFolder {
    folder: PathBuf,
    record: ContextRecord,
    tensors: SavedContext,
}

impl fmt::Debug for ContextFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextFolder").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl ContextFolder {
    /// Writes a context into a folder, which is made where it is not there. Files of an earlier context are renamed, not lost. On
    /// an error, e.g. a full disk, the folder has what it had before. `tensors` say before how large they are:
    /// [`ContextToSave::bytes`].
    ///
    /// # Errors
    /// [`ContextError::Tensors`] for numbers that cannot be saved, [`ContextError::Record`] where tensors and record are not of
    /// one context, [`ContextError::File`] for links in the files' places, another process that writes there, a full disk.
    pub fn write(
        folder: &Path,
        new: NewContext,
        tensors: &ContextToSave<'_>,
    ) -> Result<Written<ContextRecord>, ContextError> {
        let refused = |source| ContextError::Record { path: folder.join(CONTEXT_RECORD), source };
        let pieces = tensors.pieces().map(|piece| piece.map_err(ContextError::from));
        context::write(folder, NAMES, pieces, |bytes, digest| {
            let record = new.with_tensors(TensorsRecord::new(bytes, digest.as_str(), tensors.facts()));
            record.check_tensors(tensors.facts()).map_err(refused)?;
            let json = record.json().map_err(refused)?;
            Ok((record, json))
        })
    }

    /// Opens the context in a folder. Every byte of the tensors is read once, for their digest. Links are followed: to read what
    /// somebody named changes nothing.
    ///
    /// # Errors
    /// [`ContextError::File`] for what is not there, is cut short or is another file than the record names,
    /// [`ContextError::Record`] and [`ContextError::Tensors`] for what is no context, or two files that are not of one.
    pub fn open(folder: &Path) -> Result<Self, ContextError> {
        let refused = |source| ContextError::Record { path: folder.join(CONTEXT_RECORD), source };
        let json = context::read_record(folder, NAMES, CONTEXT_LIMIT)?;
        let record = ContextRecord::parse(&json).map_err(refused)?;
        let file = &record.tensors.file;
        let mapped = context::map_tensors(folder, NAMES, (file.bytes, file.sha256.raw()))?;
        let name = mapped.path().display().to_string();
        let tensors = SavedContext::read(&name, Arc::new(mapped))?;
        record.check_tensors(tensors.facts()).map_err(refused)?;
        Ok(Self { folder: folder.to_owned(), record, tensors })
    }

    /// The folder, as it was named.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the record says.
    pub fn record(&self) -> &ContextRecord {
        &self.record
    }

    /// Says whether the context was tuned with a model and a task; no weights are needed for it.
    ///
    /// # Errors
    /// [`ContextError::Mismatch`] names every difference.
    pub fn check_use(&self, now: &ContextUse<'_>) -> Result<(), ContextError> {
        self.record.fits(now).map_err(|source| ContextError::Mismatch { folder: self.folder.clone(), source })
    }

    /// The context, for a decoder of the model that it was tuned with; see [`SavedContext::context`].
    ///
    /// # Errors
    /// [`ContextError::Tensors`] for another model's shape or number format, or for numbers that are none.
    pub fn context(&self, decoder: &Decoder) -> Result<Context, ContextError> {
        Ok(self.tensors.context(decoder)?)
    }

    /// How far another context is from this one.
    ///
    /// # Errors
    /// [`ContextError::Tensors`] for another shape, or for numbers that are none.
    pub fn distance_to(&self, other: &Self) -> Result<ContextDistance, ContextError> {
        Ok(self.tensors.distance_to(&other.tensors)?)
    }

    /// How far another context is from this one, by layer and by position; see [`SavedContext::distance_by_position`].
    ///
    /// # Errors
    /// Those of [`Self::distance_to`].
    pub fn distance_by_position(
        &self,
        other: &Self,
        bins: usize,
    ) -> Result<(ContextDistance, PositionDistances), ContextError> {
        Ok(self.tensors.distance_by_position(&other.tensors, bins)?)
    }
}

#[cfg(test)]
mod tests;
