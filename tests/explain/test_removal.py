"""What is left of every model's answer without the words that each leans on: known to the last word."""

from dataclasses import replace

import numpy as np
import pytest

from trusteq import ExplainSettings, Items, from_callable
from trusteq.explain.attributions import Attributions
from trusteq.explain.explanation import explain
from trusteq.explain.removal import removal, without_top_words
from trusteq.explain.respondent import respondents

LABELS = ("no", "yes")
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
REFERENCE = dict(zip(WORDS, (4.0, 3.0, -1.0, -1.0, 0.5, 0.25, -2.0, -1.5), strict=True))
CANDIDATE = dict(zip(WORDS, (-1.0, -0.5, 0.25, 0.5, 1.0, -2.0, 4.0, 3.0), strict=True))
TEXTS = [" ".join(WORDS), "three four five one seven", "six seven eight three"]


def adding(weights, labels=LABELS, name="m"):
    """A model whose log-odds of yes are the sum of its words' weights."""

    def answer(texts):
        yes = 1 / (1 + np.exp(-np.array([sum(weights[word] for word in text.split()) for text in texts])))
        columns = {"no": 1 - yes, "yes": yes}
        return np.stack([columns[label] for label in labels], axis=1)

    return from_callable(answer, labels=labels, name=name)


def removed(models, weights, texts=TEXTS, seed=0):
    """The removal of the words that these weights put first, for the label that the first model answers."""
    items = Items([f"i{i}" for i in range(len(texts))], {"text": texts})
    predicted = [model.predict(items)[:, [model.labels.index(label) for label in LABELS]] for model in models]
    asked = respondents(models, predicted, LABELS)
    explanation = explain(asked, items, ExplainSettings(scale="log-odds", masks=32), gold=None)
    signs = np.where(explanation.targets[0] == 1, 1.0, -1.0)
    made = []
    for of in weights:
        rows = [sign * np.array([of[word] for word in text.split()]) for sign, text in zip(signs, texts, strict=True)]
        made.append(Attributions.of([np.stack([row] * 4) for row in rows], max(map(len, rows))))
    tables = without_top_words(asked, explanation, made, seed=seed)
    return removal(replace(explanation, removed=tables))


@pytest.mark.parametrize("labels", [LABELS, ("yes", "no")])
def test_leaving_out_the_top_quarter_takes_what_its_words_are_worth(labels):
    """Of 8, 5 and 4 words 2, 2 and 1; for the explained label, which is no in the last item; labels by name."""
    found = removed([adding(REFERENCE), adding(CANDIDATE, labels)], [REFERENCE, CANDIDATE])
    np.testing.assert_allclose(found.drop[0, :2], [[7.0, 4.5, 2.0], [-3.5, -1.5, -0.25]], atol=1e-9)
    np.testing.assert_allclose(found.drop[1, :2], [[-1.5, 0.0, -4.0], [7.0, 5.0, 2.0]], atol=1e-9)
    assert found.changed[0, :2].tolist() == [[True, True, False], [False, False, False]]
    assert found.changed[1, :2].tolist() == [[False, False, False], [True, True, False]]


def test_the_random_set_is_as_large_the_same_for_all_models_and_another_with_another_seed():
    size = dict.fromkeys(WORDS, 0.25)
    name = {word: 2.0**i / 16 for i, word in enumerate(WORDS)}
    models = [adding(size), adding(name), adding(name, name="again")]
    texts = [" ".join(WORDS)] * 12
    one, same, other = (removed(models, [size, name, name], texts, seed=seed) for seed in (0, 0, 1))
    assert one.drop.shape == (3, 4, 12)
    np.testing.assert_allclose(one.drop[0, -1], 0.5, atol=1e-9)
    np.testing.assert_array_equal(one.drop[1, -1], one.drop[2, -1])
    np.testing.assert_array_equal(one.drop, same.drop)
    # Each sum of two powers is another pair of words: 12 draws of 28 pairs are seldom fewer than 6 different ones.
    assert len(set(one.drop[1, -1].round(6))) >= 6
    assert (one.drop[1, -1].round(6) != other.drop[1, -1].round(6)).any()
