//! What a plain scalar is in YAML 1.1, by the types of <https://yaml.org/type/>.

use super::yaml::Value;

/// The value of a scalar without quotes.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ if is_decimal(text) => match text.replace('_', "").parse() {
            Ok(value) => Value::Integer(value),
            Err(_) => Value::Other(text.to_owned()),
        },
        _ if is_other_number(text) || is_date(text) => Value::Other(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, is_one: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'_' || is_one(byte))
}

fn is_decimal(text: &str) -> bool {
    let digits = unsigned(text);
    digits == "0"
        || (digits.starts_with(|first| ('1'..='9').contains(&first)) && all(digits, |byte| byte.is_ascii_digit()))
}

/// Numbers in other bases or in base 60, fractions, infinity and NaN.
fn is_other_number(text: &str) -> bool {
    let number = unsigned(text);
    if let Some(digits) = number.strip_prefix("0b") {
        return all(digits, |byte| matches!(byte, b'0' | b'1'));
    }
    if let Some(digits) = number.strip_prefix("0x") {
        return all(digits, |byte| byte.is_ascii_hexdigit());
    }
    if matches!(number.to_ascii_lowercase().as_str(), ".inf" | ".nan") || text == "=" {
        return true;
    }
    let octal = number.strip_prefix('0').is_some_and(|digits| all(digits, |byte| matches!(byte, b'0'..=b'7')));
    octal || is_sexagesimal(number) || is_fraction(number)
}

/// `1:30`, perhaps with a fraction.
fn is_sexagesimal(number: &str) -> bool {
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    let mut parts = whole.split(':');
    let first = parts.next().is_some_and(|first| all(first, |byte| byte.is_ascii_digit()));
    let mut rest = parts.peekable();
    first
        && rest.peek().is_some()
        && rest.all(|part| matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Digits with a point among them, and perhaps an exponent with its sign.
fn is_fraction(number: &str) -> bool {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (number, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit());
    let Some((whole, part)) = mantissa.split_once('.') else {
        return false;
    };
    let exponent = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['-', '+']).is_some_and(|exponent| !exponent.is_empty() && digits(exponent))
    });
    exponent && digits(whole) && digits(part) && (whole.len() + part.len() > 0)
}

/// `2020-01-02`, perhaps with a time behind it.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let day = rest.split(['T', 't', ' ', '\t']).next().unwrap_or(rest);
    year.len() == 4 && digits(year) && month.len() <= 2 && digits(month) && day.len() <= 2 && digits(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PyYAML 6.0 makes of each: 'b' a bool, 'i' an int in base 10, 'o' a float, a date or another int, 't' a text.
    const SCALARS: [(&str, char); 35] = [
        ("no", 'b'),
        ("On", 'b'),
        ("oN", 't'),
        ("y", 't'),
        ("True", 'b'),
        ("0", 'i'),
        ("-12", 'i'),
        ("1_000", 'i'),
        ("+7", 'i'),
        ("007", 'o'),
        ("08", 't'),
        ("0x1f", 'o'),
        ("0b10", 'o'),
        ("0o17", 't'),
        ("1:30", 'o'),
        ("1:30:00", 'o'),
        ("a:b", 't'),
        ("1.0", 'o'),
        ("1.", 'o'),
        (".5", 'o'),
        ("1e5", 't'),
        ("1.0e+5", 'o'),
        ("1.0e5", 't'),
        (".inf", 'o'),
        ("2020-01-02", 'o'),
        ("2020-01-02 03:04:05", 'o'),
        ("2020-01", 't'),
        ("1-2-3", 't'),
        (".", 't'),
        ("...", 't'),
        ("1.2.3", 't'),
        ("v1.0", 't'),
        ("(A)", 't'),
        ("A", 't'),
        ("None", 't'),
    ];

    #[test]
    fn plain_scalars_are_what_yaml_1_1_has_them_for() {
        for (text, kind) in SCALARS {
            let got = match plain(text) {
                Value::Bool(_) => 'b',
                Value::Integer(_) => 'i',
                Value::Other(_) => 'o',
                Value::Text(_) => 't',
                other => panic!("{text}: {other:?}"),
            };
            assert_eq!(got, kind, "{text}");
        }
        assert_eq!(plain("1_000"), Value::Integer(1000));
        assert_eq!(plain("~"), Value::Null);
    }
}
