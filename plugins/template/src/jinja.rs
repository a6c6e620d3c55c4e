//! Templates and expressions of the definition, compiled once, and rendered within limits.

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Expression, Template, UndefinedBehavior};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::columns::Scope;
use crate::definition::{Fault, Located, Place};

/// What one rendering may spend: a unit for each instruction, each two items and each 64 bytes of text, by the template engine's
/// own count, which looks at the size of what an operator makes before it makes it. A prompt of ten examples takes some hundred.
const FUEL: u64 = 100_000;

/// How deep macros may call each other; each level takes some kilobytes of the component's stack of 1 MiB.
const RECURSION: usize = 50;

/// Bytes of one rendered text.
const MOST_BYTES: usize = 1 << 20;

/// Characters of an expression that a message repeats.
const SHOWN: usize = 80;

/// Compiles templates and expressions. It sees nothing but what a rendering is given: no file, no other template, no
/// environment, no clock.
pub(crate) struct Jinja {
    environment: &'static Environment<'static>,
}

/// What every template and expression has.
struct Common {
    place: Place,
    /// The variables that it names and does not set.
    names: BTreeSet<String>,
    source: &'static str,
}

/// A template.
pub(crate) struct Text {
    common: Common,
    template: Template<'static, 'static>,
}

/// An expression.
pub(crate) struct Formula {
    common: Common,
    expression: Expression<'static, 'static>,
}

impl Jinja {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_syntax(syntax());
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION);
        environment.set_debug(false);
        // A component has one definition for as long as it lives, and templates borrow what they are compiled in.
        Self { environment: Box::leak(Box::new(environment)) }
    }

    /// Compiles a template.
    pub(crate) fn text(&self, Located { place, value }: Located<String>) -> Result<Text, Fault> {
        let source: &'static str = Box::leak(value.into_boxed_str());
        let template = self.environment.template_from_str(source);
        let template = template.map_err(|error| fault(&place, source, &error))?;
        let names = template.undeclared_variables(false).into_iter().collect();
        Ok(Text { common: Common { place, names, source }, template })
    }

    /// Compiles an expression.
    pub(crate) fn formula(&self, Located { place, value }: Located<String>) -> Result<Formula, Fault> {
        let source: &'static str = Box::leak(value.into_boxed_str());
        let expression = self.environment.compile_expression(source);
        let expression = expression.map_err(|error| fault(&place, source, &error))?;
        let names = expression.undeclared_variables(false).into_iter();
        let names = names.filter(|name| !self.environment.globals().any(|(global, _)| global == name)).collect();
        Ok(Formula { common: Common { place, names, source }, expression })
    }
}

impl Text {
    pub(crate) fn names(&self) -> &BTreeSet<String> {
        &self.common.names
    }

    /// The text that it makes.
    pub(crate) fn render(&self, scope: &Scope) -> Result<String, Fault> {
        let Common { place, source, .. } = &self.common;
        let text = self.template.render(Value::from_object(scope.clone()));
        let text = text.map_err(|error| match self.common.missing(scope) {
            Some(missing) if error.kind() == ErrorKind::UndefinedError => Fault::at(place, missing),
            _ => fault(place, source, &error),
        })?;
        if text.len() > MOST_BYTES {
            return Err(Fault::at(place, format!("expected a text of {MOST_BYTES} bytes at most, got {}", text.len())));
        }
        Ok(text)
    }
}

impl Formula {
    pub(crate) fn names(&self) -> &BTreeSet<String> {
        &self.common.names
    }

    pub(crate) fn place(&self) -> &Place {
        &self.common.place
    }

    /// What is wrong with what it gives.
    pub(crate) fn fault(&self, message: impl std::fmt::Display) -> Fault {
        Fault::at(&self.common.place, message)
    }

    /// The value that it gives, never an undefined one.
    pub(crate) fn value(&self, scope: &Scope) -> Result<Value, Fault> {
        let Common { place, source, .. } = &self.common;
        // Comparisons take what is undefined for a value that equals nothing: `lable != -1` would hold for every row.
        if !source.contains("defined")
            && !source.contains("default")
            && let Some(missing) = self.common.missing(scope)
        {
            return Err(Fault::at(place, missing));
        }
        let value = self.expression.eval(Value::from_object(scope.clone()));
        let value = value.map_err(|error| fault(place, source, &error))?;
        if value.is_undefined() {
            return Err(Fault::at(place, format!("expected a value of `{}`, got none", shown(source))));
        }
        Ok(value)
    }
}

impl Common {
    /// That a name is none, in words.
    fn missing(&self, scope: &Scope) -> Option<String> {
        let missing = self.names.iter().find(|name| !scope.has(name))?;
        Some(format!("expected a column `{missing}`, the row has none"))
    }
}

/// Jinja's own syntax and white space, but that a text ends as it is written.
fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default()
}

/// What the template engine says, at its place.
fn fault(place: &Place, source: &str, error: &Error) -> Fault {
    let kind = match error.kind() {
        ErrorKind::OutOfFuel => format!("exceeded the limit of one rendering ({FUEL} units of work)"),
        ErrorKind::UndefinedError => "expected a value, got an undefined one".to_owned(),
        kind => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    let within = error.range().and_then(|range| source.get(range)).filter(|text| !text.trim().is_empty());
    let within = within.map(|text| format!(" (in `{}`)", shown(text))).unwrap_or_default();
    Fault::at(place, format!("{kind}{within}"))
}

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
