//! A step's proposal: computed when it is first asked for, and only once.

use candle_core::Tensor;

use crate::model::{KvCache, ModelError};

/// What a pass over the demonstrations gives.
pub(super) struct Proposal {
    /// The demonstrations' keys and values.
    pub(super) cache: KvCache,
    /// The final hidden state of their last token, `[1, embedding]`.
    pub(super) last_hidden: Tensor,
}

/// A proposal that `pass` makes when somebody asks.
pub(super) struct Memo<F> {
    pass: F,
    proposal: Option<Proposal>,
}

impl<F: FnMut() -> Result<Proposal, ModelError>> Memo<F> {
    /// Nobody has asked so far.
    pub(super) fn new(pass: F) -> Self {
        Self { pass, proposal: None }
    }

    /// The proposal.
    ///
    /// # Errors
    /// What the pass fails with.
    pub(super) fn value(&mut self) -> Result<&Proposal, ModelError> {
        let proposal = self.proposal.take().map_or_else(&mut self.pass, Ok)?;
        Ok(self.proposal.insert(proposal))
    }

    /// The proposal, whether it was asked for or not.
    ///
    /// # Errors
    /// What the pass fails with.
    pub(super) fn into_value(mut self) -> Result<Proposal, ModelError> {
        self.proposal.map_or_else(|| (self.pass)(), Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use candle_core::Device;

    use super::*;

    /// Asks so many times, and gives how often the pass ran.
    fn passes(asked: usize) -> usize {
        let count = Cell::new(0);
        let mut memo = Memo::new(|| {
            count.set(count.get() + 1);
            let last_hidden = Tensor::new(&[[count.get() as f32]], &Device::Cpu)?;
            Ok(Proposal { cache: KvCache::default(), last_hidden })
        });
        let number = |proposal: &Proposal| proposal.last_hidden.to_vec2::<f32>().unwrap()[0][0];
        for _ in 0..asked {
            assert_eq!(number(memo.value().unwrap()), 1.0);
        }
        assert_eq!(number(&memo.into_value().unwrap()), 1.0);
        count.get()
    }

    #[test]
    fn the_pass_runs_once_however_often_it_is_asked_for() {
        assert_eq!([0, 1, 2, 3].map(passes), [1; 4]);
    }

    #[test]
    fn a_pass_that_failed_gives_no_proposal() {
        let mut memo = Memo::new(|| Err(ModelError::NotFinitePass { layer: None }));
        assert!(matches!(memo.value(), Err(ModelError::NotFinitePass { .. })));
        assert!(matches!(memo.into_value(), Err(ModelError::NotFinitePass { .. })));
    }
}
