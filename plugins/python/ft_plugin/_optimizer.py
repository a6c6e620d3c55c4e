"""What a meta-optimizer is: a rule that moves the key/value cache."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import List, Sequence

from ._description import Description
from ._options import Options
from ._tensor import Tensor


class SlotKind(Enum):
    """Which of a layer's two matrices a slot is."""

    KEY = 0
    """The keys."""
    VALUE = 1
    """The values."""


@dataclass
class Slot:
    """One key or value matrix of one layer: what it was, and what a pass over the demonstrations proposes."""

    layer: int
    """The layer, from 0."""
    kind: SlotKind
    """Keys or values."""
    previous: Tensor
    """The matrix in the cache so far, `C` of step - 1, shape `[kv_heads, positions, head_dim]`."""
    proposed: Tensor
    """The matrix that this step's pass produced, `P` of this step, of the same shape."""


@dataclass
class Update:
    """What a step makes of the cache."""

    cache: Sequence[Tensor]
    """The new matrices, one for each slot, in the order of the slots, of the same shapes and dtypes."""
    converged: bool = False
    """Whether the rule is at its fixed point, so that further steps change nothing of note."""


class MetaOptimizer:
    """A rule that moves the cache. One value serves one run over one cache and may keep state between steps.
    The module's documentation has a complete one."""

    description: Description
    """What the rule is and which options it takes. Every rule has one."""

    def __init__(self, options: Options):
        """Starts afresh. `options` has a value for every option of the description."""

    def step(self, step: int, slots: List[Slot]) -> Update:
        """Updates the whole cache. `step` counts up from 2, since step 1 is the plain pass that makes the first cache.
        The slots of all layers come at once, in the order layer 0 key, layer 0 value, layer 1 key, and so on.

        What a tensor holds on the device goes with the last variable that has it. Tensors that the rule makes or keeps
        count against its tensor budget; what it is handed does not, until it is kept beyond the step."""
        raise NotImplementedError
