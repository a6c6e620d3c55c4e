//! Pickles as plain values: protocols 0 to 5, without calling anything.
//!
//! Pickle is a program that builds objects. Here it builds values of a few kinds; what it would import is kept by its
//! name, and what it would call is kept with its arguments. All objects stand in one list and name each other by their
//! place there, so that sharing copies nothing and nesting, however deep, costs no stack.

use std::borrow::Cow;
use std::collections::HashMap;

/// The most objects of a pickle. A checkpoint of 2,000 tensors makes sixty thousand.
const OBJECTS: usize = 1 << 22;

/// Marks that are open at once. A dictionary of tensors has a handful.
const MARKS: usize = 1 << 16;

/// An object's place in the list.
pub(super) type Id = usize;

/// A value that a pickle builds.
#[derive(Debug)]
pub(super) enum Object<'a> {
    None,
    Bool(bool),
    Int(i128),
    /// A real number, which no checkpoint's tensors depend on.
    Real,
    Text(Cow<'a, str>),
    Bytes,
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// A dictionary, ordered or not, or one with a default.
    Dict(Vec<(Id, Id)>),
    /// A set, or what else holds others and is neither of the above.
    Set(Vec<Id>),
    /// What would be imported.
    Global {
        module: Cow<'a, str>,
        /// The class or function in it.
        name: Cow<'a, str>,
    },
    /// An object that stands outside of the pickle, by its description.
    Persistent(Id),
    /// What would be called, and what the result would be filled with.
    Call {
        /// The class or function.
        callable: Id,
        /// A tuple, unless the pickle is damaged.
        args: Id,
        /// States, items and keywords.
        parts: Vec<Id>,
    },
}

/// All objects of a pickle.
pub(super) struct Pickle<'a> {
    objects: Vec<Object<'a>>,
    /// The one that the pickle is of.
    pub root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle that the bytes begin with, and gives its length.
    ///
    /// # Errors
    /// Where it is cut short, has an operation that no checkpoint needs, or makes too many objects.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, usize), String> {
        let mut machine = Machine {
            rest: bytes,
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            copied: 0,
        };
        while machine.step()? {}
        let root = machine.pop()?;
        Ok((Self { objects: machine.objects, root }, bytes.len() - machine.rest.len()))
    }

    pub(super) fn get(&self, id: Id) -> &Object<'a> {
        // No place is given out before there is an object in it.
        &self.objects[id]
    }

    pub(super) fn objects(&self) -> &[Object<'a>] {
        &self.objects
    }

    /// The items of a tuple.
    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        if let Object::Tuple(items) = self.get(id) { Some(items) } else { None }
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        if let Object::Text(text) = self.get(id) { Some(text) } else { None }
    }

    /// A whole number as a size; `None` for a negative one and for other objects.
    pub(super) fn size(&self, id: Id) -> Option<usize> {
        if let Object::Int(number) = self.get(id) { usize::try_from(*number).ok() } else { None }
    }

    /// The module and the name of what would be imported.
    pub(super) fn global(&self, id: Id) -> Option<(&str, &str)> {
        if let Object::Global { module, name } = self.get(id) { Some((module, name)) } else { None }
    }

    /// What an object holds.
    pub(super) fn parts(&self, id: Id) -> Vec<Id> {
        match self.get(id) {
            Object::Tuple(items) | Object::List(items) | Object::Set(items) => items.clone(),
            Object::Dict(items) => items.iter().flat_map(|(key, value)| [*key, *value]).collect(),
            Object::Call { callable, args, parts } => [*callable, *args].into_iter().chain(parts.clone()).collect(),
            Object::Persistent(id) => vec![*id],
            _ => Vec::new(),
        }
    }
}

/// The stack machine, half way through a pickle. What keeps it within bounds and free of panics:
///
/// - An id is given out only by `push`, after its object is in the list, and no object is ever removed: every id on the stack
///   or in the memo has an object. Ids may go in circles (`l = []; l.append(l)`); nothing here follows them.
/// - Nothing below the last mark is taken while the mark stands (`top`), so a mark never points above the stack's end.
/// - An operation takes a byte at least and makes two objects at most, so the file bounds both; what one operation could
///   copy out of another object is counted apart (`copied`). Lengths are held to the rest of the file before anything is
///   taken.
struct Machine<'a> {
    /// What has not been played.
    rest: &'a [u8],
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// The stack's heights at its marks.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
    /// Items that calls have copied out of lists and tuples.
    copied: usize,
}

impl<'a> Machine<'a> {
    /// Plays one operation; gives whether another follows. Codes as in CPython's `Lib/pickletools.py`, in groups that do
    /// alike.
    fn step(&mut self) -> Result<bool, String> {
        match self.number(1)? as u8 {
            // STOP
            0x2e => return Ok(false),
            // PROTO
            0x80 => match self.number(1)? {
                0..=5 => {}
                other => return Err(format!("pickle: expected a protocol up to 5, got {other}")),
            },
            // FRAME: operations run across its end as if there were none, so only its length is checked.
            0x95 => {
                let length = self.number(8)?;
                if length > self.rest.len() {
                    return Err(cut());
                }
            }
            // MARK, POP, POP_MARK, DUP
            b'(' => {
                if self.marks.len() >= MARKS {
                    return Err(format!(
                        "pickle: expected at most {MARKS} tuples, lists and dictionaries within each other, got more"
                    ));
                }
                self.marks.push(self.stack.len());
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.put(top)?;
            }
            code @ (b'N' | 0x88 | 0x89 | b'I' | b'K' | b'M' | b'J' | b'L' | 0x8a | 0x8b | b'F' | b'G') => {
                let atom = self.atom(code)?;
                self.push(atom)?;
            }
            code @ (b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d | b'B' | b'C' | 0x8e | 0x96) => {
                let text = self.text(code)?;
                self.push(text)?;
            }
            code @ (b')' | b't' | 0x85..=0x87 | b']' | b'l' | b'}' | b'd' | 0x8f | 0x91) => {
                let container = self.container(code)?;
                self.push(container)?;
            }
            // APPEND, APPENDS, ADDITEMS, SETITEM, SETITEMS
            b'a' => {
                let item = self.pop()?;
                self.fill(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.fill(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set(&items)?;
            }
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Object::Global { module, name })?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let global = Object::Global { module: self.named(module)?, name: self.named(name)? };
                self.push(global)?;
            }
            // REDUCE, NEWOBJ, NEWOBJ_EX
            b'R' | 0x81 => {
                let (args, callable) = (self.pop()?, self.pop()?);
                self.call(callable, args, Vec::new())?;
            }
            0x92 => {
                let (keywords, args, callable) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callable, args, vec![keywords])?;
            }
            // BUILD
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                // Of a dictionary it is what goes beside its items, like the versions of a model's modules.
                if let Some(Object::Call { parts, .. }) = self.objects.get_mut(object) {
                    parts.push(state);
                }
            }
            // PERSID, BINPERSID
            b'P' => {
                let id = self.line()?;
                // By way of the stack, since an object's id comes from there.
                self.push(Object::Text(id))?;
                let id = self.pop()?;
                self.push(Object::Persistent(id))?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Object::Persistent(id))?;
            }
            // GET, BINGET, LONG_BINGET
            code @ (b'g' | b'h' | b'j') => {
                let key = self.key(code)?;
                self.recall(key)?;
            }
            // PUT, BINPUT, LONG_BINPUT, MEMOIZE
            code @ (b'p' | b'q' | b'r') => {
                let key = self.key(code)?;
                self.remember(key)?;
            }
            0x94 => self.remember(self.memo.len())?,
            code => return Err(format!("pickle: expected an operation of checkpoints, got {code:#04x}")),
        }
        Ok(true)
    }

    /// NONE, NEWTRUE, NEWFALSE, INT, BININT1, BININT2, BININT, LONG, LONG1, LONG4, FLOAT, BINFLOAT.
    fn atom(&mut self, code: u8) -> Result<Object<'a>, String> {
        let int = |number: usize| Object::Int(number as i128);
        Ok(match code {
            b'N' => Object::None,
            0x88 => Object::Bool(true),
            0x89 => Object::Bool(false),
            b'K' => int(self.number(1)?),
            b'M' => int(self.number(2)?),
            b'J' => Object::Int(i128::from(self.number(4)? as u32 as i32)),
            b'I' | b'L' => {
                let line = self.line()?;
                match line.as_ref() {
                    "00" if code == b'I' => Object::Bool(false),
                    "01" if code == b'I' => Object::Bool(true),
                    digits => Object::Int(whole_number(digits)?),
                }
            }
            0x8a => {
                let length = self.number(1)?;
                self.long(length)?
            }
            0x8b => {
                let length = self.number(4)?;
                self.long(length)?
            }
            b'F' => {
                self.line()?;
                Object::Real
            }
            _ => {
                self.take(8)?;
                Object::Real
            }
        })
    }

    /// A whole number of so many bytes in two's complement, the lowest first.
    fn long(&mut self, length: usize) -> Result<Object<'a>, String> {
        let bytes = self.take(length)?;
        if bytes.len() > 16 {
            return Err(format!("pickle: expected a whole number of at most 16 bytes, got {length} bytes"));
        }
        let negative = bytes.last().is_some_and(|last| *last >= 0x80);
        let mut all = [if negative { 0xff } else { 0 }; 16];
        all[..bytes.len()].copy_from_slice(bytes);
        Ok(Object::Int(i128::from_le_bytes(all)))
    }

    /// STRING, BINSTRING, SHORT_BINSTRING, UNICODE, BINUNICODE, SHORT_BINUNICODE, BINUNICODE8, BINBYTES, SHORT_BINBYTES,
    /// BINBYTES8, BYTEARRAY8.
    fn text(&mut self, code: u8) -> Result<Object<'a>, String> {
        let width = match code {
            b'S' | b'V' => {
                let line = self.line()?;
                if line.contains('\\') {
                    return Err("pickle: expected a text without escapes, got one with them".into());
                }
                // What is written as a line has quotes where Python 2 wrote it.
                let quoted = |quote: char| line.strip_prefix(quote)?.strip_suffix(quote).map(str::to_owned);
                let bare = if code == b'S' { quoted('\'').or_else(|| quoted('"')) } else { None };
                return Ok(Object::Text(bare.map_or(line, Cow::Owned)));
            }
            b'U' | 0x8c | b'C' => 1,
            b'T' | b'X' | b'B' => 4,
            _ => 8,
        };
        let length = self.number(width)?;
        let bytes = self.take(length)?;
        Ok(match code {
            b'B' | b'C' | 0x8e | 0x96 => Object::Bytes,
            // Texts of Python 2 are bytes; names of tensors among them are ASCII.
            _ => Object::Text(String::from_utf8_lossy(bytes)),
        })
    }

    /// EMPTY_TUPLE, TUPLE, TUPLE1 to TUPLE3, EMPTY_LIST, LIST, EMPTY_DICT, DICT, EMPTY_SET, FROZENSET.
    fn container(&mut self, code: u8) -> Result<Object<'a>, String> {
        Ok(match code {
            b')' => Object::Tuple(Vec::new()),
            b't' => Object::Tuple(self.pop_to_mark()?),
            0x85..=0x87 => {
                let mut items = (0x85..=code).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                items.reverse();
                Object::Tuple(items)
            }
            b']' => Object::List(Vec::new()),
            b'l' => Object::List(self.pop_to_mark()?),
            b'}' => Object::Dict(Vec::new()),
            b'd' => Object::Dict(pairs(&self.pop_to_mark()?)?),
            0x8f => Object::Set(Vec::new()),
            _ => Object::Set(self.pop_to_mark()?),
        })
    }

    /// Puts items into the list or set at the top of the stack.
    fn fill(&mut self, new: Vec<Id>) -> Result<(), String> {
        let top = self.top()?;
        match self.objects.get_mut(top) {
            Some(Object::List(items) | Object::Set(items) | Object::Call { parts: items, .. }) => items.extend(new),
            _ => return Err("pickle: expected a list to put an item into, got something else".into()),
        }
        Ok(())
    }

    /// Puts keys and values into the dictionary at the top of the stack.
    fn set(&mut self, new: &[Id]) -> Result<(), String> {
        let new = pairs(new)?;
        let top = self.top()?;
        match self.objects.get_mut(top) {
            Some(Object::Dict(items)) => items.extend(new),
            Some(Object::Call { parts, .. }) => parts.extend(new.into_iter().flat_map(|(key, value)| [key, value])),
            _ => return Err("pickle: expected a dictionary to put an item into, got something else".into()),
        }
        Ok(())
    }

    /// Calls that make plain containers make them; others are kept.
    fn call(&mut self, callable: Id, args: Id, parts: Vec<Id>) -> Result<(), String> {
        let global = match self.objects.get(callable) {
            Some(Object::Global { module, name }) => (module.as_ref(), name.as_ref()),
            _ => ("", ""),
        };
        let first = match self.objects.get(args) {
            Some(Object::Tuple(items)) => items.first().copied(),
            _ => None,
        };
        let items = match first.and_then(|first| self.objects.get(first)) {
            Some(Object::List(items) | Object::Tuple(items)) => items.clone(),
            _ => Vec::new(),
        };
        // Many calls may be given one list.
        self.copied = self.copied.saturating_add(items.len());
        if self.copied > OBJECTS {
            return Err(too_many());
        }
        let made = match global {
            ("collections", "OrderedDict") => Object::Dict(self.listed(&items)?),
            ("collections", "defaultdict") => Object::Dict(Vec::new()),
            ("torch", "Size") => Object::Tuple(items),
            ("builtins" | "__builtin__", "set" | "frozenset") => Object::Set(items),
            _ => Object::Call { callable, args, parts },
        };
        self.push(made)
    }

    /// The pairs of a list of pairs, as Python 2 wrote ordered dictionaries.
    fn listed(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, String> {
        let pair = |id: &Id| match self.objects.get(*id) {
            Some(Object::List(pair) | Object::Tuple(pair)) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => Err("pickle: expected pairs to make a dictionary of, got something else".into()),
        };
        items.iter().map(pair).collect()
    }

    /// A text that names what would be imported. One that is not in the file as it is would be copied each time.
    fn named(&self, id: Id) -> Result<Cow<'a, str>, String> {
        match self.objects.get(id) {
            Some(Object::Text(Cow::Borrowed(text))) => Ok(Cow::Borrowed(*text)),
            _ => Err("pickle: expected a name to import, got something else".into()),
        }
    }

    /// The key of an object to recall or to remember: as a line, in one byte or in four.
    fn key(&mut self, code: u8) -> Result<usize, String> {
        match code {
            b'g' | b'p' => self.decimal(),
            b'h' | b'q' => self.number(1),
            _ => self.number(4),
        }
    }

    fn recall(&mut self, key: usize) -> Result<(), String> {
        let id = self.memo.get(&key).copied();
        self.put(id.ok_or_else(|| format!("pickle: recalls object {key}, which it has not made"))?)
    }

    fn remember(&mut self, key: usize) -> Result<(), String> {
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn push(&mut self, object: Object<'a>) -> Result<(), String> {
        self.objects.push(object);
        self.put(self.objects.len() - 1)
    }

    fn put(&mut self, id: Id) -> Result<(), String> {
        self.stack.push(id);
        // The stack grows without objects too, by DUP and GET.
        if self.objects.len().max(self.stack.len()) > OBJECTS {
            return Err(too_many());
        }
        Ok(())
    }

    /// The object at the top of the stack, which no mark hides.
    fn top(&self) -> Result<Id, String> {
        let hidden = self.marks.last().copied().unwrap_or(0);
        self.stack.get(hidden..).and_then(<[Id]>::last).copied().ok_or_else(absent)
    }

    fn pop(&mut self) -> Result<Id, String> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("pickle: expected a mark to go back to, got none")?;
        // Nothing below a mark is taken while it stands.
        Ok(self.stack.split_off(mark))
    }

    /// A whole number of so many bytes, the lowest first.
    fn number(&mut self, width: usize) -> Result<usize, String> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A whole number written as a line.
    fn decimal(&mut self) -> Result<usize, String> {
        let line = self.line()?;
        line.parse().map_err(|_| format!("pickle: expected a number, got {line:?}"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Result<Cow<'a, str>, String> {
        let length = self.rest.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
        let line = self.take(length)?;
        self.take(1)?;
        Ok(String::from_utf8_lossy(line))
    }
}

/// Keys and values in turn.
fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, String> {
    match items.as_chunks::<2>() {
        (pairs, []) => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err("pickle: expected a value for each key, got a key without one".into()),
    }
}

fn whole_number(digits: &str) -> Result<i128, String> {
    let digits = digits.strip_suffix('L').unwrap_or(digits);
    digits.parse().map_err(|_| format!("pickle: expected a whole number, got {digits:?}"))
}

fn too_many() -> String {
    format!("pickle: expected at most {OBJECTS} objects, got more")
}

fn absent() -> String {
    "pickle: expected an object on its stack, got none".into()
}

fn cut() -> String {
    "it ends within its pickle".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> String {
        Pickle::read(bytes).map(drop).expect_err("it is refused")
    }

    #[test]
    fn a_pickle_ends_at_its_stop() {
        // (1, "ab"), remembered and recalled, then what belongs to the next.
        let bytes = b"\x80\x02(K\x01X\x02\x00\x00\x00abtq\x00h\x00\x86.rest".as_slice();
        assert_eq!(Pickle::read(bytes).map(|(_, length)| length), Ok(bytes.len() - 4));
        for end in 0..bytes.len() - 4 {
            assert!(Pickle::read(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn whole_numbers_of_every_width_are_read() {
        let cases: [(&[u8], i128); 8] = [
            (b"K\xff.", 255),
            (b"M\x00\x01.", 256),
            (b"J\xfe\xff\xff\xff.", -2),
            (b"I-7\n.", -7),
            (b"L123456789012345L\n.", 123_456_789_012_345),
            (b"\x8a\x00.", 0),
            (b"\x8a\x01\x80.", -128),
            (b"\x8b\x02\x00\x00\x00\x00\x01.", 256),
        ];
        for (bytes, expected) in cases {
            let (pickle, _) = Pickle::read(bytes).unwrap();
            assert!(matches!(pickle.get(pickle.root), Object::Int(number) if *number == expected), "{bytes:?}");
        }
        assert!(error(b"\x8a\x11aaaaaaaaaaaaaaaaa.").contains("17 bytes"));
    }

    #[test]
    fn an_object_is_filled_after_it_was_remembered() {
        // d = {}; l = [d, d]; d["a"] = 1: both items are the one dictionary.
        let (pickle, _) = Pickle::read(b"\x80\x04}\x94]\x94(h\x00h\x00eh\x00\x8c\x01aK\x01s0.").unwrap();
        let Object::List(items) = pickle.get(pickle.root) else { panic!("a list") };
        assert_eq!(items.len(), 2);
        assert!(items.iter().all(|item| matches!(pickle.get(*item), Object::Dict(pairs) if pairs.len() == 1)));
    }

    #[test]
    fn nesting_costs_no_stack_and_sharing_no_memory() {
        let times = |first: &[u8], code: &[u8], count: usize| [first, &code.repeat(count), b"."].concat();
        for code in [b"\x85".as_slice(), b"Q", b"N\x86", b"NR", b"Nb", b"N\x81", b"]h\x00a"] {
            let bytes = times(b"]q\x00", code, 1_000_000);
            assert!(Pickle::read(&bytes).is_ok(), "{code:?}");
        }
        let doubled = times(b"Nq\x00", b"h\x00h\x00\x86q\x00", 40);
        assert!(Pickle::read(&doubled).is_ok());
        assert!(error(&times(b"", b"N", OBJECTS + 1)).contains("at most 4194304 objects"));
        assert!(error(&times(b"", b"(", MARKS + 1)).contains("at most 65536 tuples"));
        assert!(error(&times(b"Nq\x00", b"h\x00", OBJECTS + 1)).contains("at most 4194304 objects"));
        let list = [b"]q\x00(".as_slice(), &b"N".repeat(1 << 16), b"e0c__builtin__\nset\nq\x01"].concat();
        assert!(Pickle::read(&times(&list, b"h\x01h\x00\x85R", 10)).is_ok());
        assert!(error(&times(&list, b"h\x01h\x00\x85R", 100)).contains("at most 4194304 objects"));
    }

    #[test]
    fn misuse_is_refused() {
        for (bytes, expected) in [
            (b"\x80\x06.".as_slice(), "expected a protocol up to 5, got 6"),
            (b"\x95\xff\x00\x00\x00\x00\x00\x00\x00N.", "ends within"),
            (b"(0.", "expected an object on its stack"),
            (b"t.", "expected a mark"),
            (b"N(K\x01u.", "got a key without one"),
            (b"NK\x01K\x02s.", "expected a dictionary"),
            (b"NK\x01a.", "expected a list"),
            (b"h\x00.", "recalls object 0"),
            (b"cos\nsystem\n\x82\x01.", "got 0x82"),
            (b"\x97.", "got 0x97"),
            (b"\x8c\x02\xff\xff\x8c\x01a\x93.", "expected a name to import"),
        ] {
            let error = error(bytes);
            assert!(error.contains(expected), "{bytes:?}: {error}");
        }
    }
}
