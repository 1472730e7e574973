"""Lists of words under the scripts' protocols, against the published loops run over lime's and shap's own results.

Real texts are not part of the project: TRUSTEQ_TEST_DATA names the folder, by default ../shared/data by the checkout.
"""

import gzip
import json
import os
import re
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from oracles import published as scripts

import trusteq
from trusteq.comparing.published import pair_agreements, published_measures, word_jaccard
from trusteq.comparing.top_k import chance_jaccard
from trusteq.explain import protocol
from trusteq.explain.protocol import protocol_settings, publish, stream_seed
from trusteq.explain.respondent import respondents
from trusteq.stats.resampling import Resampling

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "text"
NLI = ("entailment", "neutral", "contradiction")
QQP = ("not_duplicate", "duplicate")
SAMPLES = 200
INFERENCES = (
    ("A man (with a hat) plays, loudly, in the park.", "The man isn't  playing but sleeps in the park."),
    ("Two dogs run and jump over a fence; the fence falls", "the dogs run"),  # "run" is in the premise, too
    ("Why?", "Nobody knows [SEP] or so"),
)
QUESTIONS = (
    ("How can I pay my Amazon card?", "Can I pay, with (my) debit card on Amazon's site, or not?"),
    ("  What's  up?\n(text me) ", "[SEP] or [x]: 2.5 % of it_all"),
    ("Why?", "How"),
)


def weight(*key):
    """A number from -1 to 1 that only the key tells."""
    return zlib.crc32(" ".join(map(str, key)).encode()) / 2**31 - 1


def reads(name, labels, second):
    """A model of pairs: each text's words weigh for each label, and the two texts' sums in each other's light."""

    def answer(pairs):
        logits = []
        for pair in pairs:
            row = []
            for label in range(len(labels)):
                a, b = (sum(weight(w, label, at) for w in text.lower().split()) for at, text in enumerate(pair))
                row.append(np.tanh(a / 2) + second * np.tanh(b) + 0.5 * a * b / (1 + abs(a * b)))
            logits.append(row)
        odds = np.exp(logits)
        return odds / odds.sum(axis=1, keepdims=True)

    return trusteq.from_callable(answer, labels=labels, name=name)


def items_of(pairs, labels, gold=None):
    return trusteq.Items(
        [f"i{at}" for at in range(len(pairs))],
        {"first": [a for a, _ in pairs], "second": [b for _, b in pairs]},
        labels=np.arange(len(pairs)) % len(labels) if gold is None else np.array([labels.index(name) for name in gold]),
        label_names=labels,
    )


def real(name, labels, rows=12):
    path = DATA / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"needs real texts in {path}")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line, _ in zip(lines, range(rows), strict=False)]
    return items_of([(row["text_a"], row["text_b"]) for row in found], labels, [row["label"] for row in found])


def as_lime_draws(units, samples, *, seed):
    """Masks [samples, units] as lime draws them: sizes first, then which words."""
    state = np.random.RandomState(seed % 2**32)
    masks = np.ones((samples, units), dtype=bool)
    for mask, size in zip(masks[1:], state.randint(1, units + 1, samples - 1), strict=True):
        mask[state.choice(range(units), size, replace=False)] = False
    return masks


def explained(models, items, settings, seed=42):
    labels = models[0].labels
    predicted = [model.predict(items) for model in models]
    return publish(respondents(models, predicted, labels), items, settings, gold=items.gold(labels), seed=seed)


def check_lists(published, theirs):
    """Every list of every model and run is the scripts', word by word."""
    for method, models in published.tops.items():
        for model, runs in enumerate(models):
            for run, lists in zip(published.seeds, runs, strict=False):
                for at, words in zip(published.positions, lists, strict=True):
                    assert list(words) == theirs(method, model, run, at), (method, model, run, at)


# shap ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a [SEP] b", "one two three [SEP] four five.", "only one"])
def test_a_loop_over_shaps_explanation_of_a_text_stops_before_its_last_token(text):
    """Found in shap 0.51, and the same in 0.48.

    `Explanation` has no ``__iter__``: Python asks it for items 0, 1, ... until an IndexError. Indexing it copies it,
    and the copy takes the rows of ``clustering``, the tree that joined the tokens, for parallel to the tokens. A tree
    of n tokens has n - 1 rows, so that token n - 1 raises, although its values are there.
    """
    tokens = text.split()

    def predict(texts):
        p = np.array([sum(weight(word) for word in t.split()) / 20 + 0.5 for t in texts])
        return np.stack([p, 1 - p], axis=1)

    found = scripts.shap.Explainer(predict, scripts.shap.maskers.Text(scripts.blanks))([text], silent=True)[0]
    assert found.values.shape == (len(tokens), 2)
    assert found.clustering.shape == (len(tokens) - 1, 4)
    assert [str(token[0].data).strip() for token in found] == tokens[:-1]
    with pytest.raises(IndexError):
        found[len(tokens) - 1]


def test_a_single_token_cannot_be_explained_by_shap_and_has_an_empty_list_here():
    with pytest.raises(ValueError, match="zero-size array"):
        scripts.inference_by_shap("one", lambda texts: np.full((len(texts), 2), 0.5), 0)
    items = trusteq.Items(["a", "b"], {"text": ["one", "two"]}, labels=np.array([0, 1]), label_names=QQP)
    model = trusteq.from_callable(lambda texts: np.full((len(texts), 2), 0.5), labels=QQP, name="flat")
    published = explained([model], items, protocol_settings("paper-scripts", None, items, [model]))
    assert published.tops["shap"] == ((((), ()),),)
    assert published.distinct["shap"].tolist() == [0, 0]


# Lists ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", ["few", pytest.param("real", marks=pytest.mark.slow)])
def test_lists_for_inference_are_those_of_the_scripts(texts, monkeypatch):
    monkeypatch.setattr(protocol, "lime_masks", as_lime_draws)
    items = items_of(INFERENCES, NLI) if texts == "few" else real("snli_test", NLI)
    models = [reads("large", NLI, 1.0), reads("small", NLI, 0.3)]
    settings = replace(protocol_settings("paper-scripts", None, items, models), samples=SAMPLES, runs=2)
    published = explained(models, items, settings)
    strings = [scripts.inference_text(*pair) for pair in zip(*items.segments.values(), strict=True)]
    gold = items.gold(NLI)

    @cache
    def theirs(method, model, run, at):
        predict = scripts.on_pairs(models[model].function, scripts.inference_pair)
        if method == "shap":
            return scripts.inference_by_shap(strings[at], predict, gold[at])
        seed = stream_seed(run, "lime", items.ids[at]) % 2**32
        return scripts.inference_by_lime(strings[at], predict, gold[at], seed=seed, samples=SAMPLES)

    check_lists(published, theirs)
    # And so is the number that they print.
    shap = pair_agreements(published, ["large", "small"], Resampling(len(items), resamples=2))[1]
    both = [(theirs("shap", 0, 42, at), theirs("shap", 1, 42, at)) for at in published.positions]
    assert shap.mean.value == pytest.approx(np.mean([scripts.jaccard(a, b) for a, b in both]), abs=1e-15)


@scripts.draws_as_then
@pytest.mark.parametrize("texts", ["few", pytest.param("real", marks=pytest.mark.slow)])
def test_lists_for_paraphrases_are_those_of_the_scripts(texts, monkeypatch):
    monkeypatch.setattr(protocol, "lime_masks", as_lime_draws)
    items = items_of(QUESTIONS, QQP) if texts == "few" else real("qqp_test", QQP)
    models = [reads("large", QQP, 1.0), reads("small", QQP, 0.3)]
    published = explained(models, items, protocol_settings("paper-scripts-qqp", None, items, models))
    strings = [scripts.paraphrase_text(*pair) for pair in zip(*items.segments.values(), strict=True)]
    gold = items.gold(QQP)

    def theirs(method, model, run, at):
        predict = scripts.on_pairs(models[model].function, scripts.paraphrase_pair)
        if method == "lime":
            seed = stream_seed(run, "lime", items.ids[at]) % 2**32
            return scripts.paraphrase_by_lime(strings[at], predict, gold[at], seed=seed)
        draws = np.random.default_rng(stream_seed(run, f"shap\x00{models[model].name}", items.ids[at]))
        monkeypatch.setattr(np.random, "randn", draws.standard_normal)
        return scripts.paraphrase_by_shap(strings[at], predict, gold[at])

    check_lists(published, theirs)


# Known answers -------------------------------------------------------------------------------------


def adds(name, weights):
    """A model that adds the weights of the words it reads, wherever they stand: SHAP's values are these weights."""

    def answer(pairs):
        p = [0.5 + sum(weights.get(word, 0.0) for text in pair for word in re.findall(r"\w+", text)) for pair in pairs]
        return np.stack([p, np.subtract(1, p)], axis=1)

    return trusteq.from_callable(answer, labels=QQP, name=name)


def test_the_last_token_is_in_no_list_however_much_it_weighs():
    # Of a to l, the first model would leave out a and b, the second l and a: 9 of 11 words in common. Without l
    # both leave out a alone.
    words = "abcdefghijkl"
    items = items_of([("a b c d e f", "g h i j k l")] * 2, QQP, ["not_duplicate"] * 2)
    rising = {word: 0.001 * (at + 1) for at, word in enumerate(words)}
    models = [adds("large", rising), adds("small", rising | {"l": 0.0005})]
    published = explained(models, items, replace(protocol_settings("paper-scripts", None, items, models), samples=50))
    assert [runs[0][0] for runs in published.tops["shap"]] == [tuple("kjihgfedcb")] * 2
    assert word_jaccard(published.tops["shap"][0][0], published.tops["shap"][1][0]).tolist() == [1, 1]
    # Chance is of the eleven words that can be listed; for LIME of all twelve and SEP.
    assert published.distinct["shap"].tolist() == [11, 11]
    assert published.distinct["lime"].tolist() == [13, 13]
    resampling = Resampling(2, resamples=2)
    pairs = pair_agreements(published, ["large", "small"], resampling)
    found = published_measures(published, pairs, "large", "small", resampling)
    assert found["jaccard_shap_chance"].value == pytest.approx(chance_jaccard(np.array([11]), 10)[0])


def test_a_last_word_that_stands_elsewhere_is_listed_by_its_other_place():
    items = items_of([("a b l", "c l"), ("a b", "c l")], QQP, ["not_duplicate"] * 2)
    model = adds("large", {"a": 0.01, "b": 0.02, "c": 0.03, "l": 0.04})
    published = explained([model], items, replace(protocol_settings("paper-scripts", None, items, [model]), samples=50))
    assert published.tops["shap"][0][0] == (("l", "c", "b", "a"), ("c", "b", "a"))
    assert published.distinct["shap"].tolist() == [4, 3]


def test_a_text_alone_loses_its_last_token_too():
    items = trusteq.Items(["a", "b"], {"text": ["a b c", "c b a"]}, labels=np.array([0, 0]), label_names=QQP)
    weights = {"a": 0.01, "b": 0.02, "c": 0.03}
    model = trusteq.from_callable(
        lambda texts: adds("", weights).function([(text,) for text in texts]), labels=QQP, name="large"
    )
    published = explained([model], items, replace(protocol_settings("paper-scripts", None, items, [model]), samples=50))
    assert published.tops["shap"][0][0] == (("b", "a"), ("c", "b"))
