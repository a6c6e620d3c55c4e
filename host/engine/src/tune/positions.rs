//! Where a pass over the demonstrations stands once there is a cache of them.

use std::fmt;
use std::str::FromStr;

/// Which position ids a pass over the demonstrations, of L tokens, has once there is a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// L..2L-1, as if the demonstrations stood there a second time; the published method.
    Continue,
    /// 0..L-1, so that a rotary key keeps its angle from step to step.
    Restart,
}

impl Positions {
    /// Both policies, the default first.
    pub const ALL: [Positions; 2] = [Positions::Continue, Positions::Restart];

    /// The word for it on the command line and in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Positions::Continue => "continue",
            Positions::Restart => "restart",
        }
    }

    /// The position id of the demonstrations' first token in a pass behind their own cache.
    pub(super) fn first(self, demonstrations: usize) -> usize {
        match self {
            Self::Continue => demonstrations,
            Self::Restart => 0,
        }
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Positions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Positions::ALL.into_iter().find(|positions| positions.as_str() == text);
        found.ok_or_else(|| {
            format!("expected one of {}, got `{text}`", Positions::ALL.map(Positions::as_str).join(", "))
        })
    }
}
