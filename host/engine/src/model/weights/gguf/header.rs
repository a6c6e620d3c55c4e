//! The header of a GGUF file: metadata, and where each tensor lies.

use std::collections::HashMap;

use super::types::{Reader, TensorType};
use super::value::Value;

/// What a tensor's place is a multiple of where the metadata do not say.
const ALIGNMENT: u64 = 32;
/// What every tensor's place is a multiple of. The tensor library reads blocks where they lie, which is undefined
/// behaviour for floats at odd places; the file's first byte is at the start of a page, or of an allocation.
const LEAST_ALIGNMENT: u64 = 8;
/// Dimensions of a tensor, as in ggml.
const DIMENSIONS: u64 = 4;
/// Lists within lists. No known key has even two.
const DEPTH: usize = 8;
/// The most tensors, and the most entries of the metadata. Large models have some thousands of the one and some dozens of
/// the other.
const ENTRIES: u64 = 1 << 20;
/// The most items of all lists together: each takes 32 bytes of memory, and may take a single one in the file. A vocabulary
/// of 260,000 tokens makes 1.3 million with its scores, kinds and merges.
const ITEMS: u64 = 1 << 23;

/// A file's header.
pub(super) struct Header {
    /// Metadata by their keys.
    pub metadata: HashMap<String, Value>,
    /// Tensors by their names.
    pub tensors: HashMap<String, Info>,
}

/// What the header says about a tensor.
pub(super) struct Info {
    /// The type; or its number in the file, where ggml never had such a type.
    pub kind: Result<&'static TensorType, u32>,
    /// The shape, the dimension of neighbours last.
    pub shape: Vec<usize>,
    /// The first byte within the file.
    pub start: usize,
    /// How many bytes there are; 0 where the type's size is not known.
    pub size: usize,
}

impl Info {
    /// The type, where it is one that is read.
    pub(super) fn reader(&self) -> Option<&'static TensorType> {
        self.kind.ok().filter(|kind| !matches!(kind.reader, Reader::None))
    }
}

/// Reads the header and checks that every tensor lies within the file, so that a cut download fails here and by name.
pub(super) fn read(bytes: &[u8]) -> Result<Header, String> {
    let mut cursor = Cursor { bytes, at: 0, items: 0 };
    version(&mut cursor)?;
    let tensors = cursor.u64()?;
    let entries = cursor.u64()?;
    // An entry has at least a length, a type and a byte, a tensor a length, two numbers and an offset.
    let needed = entries.saturating_mul(13).saturating_add(tensors.saturating_mul(24));
    if needed > cursor.left() {
        return Err(format!(
            "expected at least {needed} bytes for {tensors} tensors and {entries} metadata entries, got {}; it is cut \
             short or damaged",
            cursor.left()
        ));
    }
    if entries.max(tensors) > ENTRIES {
        return Err(format!(
            "expected at most {ENTRIES} tensors and as many metadata entries, got {tensors} and {entries}"
        ));
    }
    let mut metadata = HashMap::new();
    for _ in 0..entries {
        let key = cursor.text()?;
        let kind = cursor.u32()?;
        let value = cursor.value(kind, 0).map_err(|reason| format!("metadata `{key}`: {reason}"))?;
        if metadata.contains_key(&key) {
            return Err(format!("duplicate metadata key `{key}`"));
        }
        metadata.insert(key, value);
    }
    let mut directory = Vec::new();
    for _ in 0..tensors {
        let name = cursor.text()?;
        directory.push(entry(&mut cursor, &name).map(|entry| (name, entry))?);
    }
    let start = (cursor.at as u64).next_multiple_of(alignment(&metadata)?);
    Ok(Header { metadata, tensors: placed(directory, start, bytes.len() as u64)? })
}

/// Reads what a file begins with; fails unless it is a version that is read.
fn version(cursor: &mut Cursor) -> Result<(), String> {
    let magic = cursor.take(4)?;
    if magic != b"GGUF" {
        return Err(format!("expected \"GGUF\" at the beginning, got \"{}\"", magic.escape_ascii()));
    }
    match cursor.u32()? {
        2 | 3 => Ok(()),
        1 => Err("expected version 2 or 3, got version 1, which llama.cpp stopped reading in 2023: \
                  convert the model again"
            .into()),
        // The number of the version, with its bytes the other way round.
        other if other & 0xffff == 0 && other != 0 => Err("expected little-endian numbers, got big-endian ones: \
                  `gguf-convert-endian FILE little` of the Python package `gguf` converts it"
            .into()),
        other => Err(format!("expected version 2 or 3, got version {other}")),
    }
}

fn alignment(metadata: &HashMap<String, Value>) -> Result<u64, String> {
    match metadata.get("general.alignment") {
        None => Ok(ALIGNMENT),
        Some(Value::Integer(alignment)) => match u64::try_from(*alignment) {
            Ok(alignment) if alignment.is_power_of_two() && alignment <= 1 << 20 => Ok(alignment),
            _ => Err(format!("metadata `general.alignment`: expected a power of two, got {alignment}")),
        },
        Some(other) => Err(format!("metadata `general.alignment`: expected a power of two, got {other}")),
    }
}

/// A tensor of the directory.
struct Entry {
    shape: Vec<usize>,
    kind: u32,
    /// From the end of the header on.
    offset: u64,
}

fn entry(cursor: &mut Cursor, name: &str) -> Result<Entry, String> {
    let count = u64::from(cursor.u32()?);
    if count > DIMENSIONS {
        return Err(format!("tensor `{name}` has {count} dimensions; expected at most {DIMENSIONS}"));
    }
    let mut shape = Vec::new();
    for _ in 0..count {
        let length = cursor.u64()?;
        shape.push(usize::try_from(length).map_err(|_| format!("tensor `{name}` has a dimension of {length}"))?);
    }
    // In the file the dimension of neighbours comes first.
    shape.reverse();
    Ok(Entry { shape, kind: cursor.u32()?, offset: cursor.u64()? })
}

/// The tensors of the directory with their places, which lie within the file and do not overlap.
fn placed(directory: Vec<(String, Entry)>, start: u64, length: u64) -> Result<HashMap<String, Info>, String> {
    let mut tensors = HashMap::new();
    for (name, Entry { shape, kind, offset }) in directory {
        let no_blocks = || format!("tensor `{name}`: expected a whole number of blocks, got shape {shape:?}");
        let numbers = shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length as u64));
        let kind = TensorType::of(kind).ok_or(kind);
        let size = match (&kind, numbers) {
            (Ok(kind), Some(numbers)) => kind.size(numbers).ok_or_else(no_blocks)?,
            (Err(_), Some(_)) => 0,
            (_, None) => return Err(no_blocks()),
        };
        let place = start.saturating_add(offset);
        if !place.is_multiple_of(LEAST_ALIGNMENT) {
            return Err(format!(
                "tensor `{name}`: expected a place that is a multiple of {LEAST_ALIGNMENT}, got {place}"
            ));
        }
        if place.checked_add(size).is_none_or(|end| end > length) {
            return Err(format!(
                "tensor `{name}`: expected {size} bytes at {place}, got the end of the file at {length}; it is cut short or damaged"
            ));
        }
        if tensors.contains_key(&name) {
            return Err(format!("duplicate tensor `{name}`"));
        }
        // Both lie within a file that is in memory.
        tensors.insert(name, Info { kind, shape, start: place as usize, size: size as usize });
    }
    let mut places: Vec<(&String, &Info)> = tensors.iter().filter(|(_, info)| info.size > 0).collect();
    places.sort_by_key(|(name, info)| (info.start, *name));
    match places.windows(2).find(|pair| pair[0].1.start + pair[0].1.size > pair[1].1.start) {
        Some(pair) => Err(format!("tensors `{}` and `{}` overlap; it is damaged", pair[0].0, pair[1].0)),
        None => Ok(tensors),
    }
}

/// The part of the file that has not been read.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Of all lists so far.
    items: u64,
}

impl<'a> Cursor<'a> {
    fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| {
            format!("expected the rest of its header, got the end of the file at {}; it is cut short", self.bytes.len())
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.u64()?;
        let text = self.take(length)?;
        // Some writers end texts with a zero, as C does. Chat templates and names that are no UTF-8 exist.
        let end = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Ok(String::from_utf8_lossy(&text[..end]).into_owned())
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, String> {
        let integer = |number: i128| Ok(Value::Integer(number));
        match kind {
            0 => integer(u8::from_le_bytes(self.array()?).into()),
            1 => integer(i8::from_le_bytes(self.array()?).into()),
            2 => integer(u16::from_le_bytes(self.array()?).into()),
            3 => integer(i16::from_le_bytes(self.array()?).into()),
            4 => integer(self.u32()?.into()),
            5 => integer(i32::from_le_bytes(self.array()?).into()),
            6 => Ok(Value::Real(f32::from_le_bytes(self.array()?).into())),
            7 => match u8::from_le_bytes(self.array()?) {
                0 => Ok(Value::Bool(false)),
                1 => Ok(Value::Bool(true)),
                other => Err(format!("expected 0 or 1 for a truth value, got {other}")),
            },
            8 => Ok(Value::Text(self.text()?)),
            9 => self.list(depth),
            10 => integer(self.u64()?.into()),
            11 => integer(i64::from_le_bytes(self.array()?).into()),
            12 => Ok(Value::Real(f64::from_le_bytes(self.array()?))),
            other => Err(format!("expected a type of 0 to 12, got {other}")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        if depth == DEPTH {
            return Err(format!("expected lists at most {DEPTH} deep, got deeper ones"));
        }
        let kind = self.u32()?;
        let count = self.u64()?;
        let least = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            9 => 12,
            _ => 8,
        };
        if count.saturating_mul(least) > self.left() {
            return Err(format!(
                "expected at least {} bytes for a list of {count} items, got {}; it is cut short or damaged",
                count.saturating_mul(least),
                self.left()
            ));
        }
        self.items = self.items.saturating_add(count);
        if self.items > ITEMS {
            return Err(format!("expected lists of at most {ITEMS} items together, got {}", self.items));
        }
        let items = (0..count).map(|_| self.value(kind, depth + 1));
        Ok(Value::List(items.collect::<Result<_, _>>()?))
    }
}
