//! What computes a pass back: from the derivative of a loss with respect to the final states to that with respect to the keys
//! and values that the pass found before it.

use candle_core::{Result, Tensor};

use super::super::cache::LayerCache;
use super::super::config::Activation;
use super::{Attention, Backend, Head, Linear, Norm};

/// Operations of a pass back over a backend's weights and states. `d` is the derivative of the loss with respect to the result
/// of the operation of the same name forward. States of derivatives are f32 whatever the number format of the weights: most
/// are too small for half precision.
pub(in super::super) trait Backward: Backend {
    /// Derivatives `[rows, width]` from a tensor.
    fn derivatives(&self, d: &Tensor, work: &mut Self::Workspace) -> Result<Self::HiddenStates>;

    /// `count` rows, of which those that [`Backend::retain_rows`] would take are `d`'s, in order, and all others 0.
    fn spread_rows(
        &self,
        d: Self::HiddenStates,
        rows: &[usize],
        count: usize,
        work: &mut Self::Workspace,
    ) -> Result<Self::HiddenStates>;

    /// With respect to the input of [`Backend::linear`]: `d W`.
    fn linear_back(
        &self,
        linear: &Linear<Self>,
        d: &Self::HiddenStates,
        work: &mut Self::Workspace,
    ) -> Result<Self::HiddenStates>;

    /// With respect to the input `x` of [`Backend::norm`].
    fn norm_back(
        &self,
        norm: &Norm<Self>,
        x: &Self::HiddenStates,
        d: &Self::HiddenStates,
        work: &mut Self::Workspace,
    ) -> Result<Self::HiddenStates>;

    /// With respect to the input `x` of [`Backend::activate`], as wide as that.
    fn activate_back(
        &self,
        x: &Self::HiddenStates,
        activation: Activation,
        gated: bool,
        d: &Self::HiddenStates,
        work: &mut Self::Workspace,
    ) -> Result<Self::HiddenStates>;

    /// With respect to the input `qkv` of [`Backend::attend`], and to the past's keys and values (f32, of the past's shapes).
    /// Scores are computed again, some rows at a time, so that the memory does not grow with their number.
    fn attend_back(
        &self,
        attention: &Attention<Self>,
        qkv: &Self::HiddenStates,
        plan: &Self::BatchPlan,
        past: &LayerCache,
        d: Self::HiddenStates,
        work: &mut Self::Workspace,
    ) -> Result<(Self::HiddenStates, LayerCache)>;

    /// With respect to the states `[rows, embedding]` of [`Backend::logits`], from logits `[rows, vocabulary]` as that gives them
    /// and the derivative with respect to them, both f32.
    fn logits_back(&self, head: &Head<Self>, logits: &Tensor, d: &Tensor) -> Result<Tensor>;
}
