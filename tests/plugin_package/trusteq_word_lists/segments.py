"""A kind of segment: colours, as three numbers each."""

from typing import ClassVar

from trusteq.data.arrays import Arrays


class Colours(Arrays):
    kind: ClassVar[str] = "colour"

    @classmethod
    def holding(cls, values):
        return None  # arrays are arrays, unless somebody says that they are colours
