//! How deep a pickle nests its objects and how large it makes them, found without building any.
//!
//! candle's reader copies an object for every memo entry, and its objects are copied and dropped by recursion: a file of
//! a few kilobytes can nest them until the stack overflows, or double them until memory is full. So a pickle is played
//! through first, with sizes in place of objects, by the rules of candle's reader.

use std::collections::HashMap;

/// Objects within objects. A checkpoint's tensors lie about eight deep.
const DEPTH: usize = 64;
/// Bytes of all objects and their copies together, about. A checkpoint of 2,000 tensors makes two megabytes of them.
const BYTES: usize = 256 << 20;
/// What an object takes besides its text.
const OBJECT: usize = 64;

/// In place of an object: how deep it is and how large.
#[derive(Clone, Copy)]
struct Size {
    depth: usize,
    bytes: usize,
}

const LEAF: Size = Size { depth: 1, bytes: OBJECT };

/// An entry of the pickle machine's stack.
enum Entry {
    Mark,
    Object(Size),
}

/// The length of the pickle that the bytes begin with; fails where it is cut short, has an operation that candle's reader
/// does not, or makes objects that are too deep or too large.
pub fn length(bytes: &[u8]) -> Result<usize, String> {
    let mut machine = Machine { rest: bytes, stack: Vec::new(), memo: HashMap::new(), bytes: 0 };
    while machine.step()? {}
    Ok(bytes.len() - machine.rest.len())
}

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Entry>,
    memo: HashMap<u32, Size>,
    /// Of all objects made so far.
    bytes: usize,
}

impl Machine<'_> {
    /// Plays one operation; gives whether another follows. Codes as in CPython's `Lib/pickletools.py`.
    fn step(&mut self) -> Result<bool, String> {
        match self.number(1)? as u8 {
            b'.' => return Ok(false),
            0x80 => self.skip(1)?,
            b'(' => self.stack.push(Entry::Mark),
            b'N' | 0x88 | 0x89 | b')' | b']' | b'}' => self.push(LEAF)?,
            b'K' => self.leaf(1)?,
            b'M' => self.leaf(2)?,
            b'J' => self.leaf(4)?,
            b'G' => self.leaf(8)?,
            0x8a => {
                let length = self.number(1)?;
                if length > 8 {
                    return Err(format!("its pickle has a whole number of {length} bytes"));
                }
                self.leaf(length)?;
            }
            b'X' => {
                let length = self.number(4)?;
                self.leaf(length)?;
            }
            b'c' => {
                let length = self.line()? + self.line()?;
                self.push(Size { bytes: OBJECT + length, ..LEAF })?;
            }
            0x85 | b'Q' => self.wrap(1)?,
            0x86 | b'R' | b'b' | 0x81 => self.wrap(2)?,
            0x87 => self.wrap(3)?,
            b't' | b'd' => {
                let parts = self.pop_to_mark()?;
                self.push(around(LEAF, &parts))?;
            }
            b'a' => self.fill(1)?,
            b's' => self.fill(2)?,
            b'e' | b'u' => {
                let parts = self.pop_to_mark()?;
                self.fill_with(&parts)?;
            }
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            code => return Err(format!("its pickle has the operation {code:#04x}, which no checkpoint needs")),
        }
        Ok(true)
    }

    /// A whole number of so many bytes, the lowest first.
    fn number(&mut self, width: usize) -> Result<usize, String> {
        let (bytes, rest) = self.rest.split_at_checked(width).ok_or_else(cut)?;
        self.rest = rest;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn skip(&mut self, length: usize) -> Result<(), String> {
        self.rest = self.rest.get(length..).ok_or_else(cut)?;
        Ok(())
    }

    /// Skips a line and gives its length.
    fn line(&mut self) -> Result<usize, String> {
        let length = self.rest.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
        self.skip(length + 1)?;
        Ok(length)
    }

    fn leaf(&mut self, length: usize) -> Result<(), String> {
        self.skip(length)?;
        self.push(Size { bytes: OBJECT + length, ..LEAF })
    }

    fn push(&mut self, size: Size) -> Result<(), String> {
        self.count(size)?;
        self.stack.push(Entry::Object(size));
        Ok(())
    }

    fn count(&mut self, size: Size) -> Result<(), String> {
        if size.depth > DEPTH {
            return Err(format!("its pickle nests objects more than {DEPTH} deep"));
        }
        self.bytes = self.bytes.saturating_add(size.bytes);
        if self.bytes > BYTES {
            return Err(format!("its pickle makes more than {} MiB of objects", BYTES >> 20));
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Size, String> {
        match self.stack.pop() {
            Some(Entry::Object(size)) => Ok(size),
            _ => Err("its pickle takes an object where there is none".into()),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Size>, String> {
        let mut parts = Vec::new();
        loop {
            match self.stack.pop() {
                Some(Entry::Object(size)) => parts.push(size),
                Some(Entry::Mark) => return Ok(parts),
                None => return Err("its pickle goes back to a mark that is not there".into()),
            }
        }
    }

    /// The last objects become one.
    fn wrap(&mut self, count: usize) -> Result<(), String> {
        let parts = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        self.push(around(LEAF, &parts))
    }

    /// The last objects go into the one before them.
    fn fill(&mut self, count: usize) -> Result<(), String> {
        let parts = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        self.fill_with(&parts)
    }

    fn fill_with(&mut self, parts: &[Size]) -> Result<(), String> {
        let container = self.pop()?;
        let filled = around(container, parts);
        // What it holds has been counted when it was made.
        self.count(Size { bytes: 0, ..filled })?;
        self.stack.push(Entry::Object(filled));
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), String> {
        let key = self.number(width)? as u32;
        let size = self.memo.get(&key).copied();
        self.push(size.ok_or_else(|| format!("its pickle recalls object {key}, which it has not made"))?)
    }

    fn remember(&mut self, width: usize) -> Result<(), String> {
        let key = self.number(width)? as u32;
        let size = match self.stack.last() {
            Some(Entry::Object(size)) => *size,
            Some(Entry::Mark) => LEAF,
            None => return Err("its pickle takes an object where there is none".into()),
        };
        self.count(size)?;
        self.memo.insert(key, size);
        Ok(())
    }
}

/// An object with others in it.
fn around(container: Size, parts: &[Size]) -> Size {
    parts.iter().fold(container, |whole, part| Size {
        depth: whole.depth.max(part.depth + 1),
        bytes: whole.bytes.saturating_add(part.bytes),
    })
}

fn cut() -> String {
    "it ends within its pickle".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickle_ends_at_its_stop() {
        // (1, "ab"), remembered and recalled, then what belongs to the next.
        let bytes = b"\x80\x02(K\x01X\x02\x00\x00\x00abtq\x00h\x00\x86.rest".as_slice();
        assert_eq!(length(bytes), Ok(bytes.len() - 4));
        for end in 0..bytes.len() - 4 {
            assert!(length(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_nests_too_deep_is_refused_however_it_is_made() {
        let times = |first: &[u8], code: &[u8], count: usize| [first, &code.repeat(count), b"."].concat();
        let deep = |bytes: &[u8]| length(bytes).err().is_some_and(|error| error.contains("more than 64 deep"));
        assert!(length(&times(b"N", b"\x85", 63)).is_ok());
        for code in [b"\x85".as_slice(), b"Q", b"N\x86", b"NN\x87", b"NR", b"Nb", b"N\x81"] {
            assert!(deep(&times(b"N", code, 1_000_000)), "{code:?}");
        }
        // Lists in lists, from the inside and from the outside.
        assert!(deep(&[&b"]".repeat(100_000), b"a".repeat(99_999).as_slice(), b"."].concat()));
        assert!(deep(&times(b"]q\x00", b"]h\x00aq\x00", 100)));
    }

    #[test]
    fn what_grows_too_large_is_refused() {
        let doubled = [b"Nq\x00".as_slice(), &b"h\x00h\x00\x86q\x00".repeat(40), b"."].concat();
        assert!(length(&doubled).unwrap_err().contains("256 MiB"), "{:?}", length(&doubled));
        let text = [b"X\x00\x00\x10\x00".as_slice(), &[b'a'; 1 << 20], &b"q\x00".repeat(300), b"."].concat();
        assert!(length(&text).unwrap_err().contains("256 MiB"));
    }
}
