//! What a leaf's values mean, and each of them as JSON.
//!
//! Newer writers say it by a logical type, older ones by a converted type. Times, dates and decimals become texts. What
//! has no form in JSON (bytes that are no text, NaN) becomes null.

use half::f16;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::data_type::Int96;
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Number, Value};

use super::calendar::{self, Fraction};
use super::decimal::decimal;

/// What a leaf's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// What the physical type says: numbers, and bytes that may be a text.
    Plain,
    /// Text in UTF-8, which broken UTF-8 is a fault of.
    Text,
    /// Whole numbers without a sign, of so many bits.
    Unsigned(u8),
    /// Whole numbers with a sign, of so many bits.
    Signed(u8),
    /// Digits with the point so many digits from the right.
    Decimal(u32),
    /// A date, as days since 1970.
    Date,
    /// A time of day, counted from midnight.
    Time(Fraction),
    /// A point in time since 1970; with `true` in UTC, otherwise as clocks showed it somewhere.
    Timestamp(Fraction, bool),
    /// A number in half precision.
    Float16,
    /// 16 bytes that are written in hexadecimal.
    Uuid,
    /// What is no text even where its bytes look like one.
    Opaque,
}

impl Meaning {
    /// The meaning of a leaf.
    pub(crate) fn of(leaf: &ColumnDescriptor) -> Meaning {
        let scale = || u32::try_from(leaf.type_scale()).map_or(Meaning::Opaque, Meaning::Decimal);
        match leaf.logical_type_ref() {
            Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => Meaning::Text,
            Some(LogicalType::Integer(integer)) if integer.is_signed => Meaning::Signed(width(integer.bit_width)),
            Some(LogicalType::Integer(integer)) => Meaning::Unsigned(width(integer.bit_width)),
            Some(LogicalType::Decimal(decimal)) => {
                u32::try_from(decimal.scale).map_or(Meaning::Opaque, Meaning::Decimal)
            }
            Some(LogicalType::Date) => Meaning::Date,
            Some(LogicalType::Time(time)) => Meaning::Time(fraction(&time.unit)),
            Some(LogicalType::Timestamp(time)) => Meaning::Timestamp(fraction(&time.unit), time.is_adjusted_to_u_t_c),
            Some(LogicalType::Uuid) => Meaning::Uuid,
            Some(LogicalType::Float16) => Meaning::Float16,
            Some(_) => Meaning::Opaque,
            None => match leaf.converted_type() {
                ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => Meaning::Text,
                ConvertedType::UINT_8 => Meaning::Unsigned(8),
                ConvertedType::UINT_16 => Meaning::Unsigned(16),
                ConvertedType::UINT_32 => Meaning::Unsigned(32),
                ConvertedType::UINT_64 => Meaning::Unsigned(64),
                ConvertedType::INT_8 => Meaning::Signed(8),
                ConvertedType::INT_16 => Meaning::Signed(16),
                ConvertedType::INT_32 => Meaning::Signed(32),
                ConvertedType::INT_64 => Meaning::Signed(64),
                ConvertedType::DECIMAL => scale(),
                ConvertedType::DATE => Meaning::Date,
                ConvertedType::TIME_MILLIS => Meaning::Time(Fraction::Millis),
                ConvertedType::TIME_MICROS => Meaning::Time(Fraction::Micros),
                // Both are in UTC by the format's rules for older files.
                ConvertedType::TIMESTAMP_MILLIS => Meaning::Timestamp(Fraction::Millis, true),
                ConvertedType::TIMESTAMP_MICROS => Meaning::Timestamp(Fraction::Micros, true),
                ConvertedType::BSON | ConvertedType::INTERVAL => Meaning::Opaque,
                _ => Meaning::Plain,
            },
        }
    }
}

fn width(bits: i8) -> u8 {
    u8::try_from(bits).unwrap_or(64)
}

fn fraction(unit: &TimeUnit) -> Fraction {
    match unit {
        TimeUnit::MILLIS => Fraction::Millis,
        TimeUnit::MICROS => Fraction::Micros,
        TimeUnit::NANOS => Fraction::Nanos,
    }
}

/// A value of 32 or 64 bits.
pub(crate) fn whole(meaning: Meaning, value: i64) -> Value {
    match meaning {
        // What a writer put above the bits of the type is no part of the value.
        Meaning::Unsigned(bits) if bits < 64 => (value as u64 & ((1 << bits) - 1)).into(),
        Meaning::Unsigned(_) => (value as u64).into(),
        Meaning::Signed(8) => (value as i8).into(),
        Meaning::Signed(16) => (value as i16).into(),
        Meaning::Decimal(scale) => decimal(&value.to_be_bytes(), scale).map_or(Value::Null, Value::from),
        Meaning::Date => calendar::date(value).into(),
        Meaning::Time(fraction) => calendar::time(value.into(), fraction).into(),
        Meaning::Timestamp(fraction, utc) => calendar::timestamp(value.into(), fraction, utc).into(),
        Meaning::Opaque => Value::Null,
        _ => value.into(),
    }
}

/// A timestamp of older writers: a day and the nanoseconds of it, without a word on its zone.
pub(crate) fn int96(value: &Int96) -> Value {
    const JULIAN_DAY_OF_1970: i128 = 2_440_588;
    const DAY: i128 = 86_400_000_000_000;
    let [low, high, day] = *value.data() else { return Value::Null };
    // The day has a sign, as other readers take it.
    let day = i128::from(day as i32) - JULIAN_DAY_OF_1970;
    let nanos = i128::from((u64::from(high) << 32 | u64::from(low)) as i64);
    calendar::timestamp(day * DAY + nanos, Fraction::Nanos, false).into()
}

/// A value of bytes that is no [`Meaning::Text`].
pub(crate) fn bytes(meaning: Meaning, bytes: &[u8]) -> Value {
    match meaning {
        Meaning::Decimal(scale) => decimal(bytes, scale).map_or(Value::Null, Value::from),
        Meaning::Float16 => match *bytes {
            [low, high] => number(f16::from_le_bytes([low, high]).into()),
            _ => Value::Null,
        },
        Meaning::Uuid => uuid(bytes).map_or(Value::Null, Value::from),
        // Older writers do not say that their bytes are texts.
        Meaning::Plain => std::str::from_utf8(bytes).map_or(Value::Null, Value::from),
        _ => Value::Null,
    }
}

fn uuid(bytes: &[u8]) -> Option<String> {
    if bytes.len() != 16 {
        return None;
    }
    let hexadecimal = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Some([0..4, 4..6, 6..8, 8..10, 10..16].map(|part| hexadecimal(&bytes[part])).join("-"))
}

/// A floating-point number; NaN and infinities are null.
pub(crate) fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
