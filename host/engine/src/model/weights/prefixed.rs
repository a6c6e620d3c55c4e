//! Tensors by their names with or without a prefix, or behind a training program's wrapper.

use std::borrow::Cow;

use candle_core::{DType, Device, Tensor};

use super::{ModelError, TensorSource};

/// Finds a tensor by its name with or without a prefix: a checkpoint saved from a model without its head lacks the
/// prefix (`h.0.ln_1.weight` for `transformer.h.0.ln_1.weight`), one saved from a larger model has it everywhere.
pub(crate) struct Prefixed<'a> {
    source: &'a dyn TensorSource,
    prefix: &'a str,
}

impl<'a> Prefixed<'a> {
    /// A view of `source` in which a tensor is found with `prefix` before its name or without it.
    pub(crate) fn new(source: &'a dyn TensorSource, prefix: &'a str) -> Self {
        Self { source, prefix }
    }

    /// The name in the file; the name asked for where the file has it neither with nor without the prefix.
    pub(crate) fn stored<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.source.contains(name) {
            return name.into();
        }
        let spellings = [name.strip_prefix(self.prefix).map(Cow::from), Some(format!("{}{name}", self.prefix).into())];
        spellings.into_iter().flatten().find(|name| self.source.contains(name)).unwrap_or(name.into())
    }
}

impl TensorSource for Prefixed<'_> {
    fn file(&self) -> &str {
        self.source.file()
    }

    fn names(&self) -> Vec<&str> {
        self.source.names()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.source.shape(&self.stored(name))
    }

    fn made_of(&self, name: &str) -> Vec<String> {
        self.source.made_of(&self.stored(name))
    }

    fn equal(&self, one: &str, other: &str, shape: &[usize]) -> Result<bool, ModelError> {
        self.source.equal(&self.stored(one), &self.stored(other), shape)
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        self.source.check(&self.stored(name), shape)
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        self.source.tensor(&self.stored(name), shape, dtype, device)
    }
}

/// What training programs put before every name: `torch.compile`, and modules that spread batches over devices.
const WRAPPERS: [&str; 2] = ["_orig_mod.", "module."];

/// Wrappers around each other that are taken off.
const MOST_WRAPPERS: usize = 8;

/// Tensors whose names all begin with what a training program's wrapper has put before them, under the names of the model
/// within.
pub struct Unwrapped {
    source: Box<dyn TensorSource>,
    wrapper: String,
}

impl Unwrapped {
    /// The view of a source whose names have wrappers in common, with these; the source itself where they have none.
    pub fn of(source: Box<dyn TensorSource>) -> (Box<dyn TensorSource>, Option<String>) {
        let mut wrapper = String::new();
        let names = source.names();
        let shared = |prefix: &str| !names.is_empty() && names.iter().all(|name| name.starts_with(prefix));
        for _ in 0..MOST_WRAPPERS {
            let longer = WRAPPERS.iter().map(|further| format!("{wrapper}{further}")).find(|longer| shared(longer));
            let Some(longer) = longer else { break };
            wrapper = longer;
        }
        if wrapper.is_empty() {
            return (source, None);
        }
        (Box::new(Self { source, wrapper: wrapper.clone() }), Some(wrapper))
    }

    fn stored(&self, name: &str) -> String {
        format!("{}{name}", self.wrapper)
    }
}

impl TensorSource for Unwrapped {
    fn file(&self) -> &str {
        self.source.file()
    }

    fn names(&self) -> Vec<&str> {
        self.source.names().into_iter().filter_map(|name| name.strip_prefix(&self.wrapper)).collect()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.source.shape(&self.stored(name))
    }

    fn made_of(&self, name: &str) -> Vec<String> {
        let stored = self.source.made_of(&self.stored(name));
        stored.iter().filter_map(|name| name.strip_prefix(&self.wrapper)).map(str::to_owned).collect()
    }

    fn equal(&self, one: &str, other: &str, shape: &[usize]) -> Result<bool, ModelError> {
        self.source.equal(&self.stored(one), &self.stored(other), shape)
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        self.source.check(&self.stored(name), shape)
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        self.source.tensor(&self.stored(name), shape, dtype, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows its names, and says by which it was asked.
    struct Names(&'static [&'static str]);

    impl TensorSource for Names {
        fn file(&self) -> &str {
            "names"
        }

        fn names(&self) -> Vec<&str> {
            self.0.to_vec()
        }

        fn shape(&self, name: &str) -> Option<&[usize]> {
            self.0.contains(&name).then_some(&[])
        }

        fn check(&self, name: &str, _: &[usize]) -> Result<(), ModelError> {
            Err(ModelError::MissingTensor { name: name.into(), file: "names".into() })
        }

        fn tensor(&self, name: &str, shape: &[usize], _: DType, _: &Device) -> Result<Tensor, ModelError> {
            self.check(name, shape)?;
            Ok(Tensor::zeros(shape, DType::F32, &Device::Cpu)?)
        }
    }

    #[test]
    fn a_name_is_found_in_either_form() {
        let names = Names(&["model.a", "b", "model.lm_head"]);
        let source = Prefixed::new(&names, "model.");
        let cases = [("model.a", "model.a"), ("model.b", "b"), ("lm_head", "model.lm_head"), ("model.c", "model.c")];
        for (asked, found) in cases {
            let error = source.tensor(asked, &[], DType::F32, &Device::Cpu).unwrap_err().to_string();
            assert_eq!(error, format!("tensor `{found}` is not in `names`"));
            assert_eq!(source.contains(asked), asked != "model.c");
        }
    }

    #[test]
    fn wrappers_that_all_names_have_are_taken_off() {
        let cases: [(&'static [&'static str], Option<&str>, &str); 6] = [
            (&["_orig_mod.model.a", "_orig_mod.b"], Some("_orig_mod."), "model.a"),
            (&["module._orig_mod.a", "module._orig_mod.b"], Some("module._orig_mod."), "a"),
            (&["module.module.a"], Some("module.module."), "a"),
            (&["module.a", "b"], None, "module.a"),
            (&["base_model.model.a"], None, "base_model.model.a"),
            (&[], None, ""),
        ];
        for (names, wrapper, first) in cases {
            let (source, found) = Unwrapped::of(Box::new(Names(names)));
            assert_eq!(found.as_deref(), wrapper, "{names:?}");
            assert_eq!(source.names().first().copied().unwrap_or_default(), first, "{names:?}");
            assert_eq!(source.contains(first), !names.is_empty(), "{names:?}");
            assert_eq!(source.made_of(first), [first], "{names:?}");
        }
        let (source, _) = Unwrapped::of(Box::new(Names(&["_orig_mod.a"])));
        let error = source.tensor("a", &[], DType::F32, &Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "tensor `_orig_mod.a` is not in `names`");
    }
}
