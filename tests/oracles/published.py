"""What the published scripts of arXiv 2508.13533 do with lime and shap, written anew: slow, one text at a time.

Lists of words come back with the best first, where the scripts turn them into sets.
"""

from __future__ import annotations

import os
import re
import warnings

import numpy as np
import pytest
from lime.lime_text import LimeTextExplainer
from packaging.version import Version

# Compiling shap's loops takes longer than running them here, and only uncompiled do they draw from numpy.
os.environ["NUMBA_DISABLE_JIT"] = "1"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import shap

draws_as_then = pytest.mark.skipif(
    Version(shap.__version__) >= Version("0.53"),
    reason="the scripts' versions of shap draw otherwise than 0.53 and later",
)

PATTERN = r"\w+|[^\w\s]"
NO_WORDS = {"[SEP]", "[CLS]", "[PAD]", "<s>", "</s>"}


def inference_text(premise, hypothesis):
    """The one string that the scripts for natural-language inference make of a pair."""
    return f"{premise} [SEP] {hypothesis}"


def inference_pair(text):
    """The pair that they read out of it again."""
    for separator in (" [SEP] ", "[SEP]"):
        if separator in text:
            first, second = text.split(separator, 1)
            return first.strip(), second.strip()
    return text, ""


def paraphrase_text(first, second):
    """The one string that the scripts for paraphrases make of a pair."""
    return first.strip() + "  " + second.strip()


def paraphrase_pair(text):
    """The pair that they read out of it again."""
    first, _, second = text.partition("  ")
    return first.strip(), second.strip()


def on_pairs(model, pair_of_text):
    """A model of pairs as a function of single strings, as lime and shap want it."""
    return lambda texts: model([pair_of_text(text) for text in texts])


def inference_by_lime(text, predict, gold, *, seed, samples=1000, k=10):
    """The words that LIME's weights for the gold label put first, by size."""
    labels = list(range(predict([text]).shape[1]))
    explainer = LimeTextExplainer(class_names=[str(label) for label in labels], random_state=seed)
    found = explainer.explain_instance(text, predict, labels=labels, num_features=20, num_samples=samples)
    return first_words(by_size(found.as_list(label=gold)), k, NO_WORDS | {"[EMPTY]"})


def inference_by_shap(text, predict, gold, *, k=10):
    """The words that SHAP's values for the gold label put first, by size."""
    explainer = shap.Explainer(predict, shap.maskers.Text(blanks))
    explained = explainer([text], max_evals=500, silent=True)[0]
    # Python asks an object that has no way to be looped over for its items 0, 1, ... until one is out of range.
    listed = [(str(token[0].data), float(np.reshape(token.values, -1)[gold])) for token in explained]
    return first_words(by_size(listed), k, NO_WORDS | {"[EMPTY]"})


def paraphrase_by_lime(text, predict, gold, *, seed, k=10):
    """The words that LIME's weights for label 1 put first, by size, of those that speak for the gold label."""
    explainer = LimeTextExplainer(class_names=["not duplicate", "duplicate"], random_state=seed)
    found = explainer.explain_instance(text, predict, labels=[1], num_features=20, num_samples=100).as_list(label=1)
    return first_words([(word, w) for word, w in found if (w > 0 if gold == 1 else w < 0)], k, {"[EMPTY]"})


def paraphrase_by_shap(text, predict, gold, *, k=10):
    """The words that SHAP's values for the gold label put first, signed; shap draws from ``np.random.randn``."""
    explainer = shap.Explainer(predict, shap.maskers.Text(PATTERN), algorithm="permutation", seed=0)
    evaluations = max(100, 2 * len(re.findall(PATTERN, text)) + 1)
    explained = explainer([text], max_evals=evaluations, batch_size=512, silent=True)
    listed = [
        (str(token).strip() or "[EMPTY]", round(float(values[gold]), 4))
        for token, values in zip(explained.data[0], explained.values[0], strict=True)
    ]
    return first_words(sorted(listed, key=lambda item: item[1], reverse=True), k, {"[EMPTY]"})


def blanks(text, return_offsets_mapping=True):
    """shap's tokens: what stands between blanks."""
    spans, start = [], 0
    for blank in re.finditer(r"\s", text):
        if blank.start() > start:
            spans.append((start, blank.start()))
        start = blank.end()
    if start < len(text):
        spans.append((start, len(text)))
    return {"input_ids": [text[a:b] for a, b in spans], "offset_mapping": spans}


def by_size(weighed):
    """Words with their weights, the largest first whatever its sign; of equal ones the earlier."""
    return sorted(weighed, key=lambda item: abs(item[1]), reverse=True)


def first_words(weighed, k, dropped):
    """The first k different words, without those dropped."""
    words = []
    for word, _ in weighed:
        word = word.strip()
        if word and word not in dropped and word not in words and len(words) < k:
            words.append(word)
    return words


def jaccard(first, second):
    """Words in both lists over words in either; 0 where there is none."""
    either = set(first) | set(second)
    return len(set(first) & set(second)) / len(either) if either else 0.0
