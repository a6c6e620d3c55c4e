//! What a task plugin answers: how it is checked, and how it is turned into the host's own types.

pub(crate) mod answer_check;
pub(crate) mod convert;
pub(crate) mod invalid_answer;
pub(crate) mod row_outcome;
pub(crate) mod subtask;
