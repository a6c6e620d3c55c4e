//! Text on a stream: with emphasis or without, and into lines of which width; and the only way in which text gets
//! there.

use std::fmt::Display;
use std::ops::{Add, AddAssign};

use serde::Serialize;

use super::style::{Emphasis, Style};
use super::text::{LongWords, head, wrap};
use ft_engine::text::{harmless, harmless_data};
use ft_record::present::escape;

/// Lines that are ready to be written to a terminal: nothing in them acts on one but emphasis of this program's own.
///
/// There is no other way to a terminal (`cli::terminal` prints pages), and none to a page but the functions of this
/// module. Each makes its text harmless, whoever wrote it, so that nobody who prints something has to think of it. What
/// was made harmless before stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page(String);

impl Page {
    /// A page of one empty line.
    pub(crate) fn blank() -> Self {
        Self("\n".to_owned())
    }

    /// Pages below each other, with an empty line between two.
    pub(crate) fn apart(pages: impl IntoIterator<Item = Page>) -> Self {
        let pages: Vec<String> = pages.into_iter().map(|page| page.0).collect();
        Self(pages.join("\n"))
    }

    /// A document in a format of its own, such as Markdown or CSV, whose lines are its own matter. Joiners in it stay,
    /// since it may be data.
    pub(crate) fn document(text: &str) -> Self {
        let line = |line: &str| match line.strip_suffix('\n') {
            Some(line) => harmless_data(line) + "\n",
            None => harmless_data(line),
        };
        Self(text.split_inclusive('\n').map(line).collect())
    }

    /// A value as JSON, which reads back as the value.
    ///
    /// # Errors
    /// If serialization fails.
    pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self(escape::json(&serde_json::to_string_pretty(value)?) + "\n"))
    }

    /// The lines as they are written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many lines there are.
    pub(crate) fn height(&self) -> usize {
        self.0.lines().count()
    }
}

impl Add for Page {
    type Output = Self;

    fn add(mut self, below: Self) -> Self {
        self += below;
        self
    }
}

impl AddAssign for Page {
    fn add_assign(&mut self, below: Self) {
        self.0 += &below.0;
    }
}

impl FromIterator<Page> for Page {
    fn from_iter<I: IntoIterator<Item = Page>>(pages: I) -> Self {
        Self(pages.into_iter().map(|page| page.0).collect())
    }
}

/// A stream as text is laid out for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Whether the stream shows emphasis.
    pub style: Style,
    /// The columns of a terminal; `None` for a file or a pipe, whose lines have any length.
    pub width: Option<usize>,
}

impl Screen {
    /// A file or a pipe: nothing but text, in lines of any length.
    pub const PLAIN: Screen = Screen { style: Style::PLAIN, width: None };

    /// A line, or as many as it takes, the further ones indented; each with its line feed. What is longer than a line
    /// is cut.
    pub(crate) fn line(self, text: &str, indent: usize) -> Page {
        self.marked("", Emphasis::None, text, indent)
    }

    /// A [`line`](Self::line) that begins with an emphasised heading.
    pub(crate) fn headed(self, heading: &str, rest: &str, indent: usize) -> Page {
        self.marked(heading, Emphasis::Strong, rest, indent)
    }

    /// A [`line`](Self::line) that begins with an emphasised mark; blanks before the mark are not emphasised.
    pub(crate) fn marked(self, mark: &str, emphasis: Emphasis, rest: &str, indent: usize) -> Page {
        self.beginning_with(mark, emphasis, rest, (indent, LongWords::Cut))
    }

    /// A [`line`](Self::line) of which all is emphasised.
    pub(crate) fn emphasised(self, text: &str, emphasis: Emphasis, indent: usize) -> Page {
        let laid_out = self.laid_out(&harmless(text), indent, LongWords::Cut);
        Page(laid_out.lines().map(|line| self.style.with(emphasis, line) + "\n").collect())
    }

    /// One line whatever its width, made of pieces that are each emphasised or not.
    pub(crate) fn pieces(self, pieces: &[(&str, Emphasis)]) -> Page {
        let piece = |(text, emphasis): &(&str, Emphasis)| self.style.with(*emphasis, &harmless(text));
        Page(pieces.iter().map(piece).collect::<String>() + "\n")
    }

    /// Prose in one paragraph. A word that is longer than a line stays whole, since it is a path or an address that
    /// somebody may want to copy.
    pub(crate) fn prose(self, text: &str) -> Page {
        self.beginning_with("", Emphasis::None, text, (2, LongWords::Keep))
    }

    /// A note as prose, behind `note:`.
    pub(crate) fn note(self, note: &str) -> Page {
        self.prose(&format!("note: {note}"))
    }

    /// A message behind the word that says what it is, as prose. A text that came with line breaks keeps them; its
    /// further lines are indented, so that none of them passes for a message of its own.
    pub(crate) fn message(self, mark: &str, emphasis: Emphasis, text: &str) -> Page {
        let mut lines = text.lines();
        let first = format!(" {}", lines.next().unwrap_or_default());
        let page = self.beginning_with(mark, emphasis, &first, (2, LongWords::Keep));
        let further = |line: &str| match line {
            "" => Page::blank(),
            line => self.beginning_with("", Emphasis::None, &format!("    {line}"), (6, LongWords::Keep)),
        };
        lines.fold(page, |page, line| page + further(line))
    }

    /// What a panic says, as an error of this program.
    pub(crate) fn panicked(self, panic: impl Display) -> Page {
        self.message("error:", Emphasis::Error, &format!("a fault of this program: {panic}"))
    }

    /// The first lines of a text, cut where they are wide, and how many more there are.
    pub(crate) fn head(self, text: &str, lines: usize) -> Page {
        const WIDEST: usize = 100;
        let shown = head(text, lines, self.width.map_or(WIDEST, |width| width.min(WIDEST)));
        shown.lines().map(|line| self.pieces(&[(line, Emphasis::None)])).collect()
    }

    /// A row of data in JSON: a line that reads back as the same, where the terminal is wide enough for it.
    pub(crate) fn json_row(self, row: &str) -> Page {
        Page(self.laid_out(&escape::json_line(row), 2, LongWords::Cut))
    }

    fn beginning_with(self, mark: &str, emphasis: Emphasis, rest: &str, layout: (usize, LongWords)) -> Page {
        let (indent, long) = layout;
        let (mark, rest) = (harmless(mark), harmless(rest));
        let lines = self.laid_out(&format!("{mark}{rest}"), indent, long);
        let word = mark.trim_start();
        let blanks = &mark[..mark.len() - word.len()];
        // Where the mark itself was broken it goes without.
        match lines.strip_prefix(&mark) {
            Some(behind) => Page(format!("{blanks}{}{behind}", self.style.with(emphasis, word))),
            None => Page(lines),
        }
    }

    fn laid_out(self, text: &str, indent: usize, long: LongWords) -> String {
        match self.width {
            None => format!("{text}\n"),
            Some(width) => wrap(text, width, indent, long).iter().map(|line| format!("{line}\n")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_engine::text::is_harmless;

    #[test]
    fn a_line_is_wrapped_on_a_terminal_alone() {
        let narrow = Screen { width: Some(12), ..Screen::PLAIN };
        assert_eq!(Screen::PLAIN.line("one two three four", 2).as_str(), "one two three four\n");
        assert_eq!(narrow.line("one two three four", 2).as_str(), "one two\n  three four\n");
        assert_eq!(narrow.prose("at /a/path/that/is/long").as_str(), "at\n  /a/path/that/is/long\n");
    }

    #[test]
    fn a_heading_is_emphasised_where_it_fits() {
        let screen = |width| Screen { style: Style::CODES, width: Some(width) };
        assert_eq!(screen(9).headed("name", " is this", 2).as_str(), "\x1b[1mname\x1b[0m is\n  this\n");
        assert_eq!(screen(3).headed("name", " x", 0).as_str(), "nam\ne x\n");
        let because = screen(40).marked("  because:", Emphasis::Faint, " x", 2);
        assert_eq!(because.as_str(), "  \x1b[2mbecause:\x1b[0m x\n");
    }

    #[test]
    fn no_line_of_a_message_passes_for_another_message() {
        let page = Screen::PLAIN.message("error:", Emphasis::Error, "a\nhint: do this\r\n\nerror: b");
        assert_eq!(page.as_str(), "error: a\n    hint: do this\n\n    error: b\n");
        let narrow = Screen { width: Some(20), ..Screen::PLAIN };
        let page = narrow.message("error:", Emphasis::Error, "a\nfor a long while hint: do this");
        assert!(page.as_str().lines().skip(1).all(|line| line.starts_with("    ")), "{}", page.as_str());
        assert_eq!(Screen::PLAIN.message("error:", Emphasis::Error, "").as_str(), "error: \n");
    }

    /// Whatever makes a page of a text: only line feeds are left in it, at ends of lines, and this program's own codes.
    #[test]
    fn every_way_to_a_page_makes_text_harmless() {
        let evil = "a\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}1m\u{202e}b\u{2028}c\u{200b}\rd\u{e0041}";
        for width in [None, Some(7), Some(400)] {
            for style in [Style::PLAIN, Style::CODES] {
                let screen = Screen { style, width };
                let pages = [
                    screen.line(evil, 2),
                    screen.headed(evil, evil, 2),
                    screen.marked(evil, Emphasis::Error, evil, 2),
                    screen.emphasised(evil, Emphasis::Faint, 2),
                    screen.pieces(&[(evil, Emphasis::Strong), (evil, Emphasis::None)]),
                    screen.prose(evil),
                    screen.note(evil),
                    screen.message(evil, Emphasis::Error, &format!("{evil}\n{evil}")),
                    screen.panicked(evil),
                    screen.head(&format!("{evil}\n{evil}\n{evil}"), 2),
                    screen.json_row(&format!("{{\"a\":\t\"{evil}\"}}")),
                    Page::document(evil),
                    Page::document(&format!("{evil}\n{evil}\n")),
                    Page::json(&[evil]).unwrap(),
                ];
                for (number, page) in pages.iter().enumerate() {
                    let own = ["\n", "\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[0m"];
                    let plain = own.iter().fold(page.as_str().to_owned(), |text, own| text.replace(own, ""));
                    assert!(plain.contains('a') && is_harmless(&plain), "{number}: {plain:?}");
                }
            }
        }
    }

    #[test]
    fn text_does_not_get_at_emphasis() {
        let screen = Screen { style: Style::CODES, width: None };
        let styled = screen.style.with(Emphasis::Strong, "x");
        assert_eq!(screen.line(&styled, 2).as_str(), "\\u{1b}[1mx\\u{1b}[0m\n");
    }

    #[test]
    fn data_stay_what_they_were() {
        let family = "👨\u{200d}👩\u{200d}👧";
        assert_eq!(Page::document(&format!("run,notes\na,{family}\n")).as_str(), format!("run,notes\na,{family}\n"));
        let value = vec!["\u{1b}\u{202e}\u{2028}\n\\u{1b}".to_owned(), family.to_owned()];
        let read: Vec<String> = serde_json::from_str(Page::json(&value).unwrap().as_str()).unwrap();
        assert_eq!(read, value);
        // Made harmless a second time, a text is the same.
        let once = Screen::PLAIN.line("a\u{1b}\\n", 0);
        assert_eq!(Screen::PLAIN.line(once.as_str().trim_end(), 0), once);
    }
}
