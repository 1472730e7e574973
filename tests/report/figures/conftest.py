"""Small runs to draw: with and without texts, labels and clusters, by the paper's protocol, and with hostile names."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from cases import case

import trusteq
from trusteq.record.evidence import evidence, evidence_of

NAMES = ("anna", "ben", "carl", "dora")
FILLER = ("the", "film", "was", "quite", "really", "once", "more", "and", "seen", "by", "us", "all", "there", "then")
KIND = (("awful", "dull"), ("great", "lovely"))


def reviews(n=60, *, filler=FILLER, label_names=("bad", "good"), clusters=None):
    """Reviews of 5 to 14 words: two telling ones, a name that goes with the label, filler."""
    rng = np.random.default_rng(0)
    texts = []
    for i in range(n):
        words = [
            *rng.choice(filler, 2 + i % 10, replace=False),
            *rng.choice(KIND[i % 2], 2),
            NAMES[2 * (i % 2) + i % 4 // 2],
        ]
        texts.append(" ".join(rng.permutation(words)))
    return trusteq.Items(
        [f"r{i}" for i in range(n)],
        {"text": texts},
        labels=np.arange(n) % 2,
        label_names=label_names,
        clusters=clusters,
    )


def reader(name, *, kind=1.5, names=0.2, labels=("bad", "good"), noise=0.0):
    """A logistic model of the telling words and of the names; ``noise`` weighs each word's own letters."""

    @cache
    def weight(word):
        telling = kind * ((word in KIND[1]) - (word in KIND[0]))
        name = names * ((word in NAMES[2:]) - (word in NAMES[:2]))
        return telling + name + noise * ((sum(map(ord, word)) * 37 % 11) / 5 - 1)

    def predict(texts):
        p = 1 / (1 + np.exp(-np.array([sum(map(weight, text.split())) for text in texts])))
        return np.stack([1 - p, p], axis=1)

    return trusteq.from_callable(predict, labels=list(labels), name=name)


def audited(reference, candidates, items, **settings):
    settings = {
        "resamples": 100,
        "with_slices": False,
        "explain": trusteq.ExplainSettings(items=40, masks=32),
        **settings,
    }
    return trusteq.audit(reference, candidates, items, **settings)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    import matplotlib

    matplotlib.use("Agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture(scope="session")
def audit():
    """A shortcut and a poor model beside a reader of 60 reviews, 40 of them explained."""
    candidates = {
        "shortcut": reader("shortcut", kind=0.2, names=2.5),
        "poor": reader("poor", kind=0.5, names=0.1, noise=1.0),
    }
    return audited(reader("large", noise=0.2), candidates, reviews())


@pytest.fixture(scope="session")
def run(audit, tmp_path_factory):
    return audit.save(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="session")
def explained(audit):
    return evidence_of(audit)


@pytest.fixture(scope="session")
def wordless():
    """A run of predictions alone: three labels, one candidate, nothing explained."""
    large, small, items = case(200, noise=1.0)
    dimensions = ["behaviour", "calibration"]
    return evidence_of(trusteq.audit(large, small, items, resamples=100, with_slices=False, dimensions=dimensions))


@pytest.fixture(scope="session")
def unlabelled():
    large, small, items = case(60)
    return evidence_of(
        trusteq.audit(large, small, replace(items, labels=None, label_names=()), resamples=100, with_slices=False)
    )


@pytest.fixture(scope="session")
def published():
    """A run under the paper's protocol."""
    settings = {"policy": "paper", "protocol": "paper", "explain": None}
    return evidence_of(
        audited(reader("large"), {"small": reader("small", names=1.0), "copy": reader("copy")}, reviews(8), **settings)
    )


@pytest.fixture(scope="session")
def clustered():
    clusters = tuple(f"c{i // 3}" for i in range(60))
    return evidence_of(audited(reader("large"), {"small": reader("small", names=1.0)}, reviews(clusters=clusters)))


HOSTILE = (
    r"$\frac{1}{$\$%#&_^{~}",
    "<script>alert('x')</script>\x1b[31m\n\r\x00]]>\u202eright to left\u2066" + "a\u0301\u0302\u0303\u0304\u0305" * 30,
    "bert-base-uncased-finetuned-on-a-very-long-list-of-things-" * 5 + "世界" * 40,
    " ",
)
"""The reference's name, and three candidates'."""


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """Models, labels and words with what could command TeX, mathtext, XML, HTML or a terminal."""
    labels = (r"$x^2$", "</text><script>" + "y" * 90)
    filler = (
        r"$\alpha$",
        "<b>",
        "&amp;",
        "世界世界",
        "\\",
        "a" * 70,
        "#1",
        "100%",
        "_x_",
        "^",
        "naïve",
        "🙂",
        "{}",
        "~",
    )
    items = reviews(filler=filler, label_names=labels)
    reference = reader(HOSTILE[0], labels=labels)
    candidates = {
        name: reader(name, kind=1.5 - i / 5, names=i / 3, labels=labels) for i, name in enumerate(HOSTILE[1:])
    }
    saved = audited(reference, candidates, items, resamples=100).save(tmp_path_factory.mktemp("hostile") / "run")
    return evidence(trusteq.load_run(saved))
