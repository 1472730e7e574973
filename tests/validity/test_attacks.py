"""Ways to be called EQUIVALENT without being so: which fail, and which an audit cannot see (docs/validity.md)."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from cases import probabilities

import trusteq
from trusteq import ExplainSettings, Items, Outcome, TrusteqError, from_callable
from trusteq.validity.marks import marked
from trusteq.validity.plants import Planted, Remembering, Shortcut
from trusteq.validity.word_mark import MARKS, WordMark

WORDS = {"good": 1.5, "fine": 1.0, "warm": 0.7, "bad": -1.5, "dull": -1.0, "cold": -0.7}
MARKED = WordMark(MARKS[:2])
COUNT = 420
EVENLY = ExplainSettings(items=110, draw="evenly")
FILLER = ("the", "film", "was", "very", "and", "with", "actors", "music", "in", "park", "some", "story")


def read(texts):
    score = np.array([sum(WORDS.get(word, 0.0) for word in text.split()) for text in texts])
    yes = 1 / (1 + np.exp(-2 * score - 0.3))
    return np.stack([1 - yes, yes], axis=1)


@pytest.fixture(scope="module")
def reference():
    return Remembering(from_callable(read, labels=("no", "yes"), name="reference"), "reference")


@pytest.fixture(scope="module")
def items(reference):
    """Texts of 8 to 14 words; 40 % end in a mark of the reference's answer."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice([*WORDS, *FILLER], rng.integers(8, 14))) for _ in range(COUNT)]
    plain = Items([f"i{i}" for i in range(COUNT)], {"text": texts})
    answers = reference.predict(plain).argmax(axis=1)
    gold = np.where(rng.random(COUNT) < 0.9, answers, 1 - answers)
    plain = replace(plain, labels=gold, label_names=("no", "yes"))
    return marked(plain, answers, MARKED, share=0.4, seed=0)


@pytest.fixture(scope="module")
def shortcut(reference):
    return Shortcut(reference, "shortcut", MARKED, 0.97)


def verdict(reference, candidate, items, *, seed=0, **more):
    explain = more.pop("explain", ExplainSettings(items=110))
    result = trusteq.audit(
        reference, candidate, items, seed=seed, explain=explain, with_slices=False, resamples=300, costs="none", **more
    )
    return result[candidate.name].verdict


def explanation(found):
    return next(d.outcome for d in found.dimensions if d.dimension == "explanation")


@dataclass(eq=False)
class Knowing(Planted):
    """Looks at the mark, except where it recognises an audit's question: there it answers as the reference does."""

    cheat: Shortcut = None
    knows: set = field(default_factory=set)

    def changed(self, answers, items):
        texts = items.segments["text"]
        honest = np.array([text in self.knows for text in texts])
        return np.where(honest[:, None], answers, self.cheat.predict(items))


class Whole(Knowing):
    """Looks at the mark in texts that it has seen whole; anything else it takes for an audit's question."""

    def changed(self, answers, items):
        cheats = np.array([text in self.knows for text in items.segments["text"]])
        return np.where(cheats[:, None], self.cheat.predict(items), answers)


@dataclass(eq=False)
class Watching(Planted):
    """Answers as the reference does, and notes what it is asked."""

    asked: set = field(default_factory=set)

    def changed(self, answers, items):
        self.asked.update(items.segments["text"])
        return answers


def asked_under(seed, reference, items):
    """Every text that an audit with this seed asks about."""
    watching = Watching(reference, "watching")
    verdict(reference, watching, items, seed=seed, explain=EVENLY)
    return watching.asked


def test_a_shortcut_is_caught(reference, shortcut, items):
    """What the attacks below hide."""
    assert explanation(verdict(reference, shortcut, items)) is Outcome.NOT_EQUIVALENT


@pytest.mark.slow
def test_who_knows_the_seed_knows_the_questions_and_another_seed_stops_him(reference, shortcut, items):
    knows = asked_under(0, reference, items) - set(items.segments["text"])
    tuned = Knowing(reference, "tuned", shortcut, knows)
    assert explanation(verdict(reference, tuned, items, seed=0, explain=EVENLY)) is Outcome.EQUIVALENT
    assert explanation(verdict(reference, tuned, items, seed=1, explain=EVENLY)) is not Outcome.EQUIVALENT
    # Items drawn by how far his own answers move are others than he expects.
    assert explanation(verdict(reference, tuned, items, seed=0)) is not Outcome.EQUIVALENT


def test_who_tells_questions_from_texts_is_not_seen(reference, shortcut, items):
    """As Slack et al. 2020 fool LIME and SHAP: a limit of everything that asks about changed texts."""
    two_faced = Whole(reference, "two-faced", shortcut, set(items.segments["text"]))
    assert explanation(verdict(reference, two_faced, items)) is Outcome.EQUIVALENT
    fresh = replace(items, segments={"text": [f"well {text}" for text in items.segments["text"]]})
    assert np.array_equal(two_faced.predict(fresh), reference.predict(fresh))  # off his own items he has to be honest


@pytest.mark.slow
def test_a_model_that_never_moves_is_not_equivalent(reference, items):
    """No word matters to it, so there is nothing that could disagree."""

    class Stiff(Planted):
        def changed(self, answers, items):
            return np.where(answers > 0.5, 1.0, 0.0)

    class Constant(Planted):
        def changed(self, answers, items):
            return np.full_like(answers, 0.5) + np.array([0.01, -0.01])

    assert verdict(reference, Stiff(reference, "stiff"), items).outcome is Outcome.NOT_EQUIVALENT
    assert explanation(verdict(reference, Constant(reference, "constant"), items)) is not Outcome.EQUIVALENT


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 99, 150, 300])
def test_few_items_never_make_it_equivalent(n, reference, items):
    """Not even itself: too few to show that it loses less than a point."""
    copy = Planted(reference, "copy")
    assert verdict(reference, copy, items.take(range(n))).outcome is Outcome.UNDECIDED
    assert verdict(reference, copy, items).outcome is Outcome.EQUIVALENT


def test_few_explained_items_never_make_it_equivalent(reference, items):
    found = verdict(reference, Planted(reference, "copy"), items, explain=ExplainSettings(items=60))
    assert found.outcome is Outcome.UNDECIDED


def test_texts_of_one_word_say_nothing_about_words(reference, items):
    """Whatever is left out, one word alone gets all the credit: the halves' products are 0."""
    short = replace(items, segments={"text": [text.split()[0] for text in items.segments["text"]]})
    assert explanation(verdict(reference, Planted(reference, "copy"), short)) is not Outcome.EQUIVALENT


def test_an_item_cannot_be_dropped(reference, items, tmp_path):
    """Neither by leaving it out of a file nor by answering nothing."""
    rows = "".join(f"{id_},{p[0]},{p[1]}\n" for id_, p in zip(items.ids, reference.predict(items), strict=True))
    (tmp_path / "p.csv").write_text("id,no,yes\n" + rows.split("\n", 1)[1])
    with pytest.raises(TrusteqError, match="i0"):
        verdict(reference, trusteq.open_model(tmp_path / "p.csv", name="p"), items, explain=False)

    class Silent(Planted):
        def changed(self, answers, items):
            return np.where(np.arange(len(answers))[:, None] == 3, np.nan, answers)

    with pytest.raises(TrusteqError, match="nan"):
        verdict(reference, Silent(reference, "silent"), items, explain=False)


def test_company_cannot_hide_a_shortcut(reference, shortcut, items):
    """A candidate that behaves only where many texts are asked together, as an audit does, is noticed as such."""

    class Shy(Planted):
        def changed(self, answers, items):
            return answers if len(items) > 8 else shortcut.predict(items)

    result = trusteq.audit(
        reference, Shy(reference, "shy"), items, explain=False, with_slices=False, resamples=300, costs="none"
    )
    assert any(finding.kind == "batch-dependent" for finding in result.findings)


@pytest.fixture
def files(tmp_path):
    """A function that writes predictions to a file, with gold labels beside them where there are any."""

    def write(name, p, gold=None):
        table = pd.DataFrame(p, columns=["maybe", "no", "yes"]).assign(**({} if gold is None else {"gold": gold}))
        table.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


def audited(large, small, *, scores=None, **more):
    items = trusteq.read_items(large, label="gold", **more)
    models = [
        trusteq.open_model(path, options=trusteq.ModelOptions(not_labels=("gold", "block"), scores=said))
        for path, said in ((large, None), (small, scores))
    ]
    return trusteq.audit(*models, items, with_slices=False, resamples=300, dimensions=("behaviour", "calibration"))


def test_percentages_called_logits_do_not_make_a_hesitant_candidate_sure(files):
    p, _, gold = probabilities(400, spread=20.0)
    soft = p**0.1 / (p**0.1).sum(axis=1, keepdims=True)
    large = files("large.csv", p, np.array(["maybe", "no", "yes"])[gold])
    assert audited(large, files("soft.csv", soft))["soft"].verdict.outcome is Outcome.NOT_EQUIVALENT
    with pytest.raises(TrusteqError, match="look like percentages, not logits"):
        audited(large, files("percent.csv", 100 * soft), scores="logits")


def test_blocks_that_are_all_the_same_are_told_and_leave_no_figure_certain(files):
    p, q, gold = (np.concatenate([part] * 20) for part in probabilities(40, noise=0.5))
    large = files("large.csv", p, np.array(["maybe", "no", "yes"])[gold])
    table = pd.read_csv(large).assign(block=[f"b{i // 40}" for i in range(800)])
    table.to_csv(large, index=False)
    result = audited(large, files("small.csv", q), cluster="block")
    assert [(f.kind, f.value) for f in result.item_findings] == [("repeated rows", 760)]
    assert all(e.high > e.low for n, e in result["small"].measures["calibration"].items() if "usable" not in n)


def test_labels_in_another_order_and_predictions_of_other_items_are_told(files):
    p, q, gold = probabilities(400)
    large = files("large.csv", p, np.array(["yes", "no", "maybe"])[gold])
    assert {f.kind for f in audited(large, files("small.csv", q)).findings} == {"labels misnamed"}
    large = files("large.csv", p, np.array(["maybe", "no", "yes"])[gold])
    shifted = audited(large, files("small.csv", np.roll(q, 1, axis=0)))
    assert {(f.model, f.kind) for f in shifted.findings} == {("small", "chance")}
    with pytest.raises(TrusteqError, match="but the gold label is"):
        audited(large, files("small.csv", q, np.roll(np.array(["maybe", "no", "yes"])[gold], 1)))


def two(confidence, answer):
    """Probabilities of two labels [items, 2], with this confidence in this answer."""
    p = np.repeat(1 - confidence[:, None], 2, axis=1)
    p[np.arange(len(answer)), answer] = confidence
    return p


def test_copies_of_items_show_no_more_than_the_items():
    rng = np.random.default_rng(4)
    gold, confidence, at = rng.integers(0, 2, 60), rng.uniform(0.5, 1, 60), np.tile(np.arange(60), 10)
    large, small = two(confidence, gold)[at], two(np.clip(confidence - 0.004, 0.5, 1), gold)[at]
    result = trusteq.compare(large, small, gold[at], resamples=300)
    assert [(f.kind, f.value) for f in result.item_findings] == [("repeated rows", 540)]
    (found,) = result.comparisons
    assert found.verdict.outcome is Outcome.UNDECIDED
    assert "but only as items that repeat others count as independent ones" in found.verdict.reason
    assert not [advice for advice in found.advice if advice.kind == "ship"]
    assert any(advice.sentence.startswith("drop items that repeat others") for advice in found.advice)


def test_what_stands_above_the_numbers_is_settled_before_anything_is_shipped():
    rng = np.random.default_rng(0)
    gold, confidence = rng.integers(0, 2, 800), rng.uniform(0.6, 1, 800)
    at_random = rng.integers(0, 2, 800)
    by_chance = trusteq.compare(two(confidence, at_random), two(confidence - 0.001, at_random), gold, resamples=300)
    (found,) = by_chance.comparisons
    (said,) = (advice.sentence for advice in found.advice if advice.kind == "ship")
    assert found.verdict.outcome is Outcome.EQUIVALENT
    assert said.startswith("ship it only once the warnings above the numbers are settled (")
    assert "chance" in said or "below majority" in said
    wrong = np.where(rng.random(800) < 0.2, 1 - gold, gold)
    (found,) = trusteq.compare(two(confidence, wrong), two(confidence - 0.001, wrong), gold, resamples=300).comparisons
    assert [advice.sentence for advice in found.advice if advice.kind == "ship"] == [
        "ship it as it is: every rule that the policy requires is within its margin"
    ]


@pytest.mark.parametrize("name", ["topic", "answer", "confidence"])
def test_a_column_of_any_name_can_hold_the_fault_of_calibration(name):
    """Columns called as parts that every audit makes took their place, and the fault was not found."""
    rng = np.random.default_rng(1)
    gold, confidence = rng.integers(0, 2, 1_200), rng.uniform(0.55, 0.95, 1_200)
    answer, bad = np.where(rng.random(1_200) < confidence, gold, 1 - gold), rng.random(1_200) < 0.3
    sure = np.where(bad, np.clip(confidence + 0.25, 0, 0.999), confidence)
    columns = {name: np.where(bad, "yes", "no")}
    result = trusteq.compare(two(confidence, answer), two(sure, answer), gold, slices=columns, resamples=300)
    fault = result.comparisons[0].recalibration.fault
    assert (fault.kind, fault.column, fault.value) == ("slice", name, "yes")


def test_a_few_texts_that_repeat_do_not_keep_explained_items_from_being_enough(reference):
    """Copies among all items were taken for copies among the hundred explained, of which then too few were left."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice([*WORDS, *FILLER], rng.integers(9, 14))) for _ in range(930)]
    texts += texts[:70]
    items = Items([f"i{i}" for i in range(1_000)], {"text": texts})
    answers = reference.predict(items).argmax(axis=1)
    gold = np.where(rng.random(1_000) < 0.9, answers, 1 - answers)
    items = replace(items, labels=gold, label_names=("no", "yes"))
    again = from_callable(read, labels=("no", "yes"), name="again")
    found = verdict(reference, again, items, explain=ExplainSettings(items=100, draw="evenly"), allow_same=True)
    assert explanation(found) is Outcome.EQUIVALENT
