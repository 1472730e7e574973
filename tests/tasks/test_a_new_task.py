"""A task is one file and one entry: nothing else has to know what is asked of an item."""

import ast
import hashlib
import importlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from oracles import bootstrap, calibration
from rich.console import Console

import trusteq
from trusteq import ModelError, OptionError, RunError, load_run
from trusteq.auditing.verify import verify_run
from trusteq.cli.report import FORMATS
from trusteq.comparing.measures import NEEDS
from trusteq.models.base import Identity
from trusteq.models.traits import Traits
from trusteq.policy import parse_policy
from trusteq.record.evidence import evidence
from trusteq.record.run import rejudge
from trusteq.report.difference import difference
from trusteq.report.figures.catalog import FIGURES, make
from trusteq.report.figures.file import rendered
from trusteq.report.page.items import browser
from trusteq.report.page.page import page
from trusteq.report.terminal import render
from trusteq.stats.resampling import Resampling
from trusteq.tasks import task as tasks
from trusteq.tasks.outcomes import Outcomes
from trusteq.tasks.rows import Rows, ragged

SOURCE = Path(trusteq.__file__).parent


def numbers_from(seed, *texts):
    key = hashlib.sha256("\x00".join(texts).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(key, dtype=np.uint32).tolist()])


# Choices: each item has options of its own -----------------------------------------------------------


class Choices:
    """A probability for each option of an item; the label says which option is right, counted from 0."""

    name, one_row, largest, explained = "choices", False, 1.001, False
    dimensions, may_be_unknown, scale, policy = (), (), "probability", "default"
    probabilities, several_outcomes = (), False

    def columns(self, labels):
        return ("share",)

    def checked(self, raw, *, items, labels, model):
        rows = raw if isinstance(raw, Rows) else ragged(raw)
        for i, options in enumerate(self.options(items)):
            own = rows.values[rows.item == i, 0]
            if len(own) != len(options):
                raise ModelError(
                    f"model {model}: item {items.ids[i]!r} has {len(options)} options, the model answers {len(own)}"
                )
            if abs(own.sum() - 1) > 1e-6:
                raise ModelError(f"model {model}: item {items.ids[i]!r}: probabilities sum to {own.sum():g}, not 1")
        return rows

    def options(self, items):
        return [json.loads(options) for options in items.columns["options"]]

    def in_order(self, rows, own, labels, *, model, reference):
        return rows

    def gold(self, items, labels):
        if items.labels is None:
            return None
        return np.array([int(items.label_names[code]) for code in items.labels], dtype=np.int64)

    def outcomes(self, rows, gold, labels=()):
        starts = np.cumsum(rows.counts) - rows.counts
        shares = [rows.values[start : start + n, 0] for start, n in zip(starts, rows.counts, strict=True)]
        answer = np.array([own.argmax() for own in shares])
        confidence = np.array([own.max() for own in shares])
        right = None if gold is None else answer == gold
        return Outcomes(answer, confidence, right, gold=gold, chance=1 / rows.counts)

    def answer_texts(self, codes, at, items, labels):
        options = self.options(items)
        return [options[i][code] for code, i in zip(codes.tolist(), at.tolist(), strict=True)]

    def shares(self, rows, at, items, labels):
        return dict(zip(self.options(items)[at], rows.values[rows.item == at, 0].tolist(), strict=True))

    def targets(self, answers, gold, at, by):
        raise NotImplementedError

    def table(self, rows):
        raise NotImplementedError

    def value(self, table, target, scale):
        raise NotImplementedError


@dataclass(eq=False)
class Chooser:
    """Answers each option by a number of its own, whatever the order of the options: truth, noise, sharpness."""

    name: str
    noise: float = 0.0
    sharpness: float = 1.0
    seed: int = 1
    labels: tuple[str, ...] = ()
    identity = Identity("made up", "here", None)
    traits = Traits(task="choices", changeable=False)

    def predict(self, items):
        answers = []
        for id_, options in zip(items.ids, map(json.loads, items.columns["options"]), strict=True):
            # In one order, so that no sum rounds otherwise.
            z = np.array([self.logit(id_, option) for option in sorted(options)])
            p = np.exp(self.sharpness * (z - z.max()))
            share = dict(zip(sorted(options), (p / p.sum()).tolist(), strict=True))
            answers.append([share[option] for option in options])
        return answers

    def logit(self, id_, option):
        return numbers_from(0, id_, option).normal() * 2 + self.noise * numbers_from(self.seed, id_, option).normal()

    def findings(self):
        return ()


def chosen(n=400, *, shuffled=None):
    ids, options, gold = [f"q{i}" for i in range(n)], [], []
    for i, id_ in enumerate(ids):
        rng = numbers_from(5, id_)
        own = [f"option {k} of {id_}" for k in range(2 + i % 4)]
        z = np.array([numbers_from(0, id_, option).normal() * 2 for option in own]) + rng.gumbel(size=len(own))
        right = own[int(z.argmax())]
        if shuffled is not None:
            own = [own[k] for k in numbers_from(shuffled, id_).permutation(len(own))]
        options.append(json.dumps(own))
        gold.append(own.index(right))
    names = tuple(map(str, range(5)))
    return trusteq.Items(
        ids, {"question": [f"why {i}" for i in ids]}, np.array(gold), names, {"options": options}, source="made-up"
    )


@pytest.fixture
def choices(monkeypatch):
    monkeypatch.setitem(tasks.TASKS, "choices", Choices())
    return {"large": Chooser("large"), "same": Chooser("same"), "far": Chooser("far", noise=1.5, sharpness=1.6)}


EASY = parse_policy(
    {
        "name": "easy",
        "required": ["behaviour", "calibration"],
        "rules": {
            "behaviour": {"accuracy_difference": {"at_least": -0.3}, "disagreement": {"at_most": 0.6}},
            "calibration": {"smooth_ece_difference": {"at_most": 0.5}},
        },
    },
    where="easy",
)
STRICT = {
    "name": "strict",
    "min_items": 100,
    "required": ["behaviour"],
    "rules": {"behaviour": {"disagreement": {"at_most": 0.05}}},
}


def audited(models, items, **options):
    reference, *candidates = models
    options = {"resamples": 200, "policy": STRICT, "costs": "none", **options}
    return trusteq.audit(reference, candidates, items, **options)


@pytest.mark.slow
def test_choices_go_from_models_to_a_page(choices, tmp_path):
    result = audited(choices.values(), chosen())
    assert result["same"].verdict.outcome == "EQUIVALENT"
    assert result["far"].verdict.outcome == "NOT EQUIVALENT"
    run = load_run(result.save(tmp_path / "run"))
    assert verify_run(run).passed
    assert {name: v.outcome for name, v in rejudge(run, EASY).items()} == {"same": "EQUIVALENT", "far": "EQUIVALENT"}
    out = io.StringIO()
    Console(file=out, width=120).print(render(result))
    assert "may it replace large?" in out.getvalue().casefold()
    html = page(evidence(run))
    assert "large" in html
    assert_shown(browser(evidence(run)).items, result)
    shown = str(result.item("q7", "far"))
    assert "option 1 of q7" in shown
    assert result.predictions().groupby("model")["share"].sum().round(6).tolist() == [400.0] * 3
    assert difference(evidence(run), evidence(run)).match.paired


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"badge"}))
def test_choices_are_told_in_every_format(choices, name, tmp_path):
    result = audited([choices["large"], choices["far"]], chosen(60))
    run = evidence(load_run(result.save(tmp_path / "run")))
    module, _, function = FORMATS[name].partition(":")
    assert "far" in getattr(importlib.import_module(module), function)(run)


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_of_choices_is_drawn_or_left_out(choices, name):
    run = audited([choices["large"], choices["far"]], chosen(60)).evidence
    figure = make(run, name, "far" if FIGURES[name].per_candidate else None)
    assert figure is None or rendered(figure, "svg")


def assert_shown(held, result):
    """Of each item the page holds its own options, what each model gives them, and what both answer."""
    for i, options in enumerate(map(json.loads, result.items.columns["options"])):
        assert [held["labels"][k] for k in held["shown"][i]] == options
        for m, model in enumerate(result.models):
            shares = model.rows.values[model.rows.item == i, 0]
            assert held["probabilities"][m][i] == np.rint(shares * held["digits"]).astype(int).tolist()
            assert held["labels"][held["answers"][m][i]] == options[int(shares.argmax())]
        assert held["labels"][held["gold"][i]] == options[result.gold[i]]


def test_measures_of_choices_are_those_of_a_slow_count(choices):
    items = chosen(120)
    result = audited([choices["large"], choices["far"]], items)
    shares = [choices[name].predict(items) for name in ("large", "far")]
    gold = [int(items.label_names[code]) for code in items.labels]
    answers = [[max(range(len(own)), key=own.__getitem__) for own in model] for model in shares]
    confidence = [[max(own) for own in model] for model in shares]
    right = [[a == g for a, g in zip(model, gold, strict=True)] for model in answers]
    differ = [a != b for a, b in zip(*answers, strict=True)]
    made = result["far"].measures
    expected = {
        "accuracy_reference": np.mean(right[0]),
        "accuracy_candidate": np.mean(right[1]),
        "agreement": 1 - np.mean(differ),
        "regressions": np.mean([a and not b for a, b in zip(*right, strict=True)]),
        "corrections": np.mean([b and not a for a, b in zip(*right, strict=True)]),
        "wrong_to_other_wrong": np.mean([d and not a and not b for d, a, b in zip(differ, *right, strict=True)]),
    }
    for name, value in expected.items():
        assert made["behaviour"][name].value == pytest.approx(value, abs=1e-12), name
    of = made["calibration"]
    for side, c, r in zip(("reference", "candidate"), confidence, right, strict=True):
        assert of[f"ece_{side}"].value == pytest.approx(calibration.ece(c, r))
        assert of[f"mce_{side}"].value == pytest.approx(calibration.mce(c, r))
        assert of[f"aurc_{side}"].value == pytest.approx(calibration.aurc(c, r))
        assert of[f"usable_90_{side}"].value == pytest.approx(calibration.usable(c, r, 0.9))
        parts = dict(zip(("miscalibration", "discrimination", "uncertainty"), calibration.corp(c, r), strict=True))
        for name, value in parts.items():
            assert of[f"{name}_{side}"].value == pytest.approx(value, abs=1e-12), name
    assert result["far"].remedies["temperature_recalibrated"].value > 1
    assert result["far"].thresholds[0]["coverage_reference"].value == np.mean(np.array(confidence[0]) >= 0.5)


def test_what_needs_a_distribution_over_shared_labels_is_not_measured_and_says_so(choices):
    rules = {
        "behaviour": {"nuclear_norm_difference": {"at_least": -0.1}, "kl_reference_candidate": {"at_most": 0.1}},
        "calibration": {"brier_difference": {"at_most": 0.1}, "classwise_ece_difference": {"at_most": 0.1}},
    }
    policy = {"name": "n", "required": ["behaviour", "calibration"], "rules": rules}
    verdict = audited([choices["large"], choices["far"]], chosen(60), policy=policy)["far"].verdict
    why = f"was not measured (it needs {NEEDS['distribution']})"
    assert [rule.reason for d in verdict.dimensions for rule in d.rules if d.dimension != "explanation"] == [
        f"nuclear norm difference {why}",
        f"KL reference candidate {why}",
        f"brier difference {why}",
        f"classwise ECE difference {why}",
    ]
    assert verdict.reason == f"behaviour {why}; calibration {why}"


def test_the_order_of_options_changes_nothing(choices):
    models = [choices["large"], choices["far"]]
    straight, shuffled = (audited(models, chosen(150, shuffled=seed)) for seed in (None, 3))
    assert straight["far"].measures == shuffled["far"].measures
    assert straight["far"].remedies == shuffled["far"].remedies
    assert straight["far"].flips == shuffled["far"].flips


def test_a_model_that_guesses_is_told_from_one_that_knows(choices):
    items = chosen(300)
    guessing = Chooser("guessing", noise=50.0)
    kinds = {f.kind: f.message for f in audited([choices["large"], guessing], items).findings if f.model == "guessing"}
    chance = np.mean([1 / len(json.loads(o)) for o in items.columns["options"]])
    assert f"than chance ({chance:.1%})" in kinds["chance"]
    assert not [f for f in audited([choices["large"], choices["same"]], items).findings if f.kind == "chance"]


def test_a_wrong_answer_is_one_line(choices):
    short = Chooser("short")
    short.predict = lambda items: [np.ones(1)] * len(items)
    with pytest.raises(ModelError, match=r"^model short: item 'q\d+' has \d options, the model answers 1$"):
        audited([choices["large"], short], chosen(40))


def test_models_of_different_tasks_are_refused(choices):
    labelled = trusteq.from_callable(lambda texts: np.full((len(texts), 2), 0.5), labels=["0", "1"], name="labelled")
    with pytest.raises(ModelError, match="model labelled answers the task 'classes', the reference large 'choices'"):
        audited([choices["large"], labelled], chosen(40))


def test_what_has_no_explanation_is_not_explained_unless_asked(choices):
    models = [choices["large"], choices["far"]]
    assert audited(models, chosen(40)).explanation is None
    with pytest.raises(OptionError, match="cannot run on changed texts"):
        audited(models, chosen(40), explain=True)


def test_a_run_of_a_task_that_is_not_there_is_refused(choices, tmp_path, monkeypatch):
    path = audited([choices["large"], choices["far"]], chosen(40)).save(tmp_path / "run")
    monkeypatch.delitem(tasks.TASKS, "choices")
    with pytest.raises(RunError, match="a run of the task 'choices', which this trusteq does not know"):
        load_run(path)


def test_a_model_of_a_task_that_is_not_there_is_refused(choices, monkeypatch):
    monkeypatch.delitem(tasks.TASKS, "choices")
    with pytest.raises(OptionError, match="unknown task 'choices'; choose from classes"):
        audited([choices["large"], choices["far"]], chosen(40))


# Tokens: several outcomes an item --------------------------------------------------------------------


class Tokens(Choices):
    """At every place of a text the most probable token, its probability, and the text's own token."""

    name, largest, several_outcomes = "tokens", np.inf, True

    def columns(self, labels):
        return ("token", "probability", "own")

    def checked(self, raw, *, items, labels, model):
        if isinstance(raw, Rows):
            return raw
        return Rows(np.concatenate(raw), np.array([len(rows) for rows in raw], dtype=np.int64))

    def gold(self, items, labels):
        return None

    def outcomes(self, rows, gold, labels=()):
        token, probability, own = rows.values.T
        return Outcomes(token.astype(np.int64), probability, token == own, item=rows.item)

    def answer_texts(self, codes, at, items, labels):
        return [f"token {code}" for code in codes.tolist()]

    def shares(self, rows, at, items, labels):
        return {}


@dataclass(eq=False)
class Writer:
    """Texts differ in how hard they are, so that the tokens of one are alike."""

    name: str
    seed: int
    labels: tuple[str, ...] = ()
    identity = Identity("made up", "here", None)
    traits = Traits(task="tokens", changeable=False)

    def predict(self, items):
        answers = []
        for id_ in items.ids:
            hard, rng = numbers_from(0, id_), numbers_from(self.seed, id_)
            n, skill = int(hard.integers(5, 30)), hard.beta(0.5, 0.5)
            own = hard.integers(0, 9, n)
            token = np.where(rng.random(n) < skill, own, own + 10)
            answers.append(np.stack([token, np.full(n, 0.5 + skill / 2.1), own], axis=1).astype(np.float64))
        return answers

    def findings(self):
        return ()


@pytest.fixture
def tokens(monkeypatch):
    monkeypatch.setitem(tasks.TASKS, "tokens", Tokens())
    return [Writer("large", 1), Writer("small", 2)]


def documents(n, clusters=None):
    return trusteq.Items([f"d{i:03}" for i in range(n)], {"text": [f"text {i}" for i in range(n)]}, clusters=clusters)


def test_outcomes_of_one_item_are_resampled_together(tokens):
    """The interval is that of texts drawn anew, three times as wide as if their tokens were independent."""
    items = documents(60)
    made = audited(tokens, items, resamples=400)["small"].measures["calibration"]["confidence_reference"]
    answers = tokens[0].predict(items)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(2_000):
        some = [answers[i][:, 1] for i in rng.integers(0, 60, 60)]
        drawn.append(np.concatenate(some).mean())
    slow = np.quantile(drawn, [0.025, 0.975])
    whole = np.concatenate([own[:, 1] for own in answers])
    assert made.n == 60
    assert made.value == pytest.approx(whole.mean())
    assert (made.low, made.high) == pytest.approx(slow, abs=0.15 * (slow[1] - slow[0]))
    assert made.high - made.low > 3 * 3.92 * whole.std() / np.sqrt(len(whole))


def test_their_draws_are_those_of_items_written_down_one_by_one(tokens):
    items = documents(30)
    result = audited(tokens, items, resamples=100)
    outcomes = result.evidence.outcomes
    sample = sample_of(result)
    differ = outcomes[0].answer != outcomes[1].answer
    (fast,) = sample.cell_sums(np.zeros(len(differ), dtype=np.int64), 1, differ)
    assert fast.draws[:, 0].tolist() == bootstrap.draws(sample, lambda at: differ[at].sum()).tolist()
    assert [len(np.unique(outcomes[0].item[sample.unit == u])) for u in range(sample.units)] == [1] * 30


def sample_of(result):
    item = result.evidence.outcomes[0].item
    ids = [result.items.ids[i] for i in item]
    return Resampling(len(ids), clusters=ids, resamples=100)


def test_clusters_of_items_hold_all_their_outcomes(tokens):
    """Ten clusters of six equal texts: as unsure as ten texts, not as sixty."""
    whole = audited(tokens, documents(60), resamples=200)
    tens = audited(tokens, documents(60, [str(i % 6) for i in range(60)]), resamples=200)
    figures = [r["small"].measures["behaviour"]["accuracy_reference"] for r in (whole, tens)]
    assert figures[0].value == figures[1].value
    assert "clusters" in figures[1].method


def test_tokens_go_from_models_to_a_page(tokens, tmp_path):
    result = audited(tokens, documents(40))
    run = load_run(result.save(tmp_path / "run"))
    assert verify_run(run).passed
    (verdict,) = rejudge(run, EASY).values()
    rule = verdict.dimensions[0].rules[0]
    assert rule.estimate.n == 40
    assert page(evidence(run))
    held, outcomes = browser(evidence(run)).items, evidence(run).outcomes
    differ = outcomes[0].answer != outcomes[1].answer
    first = int(outcomes[0].item[differ][0])
    changed, count = differ[outcomes[0].item == first].sum(), (outcomes[0].item == first).sum()
    assert held["labels"][held["answers"][1][first]] == f"{changed} of {count} answers changed"
    assert held["labels"][held["answers"][0][first]] == f"{count} answers"
    assert f"item d{first:03}: {changed} of {count} answers changed\n" in str(result.item(f"d{first:03}"))
    same = next(i for i in range(40) if not differ[outcomes[0].item == i].any())
    said = f"item d{same:03}: none of {(outcomes[0].item == same).sum()} answers changed"
    assert f"{said}\n" in str(result.item(f"d{same:03}"))
    assert f"<b>{said.replace(': ', '</b>: ')}</p>" in result.item(f"d{same:03}")._repr_html_()
    assert {flip["kind"] for flip in result["small"].flips} <= {
        "right to wrong",
        "wrong to right",
        "wrong to other wrong",
    }


def test_an_item_may_have_no_outcome(tokens, tmp_path):
    class Silent(Writer):
        def predict(self, items):
            answers = super().predict(items)
            return [rows[:0] if id_ == "d007" else rows for id_, rows in zip(items.ids, answers, strict=True)]

    result = audited([Silent("large", 1), Silent("small", 2)], documents(30))
    run = load_run(result.save(tmp_path / "run"))
    assert verify_run(run).passed
    assert evidence(run).rows[0].counts.tolist() == result.reference.rows.counts.tolist()
    assert evidence(run).rows[0].counts[7] == 0
    assert page(evidence(run))


def test_a_few_long_texts_are_few(tokens):
    """Hundreds of tokens of three texts do not show what holds of texts."""
    result = audited([tokens[0], Writer("copy", 1)], documents(3), policy={**STRICT, "min_items": 2})
    assert result["copy"].verdict.outcome == "UNDECIDED"
    assert "items would decide" in result["copy"].verdict.reason
    generous = {**STRICT, "min_items": 2, "rules": {"behaviour": {"disagreement": {"at_most": 0.99}}}}
    verdict = audited([tokens[0], Writer("copy", 1)], documents(5), policy=generous)["copy"].verdict
    assert verdict.outcome == "UNDECIDED"
    assert verdict.reason.endswith("but fewer than 6 items cannot show it")


def test_verdicts_count_texts_and_not_their_tokens(tokens):
    """Sixty texts of a thousand tokens are fewer than a hundred, and more texts are what would decide."""
    result = audited(
        tokens, documents(60), policy={**STRICT, "rules": {"behaviour": {"disagreement": {"at_most": 0.99}}}}
    )
    assert "60 items are fewer than the 100 that the policy asks for" in result["small"].verdict.reason
    (rule,) = next(d for d in result["small"].verdict.dimensions if d.dimension == "behaviour").rules
    assert rule.items_needed == 100
    assert rule.clusters_needed is None


def test_models_with_other_outcomes_are_refused(tokens):
    class Short(Writer):
        def predict(self, items):
            return [rows[1:] for rows in super().predict(items)]

    with pytest.raises(ModelError, match=r"model short: item 'd000' has \d+ outcomes, but \d+ in model large"):
        audited([tokens[0], Short("short", 2)], documents(20))


# Nobody else has to know -----------------------------------------------------------------------------


def test_nobody_asks_which_task_it_is():
    """Whoever does would have to know the next one, too. Runs of classes name no task, for older ones do not."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path.parent.name == "tasks":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            place = f"{path.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Constant) and node.value == "classes":
                found.append(place)
            if isinstance(node, ast.Compare):
                sides = {ast.unparse(side) for side in (node.left, *node.comparators)}
                if "CLASSES" in sides or any(side.endswith("task.name") for side in sides):
                    found.append(place)
            if isinstance(node, ast.Name) and node.id == "Classes":
                found.append(place)
    assert [place.partition(":")[0] for place in found] == ["auditing/audit.py"]
