"""The table of measures: all that trusteq knows about each measure, entered once.

Policies, verdicts, reports and figures read this table only. A new measure is a function in a file of this folder and
an entry below. Nothing is computed here and nothing slow is imported, so that reading a policy is quick.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from trusteq.errors import PluginError
from trusteq.plugins import with_plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.task import Task

METHODS = ("lime", "shapley")
"""How answers to changed items are turned into weights of their units."""

PUBLISHED_METHODS = ("lime", "shap")
"""The methods of the published protocol."""

PATCH_COUNTS = (2, 5, 10, 15, 20, 25, 30)
"""How many of the top patches the protocol for vision transformers compares; all are beginnings of one list."""

PATCH_METHODS = ("occlusion", "gradients")
"""The methods of the protocol for vision transformers."""

METHOD_TITLES = {
    "lime": "LIME",
    "shapley": "Shapley",
    "shap": "SHAP",
    "occlusion": "occlusion",
    "gradients": "integrated gradients",
}


@dataclass(frozen=True)
class Dimension:
    """One aspect of the models, which has a verdict of its own.

    question: what the verdict answers. equivalent: what an equivalent candidate does. counted: what an estimate's n
    counts. of_all: whether that is every item, or only some of them. everywhere: whether every task has it, or only
    those that name it.
    """

    question: str
    equivalent: str
    counted: str = "items"
    of_all: bool = True
    everywhere: bool = True


DIMENSIONS = {
    "behaviour": Dimension("Does it give the same answers?", "it gives the same answers"),
    "calibration": Dimension("Is it equally confident?", "it is equally confident"),
    "explanation": Dimension(
        "Does it look at the same words?", "it looks at the same words", "explained items", of_all=False
    ),
    "distribution": Dimension(
        "Does it expect the same next words?", "it expects the same next words", "documents", everywhere=False
    ),
}


def dimensions_of(task: Task) -> tuple[str, ...]:
    """The dimensions in which models are compared that were given this task."""
    return task.dimensions or tuple(name for name, dimension in DIMENSIONS.items() if dimension.everywhere)


NEEDS = {
    "labels": "gold labels",
    "distribution": "probabilities over labels that both models share",
    "explanations": "explained items",
    "top-words": "explained items",  # trusteq's own or the published protocol's
    "signal": "attributions that stand out from noise",
    "peer": "a retrained reference (--peer)",
    "protocol": "explanations by the published protocol",
    "scripts": "explanations by a protocol of the published scripts",
    "patches": "top patches by the protocol for vision transformers (--protocol paper-vit)",
    "patch-scripts": "the published scripts for vision transformers (--protocol paper-vit-scripts)",
    "mass": "choices whose own probabilities are known",
    "order-effect": "options with letters, asked in several orders",
    "bytes": "texts that both models read",
    "own-probability": "tokens that both models cut the texts into",
    "kl-from-reference": "the reference's probabilities of every next token",
    "kl-at-least": "the reference's most probable next tokens, stored",
}
"""What a measure can need, in words."""

PREDICTED = frozenset(
    {"labels", "distribution", "mass", "order-effect", "bytes", "own-probability", "kl-from-reference", "kl-at-least"}
)
"""The needs that predictions alone can meet; the others need answers to changed items."""

SHARE = (0.0, 1.0)
SIGNED = (-1.0, 1.0)
POSITIVE = (0.0, math.inf)
ANY = (-math.inf, math.inf)
LOWER, HIGHER = -1, 1


@dataclass(frozen=True)
class Measure:
    """Everything about a measure except its value.

    words: its name in words. bounds: its lowest and highest possible value. worse: the direction that is worse, `LOWER`
    or `HIGHER`; 0 if neither is. best: the value of a candidate identical to the reference; None if that is one of the
    bounds. stem, side: for measures of each model and their difference, the part of the name that all three share and
    which of them this is; otherwise side is None. always_reported: whether a comparison of two audits shows its change
    even if no rule judges it. judged_with_peer: the measure that is judged instead if there is a peer. judged_by_bound:
    the one that is judged instead if only this lower bound is known: it can show that there is too much, never that
    there is little enough. dimension, of: where it belongs, and the function in this folder that computes it. needs:
    names of `NEEDS`; if several are missing, the first is reported. after_remedy: whether it is measured again after a
    change of temperature.
    """

    name: str
    words: str
    bounds: tuple[float, float] = ANY
    worse: int = 0
    best: float | None = None
    stem: str = ""
    side: Literal["reference", "candidate", "difference"] | None = None
    always_reported: bool = False
    judged_with_peer: str | None = None
    judged_by_bound: str | None = None
    dimension: str = ""
    of: str | Callable[[Pair], Estimate | None] = ""
    needs: tuple[str, ...] = ()
    after_remedy: bool = False

    @property
    def title(self) -> str:
        """The measure's name in words."""
        return self.words if self.side is None else f"{self.words} {self.side}"

    @property
    def heading(self) -> str:
        """The title without "difference", for a column with that heading."""
        return self.words if self.side == "difference" else self.title

    @property
    def of_candidates(self) -> bool:
        """Whether a candidate has a part in it, so that a rule about it can fail because of the candidate."""
        return self.side != "reference" and WITHOUT_CANDIDATES.fullmatch(self.name) is None


WITHOUT_CANDIDATES = re.compile(
    r"(reliability|faithfulness|top_certified|jaccard_ceiling)_reference_\w+|mind_changed_reference_by_(reference|random)_words"
    r"|token_kl(_to_reference)?(_at_least)?_floor|(token|token_kl_at_least)_tail|alignment_\w+_of_peer"
    r"|jaccard_(\w+_)?(chance|ceiling)|\w+_chance_\w+|(short_items|tied_mass)_\w+"
)
"""Measures of the reference, of its retraining, or of the items alone."""

Bounds = tuple[float, float]
Measures = tuple[Measure, ...]


def _one(name: str, words: str, bounds: Bounds = ANY, worse: int = 0, **fields: Any) -> Measures:
    """A single measure."""
    return (Measure(name, words, bounds, worse, **{"stem": name.replace("_{}", ""), **fields}),)


def _each(stem: str, words: str, ends: Iterable[str], bounds: Bounds, worse: int = 0, **fields: Any) -> Measures:
    """Several measures of one kind, each with its own ending of the name."""
    measures = (_one(stem + end, words + end.replace("_", " "), bounds, worse, **fields) for end in ends)
    return tuple(chain.from_iterable(measures))


def _paired(stem: str, words: str, bounds: Bounds = ANY, worse: int = 0, *, always_reported: bool = False) -> Measures:
    """A measure of each model, and candidate minus reference."""
    reference = Measure(f"{stem}_reference", words, bounds, stem=stem, side="reference")
    candidate = replace(reference, name=f"{stem}_candidate", side="candidate", worse=worse)
    difference = replace(
        candidate, name=f"{stem}_difference", side="difference", best=0.0, always_reported=always_reported
    )
    return reference, candidate, replace(difference, bounds=(bounds[0] - bounds[1], bounds[1] - bounds[0]))


def _measured_by(dimension: str, of: str, needs: str, *groups: Measures, **fields: Any) -> Measures:
    """The measures that one function computes; ``needs`` are separated by spaces."""
    shared = {"dimension": dimension, "of": of, "needs": tuple(needs.split()), **fields}
    return tuple(replace(measure, **shared) for measure in chain(*groups))


def _by_method(methods: Iterable[str], *families: Measures) -> Measures:
    """The measures of attributions by each method, whose name replaces ``{}`` in names and words."""
    return tuple(
        replace(
            measure,
            name=measure.name.format(method),
            words=measure.words.format(METHOD_TITLES[method]),
            judged_with_peer=measure.judged_with_peer and measure.judged_with_peer.format(method),
        )
        for method in methods
        for measure in chain(*families)
    )


_AT_LEAST = "_at_least"


def _bounded(stem: str, measures: Measures) -> Measures:
    """The same measures, each judged by its lower bound where no more is known."""
    return tuple(
        replace(measure, judged_by_bound=f"{stem}{_AT_LEAST}{measure.name.removeprefix(stem)}") for measure in measures
    )


_QUANTILES = ("", "_q50", "_q90", "_q99", "_q99.9")
_OF_TOKENS = (*_QUANTILES, "_by_document")
_TO_PEER = "alignment_{}_to_peer"

# fmt: off
_PROTOCOL = _measured_by("explanation", "published.published_measures", "protocol",
    _one("jaccard_{}_variance", "Jaccard {} variance", SHARE),
    _one("jaccard_{}_chance", "Jaccard {} chance", SHARE),
    _one("jaccard_{}_ceiling", "Jaccard {} ceiling", SHARE))

MEASURES: Measures = (
    *_measured_by("behaviour", "behaviour.accuracy", "labels",
        _paired("accuracy", "accuracy", SHARE, LOWER, always_reported=True)),
    *_measured_by("behaviour", "behaviour.agreement", "",
        _one("agreement", "agreement", SHARE, LOWER),
        _one("disagreement", "disagreement", SHARE, HIGHER, always_reported=True)),
    *_measured_by("behaviour", "behaviour.flips", "labels",
        _one("regressions", "regressions", SHARE, HIGHER, always_reported=True),
        _one("corrections", "corrections", SHARE, always_reported=True),
        _one("wrong_to_other_wrong", "wrong to other wrong", SHARE)),
    *_measured_by("behaviour", "divergence.divergence", "distribution",
        _each("kl_reference_candidate", "KL reference candidate", _QUANTILES, POSITIVE, HIGHER),
        _each("kl_candidate_reference", "KL candidate reference", _QUANTILES, POSITIVE, HIGHER),
        _each("js", "JS", _QUANTILES, (0.0, math.log(2)), HIGHER)),
    *_measured_by("behaviour", "choices.mass", "mass",
        _paired("mass", "probability of all choices", SHARE)),
    *_measured_by("behaviour", "choices.order_effect", "order-effect",
        _paired("order_effect", "effect of the options' order", SHARE, HIGHER)),
    *_measured_by("behaviour", "literal_scores.top5_accuracy", "labels distribution patch-scripts",
        _paired("accuracy_top5", "accuracy top 5", SHARE, LOWER)),
    *_measured_by("behaviour", "nuclear.nuclear_norm", "distribution",
        _paired("nuclear_norm", "nuclear norm", SHARE)),

    *_measured_by("calibration", "smooth_calibration.smooth_calibration", "labels",
        _paired("smooth_ece", "smooth ECE", SHARE, HIGHER, always_reported=True), after_remedy=True),
    *_measured_by("calibration", "binned_calibration.binned_calibration", "labels",
        _paired("ece", "ECE", SHARE, HIGHER, always_reported=True),
        _paired("mce", "MCE", SHARE, HIGHER),
        _paired("ece_equal_mass", "ECE equal mass", SHARE, HIGHER),
        _paired("mce_equal_mass", "MCE equal mass", SHARE, HIGHER),
        *zip(_paired("ece_debiased_squared", "ECE debiased squared", SIGNED, HIGHER),
             _paired("ece_debiased", "ECE debiased", SIGNED, HIGHER), strict=True), after_remedy=True),
    *_measured_by("calibration", "labelwise_calibration.labelwise_calibration", "labels distribution",
        _paired("top_label_ece", "top label ECE", SHARE, HIGHER),
        _paired("classwise_ece", "classwise ECE", SHARE, HIGHER)),
    *_measured_by("calibration", "scores.scores", "labels distribution",
        _paired("brier", "brier", (0.0, 2.0), HIGHER, always_reported=True),
        _paired("nll", "NLL", POSITIVE, HIGHER), after_remedy=True),
    *_measured_by("calibration", "corp.corp", "labels",
        _paired("miscalibration", "miscalibration", worse=HIGHER),
        _paired("discrimination", "discrimination", worse=LOWER),
        _paired("uncertainty", "uncertainty")),
    *_measured_by("calibration", "confidence.overconfidence", "labels",
        _paired("overconfidence", "overconfidence", SIGNED), best=0.0, after_remedy=True),
    *_measured_by("calibration", "confidence.confidence_profiles", "",
        _paired("confidence", "confidence", SHARE)[:2],
        _one("confidence_shift", "confidence shift", SIGNED, best=0.0, always_reported=True),
        _one("confidence_shift_absolute", "confidence shift absolute", SHARE, HIGHER, best=0.0),
        _one("confidence_profile_distance", "confidence profile distance", SHARE, HIGHER, always_reported=True),
        _each("confidence_shift", "confidence shift", ("_q5", "_q50", "_q95"), SIGNED, best=0.0), after_remedy=True),
    *_measured_by("calibration", "selective.selective_prediction", "labels",
        _paired("aurc", "AURC", SHARE, HIGHER),
        _paired("usable_90", "usable 90", SHARE, LOWER),
        _paired("usable_95", "usable 95", SHARE, LOWER),
        _paired("usable_99", "usable 99", SHARE, LOWER)),
    *_measured_by("calibration", "binned_calibration.quantile_calibration", "labels scripts",
        _paired("ece_quantile", "ECE quantile", SHARE, HIGHER),
        _paired("mce_quantile", "MCE quantile", SHARE, HIGHER)),
    *_measured_by("calibration", "literal_scores.half_open_calibration", "labels patch-scripts",
        _paired("ece_half_open", "ECE half open", SHARE, HIGHER)),

    *_measured_by("distribution", "token_divergence.token_divergence", "kl-from-reference",
        _bounded("token_kl", _each("token_kl", "token KL", _OF_TOKENS, POSITIVE, HIGHER)),
        _one("token_kl_floor", "token KL floor", POSITIVE),
        _bounded("token_kl",
            _one("token_kl_excess", "token KL excess", worse=HIGHER, best=0.0, always_reported=True)),
        _bounded("token_kl_to_reference",
            _each("token_kl_to_reference", "token KL to reference", _OF_TOKENS, POSITIVE, HIGHER)),
        _one("token_kl_to_reference_floor", "token KL to reference floor", POSITIVE),
        _bounded("token_kl_to_reference",
            _one("token_kl_to_reference_excess", "token KL to reference excess", worse=HIGHER, best=0.0)),
        _one("token_tail", "token tail", SHARE)),
    *_measured_by("distribution", "token_divergence.token_bounds", "kl-at-least",
        *(group for stem, words in (("token_kl", "token KL"), ("token_kl_to_reference", "token KL to reference"))
          for group in (
            _each(f"{stem}{_AT_LEAST}", f"{words} (lower bound)", _OF_TOKENS, POSITIVE, HIGHER),
            _one(f"{stem}{_AT_LEAST}_floor", f"{words} (lower bound) floor", POSITIVE),
            _one(f"{stem}{_AT_LEAST}_excess", f"{words} (lower bound) excess", worse=HIGHER, best=0.0,
                 always_reported=stem == "token_kl"))),
        _one(f"token_kl{_AT_LEAST}_tail", "token KL (lower bound) tail", SHARE)),
    *_measured_by("distribution", "token_probability.same_top", "own-probability",
        _one("same_top", "same top token", SHARE, LOWER, always_reported=True),
        _one("same_top_by_document", "same top token by document", SHARE, LOWER)),
    *_measured_by("distribution", "token_probability.token_probability", "own-probability",
        _each("token_probability_change", "token probability change",
              ("", "_q1", "_q5", "_q50", "_q95", "_q99"), SIGNED, best=0.0),
        _one("token_probability_change_rms", "token probability change RMS", SHARE, HIGHER)),
    *_measured_by("distribution", "nll_per_byte.nll_per_byte", "bytes",
        _paired("nll_per_byte", "NLL per byte", POSITIVE, HIGHER),
        _one("nll_per_byte_ratio", "NLL per byte ratio", POSITIVE, HIGHER, best=1.0, always_reported=True)),

    *_by_method(METHODS,
        _measured_by("explanation", "alignment.alignment", "explanations signal",
            _one("alignment_{}", "alignment {}", SIGNED, LOWER, always_reported=True, judged_with_peer=_TO_PEER),
            _one("alignment_per_item_{}", "alignment per item {}", SIGNED, LOWER)),
        _measured_by("explanation", "alignment.alignment", "explanations",
            _one("reliability_reference_{}", "reliability reference {}"),
            _one("reliability_candidate_{}", "reliability candidate {}"),
            _one("size_ratio_{}", "size ratio {}", best=1.0)),
        _measured_by("explanation", "alignment.alignment", "top-words",
            _one("jaccard_{}", "Jaccard {}", SHARE, LOWER, always_reported=True)),
        _measured_by("explanation", "alignment.alignment", "explanations",
            _one("jaccard_quarter_{}", "Jaccard quarter {}", SHARE, LOWER),
            _one("jaccard_quarter_chance_{}", "Jaccard quarter chance {}", SHARE),
            _one("jaccard_chance_{}", "Jaccard chance {}", SHARE),
            _one("short_items_{}", "short items {}", SHARE),
            _one("tied_mass_{}", "tied mass {}", SHARE),
            _one("top_certified_reference_{}", "top certified reference {}", SHARE),
            _one("top_certified_candidate_{}", "top certified candidate {}", SHARE),
            _one("jaccard_halves_{}", "Jaccard halves {}", SHARE, LOWER),
            _one("jaccard_halves_chance_{}", "Jaccard halves chance {}", SHARE),
            _one("jaccard_ceiling_reference_{}", "Jaccard ceiling reference {}", SHARE),
            _one("jaccard_ceiling_candidate_{}", "Jaccard ceiling candidate {}", SHARE),
            _one("jaccard_adjusted_{}", "Jaccard adjusted {}", worse=LOWER),
            _one("feature_agreement_{}", "feature agreement {}", SHARE, LOWER),
            _one("feature_agreement_chance_{}", "feature agreement chance {}", SHARE),
            _one("rank_agreement_{}", "rank agreement {}", SHARE, LOWER),
            _one("rank_agreement_chance_{}", "rank agreement chance {}", SHARE),
            _one("sign_agreement_{}", "sign agreement {}", SHARE, LOWER),
            _one("signed_rank_agreement_{}", "signed rank agreement {}", SHARE, LOWER),
            _one("pairwise_rank_agreement_{}", "pairwise rank agreement {}", SHARE, LOWER),
            _one("spearman_{}", "Spearman {}", SIGNED, LOWER),
            _one("signed_spearman_{}", "signed Spearman {}", SIGNED, LOWER),
            _one("rbo_{}", "RBO {}", SHARE, LOWER),
            _one("rbo_chance_{}", "RBO chance {}", SHARE),
            _one("cosine_{}", "cosine {}", SIGNED, LOWER),
            _one("weighted_jaccard_{}", "weighted Jaccard {}", SHARE, LOWER)),
        _measured_by("explanation", "alignment.against_peer", "explanations signal peer",
            _one("alignment_{}_of_peer", "alignment {} of peer", SIGNED),
            _one(_TO_PEER, "alignment {} to peer", (0.0, 2.0), LOWER, best=1.0, stem="alignment"))),
    *_by_method(METHODS,
        _measured_by("explanation", "faithful.faithful", "explanations",
            *(_one(f"faithfulness_{model}_{{}}", f"faithfulness {model} {{}}", (-math.inf, 1.0))
              for model in ("reference", "candidate")))),
    *_measured_by("explanation", "transfer.transfer", "explanations",
        _one("transfer_to_candidate", "transfer to candidate", worse=LOWER, best=1.0),
        _one("transfer_to_reference", "transfer to reference", worse=LOWER, best=1.0),
        *(_one(f"mind_changed_{model}_by_{words}_words", f"mind changed {model} by {words} words", SHARE)
          for model in ("reference", "candidate") for words in ("reference", "candidate", "random"))),
    # jaccard_lime, above, is measured by the published protocol, too.
    *_by_method(("lime",), _PROTOCOL),
    *_by_method(("shap",),
        _measured_by("explanation", "published.published_measures", "protocol",
            _one("jaccard_{}", "Jaccard {}", SHARE, LOWER, always_reported=True)),
        _PROTOCOL),
    *_by_method(PATCH_METHODS,
        *(_measured_by("explanation", "patches.patch_measures", "patches",
            _one(f"jaccard_{{}}_top{k}", f"Jaccard {{}} top {k}", SHARE, LOWER, always_reported=k == 10),
            _one(f"jaccard_{{}}_top{k}_chance", f"Jaccard {{}} top {k} chance", SHARE),
            _one(f"jaccard_{{}}_top{k}_ceiling", f"Jaccard {{}} top {k} ceiling", SHARE))
          for k in PATCH_COUNTS)),
)
# fmt: on


@cache
def added() -> dict[str, Measure]:
    """The measures that plugins add, by name."""
    every = with_plugins("trusteq.measures", {measure.name: measure for measure in MEASURES}, Measure)
    plugins = {entry: measure for entry, measure in every.items() if entry not in _BY_NAME}
    for entry, measure in plugins.items():
        if entry != measure.name:
            raise PluginError(f"plugin measure {measure.name!r} is entered as {entry!r}; enter it under its own name")
    return plugins


_BY_NAME = {measure.name: measure for measure in MEASURES}
_LOWER_BOUNDS = frozenset(measure.judged_by_bound for measure in MEASURES)


def find_measure(name: str) -> Measure | None:
    """The measure of this name; None if this version of trusteq has none."""
    return _BY_NAME.get(name) or added().get(name)


@cache
def names_of(dimension: str) -> tuple[str, ...]:
    """The names of a dimension's measures."""
    every = (*MEASURES, *added().values())
    return tuple(measure.name for measure in every if measure.dimension == dimension)


def in_words(name: str) -> str:
    """A measure's name in words: "smooth_ece_difference" is "smooth ECE difference"."""
    measure = find_measure(name)
    return name.replace("_", " ") if measure is None else measure.title


def needs_of(name: str) -> tuple[str, ...]:
    """What a measure needs; empty if it is not in the table."""
    measure = find_measure(name)
    return () if measure is None else measure.needs


def method_title(name: str) -> str:
    """A method's name in words."""
    return METHOD_TITLES.get(name, name)


@cache
def sides_of(stem: str) -> tuple[Measure, ...]:
    """The measure of the reference, that of the candidate, and their difference if there is one."""
    return tuple(measure for measure in MEASURES if measure.stem == stem and measure.side)


def judged_as(name: str, measured: Collection[str]) -> str:
    """The measure that a rule about this one judges: with a peer, the measure relative to the peer if there is one.

    If no more than a lower bound was measured, that.
    """
    measure = find_measure(name)
    instead = () if measure is None else (measure.judged_with_peer, measure.judged_by_bound)
    return next((other for other in instead if other is not None and other in measured), name)


def chance_of(name: str) -> tuple[str, ...]:
    """What the measure that holds the chance level of a score of attributions may be called."""
    found = re.fullmatch(r"(jaccard(?:_halves|_quarter)?|feature_agreement|rank_agreement|rbo)_(\w+)", name)
    return () if found is None else (f"{found[1]}_chance_{found[2]}", f"{name}_chance")


_OF_RANKS = re.compile(r"(?P<half>pairwise_rank_agreement)_\w+|(signed_)?spearman_\w+")


def constant_chance(name: str) -> float | None:
    """What two unrelated rankings score on average, whatever the items; None if it depends on these or is unknown."""
    found = _OF_RANKS.fullmatch(name)
    return None if found is None else 0.5 if found["half"] else 0.0


def is_lower_bound(name: str) -> bool:
    """Whether what a measure estimates is at least as large as its estimate says, and may be much larger."""
    return name in _LOWER_BOUNDS


def always_reported() -> list[str]:
    """The measures whose change is reported even if no rule judges it; those of all methods next to each other."""
    reported = [measure for measure in MEASURES if measure.always_reported]
    stems = [measure.stem for measure in reported]
    return [measure.name for measure in sorted(reported, key=lambda one: stems.index(one.stem))]


def missing_need(name: str, measured: Collection[str], own: Iterable[Measure] = ()) -> str | None:
    """What a measure needs that no ``measured`` one needs, in words; None if that is unknown.

    ``own`` are measures of plugins and users.
    """
    met = {need for other in _BY_NAME.keys() & set(measured) for need in _BY_NAME[other].needs}
    needs = next((one.needs for one in own if one.name == name), needs_of(name))
    return next((NEEDS[need] for need in needs if need not in met), None)
