"""Texts: the kind of segment whose items are texts."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from trusteq.data.hashing import PIECE_TEXTS, packed
from trusteq.data.surrogates import are_texts, is_unicode
from trusteq.errors import DataError

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

LENGTH = "text length"


class Texts(list[str]):
    """The texts of all items, in order: a list that is a segment."""

    kind: ClassVar[str] = "text"
    counted: ClassVar[Mapping[str, str]] = {LENGTH: "word"}
    copies_repeat: ClassVar[bool] = True
    storable: ClassVar[bool] = True

    @classmethod
    def holding(cls, values: Any) -> Texts:
        """Any values of no other kind; they are checked later."""
        return cls(values)

    def refuse_unfit(self, where: str) -> None:
        """Raise an error for the first value that is not a text."""
        refuse_other_than_texts(self, where)

    def first_empty(self) -> int | None:
        """The first text that contains only whitespace."""
        if all(map(str.strip, self)):
            return None
        return next(item for item, text in enumerate(self) if not text.strip())

    def take(self, at: NDArray[np.int64]) -> Texts:
        """The texts at these positions, in this order."""
        return Texts(map(self.__getitem__, at.tolist()))

    @classmethod
    def joined(cls, parts: Sequence[Texts]) -> Texts:
        """The texts of all parts, in order."""
        return cls(chain.from_iterable(parts))

    def texts(self) -> Sequence[str]:
        """Itself."""
        return self

    def inputs(self) -> list[str]:
        """A plain list."""
        return list(self)

    def named(self) -> dict[str, Any]:
        """Nothing: texts have no named parts."""
        return {}

    def add_to(self, digest: hashlib._Hash) -> None:
        """All texts, each preceded by its length."""
        for start in range(0, len(self), PIECE_TEXTS):
            digest.update(packed(self[start : start + PIECE_TEXTS]))

    def keys(self) -> Iterator[bytes]:
        """Each text without surrounding whitespace, which does not make it a different text."""
        return (text.strip().encode() for text in self)

    def sizes(self) -> NDArray[np.int64]:
        """Characters [items]."""
        return np.fromiter(map(len, self), np.int64, len(self))

    def counts(self, name: str) -> NDArray[np.int64]:
        """Words separated by whitespace [items]; the only count of texts."""
        return np.fromiter((len(text.split()) for text in self), np.int64, len(self))

    def measures(self) -> Mapping[str, NDArray[np.float64]]:
        """None: texts have only words to count."""
        return {}

    def column(self) -> pa.Array:
        """A column of texts."""
        return pa.array(self, pa.string())

    def about(self) -> dict[str, Any]:
        """Nothing: a column of texts needs no description."""
        return {}

    @classmethod
    def stored(cls, column: pa.ChunkedArray, about: Mapping[str, Any]) -> Texts:
        """The texts of a column; a ValueError if it contains anything else."""
        if about or column.null_count:
            raise ValueError(f"not a column of texts: {about or 'gaps'}")
        return cls(column.cast(pa.string()).to_pylist())


def refuse_other_than_texts(values: Iterable[Any], where: str) -> None:
    """Raise an error for the first value that is not a text or not valid Unicode; ``where`` names the values."""
    if are_texts(values):
        return
    for number, value in enumerate(values, 1):
        if not isinstance(value, str):
            raise DataError(
                f"{where} must be texts, but value {number} is {value!r} of type {type(value).__name__}; "
                "write [str(value) for value in values], with a text for missing values"
            )
        if not is_unicode(value):
            raise DataError(f"{where}: text {number} is not valid Unicode ({value!r}); write complete characters")
