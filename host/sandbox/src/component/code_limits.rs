//! How much there is to compile, measured before any of it is.
//!
//! A compiler's time and memory do not go with the size of the code alone: 260 KB of loops within loops took wasmtime 50
//! seconds, and 280 KB of branches over 5000 local variables 4 GB. Neither can be interrupted, so what would take long is
//! refused. CPython, the largest guest known, stays below half of every bound.

use std::ops::ControlFlow;

use wasmparser::{BlockType, CompositeInnerType, FunctionBody, Operator, Parser, Payload, TypeRef};

/// Bytes of all functions. CPython has 6.6 million.
const MOST_CODE: u64 = 16 << 20;
/// Bytes of one function. CPython has one of 427 thousand.
const LARGEST_FUNCTION: u64 = 1 << 20;
/// Functions. CPython has 13 thousand.
const MOST_FUNCTIONS: u64 = 100_000;
/// Loops around each other in one function. CPython has 6.
const DEEPEST_LOOP: u64 = 32;
/// Places where paths part or meet, each times the values that are carried across it, in one function. CPython has 170
/// thousand.
const MOST_CARRIED: u64 = 1_000_000;
/// Values carried across branches, in all functions together. CPython has 3.7 million.
const MOST_CARRIED_IN_ALL: u64 = 16_000_000;

/// Why code is not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuchCode {
    /// One function, which begins at byte `offset`, has too much.
    #[error("expected at most {limit} {what} in the function at byte {offset}, got {found}")]
    Function { offset: usize, what: &'static str, found: u64, limit: u64 },
    /// All functions together have too much.
    #[error("expected at most {limit} {what}, got more")]
    Total { what: &'static str, limit: u64 },
}

/// What is known of the module whose functions are read.
#[derive(Default)]
struct Module {
    /// Parameters and results of each type.
    types: Vec<u64>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    imported: usize,
    bodies: usize,
}

impl Module {
    fn values_of_type(&self, index: u32) -> u64 {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn values_of_function(&self, index: usize) -> u64 {
        self.functions.get(index).map_or(0, |index| self.values_of_type(*index))
    }
}

/// What was counted so far.
#[derive(Default)]
struct Count {
    code: u64,
    functions: u64,
    carried: u64,
}

/// Measures all code of a component. Bytes that make no sense are left to the compiler, which says so.
///
/// # Errors
/// The first bound that is exceeded.
pub(crate) fn check(bytes: &[u8]) -> Result<(), TooMuchCode> {
    let mut count = Count::default();
    let mut modules = vec![Module::default()];
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { return Ok(()) };
        match read(payload, &mut modules, &mut count) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(too_much)) => return Err(too_much),
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

fn read(
    payload: Payload<'_>,
    modules: &mut Vec<Module>,
    count: &mut Count,
) -> wasmparser::Result<ControlFlow<TooMuchCode>> {
    if matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) {
        modules.push(Module::default());
        return Ok(ControlFlow::Continue(()));
    }
    let Some(module) = modules.last_mut() else { return Ok(ControlFlow::Continue(())) };
    match payload {
        Payload::End(_) => drop(modules.pop()),
        Payload::TypeSection(section) => {
            for group in section {
                module.types.extend(group?.types().map(|kind| match &kind.composite_type.inner {
                    CompositeInnerType::Func(function) => (function.params().len() + function.results().len()) as u64,
                    _ => 0,
                }));
            }
        }
        Payload::ImportSection(section) => {
            for import in section.into_imports() {
                if let TypeRef::Func(index) | TypeRef::FuncExact(index) = import?.ty {
                    module.functions.push(index);
                    module.imported += 1;
                }
            }
        }
        Payload::FunctionSection(section) => {
            for index in section {
                module.functions.push(index?);
            }
        }
        Payload::CodeSectionEntry(body) => {
            let index = module.imported + module.bodies;
            module.bodies += 1;
            return count.add(&body, module, index);
        }
        _ => {}
    }
    Ok(ControlFlow::Continue(()))
}

impl Count {
    fn add(
        &mut self,
        body: &FunctionBody<'_>,
        module: &Module,
        index: usize,
    ) -> wasmparser::Result<ControlFlow<TooMuchCode>> {
        let (offset, size) = (body.range().start, body.range().len() as u64);
        let function =
            |what, found, limit| Ok(ControlFlow::Break(TooMuchCode::Function { offset, what, found, limit }));
        let total = |what, limit| Ok(ControlFlow::Break(TooMuchCode::Total { what, limit }));
        if size > LARGEST_FUNCTION {
            return function("bytes", size, LARGEST_FUNCTION);
        }
        let (carried, loops) = carried(body, module, index)?;
        if loops > DEEPEST_LOOP {
            return function("nested loops", loops, DEEPEST_LOOP);
        }
        if carried > MOST_CARRIED {
            return function("values carried across branches", carried, MOST_CARRIED);
        }
        self.code += size;
        self.functions += 1;
        self.carried += carried;
        if self.code > MOST_CODE {
            return total("bytes of code", MOST_CODE);
        }
        if self.functions > MOST_FUNCTIONS {
            return total("functions", MOST_FUNCTIONS);
        }
        if self.carried > MOST_CARRIED_IN_ALL {
            return total("values carried across branches", MOST_CARRIED_IN_ALL);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Values carried across the branches of a function, at most, and the loops around each other.
fn carried(body: &FunctionBody<'_>, module: &Module, index: usize) -> wasmparser::Result<(u64, u64)> {
    let mut width = module.values_of_function(index);
    for local in body.get_locals_reader()? {
        width += u64::from(local?.0);
    }
    let (mut carried, mut deepest) = (0_u64, 0);
    let (mut open, mut loops) = (Vec::new(), 0);
    // A branch may carry what the blocks that it leaves give back.
    let mut widest_block = 0;
    for operator in body.get_operators_reader()? {
        let more = match operator? {
            operator @ (Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty }) => {
                if let BlockType::FuncType(index) = blockty {
                    widest_block = module.values_of_type(index).max(widest_block);
                }
                let is_loop = matches!(operator, Operator::Loop { .. });
                open.push(is_loop);
                loops += u64::from(is_loop);
                deepest = loops.max(deepest);
                width + widest_block
            }
            Operator::End => {
                loops -= u64::from(open.pop() == Some(true));
                0
            }
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::Return => width + widest_block,
            Operator::BrTable { targets } => width + u64::from(targets.len()) * (1 + widest_block),
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                module.values_of_function(function_index as usize)
            }
            Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
                module.values_of_type(type_index)
            }
            _ => 0,
        };
        carried = carried.saturating_add(more);
    }
    Ok((carried, deepest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Option<String> {
        let module = format!("(module (type $wide (func (result {}))) (func $f {body}))", "i32 ".repeat(1000));
        let bytes = wat::parse_str(module).unwrap();
        check(&bytes).err().map(|error| error.to_string())
    }

    #[test]
    fn what_is_hard_to_compile_is_refused() {
        assert_eq!(refused(""), None);
        let nested = |count: usize| format!("{}{}", "(loop ".repeat(count), ")".repeat(count));
        assert_eq!(refused(&nested(32)), None);
        assert!(refused(&nested(33)).unwrap().starts_with("expected at most 32 nested loops in the function at byte "));
        let branches = |count: usize| format!("(local {}) {}", "i32 ".repeat(1000), "(block)".repeat(count));
        assert_eq!(refused(&branches(900)), None);
        // The function itself is one thousand times wide, and a block more than that is too much.
        let message = refused(&branches(1001)).unwrap();
        assert!(
            message.starts_with("expected at most 1000000 values carried across branches in the function at byte ")
                && message.ends_with("got 1001000"),
            "{message}"
        );
        let calls = "(block (type $wide) unreachable) ".to_owned() + &"br_if 0 ".repeat(1001) + "unreachable";
        let carried = "expected at most 1000000 values carried across branches in the function at byte ";
        assert!(refused(&calls).unwrap().starts_with(carried));
        let message = refused(&"nop ".repeat(1 << 20)).unwrap();
        assert!(
            message.starts_with("expected at most 1048576 bytes in the function at byte ")
                && message.ends_with(", got 1048578"),
            "{message}"
        );
    }

    #[test]
    fn many_functions_are_too_many_together() {
        let functions = |count: usize, body: &str| {
            wat::parse_str(format!("(module {})", format!("(func {body})").repeat(count))).unwrap()
        };
        let message = |bytes: &[u8]| check(bytes).unwrap_err().to_string();
        assert_eq!(check(&functions(1000, "")), Ok(()));
        assert_eq!(message(&functions(100_001, "")), "expected at most 100000 functions, got more");
        let large = "nop ".repeat(1_000_000);
        assert_eq!(message(&functions(17, &large)), "expected at most 16777216 bytes of code, got more");
    }

    #[test]
    fn damaged_bytes_are_left_to_the_compiler() {
        assert_eq!(check(b"\0asm\x01\0\0\0\x01\x20"), Ok(()));
        assert_eq!(check(b"nothing"), Ok(()));
    }
}
