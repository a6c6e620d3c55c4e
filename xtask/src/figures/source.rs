//! A source file as tokens and doc comments, without its test modules. It is read as text; nothing is expanded.
//! `host/tests/layers.rs` reads sources by this file too.

/// A source file of a crate.
pub(crate) struct File {
    /// The file's path below the root of the repository.
    pub shown: String,
    /// The file's path below the crate's `src`, as components: `["run", "plan.rs"]`.
    pub below_src: Vec<String>,
    pub source: Source,
}

/// An identifier or keyword, or a character of punctuation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Word(String),
    Mark(char),
}

use Token::{Mark, Word};

impl Token {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Word(own) if own == word)
    }
}

/// Consecutive lines of `///` or of `//!`.
pub(crate) struct Doc {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The comment's text, lines joined by blanks.
    pub text: String,
    /// The line on which it ends.
    last: usize,
    is_inner: bool,
}

impl Doc {
    /// The number of words, of which each has a letter or a digit.
    pub(crate) fn words(&self) -> usize {
        self.text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
    }
}

/// A function with a body.
pub(crate) struct Function {
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// The number of lines from its `fn` to the end of its body.
    pub lines: usize,
}

/// A file that was read.
pub(crate) struct Source {
    /// The number of lines, tests and comments included.
    pub lines: usize,
    /// The tokens in their order, without comments, literals, lifetimes and test modules.
    pub tokens: Vec<Token>,
    /// The doc comments outside of test modules.
    pub docs: Vec<Doc>,
    /// The line of each token, from 1.
    places: Vec<usize>,
}

/// The words that begin an item behind `pub`.
const ITEMS: [&str; 13] =
    ["fn", "struct", "enum", "union", "trait", "type", "const", "static", "mod", "use", "unsafe", "async", "extern"];

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let mut scanner =
            Scanner { text: text.chars().collect(), at: 0, line: 1, tokens: Vec::new(), docs: Vec::new() };
        scanner.scan();
        let mut source =
            Self { lines: text.lines().count(), tokens: Vec::new(), docs: scanner.docs, places: Vec::new() };
        source.ship(scanner.tokens);
        source
    }

    /// Takes over all but `#[cfg(test)] mod name { .. }`, and the same under `#[cfg(all(test, ..))]`.
    fn ship(&mut self, tokens: Vec<(usize, Token)>) {
        let (places, all): (Vec<usize>, Vec<Token>) = tokens.into_iter().unzip();
        let mut i = 0;
        while i < all.len() {
            if let Some(body) = test_module(&all, i) {
                let end = after_group(&all, body);
                let lines = places[i]..=places[end - 1];
                self.docs.retain(|doc| !lines.contains(&doc.line));
                i = end;
            } else {
                self.tokens.push(all[i].clone());
                self.places.push(places[i]);
                i += 1;
            }
        }
    }

    /// How many items are `pub` without a restriction.
    pub(crate) fn public_items(&self) -> usize {
        let is_item = |pair: &&[Token]| {
            pair[0].is_word("pub") && matches!(&pair[1], Word(word) if ITEMS.contains(&word.as_str()))
        };
        self.tokens.windows(2).filter(is_item).count()
    }

    /// The functions with a body, in their order.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for i in 0..self.tokens.len() {
            if let (true, Some(Word(name))) = (self.tokens[i].is_word("fn"), self.tokens.get(i + 1))
                && let Some(body) = body(&self.tokens, i)
            {
                let (line, last) = (self.places[i], self.places[after_group(&self.tokens, body) - 1]);
                found.push(Function { name: name.clone(), line, lines: last - line + 1 });
            }
        }
        found
    }
}

/// Where the body of the test module opens whose attribute stands at `i`; none if none does.
fn test_module(tokens: &[Token], i: usize) -> Option<usize> {
    let word = |text: &str| Word(text.to_owned());
    let alone = [Mark('#'), Mark('['), word("cfg"), Mark('('), word("test"), Mark(')')];
    let first = [Mark('#'), Mark('['), word("cfg"), Mark('('), word("all"), Mark('('), word("test"), Mark(',')];
    let rest = &tokens[i..];
    if !rest.starts_with(&alone) && !rest.starts_with(&first) {
        return None;
    }
    let end = i + rest.iter().position(|token| *token == Mark(']'))?;
    let is_module = tokens.get(end + 1)?.is_word("mod") && tokens.get(end + 3) == Some(&Mark('{'));
    is_module.then_some(end + 3)
}

/// Where the body of the function whose `fn` stands at `start` opens; none if it has no body.
fn body(tokens: &[Token], start: usize) -> Option<usize> {
    // A `;` may stand in an array's type, within brackets.
    let mut depth = 0_i32;
    for (i, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Mark('(' | '[') => depth += 1,
            Mark(')' | ']') => depth -= 1,
            Mark('{') if depth == 0 => return Some(i),
            Mark(';') if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The place behind the group in braces that opens at `open`.
pub(crate) fn after_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Mark('{') => depth += 1,
            Mark('}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

struct Scanner {
    text: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<(usize, Token)>,
    docs: Vec<Doc>,
}

impl Scanner {
    fn scan(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                '/' if self.peek(1) == Some('/') => self.line_comment(),
                '/' if self.peek(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                '\'' => self.quote(),
                c if c.is_alphanumeric() || c == '_' => self.word(),
                c => {
                    if !c.is_whitespace() {
                        self.tokens.push((self.line, Mark(c)));
                    }
                    self.skip(1);
                }
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    /// Goes on by `count` characters and counts their line breaks.
    fn skip(&mut self, count: usize) {
        let end = (self.at + count).min(self.text.len());
        self.line += self.text[self.at..end].iter().filter(|&&c| c == '\n').count();
        self.at = end;
    }

    fn line_comment(&mut self) {
        let comment: String = self.text[self.at..].iter().take_while(|&&c| c != '\n').collect();
        let is_inner = comment.starts_with("//!");
        // Four slashes make an ordinary comment.
        if is_inner || (comment.starts_with("///") && !comment.starts_with("////")) {
            let text = comment[3..].trim();
            match self.docs.last_mut() {
                Some(doc) if doc.last + 1 == self.line && doc.is_inner == is_inner => {
                    doc.text = format!("{} {text}", doc.text);
                    doc.last = self.line;
                }
                _ => self.docs.push(Doc { line: self.line, text: text.to_owned(), last: self.line, is_inner }),
            }
        }
        self.skip(comment.chars().count());
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return,
                (Some('/'), Some('*')) => (depth, _) = (depth + 1, self.skip(2)),
                (Some('*'), Some('/')) => (depth, _) = (depth - 1, self.skip(2)),
                _ => self.skip(1),
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.skip(1);
        while let Some(c) = self.peek(0) {
            self.skip(if c == '\\' { 2 } else { 1 });
            if c == '"' {
                return;
            }
        }
    }

    /// A literal of a character, or the quote of a lifetime with its name.
    fn quote(&mut self) {
        let length = match (self.peek(1), self.peek(2)) {
            (Some('\\'), _) => {
                4 + self.text[(self.at + 3).min(self.text.len())..].iter().take_while(|&&c| c != '\'').count()
            }
            (Some(_), Some('\'')) => 3,
            _ => 1 + self.word_at(1).chars().count(),
        };
        self.skip(length);
    }

    fn word_at(&self, ahead: usize) -> String {
        let from = (self.at + ahead).min(self.text.len());
        self.text[from..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect()
    }

    /// An identifier, a number, or a raw string with its prefix.
    fn word(&mut self) {
        let word = self.word_at(0);
        let length = word.chars().count();
        let hashes = self.text[self.at + length..].iter().take_while(|&&c| c == '#').count();
        let is_raw = matches!(word.as_str(), "r" | "br" | "cr") && self.peek(length + hashes) == Some('"');
        if !is_raw {
            self.tokens.push((self.line, Word(word)));
            return self.skip(length);
        }
        self.skip(length + hashes + 1);
        let closing: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
        while self.at < self.text.len() && !self.text[self.at..].starts_with(&closing) {
            self.skip(1);
        }
        self.skip(closing.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let word = |token| match token {
            Word(word) => Some(word),
            Mark(_) => None,
        };
        Source::new(text).tokens.into_iter().filter_map(word).collect()
    }

    #[test]
    fn comments_literals_and_test_modules_are_left_out() {
        for text in [
            "a // pub fn x\nb",
            "a /* /* x */ x */ b",
            r#"a "x \" x" b"#,
            r###"a r#"x " x"# br"x\" b"###,
            r"a '\'' '\u{22}' '\\' 'x' b",
            "a &'static b",
            "a\n#[cfg(test)]\nmod tests { fn x() { {} } }\nb",
            "a\n#[cfg(all(test, unix))]\nmod tests { fn x() { {} } }\nb",
        ] {
            assert_eq!(words(text), ["a", "b"], "{text}");
        }
        assert_eq!(words("#[cfg(test)] mod tests; a").last().map(String::as_str), Some("a"));
    }

    #[test]
    fn public_items_are_those_that_everybody_may_use() {
        let count = |text: &str| Source::new(text).public_items();
        assert_eq!(count("pub fn a() {} pub const B: u8 = 1; pub use c::D; pub unsafe fn e() {}"), 4);
        assert_eq!(count("pub(crate) fn a() {} pub(in crate::b) mod c; struct D { pub e: u8 } // pub fn f"), 0);
    }

    #[test]
    fn a_function_has_the_lines_of_its_signature_and_body() {
        let source = Source::new(
            "trait T {\n    fn none(&self) -> [u8; 2];\n}\nfn long(\n    a: fn(u8),\n) {\n    \"\n\";\n}\n",
        );
        let found: Vec<_> = source.functions().into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("long".to_owned(), 4, 6)]);
    }

    #[test]
    fn lines_of_one_comment_belong_together() {
        let source = Source::new(
            "//! One.\n//! Two.\n/// Three.\nfn a() {}\n/// Four\n/// five - six.\nfn b() {}\n// no\n//// no\n",
        );
        let found: Vec<_> = source.docs.iter().map(|doc| (doc.line, doc.text.as_str(), doc.words())).collect();
        assert_eq!(found, [(1, "One. Two.", 2), (3, "Three.", 1), (5, "Four five - six.", 3)]);
    }
}
