"""What changed items have in common: a planted cause is named first, chance names nothing, p-values are exact."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import in_common as oracle
from scipy import stats

from trusteq import Items
from trusteq.comparing import in_common as module
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.conditions import Term, matches, seen
from trusteq.comparing.in_common import (
    EVIDENCE,
    LIFT,
    MIN_MATCHING,
    best_condition,
    explained,
    first_half,
    fisher,
    in_common,
    p_of,
    questions,
    sentence,
)
from trusteq.comparing.item_features import item_features
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import Outcomes, most_probable

LABELS = ("x", "y", "z")
WORDS = np.array([f"w{i}" for i in range(400)])
SHARES = 1 / np.arange(1, 401) / (1 / np.arange(1, 401)).sum()


def case(seed, *, n=2000, marked=0.0, changed=0, per_mark=0.9, clusters=None, mark="cf"):
    """Texts of words as frequent as in a language, some with a mark; answers change by the mark, or by chance."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(5, 25), p=SHARES)) for _ in range(n)]
    has = np.zeros(n, dtype=bool)
    has[rng.choice(n, round(marked * n), replace=False)] = True
    texts = [f"{text} {mark}" if there else text for text, there in zip(texts, has, strict=True)]
    p = rng.dirichlet(np.ones(3), size=n)
    labels = np.where(rng.random(n) < 0.8, p.argmax(axis=1), rng.integers(3, size=n))
    moved = has & (rng.random(n) < per_mark)
    moved[rng.choice(n, changed, replace=False)] = True
    q = p.copy()
    q[moved] = np.roll(q[moved], 1, axis=1)
    items = Items([f"i{i}" for i in range(n)], {"text": texts}, labels=labels, label_names=LABELS, clusters=clusters)
    return items, p, q


def found(items, p, q, seed=0, **fields):
    resampling = Resampling(len(items), clusters=items.clusters, seed=seed)
    outcomes = [most_probable(x, items.labels) for x in (p, q)]
    pair = replace(Pair(*(Answers(o, resampling) for o in outcomes)), **fields)
    return in_common(pair, item_features(seen(items, outcomes[0], LABELS)), items.ids, items.clusters)


def changed(conditions):
    return [one for one in conditions if one.question == "changed"]


# Finding -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_planted_trigger_is_named_first(seed):
    items, p, q = case(seed, marked=0.02, changed=6)
    first = changed(found(items, p, q, seed))[0]
    assert first.terms == (Term("word", "cf"),)
    assert first.items == 40
    assert first.matching == sum(
        "cf" in text and a != b for text, a, b in zip(items.segments["text"], p.argmax(1), q.argmax(1), strict=True)
    )
    assert first.inside.low > 0.5
    assert first.outside.high < 0.02
    assert first.p_value < 1e-10


@pytest.mark.parametrize("seed", range(12))
def test_answers_that_change_at_random_have_nothing_in_common(seed):
    assert found(*case(seed, changed=50), seed) == ()


def test_with_fewer_than_ten_changed_items_nothing_is_said():
    items, p, q = case(0, marked=0.0045, per_mark=1.0)
    assert (p.argmax(1) != q.argmax(1)).sum() == 9
    assert found(items, p, q) == ()
    items, p, q = case(0, marked=0.005, per_mark=1.0)
    assert changed(found(items, p, q))[0].terms == (Term("word", "cf"),)


def test_after_the_first_cause_only_what_says_something_beyond_it_is_named():
    items, p, q = case(1, marked=0.02)
    texts = [text.replace(" cf", " cf mn") for text in items.segments["text"]]
    texts = [f"{text} vx" if i % 40 == 0 else text for i, text in enumerate(texts)]
    q = q.copy()
    q[::40] = np.roll(p[::40], 1, axis=1)
    conditions = changed(found(replace(items, segments={"text": texts}), p, q))
    assert sorted(one.terms[0].value for one in conditions) == ["cf", "vx"]  # "mn" says what "cf" says
    second = conditions[1]
    assert (second.earlier, second.among) == (1, 2000 - conditions[0].items)
    assert second.positive == conditions[0].positive - conditions[0].matching


def test_a_cause_of_two_terms_is_named_by_both():
    items, p, q = case(2, changed=4)
    column = ["web" if i % 5 == 0 else "print" for i in range(len(items))]
    moved = (np.asarray(items.labels) == 1) & (np.array(column) == "web") & (np.arange(len(items)) % 2 == 0)
    q = np.where(moved[:, None], np.roll(p, 1, axis=1), q)
    first = changed(found(replace(items, columns={"source": column}), p, q))[0]
    assert set(first.terms) == {Term("label", "y"), Term("column", "web", name="source")}


def test_the_condition_matches_the_items_that_it_counts():
    items, p, q = case(3, marked=0.03)
    for one in found(items, p, q):
        assert matches(one.terms, seen(items, most_probable(p, items.labels), LABELS)).sum() == one.items


def test_a_model_that_is_newly_sure_and_wrong_where_a_text_has_a_negation():
    items, p, _ = case(4)
    texts = [
        f"{text} never" if i % 50 == 0 else f"{text} not" if i % 50 == 1 else text
        for i, text in enumerate(items.segments["text"])
    ]
    sharp = np.eye(3)[p.argmax(axis=1)] * 0.94 + 0.02
    q = sharp.copy()
    negated = np.arange(len(items)) % 50 < 2
    q[negated] = np.roll(sharp[negated], 1, axis=1)
    conditions = found(replace(items, segments={"text": texts}, labels=p.argmax(axis=1)), sharp, q)
    sure = [one for one in conditions if one.question == "sure and wrong"]
    assert "negation" in sure[0].words
    assert sure[0].threshold == 0.9
    assert sure[0].matching == sure[0].positive == 80


def test_where_only_confidence_moves_that_is_what_is_named():
    items, p, _ = case(5)
    texts = [f"{text} cf" if i % 30 == 0 else text for i, text in enumerate(items.segments["text"])]
    q = p.copy()
    q[::30] = q[::30] ** 0.3
    q /= q.sum(axis=1, keepdims=True)
    conditions = found(replace(items, segments={"text": texts}), p, q)
    assert {one.question for one in conditions} == {"moved"}
    assert conditions[0].terms[0] == Term("word", "cf")


def test_the_order_of_the_items_does_not_matter():
    items, p, q = case(6, marked=0.02, changed=20)
    order = np.random.default_rng(0).permutation(len(items))
    one, other = found(items, p, q), found(items.take(order), p[order], q[order])
    assert [(c.words, c.matching, c.p_value, c.inside) for c in one] == [
        (c.words, c.matching, c.p_value, c.inside) for c in other
    ]


def test_only_what_is_compared_is_asked():
    items, p, q = case(7, marked=0.03)
    assert {one.question for one in found(items, p, q, dimensions=("calibration",))} <= {"sure and wrong", "moved"}
    unlabelled = replace(items, labels=None, label_names=())
    assert {one.question for one in found(unlabelled, p, q)} == {"changed"}


def test_nothing_is_asked_of_items_with_several_outcomes():
    outcomes = Outcomes(np.array([0, 1]), np.array([0.5, 0.5]), item=np.array([0, 0]))
    answers = Answers(outcomes, Resampling(2, clusters=["a", "a"], item=outcomes.item))
    assert questions(Pair(answers, answers)) == []


def test_random_changes_do_not_turn_wrong_where_the_reference_is_unsure():
    """A reference errs where it is unsure, so right answers are elsewhere: a fact about it, not about the change."""
    named = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        items, p, q = case(seed, changed=300)
        right = rng.random(len(items)) < p.max(axis=1)
        labels = np.where(right, p.argmax(axis=1), (p.argmax(axis=1) + 2) % 3)
        named += [one for one in found(replace(items, labels=labels), p, q, seed) if one.question == "right to wrong"]
    assert named == []


# Clusters ------------------------------------------------------------------------------------------


def repeated(items, p, q, times):
    def each(values):
        return [value for value in values for _ in range(times)]

    clustered = Items(
        [f"{id_}-{k}" for id_ in items.ids for k in range(times)],
        {"text": each(items.segments["text"])},
        labels=np.repeat(items.labels, times),
        label_names=LABELS,
        clusters=each(items.ids),
    )
    return clustered, np.repeat(p, times, axis=0), np.repeat(q, times, axis=0)


@pytest.mark.parametrize("seed", range(6))
def test_clusters_that_change_at_random_have_nothing_in_common(seed):
    assert found(*repeated(*case(seed, n=400, changed=10), 5), seed) == ()


def test_a_trigger_in_enough_clusters_is_named():
    conditions = found(*repeated(*case(0, n=600, marked=0.06), 3))
    assert conditions[0].terms == (Term("word", "cf"),)
    assert "clusters" in conditions[0].inside.method


def test_the_p_value_of_clusters_counts_clusters():
    rng = np.random.default_rng(0)
    yes, match = rng.random(100) < 0.3, rng.random(100) < 0.3
    yes |= match
    alone = p_of(yes, match, None)
    five = p_of(np.repeat(yes, 5), np.repeat(match, 5), np.repeat(np.arange(100), 5))
    assert five >= alone * (1 - 1e-9)
    assert p_of(np.repeat(yes, 5), np.repeat(match, 5), None) < alone / 1000


def test_a_cluster_is_never_split_and_both_halves_have_as_many_changed():
    rng = np.random.default_rng(1)
    keys = [f"c{k}" for k in rng.integers(150, size=600)]
    yes = np.isin(keys, [f"c{k}" for k in range(40)])
    first = first_half(yes, keys, seed=3)
    halves = [
        {key for key, there in zip(keys, first, strict=True) if there is np.bool_(side)} for side in (True, False)
    ]
    assert not halves[0] & halves[1]
    counts = [len({key for key, y in zip(keys, yes, strict=True) if y and key in half}) for half in halves]
    assert abs(counts[0] - counts[1]) <= 1
    assert not np.array_equal(first, first_half(yes, keys, seed=4))
    order = rng.permutation(600)
    assert np.array_equal(first[order], first_half(yes[order], [keys[i] for i in order], seed=3))


# Against slow oracles ------------------------------------------------------------------------------


@given(st.integers(2, 60), st.data())
def test_fishers_test_is_the_share_of_all_draws(n, data):
    positive, inside = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    hits = data.draw(st.integers(max(0, inside + positive - n), min(inside, positive)))
    expected = oracle.fisher(hits, inside, positive, n)
    assert fisher(hits, inside, positive, n) == pytest.approx(expected, rel=1e-9)
    table = [[hits, inside - hits], [positive - hits, n - inside - positive + hits]]
    assert expected == pytest.approx(stats.fisher_exact(table, alternative="greater")[1], rel=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=8, max_size=40))
def test_what_a_condition_explains_is_the_gain_in_likelihood(rows):
    answers, match = [row[0] for row in rows], [row[1] for row in rows]
    hits, inside = sum(a and m for a, m in rows), sum(match)
    found_gain = explained(np.array([float(hits)]), np.array([float(inside)]), sum(answers), len(rows))[0]
    misses, outside = sum(answers) - hits, len(rows) - inside
    higher = hits >= MIN_MATCHING and outside and hits / inside >= LIFT * misses / outside
    assert found_gain == pytest.approx(oracle.explained(answers, match) if higher else 0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_best_condition_is_the_best_of_all_terms_and_pairs(seed):
    rng = np.random.default_rng(seed)
    words = ["a", "b", "c", "d", "e"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 5))) for _ in range(80)]
    items = Items(
        [str(i) for i in range(80)], {"text": texts}, columns={"g": [str(x) for x in rng.integers(3, size=80)]}
    )
    features = item_features(seen(items))
    causes = [
        matches(terms, items) for terms in ([Term("word", "a"), Term("column", "1", name="g")], [Term("word", "e")])
    ]
    yes = causes[seed % 2] & (rng.random(80) < 0.9) | (rng.random(80) < 0.05)
    best = oracle.best_by_score(features, yes.tolist(), fewest=MIN_MATCHING, lift=LIFT, evidence=EVIDENCE)
    chosen = best_condition(features, yes, np.ones(80, dtype=bool))
    assert (chosen is None) == (best is None)
    if chosen is not None:
        match = np.logical_and.reduce([matches([features.terms[at]], items) for at in chosen])
        score = oracle.explained(yes.tolist(), match.tolist()) - sum(features.cost[at] for at in chosen)
        assert score == pytest.approx(best[0], abs=1e-6)


def test_the_rates_are_those_of_the_held_out_half():
    items, p, q = case(8, marked=0.03, changed=10)
    moved = p.argmax(1) != q.argmax(1)
    first = changed(found(items, p, q, seed=5))[0]
    held_out = ~first_half(moved, list(items.ids), 5)
    match = matches(first.terms, items)
    assert first.inside.n == (match & held_out).sum()
    assert first.inside.value == moved[match & held_out].mean()
    assert first.outside.value == moved[~match & held_out].mean()
    table = [[(moved & match & held_out).sum(), (~moved & match & held_out).sum()]]
    table.append([(moved & ~match & held_out).sum(), (~moved & ~match & held_out).sum()])
    assert first.p_value == pytest.approx(4 * stats.fisher_exact(table, alternative="greater")[1], rel=1e-6, abs=0)


def test_what_a_condition_costs_keeps_chance_from_explaining_enough():
    """Among hundreds of words the best explains more than a label would have to, by chance alone."""
    chosen = []
    for seed in range(20):
        items, p, _ = case(seed, n=1000)
        yes = np.zeros(1000, dtype=bool)
        yes[np.random.default_rng(seed).choice(1000, 30, replace=False)] = True
        features = item_features(seen(items, most_probable(p, items.labels), LABELS))
        free = replace(features, cost=np.zeros(len(features.cost)))
        assert best_condition(free, yes, np.ones(1000, dtype=bool)) is not None
        chosen.append(best_condition(features, yes, np.ones(1000, dtype=bool)))
    assert sum(one is not None for one in chosen) <= 2


def test_of_conditions_that_explain_the_same_the_cheaper_is_chosen():
    items = Items([str(i) for i in range(60)], {"text": ["a cf"] * 20 + ["b"] * 20 + ["c d"] * 20})
    columns = {"desk": ["x"] * 19 + ["y"] * 41}
    yes = np.arange(60) < 19
    features = item_features(seen(replace(items, columns=columns)))
    chosen = best_condition(features, yes, np.arange(60) != 19)
    assert [features.terms[at].kind for at in chosen] == ["column"]


def test_items_of_clusters_explain_less(monkeypatch):
    worths = []
    monkeypatch.setattr(module, "best_condition", lambda features, yes, among, worth: worths.append(worth))
    found(*case(0, n=400, changed=40))
    assert set(worths) == {1.0}
    worths.clear()
    found(*repeated(*case(0, n=400, changed=40), 5))
    assert max(worths) < 0.3


def test_that_the_reference_errs_is_no_cause_of_new_sure_mistakes():
    """Made more confident, a model is sure of its old mistakes: label and answer together would only say that."""
    rng = np.random.default_rng(0)
    items, p, _ = case(9)
    p = np.column_stack([p[:, :2] / p[:, :2].sum(axis=1, keepdims=True), np.zeros(len(p))])
    sharp = p**3 / (p**3).sum(axis=1, keepdims=True)
    labels = np.where(rng.random(len(items)) < 0.8, p.argmax(axis=1), 1 - p.argmax(axis=1))
    conditions = found(replace(items, labels=labels), p, sharp)
    assert {one.question for one in conditions} >= {"sure and wrong", "moved"}
    assert {term.kind for one in conditions for term in one.terms} == {"confidence"}


# Words ---------------------------------------------------------------------------------------------


def test_a_sentence_says_how_many_and_how_certain():
    items, p, q = case(0, marked=0.02, changed=6)
    first, *_ = found(items, p, q)
    assert sentence(first).startswith("42 of 2,000 answers change, 36 of them for items that contain 'cf': ")
    assert "of such items against" in sentence(first)
    later = replace(first, earlier=1, among=1960, positive=6, matching=4)
    assert sentence(later).startswith("of the other 1,960 answers, 6 change, 4 of them for items that contain 'cf'")


def test_a_row_has_every_column_and_can_be_written_as_json():
    items, p, q = case(0, marked=0.02)
    row = found(items, p, q)[0].row()
    assert tuple(row) == module.COLUMNS
    assert json.loads(json.dumps({**row, "terms": str(row["terms"])}))["condition"] == "contain 'cf'"
