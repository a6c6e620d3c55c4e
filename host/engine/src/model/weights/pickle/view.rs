//! Tensors of a pickle: views of storages that lie outside of it.

use super::super::array::Array;
use super::machine::{Id, Object, Pickle};
use super::storage::{Storage, Storages, number, width};

/// Calls within calls that make one tensor: a parameter's data of a tensor's kind.
const WRAPPED: usize = 4;

/// The most dimensions of a tensor, as in PyTorch's own loops over tensors.
const DIMENSIONS: usize = 64;

/// A tensor as a view of a storage.
#[derive(PartialEq)]
pub(super) struct View<'a> {
    storage: Storage<'a>,
    /// The numbers' format: the storage's class, or the name of a format where the storage has bytes.
    kind: &'a str,
    /// The first number, from the storage's first.
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> View<'a> {
    /// Reads what PyTorch would call to make a tensor; `None` where it is none.
    ///
    /// # Errors
    /// A tensor that is more than a view of numbers.
    pub(super) fn of(pickle: &'a Pickle<'_>, value: Id) -> Result<Option<Self>, String> {
        let Object::Call { callable, args, .. } = pickle.get(value) else { return Ok(None) };
        let (mut callable, mut args) = (*callable, *args);
        for _ in 0..WRAPPED {
            let (Some((module, name)), Some(items)) = (pickle.global(callable), pickle.tuple(args)) else {
                return Ok(None);
            };
            let other = || Err(format!("expected a dense tensor, got one made by `{module}.{name}`"));
            match (module, name, items) {
                ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state", [data, ..]) => {
                    let Object::Call { callable: inner, args: of, .. } = pickle.get(*data) else { return other() };
                    (callable, args) = (*inner, *of);
                }
                ("torch._tensor" | "torch.tensor", "_rebuild_from_type_v2", [inner, kind, of, ..]) => {
                    match pickle.global(*kind) {
                        Some(("torch", "Tensor") | ("torch.nn.parameter", "Parameter" | "Buffer")) => {}
                        Some((module, name)) => {
                            return Err(format!("expected a dense tensor, got one of type `{module}.{name}`"));
                        }
                        None => return other(),
                    }
                    (callable, args) = (*inner, *of);
                }
                ("torch._utils", "_rebuild_tensor", [storage, offset, shape, strides]) => {
                    return Self::plain(pickle, [*storage, *offset, *shape, *strides], None).map(Some);
                }
                ("torch._utils", "_rebuild_tensor_v2", [storage, offset, shape, strides, _, _, rest @ ..]) => {
                    unmarked(pickle, rest)?;
                    return Self::plain(pickle, [*storage, *offset, *shape, *strides], None).map(Some);
                }
                ("torch._utils", "_rebuild_tensor_v3", [storage, offset, shape, strides, _, _, kind, rest @ ..]) => {
                    unmarked(pickle, rest)?;
                    return Self::plain(pickle, [*storage, *offset, *shape, *strides], Some(*kind)).map(Some);
                }
                (module, name, _) if module.starts_with("torch") && name.starts_with("_rebuild") => return other(),
                (module, "_reconstruct", _) if module.starts_with("numpy") => {
                    return Err("expected a tensor, got an array of NumPy".into());
                }
                _ => return Ok(None),
            }
        }
        Err(format!("expected at most {WRAPPED} calls around a tensor, got more"))
    }

    fn plain(
        pickle: &'a Pickle<'_>,
        [storage, offset, shape, strides]: [Id; 4],
        kind: Option<Id>,
    ) -> Result<Self, String> {
        let sizes = |id: Id| {
            let sizes = pickle.tuple(id).filter(|sizes| sizes.len() <= DIMENSIONS)?;
            sizes.iter().map(|size| pickle.size(*size)).collect::<Option<Vec<_>>>()
        };
        let view = || {
            let storage = Storage::of(pickle, pickle.get(storage))?;
            let kind = match kind {
                Some(kind) => pickle.global(kind).filter(|(module, _)| *module == "torch")?.1,
                None => storage.kind,
            };
            Some(Self { kind, storage, offset: pickle.size(offset)?, shape: sizes(shape)?, strides: sizes(strides)? })
        };
        view().ok_or_else(|| "expected a view of a storage, got something else".into())
    }

    /// Where its numbers lie in the file.
    ///
    /// # Errors
    /// A storage that is not there, a view that begins outside of it, or a shape that cannot be.
    pub(super) fn within(self, storages: &Storages) -> Result<Array, String> {
        let Self { storage, kind, offset, shape, strides } = self;
        let whole = storages
            .get(storage.key)
            .ok_or_else(|| format!("expected storage `{}`, got none of that name", storage.key))?;
        let first = storage.width().unwrap_or(1).checked_mul(storage.first);
        let start = width(kind).unwrap_or(1).checked_mul(offset).and_then(|offset| offset.checked_add(whole.start));
        let start = start.zip(first).and_then(|(start, first)| start.checked_add(first));
        let start = start
            .filter(|start| *start <= whole.end)
            .ok_or("expected a first number within its storage, got one outside")?;
        let count = shape.iter().try_fold(1usize, |count, length| count.checked_mul(*length));
        if shape.len() != strides.len() || count.and_then(|count| count.checked_mul(8)).is_none() {
            return Err(format!("expected a possible shape with as many strides, got {shape:?} with {strides:?}"));
        }
        let ordered = is_in_order(&shape, &strides);
        Ok(Array {
            number: number(kind).ok_or_else(|| kind.to_owned()),
            shape,
            strides: (!ordered).then_some(strides),
            range: start..whole.end,
        })
    }
}

/// Refuses marks beside a tensor that change its numbers: whether they are negated or conjugated.
fn unmarked(pickle: &Pickle<'_>, rest: &[Id]) -> Result<(), String> {
    match rest.first().map(|marks| pickle.get(*marks)) {
        None | Some(Object::None) => Ok(()),
        Some(Object::Dict(marks)) if marks.iter().all(|(_, on)| matches!(pickle.get(*on), Object::Bool(false))) => {
            Ok(())
        }
        Some(_) => Err("expected plain numbers, got negated or conjugated ones".into()),
    }
}

/// Whether numbers with these strides lie in the order of the shape. The stride of a single step has no meaning.
fn is_in_order(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1usize;
    for (length, stride) in shape.iter().zip(strides).rev() {
        if *length != 1 && *stride != expected {
            return false;
        }
        expected = expected.wrapping_mul(*length);
    }
    true
}
