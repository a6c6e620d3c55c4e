"""Tensors on the host's device."""

from __future__ import annotations

from typing import List, Sequence, Union

try:
    # Generated for a component of the world `optimizer-plugin`.
    from wit_world.imports import tensor as _host
except ImportError:
    from . import _stand_in as _host

Dtype = _host.Dtype
"""How a tensor stores a number: `Dtype.FP32`, `Dtype.FP16` or `Dtype.BF16`."""


class Tensor:
    """An immutable array of numbers on the host's device, held by a handle.

    Every operation makes a new tensor. None but `read_with_copy` and `from_values` moves numbers into or out of the
    plugin. Tensors that do not fit together (shape, dtype, range) end the plugin with a message of the host's, so there
    is no error to handle here.

    With another tensor, `+` and `-` are `add_scaled` by 1 and -1, `*` and `/` are `mul` and `div`. With a number, `+` and
    `-` are `shift`, `*` and `/` are `scale`. Each is one operation that rounds once; `add_scaled` saves one of them.

    In a plugin's tests in plain Python a stand-in with single precision takes the host's place.
    """

    __slots__ = ("_inner",)

    def __init__(self, inner: _host.Tensor):
        """For the SDK; `Tensor.from_values` is for plugins."""
        self._inner = inner

    @classmethod
    def from_values(cls, shape: Sequence[int], dtype: Dtype, values: Sequence[float]) -> Tensor:
        """A tensor from numbers of the plugin, copied out of its memory, rounded to `dtype`. Row-major order."""
        return cls(_host.Tensor.from_values(list(shape), dtype, [float(value) for value in values]))

    @classmethod
    def concat(cls, tensors: Sequence[Tensor], dim: int) -> Tensor:
        """Tensors joined along dimension `dim`; they agree in dtype and in all other dimensions."""
        return cls(_host.Tensor.concat([tensor._inner for tensor in tensors], dim))

    @property
    def shape(self) -> List[int]:
        """The length of each dimension; for a slot of the cache `[kv_heads, positions, head_dim]`."""
        return self._inner.shape()

    @property
    def dtype(self) -> Dtype:
        """How the numbers are stored."""
        return self._inner.dtype()

    def zeros_like(self) -> Tensor:
        """Zeros of this shape and dtype."""
        return Tensor(self._inner.zeros_like())

    def add_scaled(self, other: Tensor, factor: float) -> Tensor:
        """`self + factor * other`, element by element; equal shapes and dtypes."""
        return Tensor(self._inner.add_scaled(other._inner, float(factor)))

    def scale(self, factor: float) -> Tensor:
        """`factor * self`."""
        return Tensor(self._inner.scale(float(factor)))

    def shift(self, term: float) -> Tensor:
        """`self + term`, the same number added to every element."""
        return Tensor(self._inner.shift(float(term)))

    def mul(self, other: Tensor) -> Tensor:
        """`self * other`, element by element; equal shapes and dtypes."""
        return Tensor(self._inner.mul(other._inner))

    def div(self, other: Tensor) -> Tensor:
        """`self / other`, element by element; equal shapes and dtypes."""
        return Tensor(self._inner.div(other._inner))

    def sqrt(self) -> Tensor:
        """The square root of every element."""
        return Tensor(self._inner.sqrt())

    def sign(self) -> Tensor:
        """-1, 0 or 1 for every element."""
        return Tensor(self._inner.sign())

    def norm(self) -> float:
        """The Euclidean norm over all elements, summed in double precision."""
        return self._inner.norm()

    def dot(self, other: Tensor) -> float:
        """The sum of `self * other` over all elements, in double precision; equal shapes and dtypes."""
        return self._inner.dot(other._inner)

    def narrow(self, dim: int, start: int, length: int) -> Tensor:
        """The part `start .. start + length` of dimension `dim`."""
        return Tensor(self._inner.narrow(dim, start, length))

    def perturbed(self, seed: int, scale: float) -> Tensor:
        """`self + scale * z`, where every number of `z` is drawn from the standard normal distribution by `seed`: the same
        seed and shape give the same `z` on every machine and device. A direction is made again from its seed instead of being
        kept (MeZO, arXiv 2305.17333, section 2.1). The stand-in draws other numbers than the host."""
        return Tensor(self._inner.perturbed(seed, float(scale)))

    def read_with_copy(self) -> List[float]:
        """All numbers, copied into the plugin's memory, in row-major order. Costs time and guest memory; a rule seldom
        needs it."""
        return self._inner.read_with_copy()

    def __add__(self, other: Union[Tensor, float]) -> Tensor:
        return self.add_scaled(other, 1.0) if isinstance(other, Tensor) else self.shift(other)

    __radd__ = __add__

    def __sub__(self, other: Union[Tensor, float]) -> Tensor:
        return self.add_scaled(other, -1.0) if isinstance(other, Tensor) else self.shift(-other)

    def __rsub__(self, other: float) -> Tensor:
        return self.scale(-1.0).shift(other)

    def __neg__(self) -> Tensor:
        return self.scale(-1.0)

    def __mul__(self, other: Union[Tensor, float]) -> Tensor:
        return self.mul(other) if isinstance(other, Tensor) else self.scale(other)

    __rmul__ = __mul__

    def __truediv__(self, other: Union[Tensor, float]) -> Tensor:
        return self.div(other) if isinstance(other, Tensor) else self.scale(1.0 / other)
