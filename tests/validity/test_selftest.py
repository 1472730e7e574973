"""The self-test passes where the audit is right, and fails where it is broken on purpose."""

import json

import numpy as np
import pytest
from command import one_line, trusteq

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

import pandas as pd
from oracles import tiny_models

from trusteq import Items, Outcome, from_callable
from trusteq.validity.selftest import reach, selftest

WORDS = {"good": 2.0, "lovely": 1.5, "bad": -2.0, "dull": -1.5, "film": 0.1, "plot": -0.2, "actor": 0.2}


def sentiment(texts):
    logit = np.array([sum(WORDS.get(word, 0.0) for word in text.split()) for text in texts])
    p = 1 / (1 + np.exp(-logit))
    return np.stack([1 - p, p], axis=1)


@pytest.fixture(scope="module")
def items():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list(WORDS), rng.integers(3, 12))) for _ in range(500)]
    gold = (rng.random(500) < sentiment(texts)[:, 1]).astype(np.int64)
    return Items([f"i{i}" for i in range(500)], {"text": texts}, labels=gold, label_names=("no", "yes"))


@pytest.fixture(scope="module")
def model():
    return from_callable(sentiment, labels=("no", "yes"), name="words")


@pytest.fixture(scope="module")
def found(model, items):
    return selftest(model, items)


def test_it_is_right_every_time_and_names_the_planted_words(found):
    assert [(check.name, check.found) for check in found.checks] == [
        ("itself", Outcome.EQUIVALENT),
        ("shortcut", Outcome.NOT_EQUIVALENT),
        ("unsure", Outcome.NOT_EQUIVALENT),
        ("random", Outcome.NOT_EQUIVALENT),
    ]
    assert found.passed
    assert "the audit names the planted" in found.checks[1].because
    assert "alignment" in found.checks[1].because


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "wrong"),
    [
        # An audit that calls everything equivalent, and one that calls nothing so.
        (lambda estimate, rule: Outcome.EQUIVALENT, ["shortcut", "unsure", "random"]),
        (lambda estimate, rule: Outcome.NOT_EQUIVALENT, ["itself"]),
    ],
)
def test_an_audit_that_is_broken_is_found_out(broken, wrong, model, items, monkeypatch):
    from dataclasses import replace

    from trusteq.auditing import compute as _computed

    judge = _computed.judge
    monkeypatch.setattr(_computed, "judge", lambda *a, **k: replace(judge(*a, **k), outcome=broken(None, None)))
    found = selftest(model, items)
    assert [check.name for check in found.checks if not check.passed] == wrong
    assert not found.passed


def test_more_items_decide_more():
    few, many = reach(500, 0.05), reach(5_000, 0.05)
    assert few.loss > 2.5 * many.loss > 0
    assert few.needed == pytest.approx(many.needed, rel=0.1)
    assert reach(500, 0.1).needed > 1.5 * few.needed


@pytest.fixture(scope="module")
def place(tmp_path_factory, items):
    folder = tmp_path_factory.mktemp("selftest")
    tiny_models.save("bert", folder / "model")
    table = pd.DataFrame({"text": items.segments["text"][:450], "label": ["no", "maybe", "yes"] * 150})
    table.to_csv(folder / "d.csv", index=False)
    table[:399].to_csv(folder / "few.csv", index=False)
    table.assign(no=0.2, maybe=0.2, yes=0.6).to_csv(folder / "answers.csv", index=False)
    return folder


WORDS_OF = ("selftest", "model", "--data", "d.csv", "--text", "text", "--label", "label")


@pytest.mark.slow
def test_on_the_command_line(place):
    done = trusteq(*WORDS_OF, "--items", "410", "--json", cwd=place)
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["passed"] else 1)
    assert [check["name"] for check in told["checks"]] == ["itself", "shortcut", "unsure", "random"]
    assert told["checks"][0]["found"] == "EQUIVALENT"
    assert told["items"] == 410


def test_what_cannot_be_tried(place):
    one_line(trusteq("selftest", "answers.csv", *WORDS_OF[2:], "--quiet", cwd=place), "cannot run on changed items")
    few = ["few.csv" if word == "d.csv" else word for word in WORDS_OF]
    one_line(trusteq(*few, "--quiet", cwd=place), "399 items", "at least 400")
    unnamed = trusteq(*WORDS_OF[:4], *WORDS_OF[6:], "--quiet", cwd=place)
    assert (unnamed.returncode, "name their columns with --text" in unnamed.stderr) == (2, True)
    one_line(trusteq(*WORDS_OF[:-2], "--quiet", cwd=place), "450 items without labels", "--label")
    one_line(trusteq(*WORDS_OF[:-1], "nothing", "--quiet", cwd=place), "no column 'nothing'")
