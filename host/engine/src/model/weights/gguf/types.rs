//! The types of tensors that ggml has or had, by the numbers that GGUF files have for them.

use candle_core::quantized::GgmlDType;

use super::blocks::{self, Decode};

/// A type of tensors.
pub(super) struct TensorType {
    /// The number that GGUF files have for the type.
    pub id: u32,
    /// The type's name, as ggml's tools write it.
    pub name: &'static str,
    /// How many numbers a block has.
    block: u64,
    /// How many bytes a block takes; 0 where that is not known, since ggml no longer has the type.
    bytes: u64,
    /// How it is read.
    pub reader: Reader,
}

/// How the blocks of a type become numbers.
pub(super) enum Reader {
    /// By the tensor library.
    Library(GgmlDType),
    /// By this host.
    Own(Decode),
    /// Not at all.
    None,
}

impl TensorType {
    /// The type with a number in files.
    pub(super) fn of(id: u32) -> Option<&'static Self> {
        TYPES.iter().find(|kind| kind.id == id)
    }

    /// The names of all types that are read.
    pub(super) fn readable() -> Vec<&'static str> {
        TYPES.iter().filter(|kind| !matches!(kind.reader, Reader::None)).map(|kind| kind.name).collect()
    }

    /// How many numbers a block has.
    pub(super) fn block(&self) -> usize {
        self.block as usize
    }

    /// How many bytes a block takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// The bytes of so many numbers; `None` where they are no whole number of blocks, or too many.
    pub(super) fn size(&self, numbers: u64) -> Option<u64> {
        numbers.is_multiple_of(self.block).then(|| (numbers / self.block).checked_mul(self.bytes))?
    }
}

const fn library(id: u32, name: &'static str, block: u64, bytes: u64, kind: GgmlDType) -> TensorType {
    TensorType { id, name, block, bytes, reader: Reader::Library(kind) }
}

const fn own(id: u32, name: &'static str, block: u64, bytes: u64, decode: Decode) -> TensorType {
    TensorType { id, name, block, bytes, reader: Reader::Own(decode) }
}

const fn unread(id: u32, name: &'static str, block: u64, bytes: u64) -> TensorType {
    TensorType { id, name, block, bytes, reader: Reader::None }
}

/// A type that ggml no longer has.
const fn removed(id: u32, name: &'static str) -> TensorType {
    unread(id, name, 1, 0)
}

/// Numbers, names and sizes as in `ggml.h` and `ggml-common.h`. Whole numbers are no weights; Q8_1 and Q8_K are formats
/// of ggml's intermediate results.
const TYPES: &[TensorType] = &[
    library(0, "F32", 1, 4, GgmlDType::F32),
    library(1, "F16", 1, 2, GgmlDType::F16),
    library(2, "Q4_0", 32, 18, GgmlDType::Q4_0),
    library(3, "Q4_1", 32, 20, GgmlDType::Q4_1),
    removed(4, "Q4_2"),
    removed(5, "Q4_3"),
    library(6, "Q5_0", 32, 22, GgmlDType::Q5_0),
    library(7, "Q5_1", 32, 24, GgmlDType::Q5_1),
    library(8, "Q8_0", 32, 34, GgmlDType::Q8_0),
    unread(9, "Q8_1", 32, 36),
    library(10, "Q2_K", 256, 84, GgmlDType::Q2K),
    library(11, "Q3_K", 256, 110, GgmlDType::Q3K),
    library(12, "Q4_K", 256, 144, GgmlDType::Q4K),
    library(13, "Q5_K", 256, 176, GgmlDType::Q5K),
    library(14, "Q6_K", 256, 210, GgmlDType::Q6K),
    unread(15, "Q8_K", 256, 292),
    unread(16, "IQ2_XXS", 256, 66),
    unread(17, "IQ2_XS", 256, 74),
    unread(18, "IQ3_XXS", 256, 98),
    unread(19, "IQ1_S", 256, 50),
    own(20, "IQ4_NL", 32, 18, blocks::iq4_nl),
    unread(21, "IQ3_S", 256, 110),
    unread(22, "IQ2_S", 256, 82),
    own(23, "IQ4_XS", 256, 136, blocks::iq4_xs),
    unread(24, "I8", 1, 1),
    unread(25, "I16", 1, 2),
    unread(26, "I32", 1, 4),
    unread(27, "I64", 1, 8),
    own(28, "F64", 1, 8, blocks::f64),
    unread(29, "IQ1_M", 256, 56),
    library(30, "BF16", 1, 2, GgmlDType::BF16),
    removed(31, "Q4_0_4_4"),
    removed(32, "Q4_0_4_8"),
    removed(33, "Q4_0_8_8"),
    own(34, "TQ1_0", 256, 54, blocks::tq1_0),
    own(35, "TQ2_0", 256, 66, blocks::tq2_0),
    removed(36, "IQ4_NL_4_4"),
    removed(37, "IQ4_NL_4_8"),
    removed(38, "IQ4_NL_8_8"),
    own(39, "MXFP4", 32, 17, blocks::mxfp4),
    unread(40, "NVFP4", 64, 36),
    unread(41, "Q1_0", 128, 18),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_tensor_library() {
        for kind in TYPES {
            if let Reader::Library(of) = kind.reader {
                assert_eq!((kind.block(), kind.bytes()), (of.block_size(), of.type_size()), "{}", kind.name);
            }
        }
        assert_eq!(TensorType::of(20).and_then(|kind| kind.size(64)), Some(36));
        assert_eq!(TensorType::of(20).and_then(|kind| kind.size(33)), None);
        assert!(TensorType::of(42).is_none());
    }

    #[test]
    fn every_number_and_name_is_there_once() {
        let mut ids: Vec<u32> = TYPES.iter().map(|kind| kind.id).collect();
        ids.dedup();
        assert_eq!(ids, (0..42).collect::<Vec<u32>>());
        let names: std::collections::BTreeSet<&str> = TYPES.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), TYPES.len());
    }
}
