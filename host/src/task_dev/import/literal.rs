//! Lists of texts as Python writes them: `['A', "B"]`.

/// The texts of a list literal, or `None` for anything else.
///
/// Of Python's escapes these are known: `\\`, `\'`, `\"`, `\n`, `\t` and `\r`.
pub(super) fn list(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('[')?.strip_suffix(']')?.trim_start();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let (item, behind) = string(rest)?;
        items.push(item);
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(behind) => behind.trim_start(),
            None if behind.is_empty() => behind,
            None => return None,
        };
    }
    Some(items)
}

/// A text in quotes, and what stands behind it.
fn string(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    // Three quotes begin another kind of text.
    if text[1..].starts_with(&format!("{quote}{quote}")) {
        return None;
    }
    let mut value = String::new();
    let mut chars = text[1..].char_indices();
    while let Some((at, next)) = chars.next() {
        match next {
            _ if next == quote => return Some((value, &text[1 + at + 1..])),
            '\n' => return None,
            '\\' => value.push(match chars.next()?.1 {
                known @ ('\\' | '\'' | '"') => known,
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                _ => return None,
            }),
            _ => value.push(next),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_texts_are_read_and_nothing_else() {
        let texts = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
        assert_eq!(list(" ['A', \"B's\",\n 'c\\n\\'' ,] "), texts(&["A", "B's", "c\n'"]));
        assert_eq!(list("[]"), texts(&[]));
        for text in
            ["A", "['A'", "['A' 'B']", "[1]", "['A', b'B']", "['''A''']", "['\\x41']", "['a\n']", "('A',)", "['A',,]"]
        {
            assert_eq!(list(text), None, "{text}");
        }
    }
}
