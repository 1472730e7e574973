"""The items of an audit as the sample that its outcomes come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.tasks.task import Task


@dataclass(frozen=True)
class Sampled:
    """Which item each outcome belongs to, and which outcomes belong together.

    labels: those that all items share. item: the position of each outcome's item; None if every item has one outcome.
    """

    items: Items
    labels: tuple[str, ...]
    task: Task
    item: NDArray[np.int64] | None

    def each(self, values: Sequence[str]) -> Sequence[str]:
        """The value of each outcome's item [outcomes]."""
        return values if self.item is None else [values[i] for i in self.item.tolist()]

    @cached_property
    def ids(self) -> Sequence[str]:
        """The id of each outcome's item [outcomes]."""
        return self.each(self.items.ids)

    @cached_property
    def clusters(self) -> Sequence[str] | None:
        """Which outcomes belong together [outcomes]: those of one cluster, or else of one item; None if none do."""
        if self.items.clusters is not None:
            return self.each(self.items.clusters)
        return None if self.item is None else self.ids

    @property
    def cluster_size(self) -> float | None:
        """The mean number of items that belong together; None if all are independent."""
        clusters = self.items.clusters
        return mean_together(len(self.items), None if clusters is None else len(set(clusters)))

    def answer_texts(self, codes: NDArray[np.int64], at: NDArray[np.int64]) -> Sequence[str]:
        """The words for answers with these codes, at these outcomes."""
        return self.task.answer_texts(codes, at if self.item is None else self.item[at], self.items, self.labels)


def mean_together(items: int, clusters: int | None) -> float | None:
    """The mean number of items per cluster; None if they are independent."""
    return items / clusters if clusters else None
