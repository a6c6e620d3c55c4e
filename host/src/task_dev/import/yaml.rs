//! YAML as a tree in which every value knows its line, and `!function` is a value of its own.
//!
//! Plain scalars are read as YAML 1.1 has them (`no` is false, `0x1f` a number), since the harness reads its files so.
//! What a task file has no use for (dates, numbers in other bases) stays as it is written and is refused where it is used.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::error::{ImportError, Place, quoted};
use super::scalar;
use ft_store::fs::file::read_regular;

/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;
/// The most values of one file, after aliases are replaced by what they stand for.
const MOST_NODES: usize = 200_000;
/// The most keys of one mapping.
const MOST_KEYS: usize = 4096;
/// The most lists and mappings within each other.
const DEEPEST: usize = 64;

/// A value of a YAML file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    /// A plain scalar that YAML 1.1 takes for a fraction, a date or a number in another base, as it is written.
    Other(String),
    /// A Python function, as it is named behind `!function`.
    Function(String),
    List(Vec<Node>),
    Map(Map),
}

impl Value {
    /// What it is, for a message.
    pub(super) fn shown(&self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Bool(value) => format!("the truth value `{value}`"),
            Value::Integer(value) => format!("`{value}`"),
            Value::Text(text) => quoted(text),
            Value::Other(text) => format!("the number or date {}", quoted(text)),
            Value::Function(name) => format!("the Python function {}", quoted(name)),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// Values are equal wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.value == other.value
    }
}

/// A key of a mapping, with its place, and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Value,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        (&self.key, &self.value) == (&other.key, &other.value)
    }
}

/// A mapping in the order of its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Map(Vec<Entry>);

impl Map {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    /// Adds an entry, or replaces the one with its key: of two, the later counts.
    pub(super) fn set(&mut self, entry: Entry) {
        match self.0.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => *known = entry,
            None => self.0.push(entry),
        }
    }

    /// All entries of `over` over these.
    pub(super) fn update(&mut self, over: Map) {
        for entry in over.0 {
            self.set(entry);
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        let position = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(position))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }
}

/// The mapping that a file consists of.
///
/// # Errors
/// I/O errors, text that is no YAML or not in UTF-8, a file of more than one document or of something else than a
/// mapping, keys that are no texts, tags other than `!function`, and more than a task file has use for.
pub(super) fn read(path: &Path) -> Result<(Place, Map), ImportError> {
    let file = Arc::new(path.to_owned());
    let first = Place { file, line: 1 };
    let bytes = read_regular(path, LARGEST_FILE)?;
    let text = String::from_utf8(bytes).map_err(|_| structure(&first, "text in UTF-8", "other bytes"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    // YAML 1.1 has them as line breaks, later versions as characters.
    if let Some(line) = text.lines().position(|line| line.contains(['\u{85}', '\u{2028}', '\u{2029}'])) {
        let place = Place { line: line + 1, ..first };
        return Err(structure(&place, "line breaks LF or CRLF", "U+0085, U+2028 or U+2029"));
    }
    let root = parse(text, &first)?;
    match root.value {
        Value::Map(map) => Ok((root.place, map)),
        other => Err(structure(&root.place, "a mapping", &other.shown())),
    }
}

fn structure(place: &Place, expected: &str, got: &str) -> ImportError {
    ImportError::Structure { place: place.clone(), expected: expected.into(), got: got.into() }
}

/// The one document of a text; `first` is the place of its first line.
fn parse(text: &str, first: &Place) -> Result<Node, ImportError> {
    let mut builder = Builder::new(first.file.clone());
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|source| ImportError::Yaml { place: builder.place_of(source.marker().line()), source })?;
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents > 1 {
                return Err(structure(&builder.place(&span), "one document", "another one"));
            }
        }
        builder.take(event, &span)?;
    }
    Ok(builder.root.unwrap_or(Node { place: first.clone(), value: Value::Null }))
}

/// A list or a mapping that is not complete yet.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { map: Map, key: Option<(String, Place)> },
}

struct Builder {
    file: Arc<PathBuf>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder {
    fn new(file: Arc<PathBuf>) -> Builder {
        Builder { file, open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None }
    }

    fn place_of(&self, line: usize) -> Place {
        Place { file: self.file.clone(), line: line.max(1) }
    }

    fn place(&self, span: &Span) -> Place {
        self.place_of(span.start.line())
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), ImportError> {
        let place = self.place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar_value(&text, style, tag.as_deref(), &place)?;
                self.close(Node { place, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.open(place, anchor, tag.as_deref(), Content::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                self.open(place, anchor, tag.as_deref(), Content::Map { map: Map::default(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { place, anchor, content: Content::List(items) }) => {
                    self.close(Node { place, value: Value::List(items) }, anchor)
                }
                Some(Open { place, anchor, content: Content::Map { map, .. } }) => {
                    self.close(Node { place, value: Value::Map(map) }, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.close(Node { place, ..node }, 0),
                None => Err(structure(&place, "an alias of a complete value", "one within its own value")),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn open(&mut self, place: Place, anchor: usize, tag: Option<&Tag>, content: Content) -> Result<(), ImportError> {
        if let Some(tag) = tag {
            return Err(unknown_tag(tag, &place));
        }
        if self.open.len() == DEEPEST {
            return Err(structure(&place, &format!("at most {DEEPEST} lists and mappings within each other"), "more"));
        }
        self.open.push(Open { place, anchor, content });
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), ImportError> {
        self.nodes += size(&node.value);
        if self.nodes > MOST_NODES {
            return Err(structure(&node.place, &format!("at most {MOST_NODES} values"), "more"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { map, .. }) if map.0.len() == MOST_KEYS => {
                return Err(structure(&node.place, &format!("at most {MOST_KEYS} keys"), "more"));
            }
            Some(Content::Map { map, key }) => match key.take() {
                Some((name, place)) => map.set(Entry { key: name, place, value: node.value }),
                None => *key = Some(key_of(node)?),
            },
        }
        Ok(())
    }
}

/// The number of values that are added: a list's own were counted one by one, unless an alias stands for them.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::List(items) => items.iter().map(|item| size(&item.value)).sum(),
        Value::Map(map) => map.iter().map(|entry| size(&entry.value)).sum(),
        _ => 0,
    }
}

fn key_of(node: Node) -> Result<(String, Place), ImportError> {
    match node.value {
        Value::Text(text) if text == "<<" => Err(structure(&node.place, "keys written out", "the merge key `<<`")),
        Value::Text(text) => Ok((text, node.place)),
        other => Err(structure(&node.place, "a text as a key", &other.shown())),
    }
}

fn scalar_value(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: &Place) -> Result<Value, ImportError> {
    match tag {
        None if matches!(style, ScalarStyle::Plain) => Ok(scalar::plain(text)),
        None => Ok(Value::Text(text.to_owned())),
        Some(tag) if tag.handle == "!" && tag.suffix == "function" => Ok(Value::Function(text.to_owned())),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Ok(Value::Text(text.to_owned())),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "null" => Ok(Value::Null),
        Some(tag) => Err(unknown_tag(tag, place)),
    }
}

fn unknown_tag(tag: &Tag, place: &Place) -> ImportError {
    structure(place, "the tag `!function` or none", &quoted(&format!("{}{}", tag.handle, tag.suffix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Node, ImportError> {
        parse(text, &Place { file: Arc::new("t.yaml".into()), line: 1 })
    }

    fn map(text: &str) -> Map {
        match parsed(text).unwrap().value {
            Value::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn functions_are_seen_and_lines_are_known() {
        let map = map("task: x\n\"doc_to_text\": !function utils.f\nlist:\n  - 1\n  - aggregation: !function a.b\n");
        let entry = map.get("doc_to_text").unwrap();
        assert_eq!((entry.place.line, &entry.value), (2, &Value::Function("utils.f".into())));
        let Value::List(items) = &map.get("list").unwrap().value else { panic!() };
        assert_eq!(items[1].place.line, 5);
    }

    #[test]
    fn the_later_of_two_keys_counts_and_aliases_are_copied() {
        let map = map("a: &x [no, 'no']\nb: 1\nb: 2\nc: *x\nd: !!null 'null'\ne: !!str no\n");
        assert_eq!(map.get("d").unwrap().value, Value::Null);
        assert_eq!(map.get("e").unwrap().value, Value::Text("no".into()));
        assert_eq!(map.get("b").unwrap().value, Value::Integer(2));
        assert_eq!(map.get("c").unwrap().value, map.get("a").unwrap().value);
        let Value::List(items) = &map.get("a").unwrap().value else { panic!() };
        assert_eq!([&items[0].value, &items[1].value], [&Value::Bool(false), &Value::Text("no".into())]);
    }

    #[test]
    fn what_is_no_task_file_is_refused_with_its_line() {
        for (text, line) in [
            ("a: 1\nb: {{question}}\n", 2),
            ("a: 1\nb: !other x\n", 2),
            ("a: 1\nb: \"open\n", 2),
            ("a: 1\n---\nb: 2\n", 2),
            ("x: 1\n<<: 2\n", 2),
            ("a: 1\nyes: 2\n", 2),
            ("a: &a [*a]\n", 1),
        ] {
            let place = match parsed(text).unwrap_err() {
                ImportError::Yaml { place, .. } | ImportError::Structure { place, .. } => place,
                other => panic!("{text}: {other}"),
            };
            assert_eq!(place.line, line, "{text}");
        }
    }

    #[test]
    fn aliases_of_aliases_end_in_a_limit() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..9 {
            let before = format!("*a{}, ", i - 1).repeat(10);
            text += &format!("a{i}: &a{i} [{before}]\n");
        }
        assert!(matches!(parsed(&text), Err(ImportError::Structure { .. })));
        let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
        assert!(matches!(parsed(&deep), Err(ImportError::Structure { .. } | ImportError::Yaml { .. })));
    }
}
