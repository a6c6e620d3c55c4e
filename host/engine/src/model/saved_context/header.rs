//! The header of a file of a context: written, and read back with everything checked that does not need the numbers.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use candle_core::DType;
use safetensors::{Dtype, SafeTensors};

use super::{ContextFacts, ContextShape, FORMAT, FORMAT_VERSION, LAST_HIDDEN, SavedContextError, layer_names};
use crate::model::json;
use crate::text::harmless_within;

/// The most bytes of a header that is read: 4096 layers, which no model exceeds, take about 1 MiB.
const HEADER_LIMIT: u64 = 4 << 20;

/// Characters of a text of the file that a message repeats.
const SHOWN: usize = 60;

/// A tensor as a header lists it.
pub(super) struct Entry {
    pub name: String,
    pub dtype: DType,
    pub shape: Vec<usize>,
}

impl Entry {
    /// Bytes of its numbers.
    pub(super) fn bytes(&self) -> u64 {
        self.shape.iter().fold(self.dtype.size_in_bytes() as u64, |bytes, size| bytes.saturating_mul(*size as u64))
    }
}

/// The tensors of a context in the order of the file, the last hidden state first, in its own number format.
pub(super) fn entries(facts: &ContextFacts, hidden: DType) -> Vec<Entry> {
    let ContextShape { layers, kv_heads, positions, head_dim, embedding } = facts.shape;
    let of_layer = |layer| {
        layer_names(layer).map(|name| Entry { name, dtype: facts.stored, shape: vec![kv_heads, positions, head_dim] })
    };
    let first = Entry { name: LAST_HIDDEN.to_owned(), dtype: hidden, shape: vec![1, embedding] };
    std::iter::once(first).chain((0..layers).flat_map(of_layer)).collect()
}

/// The bytes before the tensors': the length of the header, and the header, padded so that tensors begin at a multiple of 8.
/// One context gives one header, byte for byte.
pub(super) fn written(facts: &ContextFacts, entries: &[Entry]) -> Vec<u8> {
    let ContextFacts { held, next_position, step, shared_start, .. } = facts;
    let held = held.as_str();
    let mut text = format!(
        r#"{{"__metadata__":{{"format":"{FORMAT}","format_version":"{FORMAT_VERSION}","dtype":"{held}","next_position":"{next_position}","step":"{step}","shared_start":"{shared_start}"}}"#
    );
    let mut start = 0;
    for entry in entries {
        let (name, dtype, shape) = (&entry.name, entry.dtype.as_str().to_ascii_uppercase(), &entry.shape);
        let end = start + entry.bytes();
        // Writing to a string does not fail.
        let _ = write!(text, r#","{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#);
        start = end;
    }
    text.push('}');
    let mut header = text.into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header].concat()
}

/// What a header says, and where the bytes of each tensor lie in the file.
pub(super) struct Header {
    pub facts: ContextFacts,
    pub hidden: Place,
    /// Of each layer's keys and values.
    pub layers: Vec<[Place; 2]>,
}

/// A tensor's number format and bytes.
#[derive(Clone)]
pub(super) struct Place {
    pub dtype: DType,
    pub range: Range<usize>,
}

/// Reads the header of a whole file, which `file` stands for in messages.
///
/// # Errors
/// What is no safetensors file or ends early, another format or version, tensors that are missing, too many, or of another
/// shape or number format than the others.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Header, SavedContextError> {
    let not_tensors = |reason: String| SavedContextError::NotTensors { file: file.to_owned(), reason };
    let declared = header_bytes(bytes).map_err(not_tensors)?;
    // The library keeps the last of two equal keys.
    json::parse(declared).map_err(not_tensors)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| not_tensors(error.to_string()))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| not_tensors(error.to_string()))?;
    let none = HashMap::new();
    let reader = Reader { file, bytes, tensors: &tensors, metadata: metadata.metadata().as_ref().unwrap_or(&none) };
    reader.header()
}

/// The header's own bytes.
fn header_bytes(bytes: &[u8]) -> Result<&[u8], String> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Err(format!("expected 8 bytes or more, got {}", bytes.len()));
    };
    let length = u64::from_le_bytes(*length);
    if length > HEADER_LIMIT {
        return Err(format!("expected a header of at most {HEADER_LIMIT} bytes, got one of {length}"));
    }
    let short = || format!("expected a header of {length} bytes, got {}", rest.len());
    usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(short)
}

/// A parsed file, while it is held to what a context is.
struct Reader<'a> {
    file: &'a str,
    bytes: &'a [u8],
    tensors: &'a SafeTensors<'a>,
    metadata: &'a HashMap<String, String>,
}

impl Reader<'_> {
    fn header(&self) -> Result<Header, SavedContextError> {
        self.is("format", FORMAT)?;
        self.is("format_version", &FORMAT_VERSION.to_string())?;
        let held = self.held()?;
        let layers = self.tensors.len().saturating_sub(1) / 2;
        let (hidden, embedding) = self.hidden()?;
        let (stored, shape) = self.keys_or_values(&layer_names(0)[0])?;
        let mut places = Vec::with_capacity(layers);
        for layer in 0..layers {
            let [keys, values] = layer_names(layer);
            places.push([self.alike(&keys, stored, &shape)?, self.alike(&values, stored, &shape)?]);
        }
        // All that a context has was found; what is left over is none of it.
        if self.tensors.len() != 2 * layers + 1 {
            return Err(self.unexpected(
                "tensors",
                "two for each layer and `last_hidden`",
                self.tensors.len().to_string(),
            ));
        }
        if stored != held && !(held == DType::F32 && matches!(stored, DType::F16 | DType::BF16)) {
            let expected = format!("keys and values in {} or in half precision of f32", held.as_str());
            return Err(self.unexpected("dtype", &expected, stored.as_str()));
        }
        let [kv_heads, positions, head_dim] = shape;
        let shape = ContextShape { layers, kv_heads, positions, head_dim, embedding };
        let facts = ContextFacts {
            shape,
            held,
            stored,
            next_position: self.number("next_position", 1)?,
            step: self.number("step", 1)?,
            shared_start: self.number("shared_start", 0)?,
        };
        Ok(Header { facts, hidden, layers: places })
    }

    fn unexpected(&self, what: &str, expected: &str, found: impl AsRef<str>) -> SavedContextError {
        SavedContextError::Unexpected {
            file: self.file.to_owned(),
            what: what.to_owned(),
            expected: expected.to_owned(),
            found: harmless_within(found.as_ref(), SHOWN),
        }
    }

    fn is(&self, key: &str, expected: &str) -> Result<(), SavedContextError> {
        match self.metadata.get(key) {
            Some(found) if found == expected => Ok(()),
            found => Err(self.unexpected(&format!("`{key}` of the metadata"), &format!("`{expected}`"), shown(found))),
        }
    }

    fn number(&self, key: &str, least: usize) -> Result<usize, SavedContextError> {
        let found = self.metadata.get(key);
        // Position ids have 32 bits, and those of a query come behind.
        let most = u32::MAX as usize / 2;
        let number = found.and_then(|text| text.parse().ok()).filter(|number| (least..=most).contains(number));
        let expected = format!("a number from {least} to {most}");
        number.ok_or_else(|| self.unexpected(&format!("`{key}` of the metadata"), &expected, shown(found)))
    }

    fn held(&self) -> Result<DType, SavedContextError> {
        let found = self.metadata.get("dtype");
        let held = [DType::F32, DType::F16, DType::BF16];
        let held = held.into_iter().find(|dtype| found.is_some_and(|found| found == dtype.as_str()));
        held.ok_or_else(|| self.unexpected("`dtype` of the metadata", "one of f32, f16, bf16", shown(found)))
    }

    /// Where the last hidden state is, and how many numbers it has.
    fn hidden(&self) -> Result<(Place, usize), SavedContextError> {
        let (place, shape) = self.found(LAST_HIDDEN)?;
        match shape[..] {
            [1, embedding] if embedding > 0 => Ok((place, embedding)),
            _ => Err(self.unexpected("tensor `last_hidden`", "the shape [1, embedding]", format!("{shape:?}"))),
        }
    }

    fn keys_or_values(&self, name: &str) -> Result<(DType, [usize; 3]), SavedContextError> {
        let (place, shape) = self.found(name)?;
        match shape[..] {
            [heads, positions, dim] if heads > 0 && positions > 0 && dim > 0 => {
                Ok((place.dtype, [heads, positions, dim]))
            }
            _ => {
                let expected = "a shape [kv_heads, positions, head_dim] of numbers from 1";
                Err(self.unexpected(&format!("tensor `{name}`"), expected, format!("{shape:?}")))
            }
        }
    }

    /// Where a tensor is that is like the keys of the first layer.
    fn alike(&self, name: &str, dtype: DType, shape: &[usize; 3]) -> Result<Place, SavedContextError> {
        let (place, found) = self.found(name)?;
        if place.dtype == dtype && found[..] == shape[..] {
            return Ok(place);
        }
        let of = |dtype: DType, shape: &[usize]| format!("{} {shape:?}", dtype.as_str());
        let expected = format!("{} as the keys of layer 0", of(dtype, shape));
        Err(self.unexpected(&format!("tensor `{name}`"), &expected, of(place.dtype, &found)))
    }

    fn found(&self, name: &str) -> Result<(Place, Vec<usize>), SavedContextError> {
        let what = format!("tensor `{name}`");
        let Ok(view) = self.tensors.tensor(name) else {
            return Err(self.unexpected(&what, "one of that name", "none"));
        };
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => return Err(self.unexpected(&what, "one of f32, f16, bf16", other.to_string())),
        };
        let start = view.data().as_ptr() as usize - self.bytes.as_ptr() as usize;
        Ok((Place { dtype, range: start..start + view.data().len() }, view.shape().to_vec()))
    }
}

/// A value of the metadata for a message.
fn shown(found: Option<&String>) -> String {
    found.map_or_else(|| "none".to_owned(), |found| format!("`{found}`"))
}
