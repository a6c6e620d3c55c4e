//! How a child process says what came of compiling: its exit status.

/// How a child ends that finds fault with the component; its words say which. No other program's end is taken for it:
/// clap's is 2, a panic's 101.
pub(crate) const REFUSED: i32 = 20;

/// How a child ends that was refused memory.
pub(crate) const OUT_OF_MEMORY: i32 = 21;

/// How a child ends that could not begin, or not hand over the code, whatever the component is.
pub(crate) const NOT_ABLE: i32 = 22;
