//! PyTorch's own checkpoints (`pytorch_model.bin`): a pickled dictionary of tensors, and the numbers they are views of.
//!
//! Since PyTorch 1.6 a checkpoint is a zip archive, the dictionary and each storage an uncompressed member; before, it
//! was a row of pickles with the storages behind them. Pickle is a program that builds objects; candle's reader builds
//! plain values and calls nothing, and [`nesting`] bounds what it builds.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::ops::Range;

use candle_core::DType;
use candle_core::pickle::{Object, Stack};
use zip::{CompressionMethod, ZipArchive};

use super::arrays::{Array, Named};
use super::nesting;
use super::number::Number;

/// What checkpoints from before PyTorch 1.6 begin with: a pickled number.
const OLD_MAGIC: [u8; 15] = *b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// A dictionary of names takes kilobytes; a compressed one could claim to be anything.
const DICTIONARY: u64 = 64 << 20;

/// A checkpoint's tensors; fails where the file is not one or is cut short. What else the dictionary has is left out.
pub fn arrays(bytes: &[u8]) -> Result<Named, String> {
    let (dictionary, storages) = if bytes.starts_with(&OLD_MAGIC) { old(bytes)? } else { zipped(bytes)? };
    let Object::Dict(pairs) = dictionary else { return Err("it is not a dictionary of tensors".into()) };
    let mut arrays = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        if let (Object::Unicode(name), Some(view)) = (key, View::of(&value)) {
            let array = view.within(&storages).map_err(|reason| format!("tensor `{name}` {reason}"))?;
            arrays.push((name, array));
        }
    }
    Ok(arrays)
}

/// Where each storage's numbers lie, by its key.
type Storages = HashMap<String, Range<usize>>;

fn zipped(bytes: &[u8]) -> Result<(Object, Storages), String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut dictionary = None;
    let mut storages = Storages::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?.into_owned();
        if name.ends_with("/data.pkl") {
            let mut pickle = Vec::new();
            member.by_ref().take(DICTIONARY).read_to_end(&mut pickle).map_err(|error| error.to_string())?;
            dictionary = Some(unpickled(&mut pickle.as_slice())?);
        } else if let Some((_, key)) = name.rsplit_once("/data/") {
            if member.compression() != CompressionMethod::Stored {
                return Err(format!("its member `{name}` is compressed"));
            }
            let start = member.data_start().and_then(|start| usize::try_from(start).ok());
            let end = start.zip(usize::try_from(member.size()).ok()).and_then(|(start, size)| start.checked_add(size));
            match start.zip(end).filter(|(_, end)| *end <= bytes.len()) {
                Some((start, end)) => storages.insert(key.to_owned(), start..end),
                None => return Err(format!("its member `{name}` ends outside of the file")),
            };
        }
    }
    Ok((dictionary.ok_or("the archive has no `data.pkl`")?, storages))
}

fn old(bytes: &[u8]) -> Result<(Object, Storages), String> {
    let mut rest = &bytes[OLD_MAGIC.len()..];
    let _protocol = unpickled(&mut rest)?;
    let _system = unpickled(&mut rest)?;
    let dictionary = unpickled(&mut rest)?;
    let Object::List(keys) = unpickled(&mut rest)? else { return Err("it has no list of storages".into()) };
    let sizes = element_sizes(&dictionary);
    let mut storages = Storages::new();
    for key in keys {
        let Object::Unicode(key) = key else { return Err("it has a storage without a name".into()) };
        let outside = || format!("its storage `{key}` ends outside of the file");
        let (count, numbers) = rest.split_first_chunk().ok_or_else(outside)?;
        // Without a tensor that is a view of it, nothing says how wide its numbers are.
        let size = *sizes.get(&key).ok_or_else(|| format!("no tensor says what its storage `{key}` holds"))?;
        let length = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(size));
        let start = bytes.len() - numbers.len();
        rest = length.and_then(|length| numbers.get(length..)).ok_or_else(outside)?;
        storages.insert(key, start..bytes.len() - rest.len());
    }
    Ok((dictionary, storages))
}

/// Reads the pickle that the bytes begin with, and leaves what follows it.
fn unpickled(bytes: &mut &[u8]) -> Result<Object, String> {
    let (mut pickle, rest) = bytes.split_at(nesting::length(bytes)?);
    *bytes = rest;
    let mut stack = Stack::empty();
    stack.read_loop(&mut pickle).and_then(|()| stack.finalize()).map_err(|error| error.to_string())
}

/// The width in bytes of each storage's numbers.
fn element_sizes(dictionary: &Object) -> HashMap<String, usize> {
    let Object::Dict(pairs) = dictionary else { return HashMap::new() };
    let views = pairs.iter().filter_map(|(_, value)| View::of(value));
    views.filter_map(|view| Some((view.storage.to_owned(), width(view.kind)?))).collect()
}

/// A tensor as a view of a storage.
struct View<'a> {
    /// The storage's class, like `FloatStorage`.
    kind: &'a str,
    /// The storage's key.
    storage: &'a str,
    /// The first number.
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> View<'a> {
    /// Reads `_rebuild_tensor_v2(storage, offset, shape, strides, ...)`, as it is or as the data of a parameter.
    fn of(value: &'a Object) -> Option<Self> {
        let Object::Reduce { callable, args } = value else { return None };
        let (Object::Class { class_name, .. }, Object::Tuple(args)) = (&**callable, &**args) else { return None };
        match (class_name.as_str(), args.as_slice()) {
            ("_rebuild_parameter", [data, ..]) => Self::of(data),
            ("_rebuild_tensor_v2", [Object::PersistentLoad(storage), offset, shape, strides, ..]) => {
                let Object::Tuple(storage) = &**storage else { return None };
                let [_, Object::Class { class_name: kind, .. }, Object::Unicode(storage), ..] = storage.as_slice()
                else {
                    return None;
                };
                Some(Self { kind, storage, offset: size(offset)?, shape: sizes(shape)?, strides: sizes(strides)? })
            }
            _ => None,
        }
    }

    fn within(self, storages: &Storages) -> Result<Array, String> {
        let whole = storages.get(self.storage).ok_or_else(|| format!("has no storage `{}`", self.storage))?;
        let start =
            width(self.kind).unwrap_or(1).checked_mul(self.offset).and_then(|offset| offset.checked_add(whole.start));
        let start = start.filter(|start| *start <= whole.end).ok_or("begins outside of its storage")?;
        let count = self.shape.iter().try_fold(1usize, |count, length| count.checked_mul(*length));
        if self.shape.len() != self.strides.len() || count.and_then(|count| count.checked_mul(8)).is_none() {
            return Err(format!("has no such shape: {:?}, {:?}", self.shape, self.strides));
        }
        let ordered = self.strides == in_order(&self.shape);
        Ok(Array {
            number: dtype(self.kind).and_then(Number::of).ok_or_else(|| self.kind.to_owned()),
            shape: self.shape,
            strides: (!ordered).then_some(self.strides),
            range: start..whole.end,
        })
    }
}

/// The strides of numbers that lie in the order of the shape.
fn in_order(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for index in (1..shape.len()).rev() {
        strides[index - 1] = strides[index].wrapping_mul(shape[index]);
    }
    strides
}

fn size(value: &Object) -> Option<usize> {
    match value {
        Object::Int(size) => usize::try_from(*size).ok(),
        Object::Long(size) => usize::try_from(*size).ok(),
        _ => None,
    }
}

fn sizes(value: &Object) -> Option<Vec<usize>> {
    let Object::Tuple(values) = value else { return None };
    values.iter().map(size).collect()
}

/// The number format of a storage's class, where weights can have it.
fn dtype(kind: &str) -> Option<DType> {
    match kind {
        "FloatStorage" => Some(DType::F32),
        "HalfStorage" => Some(DType::F16),
        "BFloat16Storage" => Some(DType::BF16),
        "DoubleStorage" => Some(DType::F64),
        _ => None,
    }
}

/// The width of a storage's numbers, weights or not.
fn width(kind: &str) -> Option<usize> {
    let other = match kind {
        "BoolStorage" | "ByteStorage" | "CharStorage" => 1,
        "ShortStorage" => 2,
        "IntStorage" => 4,
        "LongStorage" => 8,
        _ => return dtype(kind).map(|dtype| dtype.size_in_bytes()),
    };
    Some(other)
}
