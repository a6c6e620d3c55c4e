//! Numbers of bytes as people write them.

/// Parses `64M`, `2G`, `512k` (powers of 1024) or a plain number of bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; a number of bytes or one with k, M or G was expected");
    let units = [('k', 10), ('K', 10), ('M', 20), ('G', 30)];
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, shift) = unit.map_or((text, 0), |(unit, shift)| (text.trim_end_matches(*unit), *shift));
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [("1", 1), ("3k", 3072), ("64M", 64 << 20), ("2G", 2 << 30)] {
            assert_eq!(bytes(text), Ok(expected));
        }
        for text in ["", "M", "0", "1.5G", "-1", "1T", "99999999999G"] {
            assert!(bytes(text).is_err(), "{text:?}");
        }
    }
}
