//! Decimals: whole numbers of any length with a point in them.

/// The most bytes that are read of a decimal: 77 digits, more than any writer has.
const MOST: usize = 32;

/// The decimal whose digits are a number in two's complement, the highest byte first, with the point `scale` digits
/// from the right. Without an exponent, and without a point where the scale is 0. `None` for one that is longer than
/// any writer's.
pub(crate) fn decimal(bytes: &[u8], scale: u32) -> Option<String> {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let sign = if negative { 0xff } else { 0 };
    let start = bytes.iter().position(|byte| *byte != sign).unwrap_or(bytes.len());
    let mut bytes = bytes[start..].to_vec();
    let scale = usize::try_from(scale).ok().filter(|scale| *scale <= 1000)?;
    if bytes.len() > MOST {
        return None;
    }
    if negative {
        // All that was cut off were ones: what is left may need one bit more than it has.
        bytes.insert(0, 0xff);
        negate(&mut bytes);
    }
    let mut digits = Vec::new();
    while bytes.iter().any(|byte| *byte != 0) {
        digits.push(b'0' + divide_by_ten(&mut bytes));
    }
    // One digit before the point at least.
    while digits.len() <= scale {
        digits.push(b'0');
    }
    let mut text = String::with_capacity(digits.len() + 2);
    if negative {
        text.push('-');
    }
    for (at, digit) in digits.iter().enumerate().rev() {
        text.push(char::from(*digit));
        if at == scale && scale > 0 {
            text.push('.');
        }
    }
    Some(text)
}

/// The number with the other sign, in two's complement.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes.iter_mut().rev() {
        (*byte, carry) = (!*byte).overflowing_add(carry.into());
    }
}

/// Divides a number without a sign; gives the remainder.
fn divide_by_ten(bytes: &mut [u8]) -> u8 {
    let mut rest = 0;
    for byte in bytes {
        let value = u16::from(rest) << 8 | u16::from(*byte);
        // Both are below 256, since the rest is below 10.
        (*byte, rest) = ((value / 10) as u8, (value % 10) as u8);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_have_their_point_and_no_exponent() {
        let check = |value: i64, scale, expected: &str| {
            assert_eq!(decimal(&value.to_be_bytes(), scale).unwrap(), expected, "{value}, {scale}");
            let long = i128::from(value).to_be_bytes();
            assert_eq!(decimal(&long, scale).unwrap(), expected, "{value}, {scale}");
        };
        check(1, 0, "1");
        check(0, 0, "0");
        check(-120, 0, "-120");
        check(-120, 2, "-1.20");
        check(5, 3, "0.005");
        check(-5, 1, "-0.5");
        check(0, 2, "0.00");
        check(-1, 0, "-1");
        check(-128, 0, "-128");
        check(-256, 0, "-256");
        check(128, 0, "128");
        check(i64::MIN, 4, "-922337203685477.5808");
        check(i64::MAX, 19, "0.9223372036854775807");
        assert_eq!(decimal(&[], 0).unwrap(), "0");
        assert_eq!(decimal(&[0x80], 0).unwrap(), "-128");
        assert_eq!(decimal(&[0xff; 40], 1).unwrap(), "-0.1");
        assert_eq!(decimal(&[1; 40], 1), None);
        assert_eq!(decimal(&[1], u32::MAX), None);
    }
}
