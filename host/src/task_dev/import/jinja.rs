//! Jinja templates as far as an import looks into them: where text ends and code begins, and whether all that the code
//! uses means the same to Jinja2, which the harness renders with, and to minijinja, which definitions are rendered with.
//!
//! Nothing is rendered here. What is not known to be the same is refused, so the lists below name what is.

use super::error::{Mismatch, quoted};
use crate::task_dev::text::WORDS;

/// Filters with one meaning in both.
const FILTERS: [&str; 13] = [
    "capitalize",
    "count",
    "first",
    "int",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "replace",
    "string",
    "trim",
    "upper",
];
/// Methods of Python's texts, lists and dictionaries that definitions have.
const METHODS: [&str; 26] = [
    "capitalize",
    "count",
    "endswith",
    "find",
    "get",
    "index",
    "isalnum",
    "isalpha",
    "isdigit",
    "islower",
    "isspace",
    "isupper",
    "items",
    "join",
    "keys",
    "lower",
    "lstrip",
    "replace",
    "rfind",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "upper",
    "values",
];
/// Attributes that are a method to Jinja2 and a column to minijinja.
const PYTHON_METHODS: [&str; 14] = [
    "clear", "copy", "format", "insert", "pop", "remove", "reverse", "sort", "swapcase", "title", "update", "zfill",
    "encode", "append",
];
/// Tests with one meaning in both; a text is a sequence to Jinja2 alone.
const TESTS: [&str; 9] = ["defined", "undefined", "none", "string", "number", "integer", "mapping", "odd", "even"];
const STATEMENTS: [&str; 8] = ["if", "elif", "else", "endif", "for", "endfor", "set", "endset"];
const FUNCTIONS: [&str; 2] = ["range", "namespace"];
/// Names that mean something else in a definition than the row's column of that name.
const NAMES_OF_DEFINITIONS: [&str; 2] = ["choice", "index"];

/// A part of a template.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    /// What stands between `{{` and `}}`.
    Expression(&'a str),
    /// What stands between `{%` and `%}`.
    Statement(&'a str),
    Comment(&'a str),
}

/// A template in which all means the same to both.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// The template, with LF for every line break, as Jinja2 reads it.
    pub(super) text: String,
    /// The expression, if the template is one expression and perhaps blanks around it.
    pub(super) only: Option<String>,
    /// Whether there is text around that expression, blanks included.
    pub(super) padded: bool,
    /// The number of bytes of literal whitespace that the rendered text always ends in.
    pub(super) trailing: usize,
}

/// Whether a text has code in it.
pub(super) fn has_code(text: &str) -> bool {
    next_code(text).is_some()
}

/// Whether a text can be the name of a variable, and so of a column.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|next| next.is_alphanumeric() || next == '_')
        && !WORDS.contains(&text)
}

/// A column as an expression.
pub(super) fn column(name: &str) -> Result<String, Mismatch> {
    check_column(name)?;
    Ok(name.to_owned())
}

fn check_column(name: &str) -> Result<(), Mismatch> {
    if NAMES_OF_DEFINITIONS.contains(&name) {
        return Err(Mismatch::new(
            "columns of other names than `choice` and `index`, which a definition has for itself",
            quoted(name),
        )
        .hint("give the column another name in the data, and in the task file"));
    }
    Ok(())
}

/// Reads a template and checks all that it uses.
pub(super) fn template(text: &str) -> Result<Template, Mismatch> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let parts = parts(&text)?;
    for part in &parts {
        match part {
            Part::Expression(code) => check_code(&tokens(trimmed(code))?)?,
            Part::Statement(code) => check_statement(&tokens(trimmed(code))?)?,
            Part::Text(_) | Part::Comment(_) => {}
        }
    }
    let mut expressions = parts.iter().filter_map(|part| match part {
        Part::Expression(code) => Some(trimmed(code).trim().to_owned()),
        _ => None,
    });
    let blank = |part: &Part<'_>| match part {
        Part::Expression(_) | Part::Comment(_) => true,
        Part::Text(text) => text.trim().is_empty(),
        Part::Statement(_) => false,
    };
    let first = expressions.next().filter(|_| parts.iter().all(blank));
    let only = if expressions.next().is_none() { first } else { None };
    let padded = parts.iter().any(|part| matches!(part, Part::Text(_)));
    let trailing = trailing_whitespace(&parts);
    Ok(Template { only, padded, trailing, text })
}

/// The literal whitespace at the end, unless the code before it removes it.
fn trailing_whitespace(parts: &[Part<'_>]) -> usize {
    let Some((Part::Text(last), before)) = parts.split_last() else {
        return 0;
    };
    let removed = match before.last() {
        Some(Part::Expression(code) | Part::Statement(code) | Part::Comment(code)) => code.ends_with('-'),
        Some(Part::Text(_)) | None => false,
    };
    if removed && last.trim().is_empty() { 0 } else { last.len() - last.trim_end().len() }
}

/// Code without the marks that remove whitespace around it.
fn trimmed(code: &str) -> &str {
    let code = code.strip_prefix(['-', '+']).unwrap_or(code);
    code.strip_suffix(['-', '+']).unwrap_or(code)
}

/// Divides a template into text and code.
fn parts(template: &str) -> Result<Vec<Part<'_>>, Mismatch> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(start) = next_code(rest) {
        if start > 0 {
            parts.push(Part::Text(&rest[..start]));
        }
        let (opening, inside) = rest[start..].split_at(2);
        let closing = match opening {
            "{{" => "}}",
            "{%" => "%}",
            _ => "#}",
        };
        let length = if closing == "#}" { inside.find(closing) } else { code_length(inside, closing) };
        let length = length.ok_or_else(|| Mismatch::new(format!("`{closing}` behind `{opening}`"), "none"))?;
        let code = &inside[..length];
        parts.push(match closing {
            "}}" => Part::Expression(code),
            "%}" => Part::Statement(code),
            _ => Part::Comment(code),
        });
        rest = &inside[length + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// Where the next code begins, looked for in one pass: a template may be all code.
fn next_code(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let begins = |at: &usize| bytes[*at] == b'{' && matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#'));
    (0..bytes.len()).find(begins)
}

/// Where code ends: at `closing`, outside of texts and brackets.
fn code_length(code: &str, closing: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, next) in code.char_indices() {
        if let Some(mark) = quote {
            match next {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if next == mark => quote = None,
                _ => {}
            }
            continue;
        }
        if depth == 0 && code[at..].starts_with(closing) {
            return Some(at);
        }
        match next {
            '\'' | '"' => quote = Some(next),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text,
    Number,
    Mark(char),
}

/// The tokens of code; two marks such as `==` are two tokens.
fn tokens(code: &str) -> Result<Vec<Token<'_>>, Mismatch> {
    let mut tokens = Vec::new();
    let mut chars = code.char_indices().peekable();
    while let Some((at, next)) = chars.next() {
        if next.is_whitespace() {
            continue;
        }
        if next == '\'' || next == '"' {
            loop {
                match chars.next() {
                    Some((_, '\\')) => {
                        chars.next();
                    }
                    Some((_, end)) if end == next => break,
                    Some(_) => {}
                    None => return Err(Mismatch::new(format!("{next} at the end of a text"), quoted(code))),
                }
            }
            tokens.push(Token::Text);
        } else if next.is_alphanumeric() || next == '_' {
            let mut end = at + next.len_utf8();
            while let Some((at, part)) = chars.next_if(|(_, part)| part.is_alphanumeric() || *part == '_') {
                end = at + part.len_utf8();
            }
            tokens.push(if next.is_numeric() { Token::Number } else { Token::Word(&code[at..end]) });
        } else {
            tokens.push(Token::Mark(next));
        }
    }
    Ok(tokens)
}

fn check_statement(tokens: &[Token<'_>]) -> Result<(), Mismatch> {
    match tokens.first() {
        Some(Token::Word(word)) if STATEMENTS.contains(word) => check_code(&tokens[1..]),
        Some(Token::Word(word)) => Err(Mismatch::new(one_of("the statements", &STATEMENTS), quoted(word))),
        _ => Err(Mismatch::new("a statement between `{%` and `%}`", "none")),
    }
}

fn check_code(tokens: &[Token<'_>]) -> Result<(), Mismatch> {
    for (at, &token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| tokens[before]);
        let after = tokens.get(at + 1).copied();
        match token {
            Token::Word(word) => check_word(word, &tokens[..at], after)?,
            Token::Text if before == Some(Token::Text) => {
                return Err(Mismatch::new("`+` between two texts", "two texts next to each other"));
            }
            Token::Mark('%') if before == Some(Token::Text) => {
                return Err(Mismatch::new("`+` or `~` to put texts together", "`%` behind a text"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_word(word: &str, before: &[Token<'_>], after: Option<Token<'_>>) -> Result<(), Mismatch> {
    let is_call = after == Some(Token::Mark('('));
    let known = |kind: &str, names: &[&str]| {
        if names.contains(&word) { Ok(()) } else { Err(Mismatch::new(one_of(kind, names), quoted(word))) }
    };
    match before {
        [.., Token::Mark('|')] => known("the filters", &FILTERS),
        [.., Token::Mark('.')] if is_call => known("the methods", &METHODS),
        [.., Token::Word("loop"), Token::Mark('.')] => Ok(()),
        [.., Token::Mark('.')] => {
            if METHODS.contains(&word) || PYTHON_METHODS.contains(&word) {
                let got = format!("`.{word}`, which Jinja2 takes for a method");
                return Err(Mismatch::new(format!("`['{word}']` for a column"), got));
            }
            Ok(())
        }
        [.., Token::Word("is")] if word == "not" => Ok(()),
        [.., Token::Word("is")] | [.., Token::Word("is"), Token::Word("not")] => known("the tests", &TESTS),
        _ if WORDS.contains(&word) => Ok(()),
        // Printed, a range is `range(0, 3)` to Jinja2 and a list to minijinja.
        _ if is_call && word == "range" && before.last() != Some(&Token::Word("in")) => {
            Err(Mismatch::new("`range(...)` behind `in`", "one elsewhere"))
        }
        _ if is_call => known("the functions", &FUNCTIONS),
        _ => check_column(word),
    }
}

fn one_of(kind: &str, names: &[&str]) -> String {
    format!("one of {kind} {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_of_one_expression_is_that_expression() {
        for (text, only) in [
            ("{{choices.text}}", Some("choices.text")),
            (" {{- [a, b] -}} ", Some("[a, b]")),
            ("{{ {'A': {'x': '}}'}}[k] }}", Some("{'A': {'x': '}}'}}[k]")),
            ("{{a}}{{b}}", None),
            ("{{a}}.", None),
            ("{% if a %}{{b}}{% endif %}", None),
            ("a", None),
        ] {
            assert_eq!(template(text).unwrap().only.as_deref(), only, "{text}");
        }
        assert!(template(" {{a}}").unwrap().padded && !template("{{a}}").unwrap().padded);
    }

    #[test]
    fn literal_whitespace_at_the_end_is_measured() {
        for (text, trailing) in
            [("Q: {{a}}\nA: ", 1), ("{{a}}\n\n", 2), ("{{a}}", 0), ("{{a -}}\n", 0), ("{{a -}} b ", 1), ("x\u{a0}", 2)]
        {
            assert_eq!(template(text).unwrap().trailing, trailing, "{text:?}");
        }
        assert_eq!(template("a\r\nb\rc").unwrap().text, "a\nb\nc");
    }

    #[test]
    fn what_differs_between_the_two_engines_is_refused() {
        for text in [
            "{{ a | regex_replace('x', 'y') }}",
            "{{ a | title }}",
            "{{ a.format(b) }}",
            "{{ a.items }}",
            "{{ a is callable }}",
            "{{ a is sequence }}",
            "{{ range(3) }}",
            "{% set a = range(3) %}",
            "{{ 'a' 'b' }}",
            "{{ '%s' % a }}",
            "{{ lipsum() }}",
            "{{ index }}",
            "{{ choice }}",
            "{% include 'x' %}",
            "{% raw %}x{% endraw %}",
            "{{ a",
            "{% if a",
            "{# a",
            "{{ 'a }}",
        ] {
            assert!(template(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_both_engines_know_is_accepted() {
        for text in [
            "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices['text'][1]}}",
            "{{choices.label.index(answerKey.lstrip())}}",
            "{{ A if Correct == 'A' else B if Correct == 'B' else E}}",
            "{% set d = {'a': 1} %}{% for x in y %}{{ loop.index }}{% endfor %}",
            "{% for x in range(3) %}{{ x in range(2) }}{% endfor %}",
            "{{ a is not none and b is defined }}",
            "{{ (label|int) - 1 }}{{ text[start:end] }}{{ choices | length }}",
            "{{ options.text }}{{ a.choice }}{{ a['index'] }}",
        ] {
            assert_eq!(template(text).err(), None, "{text}");
        }
    }

    #[test]
    fn names_are_told_from_words_of_the_language() {
        for (text, is) in [
            ("label", true),
            ("Avalia\u{e7}\u{e3}o", true),
            ("_x1", true),
            ("1x", false),
            ("a b", false),
            ("none", false),
            ("", false),
        ] {
            assert_eq!(is_name(text), is, "{text}");
        }
    }
}
