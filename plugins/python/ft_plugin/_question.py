"""What an optimizer asks the model in a step, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import List

from ._tensor import Tensor


@dataclass
class Demonstration:
    """Where a demonstration stands in the cache. The demonstrations stand side by side in the order in which they are
    shown; a description, and tokens that the model expects before a text, stand before the first."""

    tokens: range
    """The positions of its tokens, with the separator behind it."""
    answer: range
    """The positions of its answer's tokens, a part of `tokens`."""


class Positions(Enum):
    """Which position ids a pass over the demonstrations, of L tokens, has."""

    CONFIGURED = 0
    """As the run is configured (`--positions`)."""
    CONTINUE = 1
    """L..2L-1, as if the demonstrations stood there a second time; the published method."""
    RESTART = 2
    """0..L-1, so that a rotary key keeps its angle."""


class Examples(Enum):
    """Which examples a likelihood is of. All are queries behind the cache, as those of the evaluation are."""

    LEAVE_ONE_OUT = 0
    """Every demonstration, behind the cache without its own positions, which it does not see. Needs two
    demonstrations."""
    DEMONSTRATIONS = 1
    """Every demonstration, behind the whole cache, where its own answer stands too."""
    HELD_OUT = 2
    """The rows that the run has set aside to select the step by; `Step.held_out_rows` says how many there are."""


class Objective(Enum):
    """What of an example is likely."""

    ANSWER = 0
    """The tokens of the right answer: the mean of their log-probabilities."""
    CHOICE = 1
    """The right choice among the choices: the log of the softmax over the choices' log-likelihoods, at the right one."""


@dataclass
class Gradient:
    """The gradient of a loss with respect to the cache. It points to where the loss grows: subtract it."""

    loss: float
    """The loss: the mean over the examples of their negative log-likelihoods, in nats."""
    likelihoods: List[float]
    """The log-likelihood of each example, in nats."""
    slots: List[Tensor]
    """The derivative of the loss with respect to each slot, in the slots' order, shapes and dtypes."""
