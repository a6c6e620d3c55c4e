//! Where a file of plain numbers has each tensor.

use std::ops::Range;

use super::number::Number;

/// Where a tensor's numbers lie within its file.
pub(super) struct Array {
    /// The number format, or its name where no weight has it: a file may hold masks that nobody asks for.
    pub number: Result<Number, String>,
    /// The tensor's shape, the outermost dimension first.
    pub shape: Vec<usize>,
    /// Steps between neighbours, in numbers, where they do not lie in the order of the shape.
    pub strides: Option<Vec<usize>>,
    /// The bytes, from the first number on.
    pub range: Range<usize>,
}

/// The tensors of one file.
pub(super) type Named = Vec<(String, Array)>;

/// Numbers of `size` bytes copied into the order of the shape; `None` if one lies outside of the bytes.
pub(super) fn in_order(bytes: &[u8], size: usize, shape: &[usize], strides: &[usize]) -> Option<Vec<u8>> {
    let count: usize = shape.iter().product();
    let mut ordered = Vec::with_capacity(count * size);
    for index in 0..count {
        let (mut rest, mut place) = (index, 0usize);
        for (length, stride) in shape.iter().zip(strides).rev() {
            place = (rest % length).checked_mul(*stride)?.checked_add(place)?;
            rest /= length;
        }
        let start = place.checked_mul(size)?;
        ordered.extend_from_slice(bytes.get(start..start.checked_add(size)?)?);
    }
    Some(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_numbers_are_put_in_order() {
        assert_eq!(in_order(&[0, 1, 2, 3, 4, 5], 1, &[2, 3], &[1, 2]).unwrap(), [0, 2, 4, 1, 3, 5]);
        assert_eq!(in_order(&[0, 1, 2, 3, 4], 1, &[2, 3], &[1, 2]), None);
    }
}
