//! Values of GGUF metadata.

/// A value, without the width in which it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A truth value.
    Bool(bool),
    /// A whole number of any of the eight widths.
    Integer(i128),
    /// A real number of either width.
    Real(f64),
    /// A text in UTF-8.
    Text(String),
    /// A list; its items are all of one type.
    List(Vec<Value>),
}

impl Value {
    /// What the value is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a truth value",
            Self::Integer(_) => "a whole number",
            Self::Real(_) => "a real number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
        }
    }
}

/// Short enough for a message.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            // As short as the width that most are stored in allows: 0.1, not 0.10000000149011612.
            Self::Real(value) if f64::from(*value as f32) == *value => write!(f, "{}", *value as f32),
            Self::Real(value) => write!(f, "{value}"),
            Self::Text(text) if text.chars().nth(60).is_some() => write!(f, "a text of {} bytes", text.len()),
            Self::Text(text) => write!(f, "{text}"),
            Self::List(items) => write!(f, "a list of {} items", items.len()),
        }
    }
}
