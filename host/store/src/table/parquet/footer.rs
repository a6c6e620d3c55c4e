//! A look at a file's end before the decoder has it.
//!
//! The decoder descends into a schema without a limit, so that a small file of groups within groups would end the
//! program by its stack. The length of the schema bounds its depth, and stands at the footer's beginning.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// The most columns and groups that are read. Data sets of text have a few dozen.
const MOST_ELEMENTS: u64 = 2000;

/// Checks that the schema has no more than [`MOST_ELEMENTS`].
///
/// # Errors
/// If it has more, or there is no footer; the text says which.
pub(crate) fn check(file: &mut File) -> Result<(), String> {
    let head = head(file)
        .map_err(|error| error.to_string())?
        .ok_or("it has no Parquet footer: it is cut short, or another kind of file")?;
    match schema_length(&head) {
        Some(length) if length <= MOST_ELEMENTS => Ok(()),
        Some(length) => Err(format!("its schema has {length} columns and groups; {MOST_ELEMENTS} are read at most")),
        None => Err("its footer does not begin with a version and a schema".into()),
    }
}

/// The first bytes of the footer. Its length and a magic word stand at the file's end.
fn head(file: &mut File) -> std::io::Result<Option<Vec<u8>>> {
    let length = file.seek(SeekFrom::End(0))?;
    let Some(before) = length.checked_sub(8) else { return Ok(None) };
    file.seek(SeekFrom::Start(before))?;
    let mut tail = [0; 8];
    file.read_exact(&mut tail)?;
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let Some(start) = before.checked_sub(footer).filter(|_| tail.ends_with(b"PAR1")) else { return Ok(None) };
    file.seek(SeekFrom::Start(start))?;
    let mut head = Vec::new();
    file.take(footer.min(32)).read_to_end(&mut head)?;
    Ok(Some(head))
}

/// The length of the schema in Thrift's compact form: field 1, a number, then field 2, a list of structures.
fn schema_length(head: &[u8]) -> Option<u64> {
    const NUMBER: u8 = 0x15;
    const LIST: u8 = 0x19;
    const STRUCTURES: u8 = 0x0c;
    let rest = head.strip_prefix(&[NUMBER])?;
    let (_, rest) = variable(rest)?;
    let (kind, rest) = rest.strip_prefix(&[LIST])?.split_first()?;
    match (kind & 0x0f, kind >> 4) {
        (STRUCTURES, 15) => variable(rest).map(|(length, _)| length),
        (STRUCTURES, length) => Some(length.into()),
        _ => None,
    }
}

/// A number of seven bits to the byte, the lowest first.
fn variable(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(9).position(|byte| byte & 0x80 == 0)?;
    let number = bytes[..=end].iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f));
    Some((number, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_length_is_read_from_the_first_bytes() {
        assert_eq!(schema_length(b"\x15\x04\x19\x3c rest"), Some(3));
        assert_eq!(schema_length(b"\x15\x80\x01\x19\xfc\x95\x9a\xef\x3a"), Some(123_456_789));
        for other in [&b""[..], b"\x15", b"\x15\x04", b"\x19\x3c", b"\x15\x04\x19\x38", b"\x15\x04\x19\xfc\x95"] {
            assert_eq!(schema_length(other), None, "{other:?}");
        }
    }
}
