"""What a meta-optimizer is: a rule that moves the key/value cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

from ._description import Description
from ._options import Options
from ._step import Step
from ._tensor import Tensor


@dataclass
class Update:
    """What a step makes of the cache."""

    cache: Sequence[Tensor]
    """The new matrices, one for each slot, in the order of the slots, of the same shapes and dtypes."""
    converged: bool = False
    """Whether the optimizer has converged, so that further steps are not useful."""
    loss: Optional[float] = None
    """What the optimizer minimised, at the cache before the step, for the trace; `None` if it minimises nothing that it
    knows."""
    accepted: Optional[bool] = None
    """Whether the optimizer took the update that it tried, or kept the cache; `None` if it does not try."""


class MetaOptimizer:
    """A rule that moves the cache. One value serves one run over one cache and may keep state between steps.
    The module's documentation has a complete one."""

    description: Description
    """What the rule is and which options it takes. Every rule has one."""

    def __init__(self, options: Options):
        """Starts afresh. `options` has a value for every option of the description."""

    def step(self, step: Step) -> Update:
        """Updates the whole cache, after whatever it asks of the step.

        What a tensor holds on the device goes with the last variable that has it. Tensors that the rule makes or keeps
        count against its tensor budget; what it is handed does not, until it is kept beyond the step."""
        raise NotImplementedError
