//! What long work says of itself while it goes on.

/// Told of downloads and other long work. The layer that prints implements it; nothing below prints.
///
/// The calls come from the thread that does the work, in order.
pub trait Progress {
    /// A piece of work begins: `what` in a few words, and its size in bytes where that is known. It ends any piece
    /// before.
    fn start(&self, what: &str, total: Option<u64>);
    /// So many bytes more are done.
    fn advance(&self, bytes: u64);
    /// Something that the user may want to know, on one line.
    fn note(&self, message: &str);
}

/// Progress that is shown nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn note(&self, _message: &str) {}
}
