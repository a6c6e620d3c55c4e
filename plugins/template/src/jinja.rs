//! Templates and expressions of the definition, compiled once, and rendered within limits.

use std::collections::BTreeSet;

use ft_plugin::log;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Expression, Output, State, Template, UndefinedBehavior, escape_formatter,
};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::checks::Checks;
use crate::columns::{ROW, Scope};
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
    /// Those of its names that only a row can have.
    required: BTreeSet<String>,
    template: Template<'static, 'static>,
}

/// An expression.
pub(crate) struct Formula {
    common: Common,
    checks: Checks,
    expression: Expression<'static, 'static>,
}

impl Jinja {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_syntax(syntax());
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(as_python);
        environment.set_unknown_method_callback(python_method);
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
        let names: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
        let is_global = |name: &String| self.environment.globals().any(|(global, _)| global == name);
        let required = names.iter().filter(|name| !is_global(name)).cloned().collect();
        Ok(Text { common: Common { place, names, source }, required, template })
    }

    /// Compiles an expression.
    pub(crate) fn formula(&self, Located { place, value }: Located<String>) -> Result<Formula, Fault> {
        let source: &'static str = Box::leak(value.into_boxed_str());
        let expression = self.environment.compile_expression(source);
        let expression = expression.map_err(|error| fault(&place, source, &error))?;
        let checks = Checks::new(source).map_err(|error| fault(&place, source, &error))?;
        Ok(Formula { common: Common { place, names: checks.names(), source }, checks, expression })
    }
}

impl Text {
    pub(crate) fn names(&self) -> &BTreeSet<String> {
        &self.common.names
    }

    /// What is wrong with what it would make.
    pub(crate) fn fault(&self, message: impl std::fmt::Display) -> Fault {
        Fault::at(&self.common.place, message)
    }

    /// Whether it names a column of a row, as far as can be seen: one that it takes out of `row` is known by its name alone.
    pub(crate) fn mentions(&self, column: &str) -> bool {
        let Common { names, source, .. } = &self.common;
        names.contains(column) || (names.contains(ROW) && source.contains(column))
    }

    /// The text that it makes.
    pub(crate) fn render(&self, scope: &Scope) -> Result<String, Fault> {
        let Common { place, source, .. } = &self.common;
        self.common.announce(scope);
        let text = self.template.render(Value::from_object(scope.clone()));
        let text = text.map_err(|error| match self.missing(scope) {
            Some(missing) if error.kind() == ErrorKind::UndefinedError => Fault::at(place, missing),
            _ => fault(place, source, &error),
        })?;
        if text.len() > MOST_BYTES {
            return Err(Fault::at(place, format!("expected a text of {MOST_BYTES} bytes at most, got {}", text.len())));
        }
        Ok(text)
    }

    /// That the row has not what a name stands for, in words.
    fn missing(&self, scope: &Scope) -> Option<String> {
        let missing = self.required.iter().find(|name| !scope.has(name))?;
        Some(format!("expected a column `{missing}`, the row has none"))
    }
}

impl Formula {
    pub(crate) fn names(&self) -> &BTreeSet<String> {
        &self.common.names
    }

    /// The columns of a row that it names, also those that it takes out of `row`.
    pub(crate) fn columns(&self) -> BTreeSet<String> {
        self.checks.columns()
    }

    /// What is wrong with what it gives.
    pub(crate) fn fault(&self, message: impl std::fmt::Display) -> Fault {
        Fault::at(&self.common.place, message)
    }

    /// The value that it gives, never an undefined one.
    pub(crate) fn value(&self, scope: &Scope) -> Result<Value, Fault> {
        let Common { place, source, .. } = &self.common;
        self.checks.check(scope).map_err(|message| self.fault(message))?;
        self.common.announce(scope);
        let value = self.expression.eval(Value::from_object(scope.clone()));
        let value = value.map_err(|error| fault(place, source, &error))?;
        if value.is_undefined() {
            return Err(Fault::at(place, format!("expected a value of `{}`, got none", shown(source))));
        }
        Ok(value)
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// As `value`, and if it gives neither true nor false.
    pub(crate) fn holds(&self, scope: &Scope) -> Result<bool, Fault> {
        let value = self.value(scope)?;
        self.checks.check_condition(scope).map_err(|message| self.fault(message))?;
        match value.kind() {
            ValueKind::Bool => Ok(value.is_true()),
            kind => {
                let got = match kind {
                    ValueKind::String => format!("the text `{}`", shown(&value.to_string())),
                    kind => format!("the {kind} `{}`", shown(&value.to_string())),
                };
                Err(self.fault(format!("expected true or false, got {got}: compare it, as `... == 1` or `... != ''`")))
            }
        }
    }
}

impl Common {
    /// Tells the host what is rendered, if it may end with the call. The engine's fuel bounds texts and loops, but lists that `+` and
    /// `*` make are long before anyone goes through them: printing one, or joining a chain of them, may exceed the limits of the call.
    fn announce(&self, scope: &Scope) {
        if self.source.contains(['+', '*']) {
            match scope.row() {
                Some(row) => log::work_on(&format!("{}, row {}", self.place, row + 1)),
                None => log::work_on(&self.place.to_string()),
            }
        }
    }
}

/// A method of Python's texts, lists and dictionaries.
fn python_method(state: &mut State<'_, '_>, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let ("index", ValueKind::Seq, [wanted]) = (method, value.kind(), arguments) else {
        return unknown_method_callback(state, value, method, arguments);
    };
    let missing = || Error::new(ErrorKind::InvalidOperation, format!("expected one of {value}, got {wanted}"));
    value.try_iter()?.position(|item| item == *wanted).map(Value::from).ok_or_else(missing)
}

/// Prints a value as Jinja2 does.
fn as_python(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Number => out.write_str(&printed(value)).map_err(Error::from),
        _ => escape_formatter(out, state, value),
    }
}

/// A number or text as Python prints it: numbers that are small or large have an exponent.
pub(crate) fn printed(value: &Value) -> String {
    let number = match value.kind() {
        ValueKind::Number if !value.is_integer() => {
            f64::try_from(value.clone()).ok().filter(|number| number.is_finite())
        }
        _ => None,
    };
    match number {
        Some(number) if number != 0.0 && !(1e-4..1e16).contains(&number.abs()) => {
            let text = format!("{number:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        _ => value.to_string(),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::columns::Columns;

    fn place() -> Place {
        Place { key: "prompt.context".into(), line: 9 }
    }

    /// What a template makes of a row of JSON.
    fn render(source: &str, row: &str) -> Result<String, String> {
        let row = serde_json::from_str(row).unwrap();
        let text =
            Jinja::new().text(Located { place: place(), value: source.to_owned() }).map_err(|e| e.to_string())?;
        let columns = Arc::new(Columns::of(&row, text.names(), None));
        text.render(&Scope::new(&columns)).map_err(|fault| fault.to_string())
    }

    /// What an expression gives for a row of JSON.
    fn evaluate(source: &str, row: &str) -> Result<String, String> {
        let row = serde_json::from_str(row).unwrap();
        let located = Located { place: place(), value: source.to_owned() };
        let formula = Jinja::new().formula(located).map_err(|fault| fault.to_string())?;
        let columns = Arc::new(Columns::of(&row, formula.names(), None));
        formula.value(&Scope::new(&columns)).map(|value| value.to_string()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_row_is_seen_as_json_has_it() {
        let row =
            r#"{"a": " x ", "n": 3, "r": 0.5, "b": true, "list": ["p", "q"], "o": {"k": ["v"]}, "My column": "c"}"#;
        let cases = [
            ("[{{ a }}][{{ a | trim }}][{{ a.strip() }}]", "[ x ][x][x]"),
            ("{{ n + 1 }} {{ r * 2 }} {{ 'yes' if b else 'no' }}", "4 1.0 yes"),
            ("{% for x in list %}{{ loop.index }}{{ x }};{% endfor %}", "1p;2q;"),
            ("{{ o.k[0] }} {{ list[-1] }} {{ list | join('-') }}", "v q p-q"),
            ("{{ row['My column'] }} {{ row.a.strip() }}", "c x"),
            ("{{ a.replace(' ', '_') }}{{ '<&>' }}", "_x_<&>"),
            (
                "{{ b }} {{ not b }} {{ none }} {{ list }} {{ o }} {{ r }} {{ b ~ '' }}",
                "True False None ['p', 'q'] {'k': ['v']} 0.5 True",
            ),
            ("{{ list.index('q') }} {{ 'A' if list.index('p') == 0 }}", "1 A"),
            ("ends in a line\n", "ends in a line\n"),
            ("a\n{% if b %}\nb\n{% endif %}\n", "a\n\nb\n\n"),
            ("{{ missing | default('none') }}{% if missing is defined %}!{% endif %}", "none"),
            ("{% set x = n %}{{ x }}{% macro m(y) %}<{{ y }}>{% endmacro %}{{ m(n) }}", "3<3>"),
        ];
        for (source, expected) in cases {
            assert_eq!(render(source, row).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_is_undefined_is_an_error_with_its_name() {
        let named = "`prompt.context` (line 9): expected a column `sentense`, the row has none";
        assert_eq!(render("x {{ sentense }}", r#"{"sentence": "a"}"#).unwrap_err(), named);
        assert_eq!(render("{% if sentense %}{% endif %}", "{}").unwrap_err(), named);
        assert_eq!(evaluate("sentense != -1", r#"{"sentence": "a"}"#).unwrap_err(), named);
        let nested = render("{{ o.x }}", r#"{"o": {"y": 1}}"#).unwrap_err();
        assert_eq!(nested, "`prompt.context` (line 9): expected a value, got an undefined one (in `o.x`)");
        let value = evaluate("o.x", r#"{"o": {"y": 1}}"#).unwrap_err();
        assert_eq!(value, "`prompt.context` (line 9): expected a value of `o.x`, got none");
    }

    #[test]
    fn dictionaries_keep_the_order_of_the_row() {
        let row = r#"{"o": {"z": 1, "a": {"y": 2, "b": 3}}}"#;
        let cases = [
            ("{{ o }}", "{'z': 1, 'a': {'y': 2, 'b': 3}}"),
            ("{{ o.a.values() | list }}{{ o.a.keys() | list }}", "[2, 3]['y', 'b']"),
            ("{% for k, v in o.a.items() %}{{ k }}{{ v }};{% endfor %}", "y2;b3;"),
            ("{{ {'z': 1, 'a': 2} }}{{ row }}", "{'z': 1, 'a': 2}{'o': {'z': 1, 'a': {'y': 2, 'b': 3}}}"),
        ];
        for (source, expected) in cases {
            assert_eq!(render(source, row).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn numbers_print_as_those_of_python() {
        let row = r#"{"n": [1e-5, 1.5e-7, 0.0001, 1e15, 1e16, 1.25e100, -2e-9, 0.0, 0.1]}"#;
        let printed = render("{% for x in n %}{{ x }} {% endfor %}", row).unwrap();
        assert_eq!(printed, "1e-05 1.5e-07 0.0001 1000000000000000.0 1e+16 1.25e+100 -2e-09 0.0 0.1 ");
    }

    #[test]
    fn a_function_is_not_named_as_a_column_that_misses() {
        let message = render("{% for i in range(1) %}{{ o.x }}{% endfor %}", r#"{"o": {}}"#).unwrap_err();
        assert!(message.contains("expected a value, got an undefined one (in `o.x`)"), "{message}");
        assert!(render("{{ range(2) }}{{ lable }}", "{}").unwrap_err().contains("expected a column `lable`"));
    }

    #[test]
    fn templates_reach_nothing_else() {
        for source in ["{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{{ a", "{% for %}"] {
            let message = render(source, "{}").unwrap_err();
            assert!(message.starts_with("`prompt.context` (line 9): syntax error"), "{source}: {message}");
        }
        for source in ["{{ now() }}", "{{ env('HOME') }}", "{{ 'x' | shell }}", "{{ ''.__class__ }}"] {
            let message = render(source, "{}").unwrap_err();
            assert!(message.starts_with("`prompt.context` (line 9): "), "{source}: {message}");
        }
    }

    #[test]
    fn hostile_templates_end_in_an_error_at_their_key() {
        let loops = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        let text = "{% for a in range(100000) %}{{ 'x' * 100 }}{% endfor %}";
        let calls = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
        let doubled = format!("{{% set x = 'x' %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(40));
        let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
        let blocks = "{% if a %}".repeat(50_000);
        let cases = [
            loops,
            text,
            calls,
            &doubled,
            &deep,
            &blocks,
            "{{ 'x' * 10**9 }}",
            "{{ 'x' * 99999999 }}",
            "{{ [1] * 10**9 }}",
            "{{ range(10**9) }}",
            "{{ 'x'.replace('x', 'y' * 50000).replace('y', 'z' * 50000) }}",
            "{{ '%099999999d' | format(1) }}",
            "{{ 'x' | center(99999999) }}",
            "{{ 'x' | indent(99999999, true) }}",
            "{{ 10**10**10 }}",
        ];
        for source in cases {
            let message = render(source, r#"{"a": 1}"#).map(|text| text.len()).unwrap_err();
            let shown: String = source.chars().take(60).collect();
            assert!(message.starts_with("`prompt.context` (line 9): "), "{shown}: {message}");
            assert!(message.len() < 300, "{shown}: {message}");
        }
        let message = render(loops, "{}").unwrap_err();
        assert!(message.contains("exceeded the limit of one rendering (100000 units of work)"), "{message}");
    }

    #[test]
    fn megabytes_of_text_are_refused() {
        let row = format!("{{\"a\": \"{}\"}}", "x".repeat(600_000));
        assert_eq!(render("{{ a }}", &row).unwrap().len(), 600_000);
        let message = render("{{ a }}{{ a }}", &row).unwrap_err();
        let expected = "`prompt.context` (line 9): expected a text of 1048576 bytes at most, got 1200000";
        assert_eq!(message, expected);
    }
}
