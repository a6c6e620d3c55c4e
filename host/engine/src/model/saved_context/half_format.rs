//! Number formats of 16 bits in which keys and values can be stored.

use std::fmt;
use std::str::FromStr;

use candle_core::DType;

/// A number format of half the size of f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfFormat {
    /// IEEE half precision: 11 bits of precision, numbers up to 65504.
    F16,
    /// bfloat16: 8 bits of precision, the range of f32.
    Bf16,
}

impl HalfFormat {
    /// Both formats.
    pub const ALL: [HalfFormat; 2] = [HalfFormat::F16, HalfFormat::Bf16];

    /// The word for it on the command line and in records.
    pub fn as_str(self) -> &'static str {
        self.dtype().as_str()
    }

    /// The number format as tensors have it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl fmt::Display for HalfFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for HalfFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| format!("expected one of {}, got `{text}`", Self::ALL.map(Self::as_str).join(", ")))
    }
}
