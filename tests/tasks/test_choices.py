"""Choices: each item's own options or shared labels, the mass on all options, and the effect of their order."""

import importlib
import io
import math
from dataclasses import dataclass

import numpy as np
import pytest
from command import trusteq as command
from rich.console import Console

import trusteq
from trusteq import DataError, LabelError, ModelError, load_run
from trusteq.auditing.verify import verify_run
from trusteq.cli.report import FORMATS
from trusteq.comparing.measures import NEEDS
from trusteq.models.base import Identity
from trusteq.models.traits import Traits
from trusteq.record.evidence import evidence
from trusteq.report.figures.catalog import FIGURES, make
from trusteq.report.figures.file import rendered
from trusteq.report.page.page import page
from trusteq.report.terminal import render, render_evidence
from trusteq.tasks.choices import Choices
from trusteq.tasks.rows import Rows

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]


@dataclass(eq=False)
class Chooser:
    """Scores an option by the words that it shares with the question, each with a weight of its own."""

    name: str
    tilt: float = 0.0
    labels: tuple[str, ...] = ()
    mass: float = 0.5
    order: float | None = None
    identity = Identity("made up", "here", None)
    traits = Traits(task="choices")

    def predict(self, items):
        questions, rows, counts = items.segments["question"], [], []
        for i, question in enumerate(questions):
            options = self.labels if items.options is None else items.options[i]
            scores = np.array([self.score(question, option) for option in options])
            share = np.exp(scores) / math.fsum(np.exp(scores))
            effect = np.nan if self.order is None else self.order / len(options)
            rows += [(p, self.mass * p, effect) for p in share]
            counts.append(len(options))
        return Rows(np.array(rows), np.array(counts))

    def score(self, question, option):
        weight = {word: 1.0 + k % 3 + self.tilt * (k % 2) for k, word in enumerate(WORDS)}
        own = sum(map(ord, option)) % 97 / 1000  # so that no two options tie
        return own + sum(weight[word] for word in question.split() if word in option)

    def findings(self):
        return ()


def asked(n=200, *, shuffled=False, shared=False):
    rng = np.random.default_rng(0)
    questions, options, gold = [], [], []
    for i in range(n):
        own = [f"{word} {i}" for word in rng.choice(WORDS, 2 + i % 3, replace=False)]
        questions.append(" ".join(rng.choice(WORDS, 4)))
        right = own[int(rng.integers(len(own)))]
        if shuffled:
            own = own[::-1]
        options.append(tuple(own))
        gold.append(own.index(right))
    ids = [f"q{i:03}" for i in range(n)]
    if shared:
        labels = np.array(gold) % 2
        return trusteq.Items(ids, {"question": questions}, labels, ("alpha", "beta"), source="made-up")
    return trusteq.Items(ids, {"question": questions}, np.array(gold), ("0", "1", "2", "3"), options=options)


POLICY = {
    "name": "easy",
    "required": ["behaviour", "explanation"],
    "rules": {
        "behaviour": {"disagreement": {"at_most": 0.2}},
        "explanation": {"alignment_shapley": {"at_least": 0.9}},
    },
}


def audited(models, items, **options):
    reference, *candidates = models
    options = {
        "policy": POLICY, "resamples": 200, "costs": "none", "with_slices": False,
        "explain": trusteq.ExplainSettings(items=120), **options,
    }  # fmt: skip
    return trusteq.audit(reference, candidates, items, **options)


@pytest.mark.slow
def test_options_of_their_own_are_audited_explained_stored_and_shown(tmp_path):
    models = [Chooser("large"), Chooser("same"), Chooser("tilted", tilt=-4.0)]
    result = audited(models, asked())
    assert result["same"].verdict.outcome == "EQUIVALENT"
    assert result["tilted"].verdict.outcome == "NOT EQUIVALENT"
    alignment = result["tilted"].measures["explanation"]["alignment_shapley"]
    assert alignment.high < result["same"].measures["explanation"]["alignment_shapley"].value == pytest.approx(1)
    run = load_run(result.save(tmp_path / "run"))
    assert verify_run(run).passed
    out = io.StringIO()
    Console(file=out, width=120).print(render(result))
    assert "may it replace large?" in out.getvalue().casefold()
    assert "distribution" not in out.getvalue()
    assert "tilted" in page(evidence(run))
    assert result.attributions()["label"].iloc[0] in result.items.options[result.explanation.positions[0]]


@pytest.fixture(scope="module")
def explained_run(tmp_path_factory):
    """A run of options of their own with explanations, read back."""
    models = [Chooser("large", order=0.1), Chooser("tilted", tilt=-4.0, order=0.2)]
    options = {"explain": trusteq.ExplainSettings(items=12, masks=32), "policy": {**POLICY, "min_items": 10}}
    return audited(models, asked(40), **options).save(tmp_path_factory.mktemp("choices") / "run")


def test_the_mass_and_the_order_effect_stand_beside_confidence(explained_run):
    run = evidence(load_run(explained_run))
    shown = page(run)
    assert "mass: the probability of all choices together" in shown
    assert "order effect: how far probabilities move in another order of the choices" in shown
    console = Console(file=io.StringIO(), width=200)
    console.print(render_evidence(run))
    told = console.file.getvalue()
    assert "mass 0.5000 -> 0.5000 (the probability of all choices together)" in told
    assert "order effect 0.1000 -> 0.2000 (how far probabilities move in another order of the choices)" in told


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"badge"}))
def test_explained_choices_are_told_in_every_format(explained_run, name):
    module, _, function = FORMATS[name].partition(":")
    assert "tilted" in getattr(importlib.import_module(module), function)(evidence(load_run(explained_run)))


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_of_explained_choices_is_drawn_or_left_out(explained_run, name):
    run = evidence(load_run(explained_run))
    figure = make(run, name, "tilted" if FIGURES[name].per_candidate else None)
    assert figure is None or rendered(figure, "svg")


def test_an_explained_item_is_shown_with_its_own_options(explained_run):
    run = evidence(load_run(explained_run))
    explained = run.attributions["id"].iloc[0]
    done = command("show", explained_run, "--item", explained)
    assert done.returncode == 0, done.stderr
    for option in run.bare_items.options[run.bare_items.ids.index(explained)]:
        assert option in done.stdout


def test_the_order_of_an_items_options_changes_nothing():
    models = [Chooser("large"), Chooser("tilted", tilt=-4.0)]
    straight, turned = (audited(models, asked(shuffled=s)) for s in (False, True))
    for name, estimate in straight["tilted"].measures["behaviour"].items():
        assert turned["tilted"].measures["behaviour"][name] == estimate, name
    for name in ("alignment_shapley", "alignment_lime"):
        a, b = (result["tilted"].measures["explanation"][name] for result in (straight, turned))
        assert a.value == pytest.approx(b.value, abs=1e-9)


def test_shared_labels_have_everything_that_classes_have():
    models = [Chooser("large", labels=("alpha", "beta")), Chooser("tilted", 6.0, labels=("beta", "alpha"))]
    result = audited(models, asked(shared=True))
    made = result["tilted"].measures
    assert {"kl_reference_candidate", "nuclear_norm_difference"} <= set(made["behaviour"])
    assert {"classwise_ece_difference", "brier_difference"} <= set(made["calibration"])
    # Columns of the candidate were matched by name: the two differ only by the tilt.
    assert made["behaviour"]["disagreement"].value < 0.5
    flat = audited([Chooser("large"), Chooser("tilted", 6.0)], asked())["tilted"].measures
    assert "kl_reference_candidate" not in flat["behaviour"]


def test_mass_and_order_effect_are_measured_where_they_are_known():
    models = [Chooser("large", mass=0.5, order=0.1), Chooser("quiet", mass=0.25, order=0.3)]
    made = audited(models, asked(), explain=False)["quiet"].measures["behaviour"]
    assert made["mass_reference"].value == pytest.approx(0.5)
    assert made["mass_difference"].value == pytest.approx(-0.25)
    assert made["order_effect_candidate"].value == pytest.approx(0.3)
    policy = {
        "name": "o",
        "required": ["behaviour"],
        "rules": {"behaviour": {"order_effect_difference": {"at_most": 0.1}}},
    }
    silent = audited([Chooser("large"), Chooser("quiet", mass=0.25)], asked(), explain=False, policy=policy)["quiet"]
    assert "mass_difference" in silent.measures["behaviour"]
    assert NEEDS["order-effect"] in silent.verdict.reason


def test_chance_is_the_mean_of_one_over_the_number_of_options():
    items = asked()
    outcomes = Choices().outcomes(Chooser("large").predict(items), items.labels)
    assert outcomes.chance.mean() == pytest.approx(np.mean([1 / len(own) for own in items.options]))
    assert outcomes.distribution is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: Rows(rows.values[:-1], rows.counts[:-1]), "answers to 20 items"),
        (lambda rows: Rows(rows.values * [2, 1, 1], rows.counts), "are not probabilities that sum to 1"),
        (lambda rows: Rows(rows.values * [np.nan, 1, 1], rows.counts), "are not probabilities that sum to 1"),
        (lambda rows: Rows(rows.values, rows.counts[::-1]), "options, the model answers"),
        (lambda rows: rows.values, "not rows of choices"),
    ],
)
def test_answers_that_do_not_fit_are_one_line(change, message):
    items = asked(20)
    with pytest.raises(ModelError, match=message):
        Choices().checked(change(Chooser("m").predict(items)), items=items, labels=(), model="m")


def test_other_labels_than_the_reference_are_refused():
    rows = Rows(np.full((4, 3), 0.5), np.array([2, 2]))
    with pytest.raises(LabelError, match="chooses from"):
        Choices().in_order(rows, ("a", "b"), ("a", "c"), model="m", reference="r")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([("a", "b"), ("a",)], "two or more texts"),
        ([("a", "b"), ("a", " ")], "not a text that can be read"),
        ([("a", "b"), ("a", "a")], "given twice"),
        ([("a", "b")], "options has 1 values for 2 items"),
        ("ab", "list of texts for each item"),
    ],
)
def test_options_that_cannot_be_chosen_from_are_one_line(options, message):
    with pytest.raises(DataError, match=message):
        trusteq.Items(["1", "2"], {"text": ["x", "y"]}, options=options)


def test_a_right_answer_beyond_the_options_is_one_line():
    with pytest.raises(DataError, match="option 2, counted from 0, but it has only 2"):
        trusteq.Items(["1"], {"text": ["x"]}, np.array([2]), ("0", "1", "2"), options=[("a", "b")])


def test_options_are_part_of_the_content():
    one, other = (trusteq.Items(["1"], {"text": ["x"]}, options=[own]) for own in (("a", "b"), ("b", "a")))
    assert one.content() != other.content() != trusteq.Items(["1"], {"text": ["x"]}).content()
