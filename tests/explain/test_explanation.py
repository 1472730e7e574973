"""From items and models to value tables: what is chosen, what is asked, for which label."""

from dataclasses import replace

import numpy as np
import pytest

from trusteq import DataError, ExplainSettings, Items, ModelError, OptionError, TrusteqError, from_callable
from trusteq.explain.explanation import explain, in_random_order, with_units
from trusteq.explain.respondent import respondents

LABELS = ("no", "yes")
WORDS = ("the", "good", "bad", "film", "was", "not", "very", "dog")


def leaning(weights, labels=LABELS, name="m"):
    """A model that adds up the weights of words."""

    def answer(texts):
        score = np.array([sum(weights.get(word, 0.1) for word in text.split()) for text in texts])
        yes = 1 / (1 + np.exp(-score))
        columns = {"no": 1 - yes, "yes": yes}
        return np.stack([columns[label] for label in labels], axis=1)

    return from_callable(answer, labels=labels, name=name)


GOOD, BAD = leaning({"good": 2.0, "bad": -2.0}), leaning({"good": -1.0, "bad": 2.0}, name="other")


def some_items(n=20, gold=True):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 3 + i % 5)) for i in range(n)]
    labels = np.arange(n) % 2 if gold else None
    return Items([f"i{i}" for i in range(n)], {"text": texts}, labels=labels, label_names=LABELS if gold else ())


def explained(models, data, /, *, alone=None, **settings):
    predicted = [model.predict(data)[:, [model.labels.index(label) for label in LABELS]] for model in models]
    batches = [1 if apart else None for apart in alone or [False] * len(models)]
    asked = respondents(models, predicted, LABELS, batches=batches)
    return explain(asked, data, ExplainSettings(**settings), gold=None if data.labels is None else data.gold(LABELS))


# which items


def ids_chosen(items, count, seed=0):
    return [items.ids[i] for i in in_random_order(items, count, seed=seed)]


def test_the_choice_depends_on_ids_and_seed_alone():
    """And more of them are the same ones and others after them."""
    items = some_items(200)
    mixed = items.take(np.random.default_rng(0).permutation(200))
    first = ids_chosen(items, 30)
    assert ids_chosen(mixed, 30) == first
    assert ids_chosen(items, 30, seed=1) != first
    assert ids_chosen(items, 31)[:30] == first
    assert first != sorted(first)


@pytest.mark.parametrize("count", [None, 5, 6])
def test_all_are_chosen_where_there_are_no_more(count):
    assert sorted(in_random_order(some_items(5), count, seed=0)) == list(range(5))


def test_clusters_are_explained_one_after_another_only_until_the_rules_are_decided():
    items = replace(some_items(30), clusters=[f"c{i % 10}" for i in range(30)])
    for until, whole in (("decided", True), ("end", False)):
        order, _ = with_units(items, ExplainSettings(until=until), seed=0)
        clusters = [items.clusters[i] for i in order]
        assert ([len(set(clusters[i : i + 3])) for i in range(0, 30, 3)] == [1] * 10) is whole


def test_the_explained_items_stand_in_the_order_of_the_items():
    found = explained([GOOD], some_items(), items=7)
    assert found.positions.tolist() == sorted(in_random_order(some_items(), 7, seed=0))


def test_items_without_a_word_are_left_out_and_named():
    items = Items(["a", "b", "c", "d"], {"text": ["good film", "...", "bad", "!?"]})
    found = explained([GOOD], items)
    assert found.wordless == ("b", "d")
    assert found.positions.tolist() == [0, 2]
    assert found.lengths.tolist() == [2, 1]


def test_nothing_can_be_explained_without_words():
    with pytest.raises(DataError, match="1 of the chosen items have a unit"):
        explained([GOOD], Items(["a", "b"], {"text": ["good", "..."]}))


# what is asked


def test_the_plan_of_an_item_is_its_own():
    """Whatever other items and models there are."""
    items = some_items()
    alone = explained([GOOD], items.take([3, 5, 8]))
    among = explained([GOOD, BAD], items)
    for i, position in enumerate([3, 5, 8]):
        np.testing.assert_array_equal(alone.plans[i].masks, among.plans[position].masks)
        assert alone.plans[i].content() == among.plans[position].content()
        assert alone.units[i].texts == among.units[position].texts
        np.testing.assert_array_equal(alone.tables[0][i], among.tables[0][position])


def test_another_candidate_changes_nothing_for_the_others():
    items = some_items()
    one, other = explained([GOOD, BAD], items), explained([GOOD, leaning({"dog": 3.0}, name="third"), BAD], items)
    for i in range(20):
        np.testing.assert_array_equal(one.tables[0][i], other.tables[0][i])
        np.testing.assert_array_equal(one.tables[1][i], other.tables[2][i])
    assert one.content() == other.content()
    before, after = one.attributions()["shapley"][1], other.attributions()["shapley"][2]
    np.testing.assert_allclose(before.first, after.first, atol=1e-14)


def test_content_tells_plans_apart():
    items = some_items()
    assert explained([GOOD], items).content() == explained([BAD], items).content()
    assert explained([GOOD], items).content() != explained([GOOD], items, masks=10).content()
    assert explained([GOOD], items).content() != explained([GOOD], items.take(range(19))).content()


def test_labels_are_matched_by_name():
    turned = leaning({"good": 2.0, "bad": -2.0}, labels=("yes", "no"), name="turned")
    found = explained([GOOD, turned], some_items())
    for one, other in zip(*found.tables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_masks_grow_with_the_words_between_limits():
    items = Items(["a", "b", "c"], {"text": ["good " * 9, "bad " * 20, "dog " * 200]})
    assert [len(plan) for plan in explained([GOOD], items).plans] == [pytest.approx(n, abs=4) for n in (36, 80, 256)]
    assert [len(plan) <= 12 for plan in explained([GOOD], items, masks=12).plans] == [True] * 3


def test_the_values_are_those_of_the_explained_label_on_the_scale_asked_for():
    items = some_items()
    found = explained([GOOD, BAD], items, scale="log-odds")
    for i, values in enumerate(found.values()):
        texts = [text for (text,) in found.units[i].write_many(found.plans[i].masks)]
        sign = 1 if found.targets[0, i] == 1 else -1
        score = [sum({"good": 2.0, "bad": -2.0}.get(word, 0.1) for word in text.split()) for text in texts]
        np.testing.assert_allclose(values[:, 0], sign * np.array(score), atol=1e-9)
        np.testing.assert_allclose(found.spread()[:, i], values.var(axis=0))


def test_progress_reaches_the_number_of_items():
    told = []
    items = some_items()
    asked = respondents([GOOD], [GOOD.predict(items)], LABELS, progress=lambda *at: told.append(at))
    explain(asked, items, ExplainSettings(), gold=None)
    assert told[0] == ("explain m", 0, 20)
    assert told[-1] == ("explain m", 20, 20)


# which label


def test_the_label_explained_is_the_one_asked_for():
    items = some_items()
    answers = [model.predict(items).argmax(axis=1) for model in (GOOD, BAD)]
    assert (answers[0] != answers[1]).any()
    assert explained([GOOD, BAD], items).targets.tolist() == [answers[0].tolist()] * 2
    assert explained([GOOD, BAD], items, target="own").targets.tolist() == [a.tolist() for a in answers]
    assert explained([GOOD, BAD], items, target="gold").targets.tolist() == [items.labels.tolist()] * 2


def test_there_is_no_gold_label_without_labels():
    """Said before any model is asked about thousands of perturbations."""
    asked = []

    def answer(texts):
        asked.append(len(texts))
        return GOOD.function(texts)

    model = from_callable(answer, labels=LABELS, name="m")
    with pytest.raises(OptionError, match="items have no label"):
        explained([model], some_items(gold=False), target="gold")
    assert asked == [20]


# round trip


def test_a_model_whose_answer_to_the_whole_text_differs_is_refused():
    items = some_items()
    with pytest.raises(ModelError, match="m: item 'i0': with no unit left out, the answer differs"):
        explain(respondents([GOOD], [GOOD.predict(items)[:, ::-1]], LABELS), items, ExplainSettings(), gold=None)


def test_a_model_asked_alone_is_held_to_what_it_answers_alone():
    """However many items were in a call when it was audited."""

    def crowded(texts):
        lean = GOOD.function(texts)[:, 1] * 0.5 + 0.4 / len(texts)
        return np.stack([1 - lean, lean], axis=1)

    model, items = from_callable(crowded, labels=("no", "yes"), name="crowded"), some_items()
    found = explained([model], items, alone=[True])
    for i, table in enumerate(found.tables[0]):
        np.testing.assert_allclose(np.exp(table[0]), model.predict(items.take([i]))[0])
    with pytest.raises(ModelError, match="the answer differs from the ordinary one"):
        explained([model], items, alone=[False])


# settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": 1},
        {"items": 2.5},
        {"items": True},
        {"masks": 9},
        {"masks": "64"},
        {"k": 0},
        {"per_unit": 0},
        {"k": True},
        {"target": "candidate"},
        {"scale": "logits"},
        {"units": "letters"},
        {"units": "re:("},
        {"perturb": None},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(TrusteqError, match=name):
        ExplainSettings(**wrong)


def test_settings_at_their_limits_are_accepted():
    ExplainSettings(items=2, masks=10, k=1)
    ExplainSettings(items=None, masks=None, units="re:[a-z]+", perturb="...", target="own", scale="log-odds")
