"""Which values a measure can take, so that a margin that nothing can cross is not taken for a rule."""

from __future__ import annotations

import math
import re

_SHARE = (0.0, 1.0)

_RANGES: tuple[tuple[str, tuple[float, float]], ...] = (
    (r"(kl|nll).*", (0.0, math.inf)),
    (r"js.*", (0.0, math.log(2))),
    (r"brier", (0.0, 2.0)),
    (r"overconfidence|confidence_shift|confidence_shift_q.*", (-1.0, 1.0)),
    (r"ece_debiased.*", (-1.0, 1.0)),
    (
        r"accuracy|agreement|disagreement|regressions|corrections|wrong_to_other_wrong|nuclear_norm|confidence"
        r"|.*ece|.*mce|[em]ce_(equal_mass|quantile)|confidence_shift_absolute|confidence_profile_distance|aurc"
        r"|usable_\d+|(jaccard(?!_adjusted)|feature_agreement|rank_agreement|sign_agreement|signed_rank_agreement"
        r"|pairwise_rank_agreement|rbo|weighted_jaccard|short_items|tied_mass|top_certified)_.*",
        _SHARE,
    ),
    (r"mind_changed_.*|jaccard_(lime|shap).*", _SHARE),
    (r"alignment_.*_to_peer", (0.0, 2.0)),
    (r"(alignment|cosine|spearman|signed_spearman)_.*", (-1.0, 1.0)),
)
"""By the measure's name without the model it is of. A measure that is not here may take any value."""


def possible(measure: str) -> tuple[float, float]:
    """The lowest and highest value that the measure can take."""
    stem = re.sub(r"_(reference|candidate|difference)$", "", measure)
    if measure.startswith("kl_"):
        stem = "kl"
    low, high = next((limits for name, limits in _RANGES if re.fullmatch(name, stem)), (-math.inf, math.inf))
    return (low - high, high - low) if measure.endswith("_difference") else (low, high)
