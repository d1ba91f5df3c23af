"""Packed weights as Flower's Array, without a copy of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from flwr.app import Array
from flwr.common.constant import SType
from numpy.lib import format as npy


class PackedArray(Array):
    """A float32 vector as an Array: same bytes, same id, but they are put together only if somebody asks for them.

    Args:
        vector: float32 (parameters,); nobody may change it any more.
    """

    def __init__(self, vector: npt.NDArray[np.float32]) -> None:
        head = io.BytesIO()
        npy.write_array_header_1_0(head, npy.header_data_from_array_1_0(vector))
        shown = vector.view()
        shown.flags.writeable = False
        self.__dict__.update(
            dtype=str(vector.dtype),
            shape=vector.shape,
            stype=SType.NUMPY,
            vector=shown,
            _head=head.getvalue(),
        )

    vector: npt.NDArray[np.float32]

    @property
    def data(self) -> bytes:  # type: ignore[override]
        """The serialised array, put together anew at each look."""
        return b"".join((self._head, self._body))

    @property
    def size(self) -> int:
        """How many bytes `data` has, without putting it together."""
        return len(self._head) + len(self._body)

    @property
    def _head(self) -> bytes:
        head: bytes = self.__dict__["_head"]
        return head

    @property
    def _body(self) -> memoryview:
        return self.vector.data.cast("B")

    def cut(self, size: int) -> Iterator[memoryview]:
        """Yield the serialised array in pieces of ``size`` bytes; only the first one is a copy."""
        first = max(size - len(self._head), 0)
        yield memoryview(b"".join((self._head, self._body[:first])))
        for begin in range(first, len(self._body), size):
            yield self._body[begin : begin + size]

    def numpy(self) -> npt.NDArray[Any]:
        """Return the vector as an array of the caller's own."""
        return self.vector.copy()

    def __reduce__(self) -> tuple[type[Array], tuple[str, tuple[int, ...], str, bytes]]:
        """Other processes get Flower's own Array."""
        return Array, (self.dtype, self.shape, self.stype, self.data)


# Flower writes the name of the class into what it serialises.
PackedArray.__qualname__ = Array.__qualname__
