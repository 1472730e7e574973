"""What is measured of one model against its teacher: an audit's measures, and explainers that no arm learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from keeping_trust_arms import ANSWERING, in_bfloat16, opened

import trusteq
from trusteq.auditing.audit import by_id
from trusteq.auditing.explanations import align, explain_settings
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.compute_measures import measure_all
from trusteq.comparing.moved import moved
from trusteq.explain.explanation import ExplainSettings, explain
from trusteq.explain.removal import removal, without_top_words
from trusteq.explain.respondent import Respondent
from trusteq.explain.splice import splicer
from trusteq.explain.units import cutter
from trusteq.policy import read_policy
from trusteq.stats.resampling import Resampling
from trusteq.tasks.rows import Rows
from trusteq.verdict import judge
from trusteq.work.shard import predict_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.words import TextUnits
    from trusteq.models.transformer import TransformerModel

EXPLAINED = 100
"""Items explained as in an audit; the default policy asks for so many."""
OTHERWISE, MASKS_OTHERWISE, STEPS = 60, 48, 8
"""Of these, how many are explained by other explainers; masks per item; steps of integrated gradients."""
MEASURES = (
    "accuracy_reference",
    "accuracy_candidate",
    "accuracy_difference",
    "disagreement",
    "kl_reference_candidate",
    "smooth_ece_difference",
    "confidence_profile_distance",
    "alignment_lime",
    "alignment_shapley",
    "transfer_to_candidate",
    "transfer_to_reference",
)


def measured(teacher: Path, candidate: Path, items: Items, keep: Path) -> dict[str, Any]:
    """Estimates, verdicts by rule, and what pairing with other candidates needs: values by item, ready for JSON.

    Every candidate of a teacher answers the same masks of the same items; the teacher's answers are kept. Whole items
    are answered in float32, changed ones in bfloat16.
    """
    models = [opened(folder) for folder in (teacher, candidate)]
    items, labels = items.take(by_id(items.ids)), models[0].labels
    gold = items.gold(labels)
    with trusteq.executor(keep=keep / "whole") as where:
        answers = [predict_at(where, models[0], items)]
    answers.append(Rows(np.exp(models[1].answer(models[1].encode(list(zip(*items.texts(), strict=True)))))))
    settings = explain_settings(ExplainSettings(items=EXPLAINED, draw="evenly", precision="bfloat16"), models, items)
    if settings is None or gold is None:
        raise SystemExit("the items cannot be explained, or have no labels")
    for model in models:
        model.first_token_decides  # noqa: B018 - tested in float32, and kept
    with in_bfloat16(ANSWERING), trusteq.executor(keep=keep / "changed") as where:
        asked = [Respondent(model, labels, rows, None, where) for model, rows in zip(models, answers, strict=True)]
        explanation = explain(asked, items, settings, gold=gold)
        removed = without_top_words(asked, explanation, explanation.attributions()["shapley"])
        otherwise = replace(settings, items=OTHERWISE, masks=MASKS_OTHERWISE, perturb="mask")
        other = explain(asked, items, otherwise, gold=gold)
    units_of = cutter("words", items)
    units: Any = [units_of(i) for i in other.positions.tolist()]
    # Opened again: rounded weights that were unpacked to answer alone cannot be differentiated through.
    gradients = [
        kept_gradients(keep / "gradients.npz", teacher, units, other.targets[0]),
        integrated_gradients(opened(candidate), units, other.targets[0]),
    ]
    explanation = replace(explanation, removed=removed)
    policy, task = read_policy("default"), asked[0].task
    outcomes = [task.outcomes(rows, gold, labels) for rows in answers]
    resampling = Resampling(len(items), level=policy.level)
    pair = Pair(*(Answers(of, resampling) for of in outcomes))
    (aligned,) = align(explanation, items, resampling, has_peer=False, moved=[moved(*outcomes)])
    measures: dict[str, Any] = {**measure_all(pair, ()), "explanation": aligned.measures}
    verdict = judge(measures, policy, task=task)
    found = {name: e for of in measures.values() for name, e in of.items()}
    products = {name: _products(values) for name, values in explanation.products().items()}
    products["mask"] = _products(other.products()["shapley"])
    products["gradients"] = [
        [float(a @ b) for a, b in zip(x, y, strict=True)]
        for x, y in ((gradients[0], gradients[1]), (gradients[0], gradients[0]), (gradients[1], gradients[1]))
    ]
    return {
        "outcome": str(verdict.outcome),
        "rules": {rule.measure: str(rule.outcome) for dimension in verdict.dimensions for rule in dimension.rules},
        "measures": {name: [e.value, e.low, e.high, e.n] for name in MEASURES if (e := found.get(name)) is not None},
        "probabilities": answers[1].values.tolist(),
        "reference_probabilities": answers[0].values.tolist(),
        "gold": gold.tolist(),
        "products": products,
        "dropped": removal(explanation).drop.tolist(),
    }


def _products(values: NDArray[np.float64]) -> list[list[float]]:
    """Of a reference and a candidate: cross products and both norms [3, items]."""
    return [values[:, i, j].tolist() for i, j in ((0, 1), (0, 0), (1, 1))]


def kept_gradients(
    file: Path, teacher: Path, units: Sequence[TextUnits], targets: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """Those of the teacher, computed once."""
    if not file.exists():
        np.savez(file, *integrated_gradients(opened(teacher), units, targets))
    with np.load(file) as stored:
        return [stored[f"arr_{i}"] for i in range(len(units))]


def integrated_gradients(
    model: TransformerModel, units: Sequence[TextUnits], targets: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """The attributions of each item's words, centred within the item (Sundararajan et al. 2017).

    Of the probability of the target, along the straight line from the padding token's embedding to that of each token;
    special tokens stay. Words are sums of their tokens; punctuation is left out.
    """
    return [_of_words(model, of, int(target)) for of, target in zip(units, targets.tolist(), strict=True)]


def _of_words(model: TransformerModel, units: TextUnits, target: int) -> NDArray[np.float64]:
    splicing = splicer(model)
    complete = splicing.tokenizer.encode(*units.texts)
    owner = splicing._owners(units, complete)
    moved = of_tokens(model, complete, target)
    attributions = np.bincount(owner, weights=moved, minlength=len(units) + 1)[: len(units)]
    return np.asarray(attributions - attributions.mean())


def of_tokens(model: TransformerModel, complete: Any, target: int, steps: int = STEPS) -> NDArray[np.float64]:
    """The attributions of each token [tokens]; at midpoints of ``steps`` stretches of the line."""
    net, pad = model.model, model.tokenizer.pad_token_id
    ids = torch.tensor([complete.ids])
    embed = net.get_input_embeddings()
    with torch.no_grad():
        end = embed(ids)
        special = torch.tensor(complete.special_tokens_mask, dtype=torch.bool)
        start = torch.where(special[None, :, None], end, embed(torch.tensor(pad)))
    share = ((torch.arange(steps) + 0.5) / steps)[:, None, None]
    line = (start + share * (end - start)).requires_grad_(True)
    types = torch.tensor([complete.type_ids]).expand(steps, -1)
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(inputs_embeds=line, attention_mask=torch.ones_like(types), token_type_ids=types).logits
    p = torch.softmax(logits.float(), dim=1)[:, target]
    (gradient,) = torch.autograd.grad(p.sum(), [line])
    moved: NDArray[np.float64] = ((end - start)[0] * gradient.mean(dim=0)).sum(dim=1).double().numpy()
    return moved
