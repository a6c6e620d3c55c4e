//! FP8 weights with their scales: every stored number times the scale of its matrix, row or block.

use candle_core::{DType, Device, Tensor};

use super::{Arrays, ModelError, TensorSource, placed};
use crate::model::floats::floats;

/// The part of a matrix that shares a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleForm {
    /// The whole matrix.
    Tensor,
    /// A row, which makes one output.
    Channel,
    /// So many rows and columns.
    Block {
        /// Rows that share a scale.
        rows: usize,
        /// Columns that share a scale.
        columns: usize,
    },
}

/// How a checkpoint's FP8 weights are scaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fp8 {
    /// The forms of scales that its description names.
    pub forms: Vec<ScaleForm>,
}

/// What follows a matrix's name in that of its scales. Both are factors, whatever the first is called.
const ENDINGS: [&str; 2] = ["_scale_inv", "_scale"];

/// A checkpoint with FP8 weights, as the weights that they stand for. Tensors in other number formats stay as they are.
pub struct Scaled {
    arrays: Arrays,
    fp8: Fp8,
}

/// A matrix's scales.
struct Scales {
    name: String,
    shape: Vec<usize>,
    /// Rows and columns that share one.
    block: [usize; 2],
}

impl Scaled {
    /// A view of `arrays` in which FP8 matrices are multiplied with their scales.
    pub fn new(arrays: Arrays, fp8: Fp8) -> Self {
        Self { arrays, fp8 }
    }

    /// The scales of a tensor that is FP8.
    fn scales(&self, name: &str) -> Result<Option<Scales>, ModelError> {
        if !self.arrays.number(name).is_some_and(|number| number.is_fp8()) {
            return Ok(None);
        }
        let malformed = |reason: String| {
            Err(ModelError::Malformed { file: self.file().into(), format: "an FP8 checkpoint", reason })
        };
        let names: Vec<String> = self.scale_names(name);
        let [scales] = names.as_slice() else {
            let [one, other] = ENDINGS.map(|ending| format!("{name}{ending}"));
            return malformed(format!(
                "expected `{one}` or `{other}` beside `{name}`, got {}",
                ["neither", "both"][names.len() / 2]
            ));
        };
        let (weights, shape) = (self.shape(name).unwrap_or_default(), self.shape(scales).unwrap_or_default());
        let [rows, columns] = *weights else {
            return malformed(format!("expected a matrix in FP8, got `{name}` of shape {weights:?}"));
        };
        let blocks = self.fp8.forms.iter().map(|form| match *form {
            ScaleForm::Tensor => [rows, columns],
            ScaleForm::Channel => [1, columns],
            ScaleForm::Block { rows, columns } => [rows, columns],
        });
        // Scales of rows or of the whole may be stored with or without dimensions of length 1.
        let fits = |block: &[usize; 2]| {
            let expected = [rows.div_ceil(block[0].max(1)), columns.div_ceil(block[1].max(1))];
            shape == expected
                || (expected[1] == 1 && (shape == [expected[0]] || (expected[0] == 1 && shape.is_empty())))
        };
        match blocks.clone().find(fits) {
            Some(block) => Ok(Some(Scales { name: scales.clone(), shape: shape.to_vec(), block })),
            None => {
                let blocks: Vec<_> = blocks.map(|[rows, columns]| format!("{rows} x {columns}")).collect();
                malformed(format!(
                    "expected one scale for each {} numbers of `{name}` of shape {weights:?}, got `{scales}` of shape {shape:?}",
                    blocks.join(" or ")
                ))
            }
        }
    }

    fn scale_names(&self, name: &str) -> Vec<String> {
        ENDINGS.iter().map(|ending| format!("{name}{ending}")).filter(|scales| self.contains(scales)).collect()
    }
}

impl TensorSource for Scaled {
    fn file(&self) -> &str {
        self.arrays.file()
    }

    fn names(&self) -> Vec<&str> {
        self.arrays.names()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.arrays.shape(name)
    }

    fn made_of(&self, name: &str) -> Vec<String> {
        let fp8 = self.arrays.number(name).is_some_and(|number| number.is_fp8());
        let scales = if fp8 { self.scale_names(name) } else { Vec::new() };
        std::iter::once(name.to_owned()).chain(scales).collect()
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        self.arrays.check(name, shape)?;
        match self.scales(name)? {
            Some(scales) => self.arrays.check(&scales.name, &scales.shape),
            None => Ok(()),
        }
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        self.check(name, shape)?;
        let Some(Scales { name: scales, shape: of_scales, block: [rows, columns] }) = self.scales(name)? else {
            return self.arrays.tensor(name, shape, dtype, device);
        };
        let scales = self.arrays.stored(&scales, &of_scales)?.to_dtype(DType::F32)?;
        let scales = floats(&scales)?;
        let width = shape.last().copied().unwrap_or(0).max(1);
        let mut numbers = self.arrays.stored(name, shape)?.flatten_all()?.to_vec1::<f32>()?;
        let across = width.div_ceil(columns.max(1));
        for (row, numbers) in numbers.chunks_mut(width).enumerate() {
            let scales = scales.get(row / rows.max(1) * across..).unwrap_or_default();
            for (numbers, scale) in numbers.chunks_mut(columns.max(1)).zip(scales) {
                numbers.iter_mut().for_each(|number| *number *= scale);
            }
        }
        placed(name, self.file(), &Tensor::from_vec(numbers, shape, &Device::Cpu)?, dtype, device)
    }
}
