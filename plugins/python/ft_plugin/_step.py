"""A step as an optimizer sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import List, Sequence

from . import log
from ._question import Demonstration, Examples, Gradient, Objective, Positions
from ._tensor import Tensor


class SlotKind(Enum):
    """Which of a layer's two matrices a slot is."""

    KEY = 0
    """The keys."""
    VALUE = 1
    """The values."""


@dataclass
class Slot:
    """One key or value matrix of one layer of the cache."""

    layer: int
    """The layer, from 0."""
    kind: SlotKind
    """Keys or values."""
    matrix: Tensor
    """The matrix in the current cache, `C` of step - 1, shape `[kv_heads, positions, head_dim]`."""


@dataclass
class Proposal:
    """One key or value matrix of one layer: what it is, and what a pass over the demonstrations behind the current cache
    proposes."""

    layer: int
    """The layer, from 0."""
    kind: SlotKind
    """Keys or values."""
    previous: Tensor
    """The matrix in the current cache, `C` of step - 1, shape `[kv_heads, positions, head_dim]`."""
    proposed: Tensor
    """The matrix that this step's pass produced, `P` of this step, of the same shape."""


class Step:
    """One step of the method: the current cache, and what the model makes of it or of any other cache of the same shape.

    Whatever is asked is computed by the host when it is asked for, and stays on its device. A question costs passes of the
    model, of which a step has a limited number (`passes_left`): a proposal and a likelihood one each, a gradient two, since
    it runs forward and back. A plugin that asks for more is ended, as one is that asks about a cache whose matrices are not
    one for each slot, of the slots' shapes and dtypes.

    In an optimizer of `selected`, the cache is the part of it that moves, here as everywhere; positions count from the first
    that moves.

    A step is lent for the call and cannot be kept.
    """

    @property
    def number(self) -> int:
        """The step's number: it counts up from 2, since step 1 is the plain pass that makes the first cache."""
        raise NotImplementedError

    @property
    def seed(self) -> int:
        """A number for all that is random in this step; it follows from the run's seed and the step."""
        raise NotImplementedError

    @property
    def held_out_rows(self) -> int:
        """How many rows the run has set aside to select the step by, for `Examples.HELD_OUT`; 0 without such rows."""
        raise NotImplementedError

    @property
    def passes_left(self) -> int:
        """How many passes may still be asked for in this step."""
        raise NotImplementedError

    def slots(self) -> List[Slot]:
        """The current cache: all slots of all layers, in the order layer 0 key, layer 0 value, layer 1 key, and so on."""
        raise NotImplementedError

    def cache(self) -> List[Tensor]:
        """The matrices of `slots` alone, to ask about."""
        return [slot.matrix for slot in self.slots()]

    def demonstrations(self) -> List[Demonstration]:
        """Where the demonstrations stand in the cache, in the order in which they are shown."""
        raise NotImplementedError

    def unseen_demonstrations(self) -> Examples:
        """The demonstrations as the model has not seen them: `Examples.LEAVE_ONE_OUT` where there are two or more. A single one
        cannot be left out: then `Examples.DEMONSTRATIONS`, which the user is told in the first step."""
        if len(self.demonstrations()) != 1:
            return Examples.LEAVE_ONE_OUT
        if self.number == 2:
            log.info("a single demonstration cannot be left out: its answer is predicted behind the whole cache")
        return Examples.DEMONSTRATIONS

    def proposal(self) -> List[Proposal]:
        """What the published method moves the cache towards (arXiv 2305.13016, section 3): for each slot the current matrix,
        and that of the plain pass over the demonstrations behind the current cache. The pass runs once, however often this is
        called."""
        slots = self.slots()
        proposed = self.propose([slot.matrix for slot in slots])
        return [Proposal(slot.layer, slot.kind, slot.matrix, matrix) for slot, matrix in zip(slots, proposed)]

    def propose(
        self,
        cache: Sequence[Tensor],
        positions: Positions = Positions.CONFIGURED,
        hidden: Sequence[range] = (),
        order: Sequence[int] = (),
    ) -> List[Tensor]:
        """The keys and values of a pass over the demonstrations behind a cache, in the slots' order.

        No token of the pass sees the positions in `hidden`, which are ranges of step 1. `order` has the demonstrations in the
        order in which the pass reads them, as indices, each exactly once; empty for the order of the cache. What the pass
        gives stands in the order of the cache all the same, rotary keys turned to their places there."""
        raise NotImplementedError

    def likelihood(self, cache: Sequence[Tensor], examples: Examples, objective: Objective) -> List[float]:
        """The log-likelihood of each example behind a cache, in nats; `Unsupported` if there are no such examples in this
        run."""
        raise NotImplementedError

    def gradient(
        self,
        cache: Sequence[Tensor],
        examples: Examples,
        objective: Objective,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> Gradient:
        """The gradient of the negative mean likelihood with respect to every slot, at a cache; `Unsupported` if there are no
        such examples in this run.

        Of the positions that an example sees, each is left out with the probability `dropout`, from 0 to below 1, drawn by
        `seed` for each example anew; position 0 of the cache is never left out (Context Tuning, arXiv 2507.04221, token
        dropout)."""
        raise NotImplementedError


def spans(hidden: Sequence[range]) -> List[range]:
    """Positions to hide, once they are known to be ranges of step 1; without the empty ones, which hide nothing."""
    for span in hidden:
        if not isinstance(span, range) or span.step != 1:
            raise ValueError(f"`hidden`: expected ranges of step 1, got {span!r}")
    return [span for span in hidden if span]
