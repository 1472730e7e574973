"""The published paraphrase scripts: the same strings, values and lists of words as lime and shap make for them."""

import json
import os
import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from lime.lime_text import IndexedString, LimeTextExplainer
from oracles.published import draws_as_then

import trusteq
from trusteq.cli.audit import audit
from trusteq.comparing.published import chance_word_jaccard, pair_agreements, published_measures, word_jaccard
from trusteq.comparing.top_k import chance_jaccard
from trusteq.explain.lime import lime_fit, lime_masks
from trusteq.explain.plan import distinct
from trusteq.explain.protocol import PROTOCOLS, protocol_settings, publish, stream_seed, top_words
from trusteq.explain.respondent import respondents
from trusteq.explain.scripted_qqp import (
    DROPPED,
    lime_pair,
    pair_tree,
    pieces,
    shap_pair,
    shuffled,
    signed,
    split_pair,
    supporting,
    walk_game,
    walk_masks,
)
from trusteq.stats.resampling import Resampling

# Compiling shap's loops takes longer than running them here, and only uncompiled do they draw from numpy.
os.environ["NUMBA_DISABLE_JIT"] = "1"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import shap

PATTERN = r"\w+|[^\w\s]"
LABELS = ("not_duplicate", "duplicate")
PAIRS = (
    ("How can I pay my Amazon card?", "Can I pay, with (my) debit card on Amazon's site, or not?"),
    ("  What's  up?\n(text me) ", "[SEP] or [x]: 2.5 % of it_all"),
    ("Why?", "How"),
    ("Is it 木 or мир, and so on; or what else is there to say of it?", "No"),
)
WORDS = [f"w{i}" for i in range(30)]
FEELING = dict(zip(WORDS, np.random.default_rng(1).normal(size=len(WORDS)), strict=True))


def whole(pair):
    """The string that the scripts make of a pair."""
    return "  ".join(text.strip() for text in pair)


def model_of(texts):
    """Probabilities [texts, 2] that move with the order and the place of every character."""
    sums = [sum(np.sin(ord(c) * (at + 1)) for at, c in enumerate(a + "|" + b)) for a, b in map(split_pair, texts)]
    p = 1 / (1 + np.exp(-np.array(sums)))
    return np.stack([1 - p, p], axis=1)


def reads(name, second=1.0, asked=None, labels=LABELS):
    """A model of pairs that weighs the words of both questions."""

    def feel(text):
        return sum(FEELING.get(word, 0.0) for word in re.findall(r"\w+", text))

    def answer(pairs):
        if asked is not None:
            asked.extend(pairs)
        score = np.array([feel(a) - second * feel(b) for a, b in pairs])
        return np.stack([1 / (1 + np.exp(score)), 1 / (1 + np.exp(-score))], axis=1)

    return trusteq.from_callable(answer, labels=labels, name=name)


def questions(n=4, words=18, seed=0):
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(WORDS)[:words] for _ in range(n)]
    half = words // 2
    return trusteq.Items(
        [f"i{i}" for i in range(n)],
        {"q1": [" ".join(w[:half]) + "?" for w in drawn], "q2": [" ".join(w[half:]) + "?" for w in drawn]},
        labels=np.arange(n) % 2,
        label_names=LABELS,
    )


def settings(models, items, **asked):
    return replace(protocol_settings("paper-scripts-qqp", None, items, models), **asked)


def top(models, items, seed=0, **asked):
    predicted = [model.predict(items) for model in models]
    asked = settings(models, items, **asked)
    labels = models[0].labels
    return publish(respondents(models, predicted, labels), items, asked, gold=items.gold(labels), seed=seed)


def played(game, answer):
    """What a game finds, its masks answered by ``answer``."""
    masks = next(game)
    while True:
        try:
            masks = game.send(answer(masks))
        except StopIteration as done:
            return done.value


# LIME --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS)
def test_lime_s_words_and_strings_are_those_of_lime(pair):
    units, theirs = lime_pair(pair), IndexedString(whole(pair))
    assert units.names == tuple(theirs.inverse_vocab)
    masks = np.random.default_rng(0).random((50, len(units))) < 0.6
    for mask in np.concatenate([masks, masks[:1] | True, masks[:1] & False]):
        assert units.write(mask) == split_pair(theirs.inverse_removing(np.flatnonzero(~mask)))


def scripted_lime(explainer, text, gold, k=10):
    """The words that the scripts print for a text from lime's own explanation of label 1, and what lime asked."""
    asked = []

    def predict(texts):
        asked.extend(texts)
        return model_of(texts)

    weights = explainer.explain_instance(text, predict, labels=[1], num_features=20, num_samples=100).as_list(label=1)
    return [word for word, weight in weights if (weight > 0 if gold else weight < 0)][:k], asked


@pytest.mark.parametrize("gold", [0, 1])
@pytest.mark.parametrize("pair", [PAIRS[0], PAIRS[2], (" ".join(WORDS), "and some more")])
def test_lime_s_list_of_words_is_that_of_lime_on_its_own_masks(pair, gold):
    units = lime_pair(pair)
    expected, asked = scripted_lime(LimeTextExplainer(class_names=LABELS, random_state=43), whole(pair), gold)
    # lime draws from numpy's old generator: sizes first, then which words.
    state = np.random.RandomState(43)
    masks = np.ones((100, len(units)), dtype=bool)
    for mask, size in zip(masks[1:], state.randint(1, len(units) + 1, 99), strict=True):
        mask[state.choice(range(len(units)), size, replace=False)] = False
    texts = units.write_many(masks)
    assert texts == [split_pair(text) for text in asked]
    values = model_of([f"{a}  {b}" for a, b in texts])
    fit = lime_fit(masks, values[:, [gold]], features=20)[:, 0]
    assert list(top_words(units.names, fit, 10, DROPPED, supporting)) == expected


def test_words_against_the_gold_label_are_left_out_and_an_empty_list_is_possible():
    weights = np.array([0.2, -0.9, 0.5, 0.0])
    assert supporting(weights).tolist() == [2, 0]
    assert supporting(-weights).tolist() == [1]
    assert supporting(np.zeros(3)).tolist() == []
    assert word_jaccard([()], [()]).tolist() == [0]


def test_a_word_left_out_parts_the_pair_in_its_place():
    units = lime_pair(("a b c?", "d e"))
    keep = np.ones(5, dtype=bool)
    assert units.write(keep) == ("a b c?", "d e")
    assert units.write(keep & (np.arange(5) != 1)) == ("a", "c?  d e")
    assert units.write(keep & (np.arange(5) != 4)) == ("a b c?", "d")


# SHAP --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS)
def test_shap_s_tokens_and_strings_are_those_of_shap(pair):
    units, masker = shap_pair(pair), shap.maskers.Text(PATTERN)
    assert list(units.names) == masker.feature_names(whole(pair))[0]
    assert len(units) == len(re.findall(PATTERN, whole(pair)))
    masks = np.random.default_rng(0).random((50, len(units))) < 0.6
    for mask in np.concatenate([masks, masks[:1] | True, masks[:1] & False]):
        (text,) = masker(mask, whole(pair))[0]
        assert units.write(mask) == (text, "")


@pytest.mark.parametrize("pair", PAIRS)
def test_the_tree_is_that_of_shap(pair):
    masker = shap.maskers.Text(PATTERN)
    rows = masker.clustering(whole(pair))
    held = [{i} for i in range(len(rows) + 1)]
    for left, right, *_ in rows:
        held.append(held[int(left)] | held[int(right)])
    ours, todo = [], [pair_tree(pieces(shap_pair(pair)))]
    while todo:
        group = todo.pop()
        ours.append(set(range(group.start, group.end)))
        todo += group.parts or ()
    assert sorted(map(sorted, ours)) == sorted(map(sorted, held))


@draws_as_then
@pytest.mark.parametrize("pair", PAIRS)
def test_values_are_those_of_shap_given_its_draws(pair, monkeypatch):
    text, units = whole(pair), shap_pair(pair)
    asked = []

    def predict(texts):
        asked.append(list(texts))
        return model_of(texts)

    explainer = shap.Explainer(predict, shap.maskers.Text(PATTERN), algorithm="permutation", seed=43)
    monkeypatch.setattr(np.random, "randn", np.random.default_rng(5).standard_normal)
    theirs = explainer([text], max_evals=max(100, 2 * len(units) + 1), batch_size=512, silent=True)
    ours = played(walk_game(units, 100, 5), lambda masks: model_of([a for a, _ in units.write_many(masks)]))
    assert ours == pytest.approx(theirs.values[0], abs=1e-9)
    assert np.abs(ours).max() > 0.001
    # One call a walk there and back; together they ask what the game asks.
    assert len(asked) == max(100 // (2 * len(units) + 1), 1)
    masks = next(walk_game(units, 100, 5))
    assert {a for a, _ in units.write_many(masks)} == {text for batch in asked for text in batch}
    # The list of words, as the scripts sort and cut it.
    for gold in (0, 1):
        listed = [
            (str(t).strip() or "[EMPTY]", round(float(v[gold]), 4)) for t, v in zip(theirs.data[0], ours, strict=True)
        ]
        listed.sort(key=lambda item: item[1], reverse=True)
        expected = list(dict.fromkeys(word for word, _ in listed if word != "[EMPTY]"))[:10]
        assert list(top_words(units.names, ours[:, gold], 10, DROPPED, signed)) == expected


def test_orders_keep_groups_together_and_each_is_as_likely():
    tree = pair_tree(["a", " b", " c", " d"])
    rng = np.random.default_rng(0)
    orders, counts = np.unique([shuffled(tree, rng) for _ in range(4000)], axis=0, return_counts=True)
    # Three groups, each one way or the other: 8 of the 24 orders.
    assert len(orders) == 8
    assert np.abs(counts / 4000 - 1 / 8).max() < 0.03


def test_a_walk_goes_from_none_to_all_and_back_in_the_same_order():
    (walk,) = walk_masks(np.array([[2, 0, 1]]))
    assert walk[0].astype(int).tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1]]
    assert walk[1].astype(int).tolist() == [[0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 1]]
    masks, _ = distinct(walk.reshape(-1, 3))
    assert len(masks) == 2 * 3


def test_words_are_ordered_by_signed_rounded_weight():
    # The first two are equal to 4 decimals, so the earlier comes first.
    assert signed(np.array([0.12341, 0.12344, -0.9, 0.5, -0.00001, 0.0])).tolist() == [3, 0, 1, 4, 5, 2]


# In the protocol ---------------------------------------------------------------------------------


def test_what_the_models_are_asked_is_what_the_scripts_ask():
    asked, items = [], questions(2)
    top([reads("large", asked=asked)], items)
    by_shap = [pair for pair in asked if "..." in pair[0]]
    assert ("...", "") in by_shap
    assert {second for _, second in by_shap} == {""}
    texts = [whole(pair) for pair in zip(*items.segments.values(), strict=True)]
    # With nothing left out SHAP's model has one long question without its last sign; LIME's has the pair.
    for text in texts:
        assert (text.replace("  ", " ")[:-1], "") in asked
        assert split_pair(text) in asked
    by_lime = {pair for pair in asked if pair[1]}
    # No first question without its "?" is one: the pair was parted before it.
    assert sum(not first.endswith("?") for first, _ in by_lime) > 0.3 * len(by_lime)


def test_three_runs_of_both_with_their_numbers_of_samples():
    models, items = [reads("large"), reads("small", 0.5)], questions(3)
    chosen = settings(models, items)
    assert (chosen.runs, chosen.samples, chosen.features, chosen.evaluations, chosen.k) == (3, 100, 20, 100, 10)
    published = top(models, items, seed=43)
    assert published.seeds == (43, 44, 45)
    assert [len(runs) for method in ("lime", "shap") for runs in published.tops[method]] == [3] * 4
    assert len(set(published.tops["shap"][0])) > 1
    assert published.distinct["lime"].tolist() == [18] * 3
    assert published.distinct["shap"].tolist() == [19] * 3  # the words and the first "?"


def test_models_share_lime_s_masks_and_not_shap_s_orders():
    items = questions(6)
    published = top([reads("large"), reads("copy")], items)
    assert published.tops["lime"][0] == published.tops["lime"][1]
    assert published.tops["shap"][0] != published.tops["shap"][1]
    again = top([reads("other", 0.2), reads("copy")], items.take([2, 4]))
    for run, part in zip(published.tops["shap"][1], again.tops["shap"][1], strict=True):
        assert [run[2], run[4]] == list(part)


def test_the_gold_label_is_found_by_name_and_its_place_among_two_does_not_matter():
    items = questions(4)

    def turned(pairs):
        return reads("large").function(pairs)[:, ::-1]

    one = top([reads("large")], items)
    other = top([trusteq.from_callable(turned, labels=LABELS[::-1], name="large")], items)
    assert one.tops == other.tops


def test_the_words_of_the_protocol_are_made_of_its_own_masks():
    items = questions(2)
    published = top([reads("large")], items, seed=7)
    pair = tuple(texts[1] for texts in items.segments.values())
    units = lime_pair(pair)
    masks = lime_masks(len(units), 100, seed=stream_seed(8, "lime", "i1"))
    answers = reads("large").function(units.write_many(masks))
    fit = lime_fit(masks, answers[:, [1]], features=20)[:, 0]
    assert published.tops["lime"][0][1][1] == top_words(units.names, fit, 10, DROPPED, supporting)
    tokens = shap_pair(pair)
    game = walk_game(tokens, 100, stream_seed(8, "shap\x00large", "i1"))
    gains = played(game, lambda masks: reads("large").function(tokens.write_many(masks)))
    assert published.tops["shap"][0][1][1] == top_words(tokens.names, gains[:, 1], 10, DROPPED, signed)


def test_chance_is_that_of_sets_as_large_as_the_models_own():
    assert chance_word_jaccard([18, 8], [("a",) * 10, ("a",) * 8], [("b",) * 10, ("b",) * 8]) == pytest.approx(
        chance_jaccard(np.array([18, 8]), 10), abs=1e-15
    )
    # One of 4 words in a set of 2, half the time, for a Jaccard of 1 / 2.
    assert chance_word_jaccard([4, 4, 4], [("a",), (), ("a",)], [("a", "b"), (), ()]).tolist() == [0.25, 0, 0]
    models, items = [reads("large"), reads("mid", 0.7), reads("small", 0.0)], questions(5)
    published = top(models, items)
    resampling = Resampling(5, resamples=100)
    pairs = pair_agreements(published, ["large", "mid", "small"], resampling)
    found = published_measures(published, pairs, "large", "small", resampling)
    sizes = [[len(words) for words in run] for model in published.tops["lime"] for run in model]
    assert min(map(min, sizes)) < 10
    sides = zip(published.tops["lime"][0], published.tops["lime"][2], strict=True)
    expected = np.mean([chance_word_jaccard([18] * 5, a, b) for a, b in sides])
    assert found["jaccard_lime_chance"].value == pytest.approx(expected)
    assert expected < chance_jaccard(np.array([18]), 10)[0]
    runs = published.tops["shap"][0]
    itself = np.mean([word_jaccard(runs[a], runs[b]) for a, b in ((0, 1), (0, 2), (1, 2))])
    assert found["jaccard_shap_ceiling"].value == pytest.approx(itself)
    assert "mean of 3 runs" in found["jaccard_shap"].method


def test_an_audit_follows_it_to_its_report_and_run(tmp_path):
    models = reads("large"), {"first only": reads("first only", 0.0)}
    asked = {
        "policy": "paper",
        "protocol": "paper-scripts-qqp",
        "resamples": 100,
        "with_slices": False,
        "costs": "none",
    }
    result = trusteq.audit(*models, questions(4), **asked)
    assert [len(pair.runs) for pair in result.pairs] == [3, 3]
    measures = result["first only"].measures["explanation"]
    assert measures["jaccard_shap_variance"].method.startswith("sample variance of the mean score of 3 runs")
    run = trusteq.load_run(result.save(tmp_path / "run"))
    assert len(run.table("top_words")) == 4 * 2 * 6
    assert json.loads((tmp_path / "run/audit.json").read_text())["protocol"]["name"] == "paper-scripts-qqp"


def test_the_command_line_knows_every_protocol():
    (asked,) = (option for option in audit.params if option.name == "protocol")
    assert tuple(asked.type.choices) == PROTOCOLS


@pytest.mark.parametrize(
    ("change", "labels", "message"),
    [
        ({"segments": {"q1": ["a b"] * 4}}, LABELS, "needs items of 2 texts (pairs of questions), found 1"),
        (
            {"segments": dict.fromkeys("abc", ["a b"] * 4)},
            LABELS,
            "needs items of 2 texts (pairs of questions), found 3",
        ),
        ({}, (*LABELS, "unsure"), "two labels; model large has {'not_duplicate', 'duplicate', 'unsure'}"),
        ({"labels": None, "label_names": ()}, LABELS, "--label"),
    ],
)
def test_what_cannot_follow_it_is_told(change, labels, message):
    with pytest.raises(trusteq.OptionError, match=re.escape(message)):
        trusteq.audit(
            reads("large", labels=labels),
            {"small": reads("small", 0.5)},
            replace(questions(4), **change),
            protocol="paper-scripts-qqp",
        )
