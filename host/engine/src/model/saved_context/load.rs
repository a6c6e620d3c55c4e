//! A context made again of the bytes of a file.

use std::fmt::Display;

use candle_core::{DType, Device, Tensor};

use super::header::{self, Header, Place};
use super::{ContextFacts, ContextShape, LAST_HIDDEN, SavedContextError, layer_names};
use crate::model::decoder::{LayerCache, Origin, Provenance};
use crate::model::floats::all_finite;
use crate::model::weights::WeightBytes;
use crate::model::{Context, Decoder, KvCache};

/// A file of a context, of which the header is read.
pub struct SavedContext {
    file: String,
    bytes: WeightBytes,
    header: Header,
}

impl SavedContext {
    /// Reads the header of a file that `file` stands for in messages. The numbers stay where they are.
    ///
    /// # Errors
    /// [`SavedContextError::NotTensors`] for what is no safetensors file or is cut short, [`SavedContextError::Unexpected`] for
    /// one that is no context of this format.
    pub fn read(file: &str, bytes: WeightBytes) -> Result<Self, SavedContextError> {
        let header = header::read(file, bytes.bytes())?;
        Ok(Self { file: file.to_owned(), bytes, header })
    }

    /// What the file says of the context.
    pub fn facts(&self) -> &ContextFacts {
        &self.header.facts
    }

    /// The file as the user knows it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Says whether a context of these facts is one of the decoder's, without a look at its numbers.
    ///
    /// # Errors
    /// [`SavedContextError::OtherModel`] names the first thing that differs: layers, heads, their size, the hidden state, the
    /// number format, or a next position beyond the model's.
    pub fn fits(&self, decoder: &Decoder) -> Result<(), SavedContextError> {
        let ContextFacts { shape, held, next_position, .. } = self.header.facts;
        let model = ContextShape::of(decoder.config(), shape.positions);
        self.same("layers", model.layers, shape.layers)?;
        self.same("key/value heads", model.kv_heads, shape.kv_heads)?;
        self.same("numbers of a head", model.head_dim, shape.head_dim)?;
        self.same("numbers of a hidden state", model.embedding, shape.embedding)?;
        self.same("number format", decoder.cache_dtype().as_str(), held.as_str())?;
        match decoder.config().max_positions {
            Some(limit) if next_position >= limit => {
                let expected = format!("a next position below {limit}");
                Err(self.other_model("next position", expected, next_position))
            }
            _ => Ok(()),
        }
    }

    /// The context, on the decoder's device. Keys and values that are stored as they were held are the same bit for bit, with
    /// one copy of each tensor; those in half precision become what the decoder holds.
    ///
    /// # Errors
    /// As [`Self::fits`]; [`SavedContextError::NotFiniteFile`] for NaN or infinity; a failed transfer to the device.
    pub fn context(&self, decoder: &Decoder) -> Result<Context, SavedContextError> {
        self.fits(decoder)?;
        let Header { facts, hidden, layers } = &self.header;
        let ContextShape { kv_heads, positions, head_dim, embedding, .. } = facts.shape;
        let device = decoder.device();
        let matrix =
            |name: &str, place: &Place| self.tensor(name, place, &[kv_heads, positions, head_dim], facts.held, device);
        let mut caches = Vec::with_capacity(layers.len());
        for (layer, [keys, values]) in layers.iter().enumerate() {
            let names = layer_names(layer);
            caches.push(LayerCache { keys: matrix(&names[0], keys)?, values: matrix(&names[1], values)? });
        }
        let last_hidden = self.tensor(LAST_HIDDEN, hidden, &[1, embedding], decoder.states_dtype(), device)?;
        Ok(Context {
            cache: KvCache::new(caches)?,
            last_hidden: Some(last_hidden),
            next_position: facts.next_position,
            provenance: Provenance {
                origin: Origin::Demonstrations { step: facts.step },
                shared_start: facts.shared_start,
            },
        })
    }

    /// The last hidden state, and each layer's keys and values.
    pub(super) fn hidden(&self) -> &Place {
        &self.header.hidden
    }

    pub(super) fn layers(&self) -> &[[Place; 2]] {
        &self.header.layers
    }

    /// Calls `take` with a tensor's bytes, which need not stay in memory behind it.
    pub(super) fn with_bytes<T>(&self, place: &Place, take: impl FnOnce(&[u8]) -> T) -> T {
        // The header's reader took the range from these bytes; should they have become fewer, a tensor is of no bytes.
        let taken = take(self.bytes.bytes().get(place.range.clone()).unwrap_or_default());
        self.bytes.release(place.range.clone());
        taken
    }

    fn tensor(
        &self,
        name: &str,
        place: &Place,
        shape: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor, SavedContextError> {
        let read = |bytes: &[u8]| Tensor::from_raw_buffer(bytes, place.dtype, shape, &Device::Cpu);
        let stored = self.with_bytes(place, read)?;
        let held = stored.to_dtype(dtype)?;
        if !all_finite(&held)? {
            return Err(SavedContextError::NotFiniteFile { file: self.file.clone(), tensor: name.to_owned() });
        }
        Ok(held.to_device(device)?)
    }

    fn same<T: PartialEq + Display>(&self, what: &'static str, model: T, found: T) -> Result<(), SavedContextError> {
        if model == found { Ok(()) } else { Err(self.other_model(what, model, found)) }
    }

    fn other_model(&self, what: &'static str, expected: impl Display, found: impl Display) -> SavedContextError {
        SavedContextError::OtherModel {
            file: self.file.clone(),
            what,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}
