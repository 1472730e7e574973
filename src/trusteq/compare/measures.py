"""The table of measures: everything that is known of each, entered once.

Whoever reads a policy, judges, prints or draws looks here and nowhere else. A new measure is a function in a file of
this folder and an entry below. Nothing is computed here and nothing heavy imported, so that a policy is read at once.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from trusteq.errors import PluginError
from trusteq.plugins import with_plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from trusteq.compare.answers import Pair
    from trusteq.stats.estimate import Estimate

METHODS = ("lime", "shapley")
"""How answers about changed texts are turned into weights of words."""

PUBLISHED_METHODS = ("lime", "shap")
"""The same under the published protocol."""

METHOD_TITLES = {"lime": "LIME", "shapley": "Shapley", "shap": "SHAP"}


@dataclass(frozen=True)
class Dimension:
    """A side of the models that is judged by itself.

    question: what is asked of the candidate. alike: what it means that all its rules hold. counted: what an estimate's
    n counts. of_all: whether that is every item, or only some of them.
    """

    question: str
    alike: str
    counted: str = "items"
    of_all: bool = True


DIMENSIONS = {
    "behaviour": Dimension("Does it answer alike?", "it answers alike"),
    "calibration": Dimension("Is it as sure?", "it is as sure"),
    "explanation": Dimension(
        "Does it look at the same words?", "it looks at the same words", "explained items", of_all=False
    ),
}

NEEDS = {
    "labels": "gold labels",
    "distribution": "probabilities of labels that both models share",
    "explanations": "explained items",
    "signal": "attributions that are more than noise",
    "peer": "the reference trained once more, as a peer",
    "protocol": "explanations by the published protocol",
    "scripts": "explanations by a protocol of the published scripts",
}
"""What a measure can need, in words."""

PREDICTED = frozenset({"labels", "distribution"})
"""The needs that predictions by themselves can meet; for the others models are asked about more than the items."""

SHARE = (0.0, 1.0)
SIGNED = (-1.0, 1.0)
POSITIVE = (0.0, math.inf)
ANY = (-math.inf, math.inf)
LOWER, HIGHER = -1, 1


@dataclass(frozen=True)
class Measure:
    """All that is known of a measure but its value.

    words: what it is a figure of. bounds: the lowest and the highest value it can take. worse: the sign of what is
    worse, `LOWER` or `HIGHER`; 0 where neither is. best: the value of a candidate just like the reference; None where
    that is an end of the bounds. stem, side: the part of the name that ``words`` tells, and whether it is the
    reference's figure of that, the candidate's or their difference; None where there are no such three. always_told:
    whether the difference of two audits tells how it changed even where no rule judges it. beside_peer: what is judged
    in its place where there is a peer. dimension, of: where it belongs, and the function in this folder that measures
    it. needs: names of `NEEDS`; of several that are missing the first is told. after_remedy: whether it is measured
    again after a temperature.
    """

    name: str
    words: str
    bounds: tuple[float, float] = ANY
    worse: int = 0
    best: float | None = None
    stem: str = ""
    side: Literal["reference", "candidate", "difference"] | None = None
    always_told: bool = False
    beside_peer: str | None = None
    dimension: str = ""
    of: str | Callable[[Pair], Estimate | None] = ""
    needs: tuple[str, ...] = ()
    after_remedy: bool = False

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.words if self.side is None else f"{self.words} {self.side}"

    @property
    def heading(self) -> str:
        """The same without the "difference" that heads its column."""
        return self.words if self.side == "difference" else self.title


Bounds = tuple[float, float]
Measures = tuple[Measure, ...]


def _one(name: str, words: str, bounds: Bounds = ANY, worse: int = 0, **known: Any) -> Measures:
    """A measure by itself."""
    return (Measure(name, words, bounds, worse, **{"stem": name.replace("_{}", ""), **known}),)


def _each(stem: str, words: str, ends: Iterable[str], bounds: Bounds, worse: int = 0, **known: Any) -> Measures:
    """Several of one kind, each with its end of the name."""
    whole = (_one(stem + end, words + end.replace("_", " "), bounds, worse, **known) for end in ends)
    return tuple(chain.from_iterable(whole))


def _both(stem: str, words: str, bounds: Bounds = ANY, worse: int = 0, *, always_told: bool = False) -> Measures:
    """A figure of each model, and candidate minus reference."""
    reference = Measure(f"{stem}_reference", words, bounds, stem=stem, side="reference")
    candidate = replace(reference, name=f"{stem}_candidate", side="candidate", worse=worse)
    apart = replace(candidate, name=f"{stem}_difference", side="difference", best=0.0, always_told=always_told)
    return reference, candidate, replace(apart, bounds=(bounds[0] - bounds[1], bounds[1] - bounds[0]))


def _family(dimension: str, of: str, needs: str, *groups: Measures, **known: Any) -> Measures:
    """What one function measures; ``needs`` are separated by blanks."""
    whole = {"dimension": dimension, "of": of, "needs": tuple(needs.split()), **known}
    return tuple(replace(measure, **whole) for measure in chain(*groups))


def _by_method(methods: Iterable[str], *families: Measures) -> Measures:
    """What is measured of attributions by each method, which stands where names and words have a ``{}``."""
    return tuple(
        replace(
            measure,
            name=measure.name.format(method),
            words=measure.words.format(METHOD_TITLES[method]),
            beside_peer=measure.beside_peer and measure.beside_peer.format(method),
        )
        for method in methods
        for measure in chain(*families)
    )


_QUANTILES = ("", "_q50", "_q90", "_q99", "_q99.9")
_TO_PEER = "alignment_{}_to_peer"

# fmt: off
MEASURES: Measures = (
    *_family("behaviour", "behaviour.accuracy", "labels",
        _both("accuracy", "accuracy", SHARE, LOWER, always_told=True)),
    *_family("behaviour", "behaviour.agreement", "",
        _one("agreement", "agreement", SHARE, LOWER),
        _one("disagreement", "disagreement", SHARE, HIGHER, always_told=True)),
    *_family("behaviour", "behaviour.flips", "labels",
        _one("regressions", "regressions", SHARE, HIGHER, always_told=True),
        _one("corrections", "corrections", SHARE, always_told=True),
        _one("wrong_to_other_wrong", "wrong to other wrong", SHARE)),
    *_family("behaviour", "divergence.divergence", "distribution",
        _each("kl_reference_candidate", "KL reference candidate", _QUANTILES, POSITIVE, HIGHER),
        _each("kl_candidate_reference", "KL candidate reference", _QUANTILES, POSITIVE, HIGHER),
        _each("js", "JS", _QUANTILES, (0.0, math.log(2)), HIGHER)),
    *_family("behaviour", "nuclear.nuclear_norm", "distribution",
        _both("nuclear_norm", "nuclear norm", SHARE)),

    *_family("calibration", "smooth_calibration.smooth_calibration", "labels",
        _both("smooth_ece", "smooth ECE", SHARE, HIGHER, always_told=True), after_remedy=True),
    *_family("calibration", "binned_calibration.binned_calibration", "labels",
        _both("ece", "ECE", SHARE, HIGHER, always_told=True),
        _both("mce", "MCE", SHARE, HIGHER),
        _both("ece_equal_mass", "ECE equal mass", SHARE, HIGHER),
        _both("mce_equal_mass", "MCE equal mass", SHARE, HIGHER),
        *zip(_both("ece_debiased_squared", "ECE debiased squared", SIGNED, HIGHER),
             _both("ece_debiased", "ECE debiased", SIGNED, HIGHER), strict=True), after_remedy=True),
    *_family("calibration", "labelwise_calibration.labelwise_calibration", "labels distribution",
        _both("top_label_ece", "top label ECE", SHARE, HIGHER),
        _both("classwise_ece", "classwise ECE", SHARE, HIGHER)),
    *_family("calibration", "scores.scores", "labels distribution",
        _both("brier", "brier", (0.0, 2.0), HIGHER, always_told=True),
        _both("nll", "NLL", POSITIVE, HIGHER), after_remedy=True),
    *_family("calibration", "corp.corp", "labels",
        _both("miscalibration", "miscalibration", worse=HIGHER),
        _both("discrimination", "discrimination", worse=LOWER),
        _both("uncertainty", "uncertainty")),
    *_family("calibration", "confidence.overconfidence", "labels",
        _both("overconfidence", "overconfidence", SIGNED), best=0.0, after_remedy=True),
    *_family("calibration", "confidence.confidence_profiles", "",
        _both("confidence", "confidence", SHARE)[:2],
        _one("confidence_shift", "confidence shift", SIGNED, best=0.0, always_told=True),
        _one("confidence_shift_absolute", "confidence shift absolute", SHARE, HIGHER, best=0.0),
        _one("confidence_profile_distance", "confidence profile distance", SHARE, HIGHER, always_told=True),
        _each("confidence_shift", "confidence shift", ("_q5", "_q50", "_q95"), SIGNED, best=0.0), after_remedy=True),
    *_family("calibration", "selective.selective_prediction", "labels",
        _both("aurc", "AURC", SHARE, HIGHER),
        _both("usable_90", "usable 90", SHARE, LOWER),
        _both("usable_95", "usable 95", SHARE, LOWER),
        _both("usable_99", "usable 99", SHARE, LOWER)),
    *_family("calibration", "binned_calibration.quantile_calibration", "labels scripts",
        _both("ece_quantile", "ECE quantile", SHARE, HIGHER),
        _both("mce_quantile", "MCE quantile", SHARE, HIGHER)),

    *_by_method(METHODS,
        _family("explanation", "alignment.alignment", "explanations signal",
            _one("alignment_{}", "alignment {}", SIGNED, LOWER, always_told=True, beside_peer=_TO_PEER),
            _one("alignment_per_item_{}", "alignment per item {}", SIGNED, LOWER)),
        _family("explanation", "alignment.alignment", "explanations",
            _one("reliability_reference_{}", "reliability reference {}"),
            _one("reliability_candidate_{}", "reliability candidate {}"),
            _one("size_ratio_{}", "size ratio {}", best=1.0),
            _one("jaccard_{}", "Jaccard {}", SHARE, LOWER, always_told=True),
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
            _one("rank_agreement_{}", "rank agreement {}", SHARE, LOWER),
            _one("sign_agreement_{}", "sign agreement {}", SHARE, LOWER),
            _one("signed_rank_agreement_{}", "signed rank agreement {}", SHARE, LOWER),
            _one("pairwise_rank_agreement_{}", "pairwise rank agreement {}", SHARE, LOWER),
            _one("spearman_{}", "Spearman {}", SIGNED, LOWER),
            _one("signed_spearman_{}", "signed Spearman {}", SIGNED, LOWER),
            _one("rbo_{}", "RBO {}", SHARE, LOWER),
            _one("cosine_{}", "cosine {}", SIGNED, LOWER),
            _one("weighted_jaccard_{}", "weighted Jaccard {}", SHARE, LOWER)),
        _family("explanation", "alignment.against_peer", "explanations signal peer",
            _one("alignment_{}_of_peer", "alignment {} of peer", SIGNED),
            _one(_TO_PEER, "alignment {} to peer", (0.0, 2.0), LOWER, best=1.0, stem="alignment"))),
    *_family("explanation", "transfer.transfer", "explanations",
        _one("transfer_to_candidate", "transfer to candidate", worse=LOWER, best=1.0),
        _one("transfer_to_reference", "transfer to reference", worse=LOWER, best=1.0),
        *(_one(f"mind_changed_{model}_by_{words}_words", f"mind changed {model} by {words} words", SHARE)
          for model in ("reference", "candidate") for words in ("reference", "candidate", "random"))),
    # By LIME this has the name of a measure above: a run has one or the other.
    *_by_method(PUBLISHED_METHODS,
        _family("explanation", "published.published_measures", "protocol",
            _one("jaccard_{}", "Jaccard {}", SHARE, LOWER, always_told=True),
            _one("jaccard_{}_variance", "Jaccard {} variance", SHARE),
            _one("jaccard_{}_chance", "Jaccard {} chance", SHARE),
            _one("jaccard_{}_ceiling", "Jaccard {} ceiling", SHARE))),
)
# fmt: on


@cache
def added() -> dict[str, Measure]:
    """The measures that plugins add, by name."""
    every = with_plugins("trusteq.measures", {measure.name: measure for measure in MEASURES}, Measure)
    plugins = {entry: measure for entry, measure in every.items() if entry not in _FIRST}
    for entry, measure in plugins.items():
        if entry != measure.name:
            raise PluginError(f"plugin measure {measure.name!r} is entered as {entry!r}; enter it under its own name")
    return plugins


_FIRST = {measure.name: measure for measure in reversed(MEASURES)}
_ONCE = {name for name, count in Counter(measure.name for measure in MEASURES).items() if count == 1}


def named(name: str) -> Measure | None:
    """The entry of this name, the first of two; None of a measure that this trusteq does not know."""
    return _FIRST.get(name) or added().get(name)


@cache
def names_of(dimension: str) -> tuple[str, ...]:
    """The names of a dimension's measures."""
    every = (*MEASURES, *added().values())
    return tuple(dict.fromkeys(measure.name for measure in every if measure.dimension == dimension))


def in_words(name: str) -> str:
    """A measure's name in words: "smooth_ece_difference" is "smooth ECE difference"."""
    known = named(name)
    return name.replace("_", " ") if known is None else known.title


def needs_of(name: str) -> tuple[str, ...]:
    """What a measure needs; nothing that is known of, where it is not in the table."""
    known = named(name)
    return () if known is None else known.needs


def method_title(name: str) -> str:
    """A method's name in words."""
    return METHOD_TITLES.get(name, name)


@cache
def sides_of(stem: str) -> tuple[Measure, ...]:
    """The reference's figure, the candidate's, and their difference where there is one."""
    return tuple(measure for measure in MEASURES if measure.stem == stem and measure.side)


def judged_as(name: str, measured: Collection[str]) -> str:
    """The measure that a rule about this one judges: what was measured beside a peer takes its place."""
    known = named(name)
    beside = None if known is None else known.beside_peer
    return name if beside is None or beside not in measured else beside


def always_told() -> list[str]:
    """The measures whose change is told whether a rule judges it or not; by all methods side by side."""
    told = [measure for measure in MEASURES if measure.always_told]
    stems = [measure.stem for measure in told]
    return list(dict.fromkeys(measure.name for measure in sorted(told, key=lambda one: stems.index(one.stem))))


def lacking(name: str, measured: Collection[str], own: Iterable[Measure] = ()) -> str | None:
    """What a measure needs and nothing of what was ``measured`` needs, in words; None where that is not known.

    Of a name that stands for two measures it is not known which of them was measured. ``own`` are measures that are not
    trusteq's.
    """
    met = {need for other in _ONCE.intersection(measured) for need in _FIRST[other].needs}
    needs = next((one.needs for one in own if one.name == name), needs_of(name))
    return next((NEEDS[need] for need in needs if need not in met), None)
