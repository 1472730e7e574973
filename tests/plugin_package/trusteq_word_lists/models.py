"""A way to run a model: it counts good and bad words, and a file holds the weight of one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trusteq.models.backend import Backend
from trusteq.models.base import Identity
from trusteq.models.options import LABELS, Option
from trusteq.models.traits import Traits

GOOD, BAD = {"good", "fine", "happy"}, {"bad", "poor", "sad"}


@dataclass(eq=False)
class WordList:
    name: str
    labels: tuple[str, ...]
    identity: Identity
    weight: float

    @property
    def traits(self):
        return Traits(device="abacus")

    def predict(self, items):
        (texts,) = items.texts()
        score = [sum((word in GOOD) - (word in BAD) for word in text.split()) for text in texts]
        p = 1 / (1 + np.exp(-self.weight * np.array(score, dtype=np.float64)))
        return np.stack([1 - p, p], axis=1)

    def findings(self):
        return ()


def open_word_list(location, *, name, labels=None, sharpness=1):
    weight = float(Path(location).read_text())
    identity = Identity("word list", location, f"{weight} {sharpness}", {"sharpness": sharpness})
    return WordList(name, labels or ("bad", "good"), identity, weight * sharpness)


WORD_LISTS = Backend(
    kind="word list",
    words="a word list",
    recognises=lambda spec, _: spec.endswith(".words"),
    open=open_word_list,
    options=(LABELS, Option("sharpness", "How many times as sure a word list is.", value="count")),
    reads_texts=True,
)


class Ballot(WordList):
    @property
    def traits(self):
        return Traits(device="abacus", task="votes", changeable=False)

    def predict(self, items):
        return np.round(100 * super().predict(items))


def open_ballot(location, *, name):
    weight = float(Path(location).read_text())
    return Ballot(name, ("bad", "good"), Identity("ballots", location, str(weight)), weight)


BALLOTS = Backend("ballots", "ballots", lambda spec, _: spec.endswith(".ballots"), open_ballot, options=())
