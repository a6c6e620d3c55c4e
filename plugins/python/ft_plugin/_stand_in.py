"""What stands in for the host's tensors in a plugin's tests: plain arrays in single precision, whatever the dtype."""

from __future__ import annotations

import math
from array import array
from enum import Enum
from typing import Callable, Iterable, List


class Dtype(Enum):
    """How a tensor stores a number."""

    FP32 = 0
    """IEEE 754 single precision."""
    FP16 = 1
    """IEEE 754 half precision."""
    BF16 = 2
    """bfloat16."""


class Tensor:
    """The operations of the host's tensor. Two numbers of single precision are combined in double precision and rounded
    back, which gives the same result as single precision throughout."""

    def __init__(self, shape: List[int], dtype: Dtype, values: Iterable[float]):
        self._shape, self._dtype, self._values = list(shape), dtype, array("f", values)

    @classmethod
    def from_values(cls, shape: List[int], dtype: Dtype, values: List[float]) -> Tensor:
        assert math.prod(shape) == len(values), f"from-values: the shape {shape} does not hold {len(values)} numbers"
        return cls(shape, dtype, values)

    @classmethod
    def concat(cls, tensors: List[Tensor], dim: int) -> Tensor:
        assert tensors, "concat: no tensors"
        first = tensors[0]
        rest = lambda tensor: (tensor._dtype, tensor._shape[:dim], tensor._shape[dim + 1 :])
        assert all(rest(tensor) == rest(first) for tensor in tensors), "concat: shapes or dtypes differ"
        shape = [*first._shape[:dim], sum(tensor._shape[dim] for tensor in tensors), *first._shape[dim + 1 :]]
        values, outer = array("f"), math.prod(first._shape[:dim])
        for index in range(outer):
            for tensor in tensors:
                block = len(tensor._values) // outer
                values.extend(tensor._values[index * block : (index + 1) * block])
        return cls(shape, first._dtype, values)

    def shape(self) -> List[int]:
        return list(self._shape)

    def dtype(self) -> Dtype:
        return self._dtype

    def clone(self) -> Tensor:
        return Tensor(self._shape, self._dtype, self._values)

    def zeros_like(self) -> Tensor:
        return self._map(lambda value: 0.0)

    def add_scaled(self, other: Tensor, factor: float) -> Tensor:
        factor = _single(factor)
        return self._zip("add-scaled", other, lambda a, b: a + _single(factor * b))

    def scale(self, factor: float) -> Tensor:
        factor = _single(factor)
        return self._map(lambda value: value * factor)

    def shift(self, term: float) -> Tensor:
        term = _single(term)
        return self._map(lambda value: value + term)

    def mul(self, other: Tensor) -> Tensor:
        return self._zip("mul", other, lambda a, b: a * b)

    def div(self, other: Tensor) -> Tensor:
        return self._zip("div", other, _divide)

    def sqrt(self) -> Tensor:
        return self._map(lambda value: math.sqrt(value) if value >= 0.0 else math.nan)

    def sign(self) -> Tensor:
        return self._map(lambda value: value if value == 0.0 or math.isnan(value) else math.copysign(1.0, value))

    def norm(self) -> float:
        return math.sqrt(self.dot(self))

    def dot(self, other: Tensor) -> float:
        self._check("dot", other)
        return sum((a * b for a, b in zip(self._values, other._values)), 0.0)

    def narrow(self, dim: int, start: int, length: int) -> Tensor:
        assert start + length <= self._shape[dim], f"narrow: {start} + {length} is outside of {self._shape}"
        inner = math.prod(self._shape[dim + 1 :])
        values = array("f")
        for row in range(0, len(self._values), self._shape[dim] * inner):
            values.extend(self._values[row + start * inner : row + (start + length) * inner])
        return Tensor([*self._shape[:dim], length, *self._shape[dim + 1 :]], self._dtype, values)

    def perturbed(self, seed: int, scale: float) -> Tensor:
        numbers = enumerate(self._values)
        return Tensor(self._shape, self._dtype, (value + _single(scale * _normal(seed, index)) for index, value in numbers))

    def read_with_copy(self) -> List[float]:
        return self._values.tolist()

    def _map(self, function: Callable[[float], float]) -> Tensor:
        return Tensor(self._shape, self._dtype, map(function, self._values))

    def _zip(self, operation: str, other: Tensor, function: Callable[[float, float], float]) -> Tensor:
        self._check(operation, other)
        return Tensor(self._shape, self._dtype, map(function, self._values, other._values))

    def _check(self, operation: str, other: Tensor) -> None:
        same = (self._shape, self._dtype) == (other._shape, other._dtype)
        assert same, f"{operation}: shapes or dtypes differ"


def _normal(seed: int, index: int) -> float:
    """The standard normal number at a place in the sequence of a seed (Box & Muller 1958)."""
    radius, angle = (_uniform(_mixed(_mixed(seed) + 2 * index + place)) for place in range(2))
    return math.sqrt(-2.0 * math.log(radius)) * math.cos(math.tau * angle)


def _uniform(bits: int) -> float:
    """The upper 53 bits as a number above 0 and up to 1."""
    return ((bits >> 11) + 1) / 2.0**53


def _mixed(number: int) -> int:
    """SplitMix64's output function (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014)."""
    z = (number + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def _single(value: float) -> float:
    return array("f", [value])[0]


def _divide(a: float, b: float) -> float:
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
