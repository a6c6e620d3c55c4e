//! What is wrong with an expression for a row, before it is evaluated.
//!
//! Jinja takes what is undefined for a value that equals nothing, holds a text and a number for different without a word, and a
//! text like `0` for true; and a cell of a CSV file is always a text. Each would take or leave rows, or name an answer, that
//! nobody meant.

use std::collections::BTreeSet;
use std::fmt;

use minijinja::Error;
use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::parse_expr;
use minijinja::value::{Value, ValueKind};

use crate::columns::{ROW, Scope};

/// Filters and methods that give a number.
const OF_NUMBERS: [&str; 5] = ["count", "float", "int", "length", "round"];
/// Filters and methods that give a text.
const OF_TEXTS: [&str; 11] =
    ["capitalize", "join", "lower", "lstrip", "replace", "rstrip", "string", "strip", "title", "trim", "upper"];

/// An expression as far as it is looked into.
pub(crate) struct Checks {
    expression: Expr<'static>,
    /// The paths that it asks for with `is defined` or `'name' in path`, or gives a default.
    optional: BTreeSet<String>,
}

/// A column, and what is below it by names and places that are the same for every row.
struct Path<'e> {
    column: &'e str,
    below: Vec<Value>,
}

/// What an operand of a comparison is known to be.
struct Operand {
    kind: Kind,
    /// It, in a message.
    words: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Boolean,
}

impl Checks {
    /// Of an expression.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn new(source: &'static str) -> Result<Self, Error> {
        let expression = parse_expr(source)?;
        let mut optional = BTreeSet::new();
        visit(&expression, &mut |expr| {
            let asked = asked_for(expr).and_then(Path::of).or_else(|| looked_for(expr));
            optional.extend(asked.map(|path| path.to_string()));
        });
        Ok(Self { expression, optional })
    }

    /// The columns that it names: all names but those of functions that it calls.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        visit(&self.expression, &mut |expr| {
            if let Expr::Var(var) = expr {
                names.insert(var.id.to_owned());
            }
        });
        names
    }

    /// The columns of a row that it names, be it as `row.name`, `row['name']` or `'name' in row`.
    pub(crate) fn columns(&self) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        visit(&self.expression, &mut |expr| {
            let Some(path) = Path::of(expr).or_else(|| looked_for(expr)) else { return };
            match (path.column, path.below.first().and_then(Value::as_str)) {
                (ROW, name) => columns.extend(name.map(str::to_owned)),
                (name, _) => drop(columns.insert(name.to_owned())),
            }
        });
        columns
    }

    /// Looks at the values that a row has for it.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(crate) fn check(&self, scope: &Scope) -> Result<(), String> {
        Row { scope, optional: &self.optional }.check(&self.expression, false)
    }

    /// Looks at the values that it takes for true or false as a whole.
    ///
    /// # Errors
    /// As `check`.
    pub(crate) fn check_condition(&self, scope: &Scope) -> Result<(), String> {
        Row { scope, optional: &self.optional }.condition(&self.expression)
    }
}

/// A row that an expression is checked for.
struct Row<'a> {
    scope: &'a Scope,
    optional: &'a BTreeSet<String>,
}

impl Row<'_> {
    /// Checks an expression and all within it. What is `sometimes` evaluated, because a condition stands before it, may look
    /// into a column that is null.
    fn check(&self, expr: &Expr<'static>, sometimes: bool) -> Result<(), String> {
        if let Some(path) = Path::of(expr) {
            return self.value(&path, sometimes).map(drop);
        }
        let asked = asked_for(expr).is_some_and(|expr| Path::of(expr).is_some());
        for (place, child) in children(expr).into_iter().enumerate().skip(usize::from(asked)) {
            let later = place > 0 && (matches!(expr, Expr::IfExpr(_)) || is_and_or(expr));
            self.check(child, sometimes || later)?;
        }
        match expr {
            Expr::IfExpr(branches) => self.condition(&branches.test_expr),
            Expr::UnaryOp(not) if matches!(not.op, UnaryOpKind::Not) => self.condition(&not.expr),
            Expr::BinOp(pair) => match comparison(pair.op) {
                Some(op) => self.comparison(&pair.left, op, &pair.right),
                None => Ok(()),
            },
            Expr::Compare(chain) => {
                let mut left = &chain.expr;
                chain
                    .ops
                    .iter()
                    .try_for_each(|next| self.comparison(std::mem::replace(&mut left, &next.expr), next.op, &next.expr))
            }
            _ => Ok(()),
        }
    }

    /// What a path leads to; `None` for what is optional and not there.
    fn value(&self, path: &Path<'_>, sometimes: bool) -> Result<Option<Value>, String> {
        let part = |length| Path { column: path.column, below: path.below[..length].to_vec() }.to_string();
        let Some(mut value) = self.scope.get(path.column) else {
            return match self.optional.contains(path.column) {
                true => Ok(None),
                false => Err(format!("expected a column `{}`, the row has none", path.column)),
            };
        };
        for (place, name) in path.below.iter().enumerate() {
            if sometimes && value.is_none() {
                return Ok(None);
            }
            value = value.get_item(name).unwrap_or_default();
            let part = || part(place + 1);
            if value.is_undefined() {
                return match self.optional.contains(&part()) {
                    true => Ok(None),
                    false => Err(format!("expected a value of `{}`, got none", part())),
                };
            }
        }
        Ok(Some(value))
    }

    /// Refuses a text that is a number or a boolean in writing where it would count as true because it is not empty.
    fn condition(&self, expr: &Expr<'static>) -> Result<(), String> {
        if is_and_or(expr) || matches!(expr, Expr::UnaryOp(_)) {
            return children(expr).into_iter().try_for_each(|child| self.condition(child));
        }
        let Some(path) = Path::of(expr) else { return Ok(()) };
        let value = self.value(&path, true)?;
        match value.as_ref().and_then(Value::as_str) {
            Some(text) if is_written(text) => Err(format!(
                "expected true or false, got the text `{text}`: compare it, as `{path} == '{text}'`, or `{path} | int`"
            )),
            _ => Ok(()),
        }
    }

    fn comparison(&self, left: &Expr<'static>, op: CompareOpKind, right: &Expr<'static>) -> Result<(), String> {
        let Some(left) = self.operand(left) else { return Ok(()) };
        let items = match (op, right) {
            (CompareOpKind::In | CompareOpKind::NotIn, Expr::List(list)) => &list.items[..],
            (CompareOpKind::In | CompareOpKind::NotIn, Expr::Tuple(tuple)) => &tuple.items[..],
            (CompareOpKind::In | CompareOpKind::NotIn, _) => return Ok(()),
            _ => std::slice::from_ref(right),
        };
        let Some(items) = items.iter().map(|item| self.operand(item)).collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        let differ = |item: &&Operand| item.kind != left.kind && [item.kind, left.kind].contains(&Kind::Text);
        match items.first() {
            Some(first) if items.iter().filter(differ).count() == items.len() => Err(format!(
                "expected two texts or two numbers to compare, got {} and {}: `| int` or `| float` behind a text makes a number of \
                 it, and `'1'` is a text",
                left.words, first.words
            )),
            _ => Ok(()),
        }
    }

    /// What an operand is, if that can be known without evaluating it.
    fn operand(&self, expr: &Expr<'static>) -> Option<Operand> {
        let of_value = |value: Value, path: Option<&Path<'_>>| {
            let of = path.map(|path| format!(" of `{path}`")).unwrap_or_default();
            let (kind, words) = match value.kind() {
                ValueKind::String => (Kind::Text, format!("the text `{value}`{of}")),
                ValueKind::Number => (Kind::Number, format!("the number {value}{of}")),
                ValueKind::Bool => (Kind::Boolean, format!("the boolean {value}{of}")),
                _ => return None,
            };
            Some(Operand { kind, words })
        };
        let named = |name: &str| {
            let (kind, words) = match name {
                name if OF_NUMBERS.contains(&name) => (Kind::Number, format!("the number of `{name}`")),
                name if OF_TEXTS.contains(&name) => (Kind::Text, format!("the text of `{name}`")),
                _ => return None,
            };
            Some(Operand { kind, words })
        };
        if let Some(path) = Path::of(expr) {
            return of_value(self.value(&path, true).ok()??, Some(&path));
        }
        match expr {
            Expr::Filter(filter) => named(filter.name),
            Expr::Call(call) => method(call).and_then(|(_, name)| named(name)),
            _ => of_value(expr.as_const()?, None),
        }
    }
}

impl<'e> Path<'e> {
    fn of(expr: &'e Expr<'static>) -> Option<Self> {
        match expr {
            Expr::Var(var) => Some(Self { column: var.id, below: Vec::new() }),
            Expr::GetAttr(attribute) => Some(Self::of(&attribute.expr)?.with(attribute.name.into())),
            Expr::GetItem(item) => Some(Self::of(&item.expr)?.with(item.subscript_expr.as_const()?)),
            _ => None,
        }
    }

    fn with(mut self, name: Value) -> Self {
        self.below.push(name);
        self
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.column)?;
        self.below.iter().try_for_each(|name| match name.as_str() {
            Some(name) => write!(f, ".{name}"),
            None => write!(f, "[{name}]"),
        })
    }
}

/// What an expression asks for that may be undefined.
fn asked_for<'e>(expr: &'e Expr<'static>) -> Option<&'e Expr<'static>> {
    match expr {
        Expr::Test(test) if matches!(test.name, "defined" | "undefined") => Some(&test.expr),
        Expr::Filter(filter) if matches!(filter.name, "default" | "d") => filter.expr.as_ref(),
        _ => None,
    }
}

/// The path that `'name' in path` asks for.
fn looked_for<'e>(expr: &'e Expr<'static>) -> Option<Path<'e>> {
    let (name, path) = match expr {
        Expr::BinOp(pair) if matches!(pair.op, BinOpKind::In) => (&pair.left, &pair.right),
        Expr::Compare(chain) => match &chain.ops[..] {
            [only] if matches!(only.op, CompareOpKind::In | CompareOpKind::NotIn) => (&chain.expr, &only.expr),
            _ => return None,
        },
        _ => return None,
    };
    Some(Path::of(path)?.with(name.as_const()?))
}

/// Whether a text is what a table has for a number or a boolean.
fn is_written(text: &str) -> bool {
    let text = text.trim();
    text.parse::<f64>().is_ok() || text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

fn is_and_or(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::BinOp(pair) if matches!(pair.op, BinOpKind::ScAnd | BinOpKind::ScOr))
}

fn comparison(op: BinOpKind) -> Option<CompareOpKind> {
    Some(match op {
        BinOpKind::Eq => CompareOpKind::Eq,
        BinOpKind::Ne => CompareOpKind::Ne,
        BinOpKind::Lt => CompareOpKind::Lt,
        BinOpKind::Lte => CompareOpKind::Lte,
        BinOpKind::Gt => CompareOpKind::Gt,
        BinOpKind::Gte => CompareOpKind::Gte,
        BinOpKind::In => CompareOpKind::In,
        _ => return None,
    })
}

/// What a method is called of, and its name.
fn method<'e>(call: &'e Call<'static>) -> Option<(&'e Expr<'static>, &'e str)> {
    match &call.expr {
        Expr::GetAttr(attribute) => Some((&attribute.expr, attribute.name)),
        _ => None,
    }
}

fn visit<'e>(expr: &'e Expr<'static>, see: &mut impl FnMut(&'e Expr<'static>)) {
    see(expr);
    for child in children(expr) {
        visit(child, see);
    }
}

/// The expressions that an expression is made of, in the order of their evaluation, without the names of functions and
/// methods that are called.
fn children<'e>(expr: &'e Expr<'static>) -> Vec<&'e Expr<'static>> {
    let of_arguments = |arguments: &'e [CallArg<'static>]| {
        arguments.iter().map(|argument| match argument {
            CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => expr,
        })
    };
    match expr {
        Expr::Var(_) | Expr::Const(_) => Vec::new(),
        Expr::Slice(slice) => {
            let ends = [&slice.start, &slice.stop, &slice.step].into_iter().flatten();
            std::iter::once(&slice.expr).chain(ends).collect()
        }
        Expr::UnaryOp(op) => vec![&op.expr],
        Expr::BinOp(pair) => vec![&pair.left, &pair.right],
        Expr::Compare(chain) => std::iter::once(&chain.expr).chain(chain.ops.iter().map(|op| &op.expr)).collect(),
        Expr::IfExpr(branches) => {
            [&branches.test_expr, &branches.true_expr].into_iter().chain(&branches.false_expr).collect()
        }
        Expr::Filter(filter) => filter.expr.iter().chain(of_arguments(&filter.args)).collect(),
        Expr::Test(test) => std::iter::once(&test.expr).chain(of_arguments(&test.args)).collect(),
        Expr::GetAttr(attribute) => vec![&attribute.expr],
        Expr::GetItem(item) => vec![&item.expr, &item.subscript_expr],
        Expr::Call(call) => {
            let callee = match (&call.expr, method(call)) {
                (_, Some((of, _))) => Some(of),
                (Expr::Var(_), None) => None,
                (callee, None) => Some(callee),
            };
            callee.into_iter().chain(of_arguments(&call.args)).collect()
        }
        Expr::List(list) => list.items.iter().collect(),
        Expr::Tuple(tuple) => tuple.items.iter().collect(),
        Expr::Map(map) => map.keys.iter().chain(&map.values).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::columns::Columns;

    const ROW: &str = r#"{
        "text": "abc", "score": "4", "keep": "0", "n": 4, "flag": true, "empty": null, "range": 3,
        "meta": {"label": "x", "n": [5, "six"], "none": null}
    }"#;

    fn check(source: &'static str, condition: bool) -> Result<(), String> {
        let checks = Checks::new(source).unwrap();
        let columns = Columns::of(&serde_json::from_str(ROW).unwrap(), &checks.names(), None);
        let scope = Scope::new(&Arc::new(columns));
        checks.check(&scope)?;
        if condition { checks.check_condition(&scope) } else { Ok(()) }
    }

    #[test]
    fn what_can_be_meant_passes() {
        for source in [
            "text == 'abc' and n > 3 and flag",
            "text[0] == 'a' and text[-1] == 'c' and text[1:] == 'bc'",
            "score | int > 3 and 3 < score | float and score == '4' and keep != '0'",
            "text | length == 3 and text.strip() == 'abc' and meta.n | length > 1",
            "meta.label is not none and meta['label'] == 'x' and meta.n[0] == 5 and meta.n[-1] == 'six'",
            "lable is defined and lable == 1",
            "'A b' in row and row[\"A b\"] is not none and (row[\"A b\"] | string | trim) != ''",
            "'lable' not in meta or meta.lable == 1",
            "meta.lable is not defined and meta.lable | default(2) == 2",
            "empty is not none and empty.label == 1",
            "'x' if meta.none is none else meta.none.label",
            "n in [1, '4'] and n in (4,) and text in ['abc'] and 'a' in text and n == none and none != 1",
            "row.n == 4 and row['text'] == 'abc' and range == 3 and n == 1 and n == 1.5",
            "text and not text or text",
            "'none' and range(3) | list",
        ] {
            assert_eq!(check(source, true), Ok(()), "{source}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (source, named) in [
            ("lable is not none", "expected a column `lable`, the row has none"),
            ("meta.lable is not none", "expected a value of `meta.lable`, got none"),
            ("meta.lable != 'default'", "expected a value of `meta.lable`, got none"),
            ("n is defined and meta['lable'] == 1", "expected a value of `meta.lable`, got none"),
            ("meta is defined and meta.lable != 1", "expected a value of `meta.lable`, got none"),
            ("meta.n[2] != 1", "expected a value of `meta.n[2]`, got none"),
            ("empty.label != 1", "expected a value of `empty.label`, got none"),
            ("n | default(lable)", "expected a column `lable`, the row has none"),
            ("lable.strip() == ''", "expected a column `lable`, the row has none"),
            ("[dict] == 1", "expected a column `dict`, the row has none"),
        ] {
            assert_eq!(check(source, false).unwrap_err(), named, "{source}");
        }
    }

    #[test]
    fn a_text_is_not_compared_with_a_number() {
        for (source, got) in [
            ("score > 3", "the text `4` of `score` and the number 3:"),
            ("score == -1", "the text `4` of `score` and the number -1:"),
            ("3 < score", "the number 3 and the text `4` of `score`:"),
            ("n == '4'", "the number 4 of `n` and the text `4`:"),
            ("n == score", "the number 4 of `n` and the text `4` of `score`:"),
            ("score in [1, 2]", "the text `4` of `score` and the number 1:"),
            ("score not in [1, 2]", "the text `4` of `score` and the number 1:"),
            ("1 < n < score", "the number 4 of `n` and the text `4` of `score`:"),
            ("flag == 'True'", "the boolean True of `flag` and the text `True`:"),
            ("score | trim == 4", "the text of `trim` and the number 4:"),
            ("meta.label != meta.n[0]", "the text `x` of `meta.label` and the number 5 of `meta.n[0]`:"),
            ("n > 0 and (text if score > 1 else n)", "the text `4` of `score` and the number 1:"),
        ] {
            let message = check(source, false).unwrap_err();
            assert!(
                message.starts_with(&format!("expected two texts or two numbers to compare, got {got}")),
                "{source}: {message}"
            );
        }
    }

    #[test]
    fn a_text_that_says_false_is_not_true() {
        let message = "expected true or false, got the text `0`: compare it, as `keep == '0'`, or `keep | int`";
        for source in ["1 if keep else 0", "not keep"] {
            assert_eq!(check(source, false).unwrap_err(), message, "{source}");
        }
        for source in ["keep", "n > 1 and keep", "not (text or keep)"] {
            assert_eq!(check(source, true).unwrap_err(), message, "{source}");
        }
        assert_eq!(check("keep or text", false), Ok(()), "a value, not a condition");
    }
}
