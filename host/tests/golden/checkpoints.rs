//! PyTorch's checkpoints of every pickle protocol and form; `data/pickles/make.py` made them and what PyTorch reads of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use ft_engine::model::weights::TensorSource;
use ft_host::run::open_weights;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pickles").join(name)
}

type Expected = BTreeMap<String, BTreeMap<String, (Vec<usize>, Vec<f64>)>>;

#[test]
fn tensors_are_those_that_pytorch_reads() {
    let expected: Expected = serde_json::from_slice(&std::fs::read(path("expected.json")).unwrap()).unwrap();
    assert_eq!(expected.len(), 11);
    for (file, tensors) in expected {
        let source = open_weights(&[path(&file)]).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut names = source.names();
        names.sort_unstable();
        assert_eq!(names, tensors.keys().map(String::as_str).collect::<Vec<_>>(), "{file}");
        for (name, (shape, numbers)) in tensors {
            let read = source.tensor(&name, &shape, DType::F64, &Device::Cpu).unwrap();
            assert_eq!(read.flatten_all().unwrap().to_vec1::<f64>().unwrap(), numbers, "{file}: {name}");
        }
    }
}

#[test]
fn what_is_no_dictionary_of_dense_tensors_is_told_as_what_it_is() {
    for (file, expected) in [
        (
            "two.bin",
            "expected tensors in the dictionary itself or in one of its entries `state_dict`, `model_state_dict`, \
             `model`, `module`, got them within `model`, `state_dict`",
        ),
        (
            "other.bin",
            "expected tensors in the dictionary itself or in one of its entries `state_dict`, `model_state_dict`, \
             `model`, `module`, got them within `generator`, `critic`",
        ),
        ("none.bin", "expected a dictionary of tensors, got one with entries `epoch`, `loss` and no tensors"),
        ("mixed.bin", "expected tensors alone, got entry `optimizer` among them, which holds others"),
        (
            "module.bin",
            "expected a dictionary of tensors, as `torch.save(model.state_dict(), FILE)` makes, got an object of class \
             `torch.nn.modules.linear.Linear`",
        ),
        ("list.bin", "expected a dictionary of tensors, got something else"),
        ("sparse.bin", "tensor `s`: expected a dense tensor, got one made by `torch._utils._rebuild_sparse_tensor`"),
        ("quantized.bin", "tensor `q`: expected a dense tensor, got one made by `torch._utils._rebuild_qtensor`"),
        ("negated.bin", "tensor `n`: expected plain numbers, got negated or conjugated ones"),
        ("numpy.bin", "tensor `a`: expected a tensor, got an array of NumPy"),
        ("script.bin", "expected the tensors alone, got a TorchScript archive (`torch.jit.save`)"),
        ("big.bin", "expected little-endian numbers, got big-endian ones"),
        ("tar.bin", "expected a checkpoint of PyTorch 0.1.10 or later, got a tar archive"),
    ] {
        let error = open_weights(&[path(file)]).err().expect(file).to_string();
        let begins = format!("`{}` cannot be read as a PyTorch checkpoint: ", path(file).display());
        assert!(error.strip_prefix(&begins).is_some_and(|reason| reason.starts_with(expected)), "{file}: {error}");
    }
}
