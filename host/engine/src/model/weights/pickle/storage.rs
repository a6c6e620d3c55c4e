//! Storages: runs of numbers outside of a pickle, which its tensors are views of.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::DType;

use super::super::number::Number;
use super::machine::{Object, Pickle};

/// Where each storage's numbers lie, by its key.
pub(super) type Storages = HashMap<String, Range<usize>>;

/// A storage, as an object outside of the pickle.
#[derive(PartialEq)]
pub(super) struct Storage<'a> {
    /// The class, like `FloatStorage`.
    pub kind: &'a str,
    /// The name that the archive knows it by.
    pub key: &'a str,
    /// Where it begins within the storage of that key, in numbers: the oldest form has storages that are views.
    pub first: usize,
}

impl<'a> Storage<'a> {
    /// Reads `('storage', class, key, location, count[, view])`.
    pub(super) fn of(pickle: &'a Pickle<'_>, object: &Object<'_>) -> Option<Self> {
        let Object::Persistent(id) = object else { return None };
        let [word, kind, key, _, _, rest @ ..] = pickle.tuple(*id)? else { return None };
        if pickle.text(*word) != Some("storage") {
            return None;
        }
        let first = match rest.first().map(|view| pickle.get(*view)) {
            None | Some(Object::None) => 0,
            Some(Object::Tuple(view)) => pickle.size(*view.get(1)?)?,
            Some(_) => return None,
        };
        Some(Self { kind: pickle.global(*kind)?.1, key: pickle.text(*key)?, first })
    }

    /// The width of its numbers in bytes, weights or not.
    pub(super) fn width(&self) -> Option<usize> {
        width(self.kind)
    }
}

/// The number format of a storage's class or of PyTorch's name for it, where weights can have it.
pub(super) fn number(kind: &str) -> Option<Number> {
    match kind {
        "FloatStorage" | "float32" => Some(Number::Float(DType::F32)),
        "HalfStorage" | "float16" => Some(Number::Float(DType::F16)),
        "BFloat16Storage" | "bfloat16" => Some(Number::Float(DType::BF16)),
        "DoubleStorage" | "float64" => Some(Number::Float(DType::F64)),
        "float8_e4m3fn" => Some(Number::E4m3),
        "float8_e5m2" => Some(Number::E5m2),
        "float8_e8m0fnu" => Some(Number::E8m0),
        _ => None,
    }
}

/// The width of numbers in bytes, weights or not.
pub(super) fn width(kind: &str) -> Option<usize> {
    let other = match kind {
        "BoolStorage" | "ByteStorage" | "CharStorage" | "UntypedStorage" | "bool" | "uint8" | "int8" => 1,
        "ShortStorage" | "int16" | "uint16" => 2,
        "IntStorage" | "int32" | "uint32" => 4,
        "LongStorage" | "int64" | "uint64" | "ComplexFloatStorage" | "complex64" => 8,
        "ComplexDoubleStorage" | "complex128" => 16,
        _ => return number(kind).map(Number::size),
    };
    Some(other)
}
