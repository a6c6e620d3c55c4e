//! `doc_to_text`, `doc_to_choice` and `doc_to_target`: what the harness takes each of their forms for.
//!
//! A text that is a column's name is that column's value, and any other text is a template. Which columns there are is
//! known to the data alone, so a text that is a name is taken for a column here, and a definition over rows without it is
//! refused when it is rendered. Other texts without code are constant; they are refused unless they have a line break,
//! since a column may be called `two words`.

use super::definition::Choices;
use super::error::{COMPONENT, Mismatch, quoted};
use super::jinja::{self, column, has_code, is_name};
use super::literal;
use super::yaml::{Node, Value};

/// The most choices that are written out.
const MOST_CHOICES: usize = 1000;

/// What `doc_to_text` comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Context {
    /// One context for all choices: a template without whitespace at its end, and the whitespace that stood there.
    Shared { template: String, whitespace: String },
    /// The choices are the contexts, and the right one has this index; what is scored is `doc_to_target`.
    Choices { right: i64 },
}

/// The context of a row.
///
/// The harness scores whitespace at a context's end with what follows it, so literal whitespace is divided off.
pub(super) fn context(value: &Value) -> Result<Context, Mismatch> {
    match value {
        Value::Integer(right) => Ok(Context::Choices { right: *right }),
        Value::Text(text) => {
            let (template, trailing) = text_template(text)?;
            let (template, whitespace) = template.split_at(template.len() - trailing);
            Ok(Context::Shared { template: template.to_owned(), whitespace: whitespace.to_owned() })
        }
        other => Err(unknown("a template, a column's name or an index", other)),
    }
}

/// A template for a text, and the number of bytes of literal whitespace at its end.
pub(super) fn text_template(text: &str) -> Result<(String, usize), Mismatch> {
    if text.is_empty() {
        return Ok((String::new(), 0));
    }
    if is_name(text) {
        return Ok((format!("{{{{ {} }}}}", column(text)?), 0));
    }
    if !has_code(text) && !text.contains('\n') {
        return Err(Mismatch::new("a template with `{{ ... }}`, or a column's name that is a word", quoted(text)));
    }
    let template = jinja::template(text)?;
    Ok((template.text, template.trailing))
}

/// The choices of a row.
pub(super) fn choices(value: &Value) -> Result<Choices, Mismatch> {
    match value {
        Value::List(items) => fixed(items.iter().map(text_of).collect::<Result<_, _>>()?),
        Value::Map(map) => {
            let texts = map.iter().map(|entry| match &entry.value {
                Value::Text(text) => Ok(text.clone()),
                other => Err(unknown("texts as choices", other)),
            });
            fixed(texts.collect::<Result<_, _>>()?)
        }
        Value::Text(name) if is_name(name) => Ok(Choices::Expression(column(name)?)),
        Value::Text(text) if has_code(text) => match jinja::template(text)?.only {
            Some(expression) => Ok(Choices::Expression(expression)),
            None => Err(Mismatch::new("one expression `{{ ... }}` that gives a list", quoted(text)).hint(COMPONENT)),
        },
        Value::Text(text) => {
            let got =
                || Mismatch::new("a column's name, a template, or a list of texts such as `['A', 'B']`", quoted(text));
            fixed(literal::list(text).ok_or_else(got)?)
        }
        other => Err(unknown("a list, a template or a column's name", other)),
    }
}

fn text_of(node: &Node) -> Result<String, Mismatch> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        other => {
            let hint = "put it in quotes: the harness reads YAML 1.1, where `no` and `1` are no texts";
            Err(unknown("texts as choices", other).hint(hint))
        }
    }
}

fn fixed(texts: Vec<String>) -> Result<Choices, Mismatch> {
    if !(2..=MOST_CHOICES).contains(&texts.len()) {
        return Err(Mismatch::new(format!("2 to {MOST_CHOICES} choices"), texts.len().to_string()));
    }
    let twice = texts.iter().enumerate().find(|(at, text)| texts[..*at].contains(text));
    if let Some((_, text)) = twice {
        return Err(Mismatch::new("choices of different texts", format!("{} twice", quoted(text))));
    }
    if let Some(text) = texts.iter().find(|text| text.is_empty() || has_code(text)) {
        return Err(Mismatch::new("choices of plain text", quoted(text)));
    }
    Ok(if are_letters(&texts) { Choices::Texts(texts) } else { Choices::Labels(texts) })
}

/// Whether texts count the choices, as A, B, C or (A), (B), (C) do: they say where a choice stands, and are no classes.
fn are_letters(texts: &[String]) -> bool {
    let letters: Option<Vec<char>> = texts
        .iter()
        .map(|text| {
            let bare = text.trim_matches(|next: char| next.is_whitespace() || "().".contains(next));
            let mut chars = bare.chars();
            chars.next().filter(|letter| chars.next().is_none() && letter.is_ascii_alphanumeric())
        })
        .collect();
    letters.is_some_and(|letters| letters.windows(2).all(|pair| u32::from(pair[1]) == u32::from(pair[0]) + 1))
}

/// The expression for the right choice, and how it says it.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) expression: String,
    /// `None`: an index or a text, as the row has it.
    pub(super) is: Option<&'static str>,
}

/// The right choice of a row.
///
/// In the harness a column's whole number, and digits that a template gives, are an index, and any other text is that of
/// a choice. A definition that does not say which refuses values that are both and mean different choices, so that none
/// is taken for another.
pub(super) fn answer(value: &Value) -> Result<Answer, Mismatch> {
    match value {
        Value::Integer(index) => Ok(index_answer(*index)?),
        Value::Text(name) if is_name(name) => Ok(Answer { expression: column(name)?, is: None }),
        Value::Text(text) if has_code(text) => {
            let template = jinja::template(text)?;
            let expression = template.only.filter(|_| !template.padded).ok_or_else(|| {
                Mismatch::new("one expression `{{ ... }}` and nothing around it", quoted(text)).hint(COMPONENT)
            })?;
            let is = gives_an_index(&expression).then_some("index");
            Ok(Answer { expression, is })
        }
        Value::List(_) => Err(Mismatch::new("one right answer", "a list of several").hint(COMPONENT)),
        other => Err(unknown("an index, a template or a column's name that is a word", other)),
    }
}

pub(super) fn index_answer(index: i64) -> Result<Answer, Mismatch> {
    if index < 0 {
        return Err(Mismatch::new("an index from 0", index.to_string()));
    }
    Ok(Answer { expression: index.to_string(), is: Some("index") })
}

/// Whether an expression is a list's `.index(...)`, which is never a text.
fn gives_an_index(expression: &str) -> bool {
    let Some((before, inside)) = expression.rsplit_once(".index(") else {
        return false;
    };
    let plain = |text: &str| !text.contains(" if ") && !text.contains(['~', '|', '{']);
    // What is in the brackets may have brackets itself, as `lstrip()` does; the last one must be that of the call.
    let mut depth = 1i32;
    let closes = inside.char_indices().find_map(|(at, next)| {
        depth += i32::from(next == '(') - i32::from(next == ')');
        (depth == 0).then_some(at + 1)
    });
    closes == Some(inside.len()) && plain(before)
}

/// The error for a value that has no place in a definition.
pub(super) fn unknown(expected: &str, value: &Value) -> Mismatch {
    let mismatch = Mismatch::new(expected, value.shown());
    if matches!(value, Value::Function(_)) { mismatch.hint(COMPONENT) } else { mismatch }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn a_name_is_a_column_and_whitespace_at_the_end_is_divided_off() {
        let shared = |template: &str, whitespace: &str| Context::Shared {
            template: template.into(),
            whitespace: whitespace.into(),
        };
        assert_eq!(context(&text("question_stem")), Ok(shared("{{ question_stem }}", "")));
        assert_eq!(context(&text("Q: {{a}}\nA:\n")), Ok(shared("Q: {{a}}\nA:", "\n")));
        assert_eq!(context(&text("")), Ok(shared("", "")));
        assert_eq!(context(&text("Which is right:\n")), Ok(shared("Which is right:", "\n")));
        assert_eq!(context(&Value::Integer(1)), Ok(Context::Choices { right: 1 }));
        for value in [text("two words"), text("choice"), Value::Function("f".into()), Value::Bool(true)] {
            assert!(context(&value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn fixed_choices_are_classes_unless_they_count() {
        let kinds =
            [("['no', 'yes']", true), ("['A', 'B']", false), ("['(A)', '(B)', '(C)']", false), ("['B', 'A']", true)];
        for (list, labels) in kinds {
            let choices = choices(&text(list)).unwrap();
            assert_eq!(matches!(choices, Choices::Labels(_)), labels, "{list}");
        }
        assert_eq!(choices(&text("{{choices.text}}")), Ok(Choices::Expression("choices.text".into())));
        assert_eq!(choices(&text("choices")), Ok(Choices::Expression("choices".into())));
        for value in [text("['A', 'A']"), text("['{{a}}', '{{b}}']"), text("{{a}}{{b}}"), text("['']"), Value::Null] {
            assert!(choices(&value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn an_answer_is_an_index_where_that_is_known() {
        for (value, expression, is) in [
            (Value::Integer(3), "3", Some("index")),
            (text("label"), "label", None),
            (text("{{label}}"), "label", None),
            (text("{{choices.label.index(answerKey)}}"), "choices.label.index(answerKey)", Some("index")),
            (text("{{c.index(a.lstrip())}}"), "c.index(a.lstrip())", Some("index")),
            (text("{{c.index(a) ~ 'x'}}"), "c.index(a) ~ 'x'", None),
            (text("{{'a' if b else c.index(a)}}"), "'a' if b else c.index(a)", None),
        ] {
            assert_eq!(answer(&value), Ok(Answer { expression: expression.into(), is }));
        }
        for value in [text(" {{label}}"), text("{{a}}{{b}}"), text("0"), Value::Integer(-1), Value::List(Vec::new())] {
            assert!(answer(&value).is_err(), "{value:?}");
        }
    }
}
