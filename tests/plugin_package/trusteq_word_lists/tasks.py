"""A task: a hundred voters choose a label, and the answer is how many chose each."""

import numpy as np

from trusteq.tasks.classes import Classes
from trusteq.tasks.rows import Rows


class Votes(Classes):
    name = "votes"
    explained = False

    def checked(self, raw, *, items, labels, model):
        if isinstance(raw, Rows):  # from a file or another process: they are shares already
            return super().checked(raw, items=items, labels=labels, model=model)
        votes = np.asarray(raw, dtype=np.float64)
        return super().checked(votes / votes.sum(axis=1, keepdims=True), items=items, labels=labels, model=model)


VOTES = Votes()
