//! Values out of fuzzed bytes, for what reaches the host as values and not as a file; and what holds of texts.

use ft_engine::text::is_harmless;

/// The bytes that are left. Where they have ended, numbers are zero and lists are empty.
pub struct Input<'a>(pub &'a [u8]);

impl Input<'_> {
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn number(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// A small number mostly, any number sometimes: what counts or points is seldom right by chance.
    pub fn index(&mut self) -> u32 {
        match self.byte() {
            255 => self.number(),
            small => u32::from(small % 8),
        }
    }

    pub fn integer(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    pub fn real(&mut self) -> f64 {
        match self.byte() {
            0 => f64::from_le_bytes(self.array()),
            1 => f64::NAN,
            2 => f64::INFINITY,
            other => f64::from(other) - 100.0,
        }
    }

    /// A text of a few bytes, many times over if the first byte says so: long texts out of short inputs.
    pub fn text(&mut self) -> String {
        let head = self.byte();
        let times = if head & 0x80 == 0 { 1 } else { usize::from(self.byte()) + 1 };
        let length = usize::from(head & 0x1f).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).repeat(times)
    }

    pub fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }

    /// As many as the first byte says, and no more than there are bytes for.
    pub fn list<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = usize::from(self.byte());
        let mut items = Vec::new();
        while items.len() < count && !self.0.is_empty() {
            items.push(make(self));
        }
        items
    }
}

/// Parts of an input that are separated by two bytes which no text has.
pub fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut rest = bytes;
    std::array::from_fn(|index| {
        let end = rest.windows(2).position(|pair| pair == [0xff; 2]).filter(|_| index + 1 < N);
        let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind.get(2..).unwrap_or(&[]);
        part
    })
}

/// Makes sure that a text moves no cursor, ends no line and stays within `limit` characters.
#[track_caller]
pub fn assert_fit_to_be_shown(text: &str, limit: usize) {
    assert!(!text.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{text:?}");
    assert!(text.chars().count() <= limit, "{} characters, not {limit}: {text:?}", text.chars().count());
}

/// Makes sure that a printed text acts on a terminal by its line feeds alone.
#[track_caller]
pub fn assert_lines_fit_to_be_shown(text: &str) {
    if let Some(line) = text.split('\n').find(|line| !is_harmless(line)) {
        panic!("{line:?}");
    }
}
