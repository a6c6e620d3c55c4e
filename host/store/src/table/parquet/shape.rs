//! What a schema's columns are as JSON: texts and numbers, objects, lists.
//!
//! Parquet stores only leaves. Beside each value stand two levels: how much of its path is there (definition), and
//! which list it goes on with (repetition); see Melnik et al. 2010, "Dremel", section 4. A shape says what the levels
//! mean.

use std::ops::Range;

use parquet::basic::{ConvertedType, LogicalType, Repetition};
use parquet::schema::types::Type;

/// A column of the file, or a part of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The column's name, without those of the groups around it.
    pub name: String,
    /// The definition level from which on it is there; below it is null. `None` where it cannot be null.
    pub there_from: Option<i16>,
    /// How the column becomes JSON.
    pub kind: ShapeKind,
    /// The leaves below it, one at least, by their place among all leaves of the file.
    pub leaves: Range<usize>,
}

/// How a column becomes JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ShapeKind {
    /// A text, a number, a boolean.
    Leaf,
    /// An object with these members.
    Group(Vec<Shape>),
    /// A list of elements of one shape.
    List {
        /// The definition level from which on it has an element.
        filled_from: i16,
        /// The repetition level of every element but the first.
        repetition: i16,
        /// The shape of its elements. A map is a list of objects with `key` and `value`.
        element: Box<Shape>,
    },
}

/// The levels of whatever holds a column.
#[derive(Clone, Copy)]
struct Levels {
    definition: i16,
    repetition: i16,
}

/// The shapes of a file's columns.
///
/// # Errors
/// If a group has no column in it; the text names it.
pub(crate) fn shapes(schema: &Type) -> Result<Vec<Shape>, String> {
    let mut leaves = 0;
    fields(schema).iter().map(|field| shape(field, Levels { definition: 0, repetition: 0 }, &mut leaves)).collect()
}

fn shape(field: &Type, outer: Levels, leaves: &mut usize) -> Result<Shape, String> {
    match repetition(field) {
        Repetition::REQUIRED => content(field, outer, None, leaves),
        Repetition::OPTIONAL => {
            let levels = Levels { definition: outer.definition + 1, ..outer };
            content(field, levels, Some(levels.definition), leaves)
        }
        // Outside of a list's or map's group: a list that is never null, of elements that are never null.
        Repetition::REPEATED => list(field.name(), field, true, outer, None, leaves),
    }
}

/// A column that is there, at the levels that say so.
fn content(field: &Type, levels: Levels, there_from: Option<i16>, leaves: &mut usize) -> Result<Shape, String> {
    let first = *leaves;
    let kind = match fields(field) {
        [] if field.is_primitive() => {
            *leaves += 1;
            ShapeKind::Leaf
        }
        [] => return Err(format!("the group `{}` has no columns", field.name())),
        [repeated] if is_list(field) && repetition(repeated) == Repetition::REPEATED => {
            let is_element = is_map(field) || is_element(repeated);
            return list(field.name(), repeated, is_element, levels, there_from, leaves);
        }
        children => {
            ShapeKind::Group(children.iter().map(|child| shape(child, levels, leaves)).collect::<Result<_, _>>()?)
        }
    };
    Ok(Shape { name: field.name().to_owned(), there_from, kind, leaves: first..*leaves })
}

/// A list whose elements are `repeated` itself or the one field in it.
fn list(
    name: &str,
    repeated: &Type,
    is_element: bool,
    outer: Levels,
    there_from: Option<i16>,
    leaves: &mut usize,
) -> Result<Shape, String> {
    let first = *leaves;
    let inner = Levels { definition: outer.definition + 1, repetition: outer.repetition + 1 };
    let element = match fields(repeated) {
        [element] if !is_element => shape(element, inner, leaves)?,
        _ => content(repeated, inner, None, leaves)?,
    };
    let (filled_from, repetition) = (inner.definition, inner.repetition);
    let kind = ShapeKind::List { filled_from, repetition, element: Box::new(element) };
    Ok(Shape { name: name.to_owned(), there_from, kind, leaves: first..*leaves })
}

fn fields(field: &Type) -> &[std::sync::Arc<Type>] {
    if field.is_primitive() { &[] } else { field.get_fields() }
}

fn repetition(field: &Type) -> Repetition {
    let info = field.get_basic_info();
    if info.has_repetition() { info.repetition() } else { Repetition::REQUIRED }
}

fn is_list(field: &Type) -> bool {
    let info = field.get_basic_info();
    matches!(info.converted_type(), ConvertedType::LIST)
        || matches!(info.logical_type_ref(), Some(LogicalType::List))
        || is_map(field)
}

fn is_map(field: &Type) -> bool {
    let info = field.get_basic_info();
    matches!(info.converted_type(), ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE)
        || matches!(info.logical_type_ref(), Some(LogicalType::Map))
}

/// Whether what is repeated in a list is its element, as older writers had it, and not a group around the element.
/// The rules are those of the Parquet format, `LogicalTypes.md`, "Backward-compatibility rules".
fn is_element(repeated: &Type) -> bool {
    fields(repeated).len() != 1 || repeated.name() == "array" || repeated.name().ends_with("_tuple")
}

#[cfg(test)]
mod tests {
    use parquet::schema::parser::parse_message_type;

    use super::*;

    /// A shape in few characters: `name`, `?` for one that may be null, `{...}` for an object, `[...]` for a list with
    /// its levels.
    fn short(shape: &Shape) -> String {
        let there = shape.there_from.map_or(String::new(), |level| format!("?{level}"));
        let kind = match &shape.kind {
            ShapeKind::Leaf => String::new(),
            ShapeKind::Group(children) => format!("{{{}}}", children.iter().map(short).collect::<Vec<_>>().join(" ")),
            ShapeKind::List { filled_from, repetition, element } => {
                format!("[{filled_from},{repetition}:{}]", short(element))
            }
        };
        format!("{}{there}{kind}", shape.name)
    }

    fn of(fields: &str) -> Result<String, String> {
        let schema = parse_message_type(&format!("message schema {{ {fields} }}")).unwrap();
        Ok(shapes(&schema)?.iter().map(short).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn levels_count_what_may_be_missing_and_what_repeats() {
        assert_eq!(of("required int32 a; optional binary b (UTF8);").unwrap(), "a b?1");
        let choices = "optional group choices {
            optional group text (LIST) { repeated group list { optional binary element (UTF8); } }
            required group label (LIST) { repeated group list { required binary element (UTF8); } } }";
        assert_eq!(of(choices).unwrap(), "choices?1{text?2[3,1:element?4] label[2,1:element]}");
        let nested = "required group a (LIST) { repeated group list {
            required group element (LIST) { repeated group list { required int32 element; } } } }";
        assert_eq!(of(nested).unwrap(), "a[1,1:element[2,2:element]]");
        let map = "optional group m (MAP) { repeated group key_value { required binary key; optional int32 value; } }";
        assert_eq!(of(map).unwrap(), "m?1[2,1:key_value{key value?3}]");
    }

    #[test]
    fn lists_of_older_writers_are_lists() {
        assert_eq!(of("repeated int32 a;").unwrap(), "a[1,1:a]");
        assert_eq!(of("optional group a (LIST) { repeated int32 element; }").unwrap(), "a?1[2,1:element]");
        let pairs = "optional group a (LIST) { repeated group element { required int32 x; optional int32 y; } }";
        assert_eq!(of(pairs).unwrap(), "a?1[2,1:element{x y?3}]");
        let array = "optional group a (LIST) { repeated group array { required int32 x; } }";
        assert_eq!(of(array).unwrap(), "a?1[2,1:array{x}]");
    }

    #[test]
    fn leaves_are_counted_in_the_files_order() {
        let schema = "message s { required int32 a; required group g { required int32 x; required int32 y; } required int32 b; }";
        let shapes = shapes(&parse_message_type(schema).unwrap()).unwrap();
        assert_eq!(shapes.iter().map(|shape| shape.leaves.clone()).collect::<Vec<_>>(), [0..1, 1..3, 3..4]);
    }
}
