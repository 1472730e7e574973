"""Advice that is a decision: ship, route some items to the reference, or retrain. Nothing is estimated here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.auditing.recalibration import fails, rules_of
from trusteq.auditing.routing import BEHAVIOUR, open_rules
from trusteq.comparing.conditions import in_words as conditions_in_words
from trusteq.comparing.measures import in_words
from trusteq.record.advice import Advice
from trusteq.stats.proportions import wilson
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trusteq.comparing.cascade import Cascade, TriedConditions, TriedCutOff
    from trusteq.models.base import Finding
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import RuleVerdict, Verdict

FEWEST = 10
"""With fewer changed items there is nothing to retrain with."""


DOUBTS = frozenset(
    {
        "labels misnamed",
        "below majority",
        "chance",
        "one answer",
        "saturated logits",
    }
)
"""Kinds of findings by which the numbers may not mean what they seem to, as they may not if many items are repeated."""


REPEATED = ("repeated items", "repeated rows")
"""The kinds of findings about items that repeat others."""


def doubts(findings: Sequence[Finding], copies: float) -> list[str]:
    """The kinds of these findings by which numbers may not mean what they seem to; ``copies``: see `judge`."""
    kinds = DOUBTS if copies == 1 else DOUBTS.union(REPEATED)
    return list(dict.fromkeys(finding.kind for finding in findings if finding.kind in kinds))


def ship(verdict: Verdict, slices: Sequence[Advice], unsettled: Sequence[str]) -> Iterator[Advice]:
    """That there is nothing to do, if there is nothing to do, or only what is said above the numbers or of slices."""
    if verdict.outcome is Outcome.EQUIVALENT and unsettled:
        yield Advice(
            "ship",
            f"ship it only once the warnings above the numbers are settled ({', '.join(unsettled)}): every "
            "rule that the policy requires is within its margin, but the numbers may not mean what they seem to",
        )
    elif verdict.outcome is Outcome.EQUIVALENT and slices:
        yield Advice(
            "ship",
            "ship it only if the slices below may be worse: over all items, every rule that the policy requires is "
            "within its margin, but not in these",
        )
    elif verdict.outcome is Outcome.EQUIVALENT:
        yield Advice("ship", "ship it as it is: every rule that the policy requires is within its margin")


def routing_advice(cascade: Cascade | None) -> Iterator[Advice]:
    """Which items to route to the reference, and what the two together then do."""
    if cascade is None:
        return
    cut_off, conditions = cascade.by_confidence, cascade.by_condition
    if cut_off is not None and cut_off.recommended:
        which = f"the items on which its confidence is below {cut_off.cut_off:.10g}"
        yield Advice(
            "cascade", f"route {which} to the reference: {_price(cut_off, 'on held-out folds')}", cut_off.mends
        )
    if conditions is not None and conditions.recommended:
        which = " or that ".join(conditions_in_words(terms) for terms in conditions.conditions)
        price = _price(conditions, "on the half of the items that was not searched")
        yield Advice("route", f"route items that {which} to the reference: {price}", conditions.mends)


def _price(tried: TriedCutOff | TriedConditions, how: str) -> str:
    """How many items go to the reference, and what the two together do."""
    right = "" if tried.accuracy is None else f" and are right on {_share(tried.accuracy)}"
    # Disagreement is said already.
    mended = [f"{in_words(name)} is then {tried.after[name]}" for name in tried.mends if name not in SAID]
    return (
        f"{_share(tried.routed)} of items go there, and the two together agree with it on {_share(tried.agreement)}"
        f"{right} ({how}){''.join(f'; {words}' for words in mended)}"
    )


SAID = frozenset({"agreement", "disagreement"})


def retraining_advice(verdict: Verdict, flips: Sequence[Mapping[str, Any]]) -> Iterator[Advice]:
    """The items to retrain with, if a rule of behaviour fails, and how many of them must no longer change."""
    judged = rules_of(verdict, BEHAVIOUR)
    failing = [judged[name] for name in open_rules(verdict) if fails(judged[name])]
    if not failing or len(flips) < FEWEST:
        return
    wrong = sum(row["kind"] == "right to wrong" for row in flips)
    turned = f", {wrong:,} of them from right to wrong" if wrong else ""
    sentence = (
        f"retrain it with more items like the {len(flips):,} whose answer changed{turned} (their ids: trusteq show RUN "
        "--changed), and audit it on others than it has learned from"
    )
    needs = [words for rule in failing if (words := _fewer(rule, len(flips))) is not None]
    yield Advice("retrain", "; ".join([sentence, *needs]))


def _fewer(rule: RuleVerdict, changed: int) -> str | None:
    """How many fewer answers may change until a rule on their share holds; None if it is not about that."""
    estimate, most = rule.estimate, rule.rule.at_most
    if rule.measure != "disagreement" or estimate is None or most is None or "clusters" in estimate.method:
        return None
    n = estimate.n
    allowed = max((k for k in range(changed) if wilson(k / n, n, level=estimate.level)[1] <= most), default=None)
    if allowed is None:
        return None
    return f"if {changed - allowed:,} fewer of {n:,} answers change, disagreement is within its margin"


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"
