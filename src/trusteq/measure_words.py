"""What measures are called in sentences and tables."""

from __future__ import annotations

_CAPITALS = {word: word.upper() for word in ("ece", "mce", "nll", "kl", "js", "aurc", "lime", "shap", "rbo")}
_CAPITALS |= {"shapley": "Shapley", "jaccard": "Jaccard", "spearman": "Spearman"}


def in_words(measure: str) -> str:
    """A measure's name as words: "smooth_ece_difference" is "smooth ECE difference"."""
    return " ".join(_CAPITALS.get(word, word) for word in measure.split("_"))
