//! Tensors as a plugin works on them: shapes checked, results counted, operations in chunks.

pub(crate) mod chunked_ops;
pub(crate) mod operation;
pub(crate) mod question_check;
pub(crate) mod random;
pub(crate) mod shape_check;
