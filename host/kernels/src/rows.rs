//! Matrices in memory, a row after the other.

/// A matrix whose rows lie `stride` numbers apart.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    data: &'a [f32],
    count: usize,
    width: usize,
    stride: usize,
}

/// A matrix to be written, whose rows lie `stride` numbers apart.
#[derive(Debug)]
pub struct RowsMut<'a> {
    data: &'a mut [f32],
    count: usize,
    width: usize,
    stride: usize,
}

/// A stride for rows of `width` numbers. Rows that lie a large power of two apart fall into few sets of a processor's
/// cache, and a product reads a dozen rows at a time.
pub fn padded(width: usize) -> usize {
    let stride = width.next_multiple_of(16);
    if stride.is_multiple_of(256) { stride + 16 } else { stride }
}

/// Bytes of `count` rows of `width` numbers at the stride of [`padded`].
pub fn padded_bytes(count: usize, width: usize) -> u64 {
    (count as u64).saturating_mul((padded(width) * size_of::<f32>()) as u64)
}

fn check(length: usize, count: usize, width: usize, stride: usize) {
    assert!(width <= stride, "rows of {width} numbers overlap where they lie {stride} apart");
    assert!(count == 0 || (count - 1) * stride + width <= length, "{count} rows reach beyond {length} numbers");
}

impl<'a> Rows<'a> {
    /// A matrix `[count, width]` in `data`, its rows `stride` numbers apart.
    ///
    /// # Panics
    /// If they reach beyond the slice or overlap.
    pub fn new(data: &'a [f32], count: usize, width: usize, stride: usize) -> Self {
        check(data.len(), count, width, stride);
        Self { data, count, width, stride }
    }

    /// The number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Numbers from the beginning of a row to that of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The numbers of one row, counted from 0.
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.data[index * self.stride..][..self.width]
    }

    pub(super) fn as_ptr(&self) -> *const f32 {
        self.data.as_ptr()
    }
}

impl<'a> RowsMut<'a> {
    /// A matrix `[count, width]` in `data`, its rows `stride` numbers apart.
    ///
    /// # Panics
    /// If they reach beyond the slice or overlap.
    pub fn new(data: &'a mut [f32], count: usize, width: usize, stride: usize) -> Self {
        check(data.len(), count, width, stride);
        Self { data, count, width, stride }
    }

    /// The number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Numbers from the beginning of a row to that of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data.as_mut_ptr()
    }
}
