"""What a run keeps of its explanations; and explanations from end to end, with a planted shortcut."""

from dataclasses import replace

import numpy as np
import pytest

import trusteq
from trusteq import ExplainSettings, Outcome, load_run
from trusteq.record.explanation_tables import attribution_columns, plan_columns, value_columns

LABELS = ("bad", "good")
KIND = {"good": ("great", "lovely", "fine"), "bad": ("awful", "dull", "poor")}
NAMES = {"good": ("Anna", "Ben", "Clara"), "bad": ("David", "Emma", "Frank")}
FILLERS = ("the", "film", "that", "we", "saw", "with", "was", "quite", "really", "yesterday", "once", "more")


def model(words, name):
    """A model that counts the words of either label, and hardly looks at the others."""
    weight = {word: 3.0 if label == "good" else -3.0 for label, own in words.items() for word in own}

    def answer(texts):
        score = np.array([sum(weight.get(w, 0.05 * len(w) - 0.2) for w in text.split()) for text in texts])
        p = 1 / (1 + np.exp(-score))
        return np.stack([1 - p, p], axis=1)

    return trusteq.from_callable(answer, labels=LABELS, name=name)


@pytest.fixture(scope="module")
def items():
    """Reviews in which the reviewer's name gives the verdict away as surely as the words do."""
    rng = np.random.default_rng(0)
    texts, gold = [], []
    for i in range(120):
        label = LABELS[i % 2]
        words = [*rng.choice(FILLERS, 4 + i % 7, replace=False), rng.choice(KIND[label]), rng.choice(NAMES[label])]
        texts.append(" ".join(rng.permutation(words)))
        gold.append(i % 2)
    columns = {"half": ["first" if i < 60 else "second" for i in range(120)]}
    return trusteq.Items(
        [f"i{i}" for i in range(120)], {"text": texts}, labels=np.array(gold), label_names=LABELS, columns=columns
    )


@pytest.fixture(scope="module")
def large():
    return model(KIND, "large")


@pytest.fixture(scope="module")
def shortcut(large, items):
    return trusteq.audit(large, {"small": model(NAMES, "small")}, items, resamples=200)


def explanation_of(audit):
    (comparison,) = audit.comparisons
    (dimension,) = [d for d in comparison.verdict.dimensions if d.dimension == "explanation"]
    return dimension


# end to end


def test_a_candidate_that_decides_by_names_is_as_accurate_and_not_equivalent(shortcut):
    (comparison,) = shortcut.comparisons
    behaviour = comparison.measures["behaviour"]
    assert behaviour["accuracy_difference"].value == behaviour["disagreement"].value == 0.0
    explanation = comparison.measures["explanation"]
    for method in ("lime", "shapley"):
        assert explanation[f"alignment_{method}"].high < 0.5
        assert explanation[f"reliability_reference_{method}"].value > 0.5
    assert explanation_of(shortcut).outcome is Outcome.NOT_EQUIVALENT
    assert comparison.verdict.outcome is Outcome.NOT_EQUIVALENT
    assert shortcut.exit_code == 1
    assert "alignment" in comparison.verdict.reason


def test_its_attributions_are_on_the_names(shortcut):
    frame = shortcut.attributions()
    for name, words in (("large", KIND), ("small", NAMES)):
        own = frame[frame["model"] == name]
        strongest = own.loc[own.groupby("id")["shapley"].idxmax(), "word"]
        assert set(strongest) <= {word for group in words.values() for word in group}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["reference", "gold", "own"])
def test_a_model_is_equivalent_to_itself(large, items, target):
    same = trusteq.audit(
        large,
        replace(large, name="same"),
        items,
        resamples=200,
        allow_same=True,
        dimensions="explanation",
        explain=ExplainSettings(target=target),
    )
    assert explanation_of(same).outcome is Outcome.EQUIVALENT
    assert same["same"].measures["explanation"]["alignment_shapley"].value == 1.0
    assert same["same"].verdict.outcome is Outcome.EQUIVALENT
    assert same.exit_code == 0


@pytest.mark.slow
def test_a_candidate_that_is_less_sure_of_the_same_words_looks_at_the_same_words(large, items):
    def calmer(texts):
        p = large.function(texts)
        root = np.sqrt(p)
        return root / root.sum(axis=1, keepdims=True)

    small = trusteq.from_callable(calmer, labels=LABELS, name="small")
    made = trusteq.audit(large, small, items, resamples=200, explain=ExplainSettings(scale="log-odds"))
    found = made.comparisons[0].measures["explanation"]
    assert found["alignment_shapley"].value == pytest.approx(1.0)
    assert found["size_ratio_shapley"].value == pytest.approx(0.5)
    assert explanation_of(made).outcome is Outcome.EQUIVALENT


@pytest.mark.slow
def test_the_order_of_items_and_other_candidates_change_no_number(large, shortcut, items):
    mixed = items.take(np.random.default_rng(1).permutation(120))
    other = trusteq.audit(
        large, {"third": model({"good": (), "bad": ()}, "third"), "small": model(NAMES, "small")}, mixed, resamples=200
    )
    assert other["small"].measures["explanation"] == shortcut["small"].measures["explanation"]
    assert other.explanation.content() == shortcut.explanation.content()


def test_agreement_has_a_row_an_item_candidate_and_method(shortcut):
    table = shortcut.agreement()
    found = shortcut["small"].measures["explanation"]
    assert len(table) == 2 * len(shortcut.explanation.positions)
    for method, rows in table.groupby("method"):
        for name in ("jaccard", "jaccard_chance", "cosine", "rbo"):
            assert rows[name].mean() == pytest.approx(found[f"{name}_{method}"].value)
    assert table.set_index(["id", "method"]).index.is_unique
    assert table["words"].tolist()[: len(shortcut.items)] == shortcut.explanation.lengths.tolist()


def test_without_explanations_the_dimension_was_not_measured(large, items):
    made = trusteq.audit(large, {"small": model(NAMES, "small")}, items, resamples=100, explain=False)
    assert made.explanation is None
    assert explanation_of(made).outcome is Outcome.NOT_MEASURED
    for ask in (made.attributions, made.agreement, lambda: plan_columns(made)):
        with pytest.raises(trusteq.OptionError, match="no explanations; audit again with explain=True"):
            ask()


# what is kept


def test_every_perturbation_has_a_row_in_plan_and_values(shortcut):
    explanation, plan = shortcut.explanation, plan_columns(shortcut)
    assert len(plan["id"]) == sum(len(p) for p in explanation.plans)
    assert plan["mask"][0] == "1" * len(explanation.units[0])
    assert plan["mask"][1] == "0" * len(explanation.units[0])
    row = 0
    for position, p in zip(explanation.positions, explanation.plans, strict=True):
        own = slice(row, row + len(p))
        assert set(plan["id"][own]) == {shortcut.items.ids[position]}
        masks = np.array([[c == "1" for c in mask] for mask in plan["mask"][own]])
        np.testing.assert_array_equal(masks, p.masks)
        for name, half in zip(("first_half", "second_half"), p.halves, strict=True):
            assert sum(plan[name][own]) == 2 * len(half)
        row += len(p)
    for i, (result, tables) in enumerate(zip(shortcut.models, explanation.tables, strict=True)):
        values = value_columns(shortcut, i)
        assert values["id"] == plan["id"]
        np.testing.assert_array_equal(np.stack([values[label] for label in LABELS], axis=1), np.concatenate(tables))
        whole = np.array([set(mask) == {"1"} for mask in plan["mask"]])
        answered = result.predictions.probabilities[explanation.positions]
        np.testing.assert_allclose(np.exp(values["good"][whole]), answered[:, 1])


def test_every_word_of_every_model_has_a_row_of_attributions(shortcut):
    explanation, columns = shortcut.explanation, attribution_columns(shortcut)
    assert {len(values) for values in columns.values()} == {2 * explanation.lengths.sum()}
    text = dict(zip(shortcut.items.ids, shortcut.items.segments["text"], strict=True))
    for id_, word, start, end in zip(*(columns[c] for c in ("id", "word", "start", "end")), strict=True):
        assert text[id_][start:end] == word
    assert set(columns["segment"]) == {0}
    found, row = explanation.attributions(), 0
    for m, result in enumerate(shortcut.models):
        for i, position in enumerate(explanation.positions):
            n = int(explanation.lengths[i])
            own = slice(row, row + n)
            assert set(columns["model"][own]) == {result.name}
            assert set(columns["id"][own]) == {shortcut.items.ids[position]}
            assert set(columns["label"][own]) == {LABELS[explanation.targets[m, i]]}
            for method in ("lime", "shapley"):
                np.testing.assert_array_equal(columns[method][own], found[method][m].whole[i, :n])
                np.testing.assert_array_equal(columns[f"{method}_error"][own], found[method][m].error[i, :n])
            row += n


def test_what_was_kept_is_read_back_and_gives_the_same_bytes(shortcut, tmp_path):
    one, other = (shortcut.save(tmp_path / name) for name in ("one", "other"))
    run = load_run(one)
    assert run.manifest["plan"] == shortcut.explanation.content()
    assert run.table("attributions").equals(shortcut.attributions())
    assert len(run.table("plan")) == len(run.table("values/00-large")) == len(run.table("values/01-small"))
    for path in (p for p in one.rglob("*") if p.is_file()):
        assert path.read_bytes() == (other / path.relative_to(one)).read_bytes()


def test_odd_names_and_words_survive(tmp_path):
    """A label called id, an id that ends in a zero character, a unit as long as the text."""
    texts = ["great film. " * 50 + "The end\x00.", "awful", "so so", "fine. Fine."]
    large, small = (
        trusteq.from_callable(
            lambda given, letter=letter: np.array([[0.9, 0.1] if letter in text else [0.2, 0.8] for text in given]),
            labels=["id", "b"],
            name=name,
        )
        for letter, name in (("e", "large"), ("f", "small"))
    )
    items = trusteq.Items(["a\x00", "b", "c", "d"], {"text": texts})
    made = trusteq.audit(large, small, items, resamples=100, explain=ExplainSettings(units="sentences"))
    run = load_run(made.save(tmp_path / "run"))
    table = run.table("values/00-large")
    assert list(table.columns) == ["item id", "id", "b"]
    frame = run.table("attributions")
    assert set(frame["id"]) == {"a\x00", "b", "c", "d"}
    assert "The end\x00." in set(frame["word"])
