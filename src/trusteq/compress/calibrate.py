"""A candidate whose probabilities are nearer to the original's: by a map after its logits, saved into its own files.

The map is fitted to the original's probabilities, so items need no labels. By default it is the simplest that no richer
one beats on items that it was not fitted to, and that leaves confidence spread as the original's is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from trusteq.compress.calibrate_choice import AUTO, FEWEST, Choice, choice, too_few
from trusteq.compress.calibrate_graph import scores_of
from trusteq.compress.calibrate_head import head_of
from trusteq.compress.calibrate_maps import MapName, Temperature
from trusteq.compress.compressed import Compressed
from trusteq.compress.graph_source import GraphSource
from trusteq.errors import DataError
from trusteq.models.layers import does_not_apply
from trusteq.models.open import open_model
from trusteq.progress import silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.compress.calibrate_maps import CalibrationMap
    from trusteq.compress.original import Original
    from trusteq.data.items import Items
    from trusteq.progress import Tell

SAME = 1e-5
"""How far the saved candidate's probabilities may be from those of the map."""


class Place(Protocol):
    """Where a candidate can hold a map. cannot: the maps that it cannot hold, and why."""

    @property
    def cannot(self) -> Mapping[MapName, str]:
        """The maps that it cannot hold, and why."""

    @property
    def floor(self) -> float:
        """The smallest probability that the map is given."""

    @property
    def where(self) -> str:
        """What holds the map, for a recipe."""

    def write(self, folder: Path, fitted: CalibrationMap) -> None:
        """Write the candidate with the map to a folder."""


def calibrate(
    source: Any,
    *,
    original: Original,
    items: Items,
    map: Literal["auto", "temperature", "vector", "isotonic", "matched"] = "auto",  # noqa: A002 - as the option is called
    tell: Tell = silent,
) -> Compressed:
    """The candidate with a map of this kind; an error if by default none helps without harm."""
    what, units = ("items", items.ids) if items.clusters is None else ("clusters", items.clusters)
    if len(set(units)) < FEWEST:
        raise DataError(f"{items.source}: {len(set(units))} {what} are too few to calibrate on; give {FEWEST} or more")
    place: Place = scores_of(source) if isinstance(source, GraphSource) else head_of(source, items)
    if map != "auto" and map in place.cannot:
        raise does_not_apply(source, "calibrate", f"--map {map}: {place.cannot[map]}")
    names = AUTO if map == "auto" else (map,)
    labels = len(source.labels)
    untried = {name: why for name in names if (why := place.cannot.get(name) or too_few(name, len(items), labels))}
    if map in untried:
        raise DataError(f"{items.source}: --map {map} does not fit {untried[map]}; use --map temperature")

    tell("ask the candidate", 0, 1)
    answers = _asked(source, items)
    tell("ask the candidate", 1, 1)
    tell("ask the original", 0, 1)
    targets = np.exp(original.answers(items))
    tell("ask the original", 1, 1)
    logs = np.log(np.maximum(answers, place.floor))
    found = choice(logs, targets, [name for name in names if name not in untried], items.clusters)
    chosen = found.chosen if map == "auto" else map
    if chosen is None:
        raise does_not_apply(source, "calibrate", _no_help(found))
    tried = found.tried[chosen]

    def save(folder: Path) -> None:
        place.write(folder, tried.fitted)
        tell("check its answers", 0, 1)
        # About all items, since some graphs' answers depend on the batch.
        moved = np.abs(open_model(folder, name=source.name).predict(items) - tried.fitted.of(logs)).max()
        if not moved <= SAME:
            raise does_not_apply(
                source,
                "calibrate",
                f"its saved probabilities would be off by up to {moved:.2g} from those of the map; if {place.where} is "
                "in 16 bits, convert the candidate to 32 first (--method fp32, or onnx)",
            )
        tell("check its answers", 1, 1)

    changed = int((tried.fitted.of(logs).argmax(axis=1) != answers.argmax(axis=1)).sum())
    confidence = {
        "original": float(targets.max(axis=1).mean()),
        "before": float(answers.max(axis=1).mean()),
        "after": tried.confidence,
    }
    facts = {
        "map": chosen,
        "parameters": dict(tried.fitted.parameters),
        "in": place.where,
        "labels": list(source.labels),
        "items": {"source": items.source, "items": len(items), "content": items.content()},
        "held out": found.facts(),
        "not tried": untried,
        "changed answers": changed,
        "mean confidence": confidence,
    }
    notes = [_what_was_gained(found, chosen), _what_changed(chosen, changed, len(items))]
    notes.append(
        f"mean confidence on held-out items {tried.confidence:.3f}, {confidence['before']:.3f} before, "
        f"{confidence['original']:.3f} of the original; the profiles' distance {tried.distance:.3f}, "
        f"{found.distance:.3f} before"
    )
    if found.moves_away(chosen):
        notes.append(
            "cut-offs on confidence now act less as the original's: KL is lower if a candidate is less sure where the "
            "two disagree; --map matched keeps them"
        )
    notes += [f"{name} was not tried: {why}" for name, why in untried.items()]
    return Compressed(save, None, tuple(notes), {"calibration": facts})


def _asked(source: Any, items: Items) -> NDArray[np.float64]:
    """The candidate's probabilities [items, labels]."""
    answers: NDArray[np.float64] = (source.opened if isinstance(source, GraphSource) else source).predict(items)
    bad = np.flatnonzero(~np.isfinite(answers).all(axis=1))
    if bad.size:
        raise does_not_apply(
            source, "calibrate", f"its answer to item {items.ids[bad[0]]!r} holds what is not a finite number"
        )
    return answers


def _no_help(found: Choice) -> str:
    """Why no map was chosen."""
    best = min(found.tried, key=lambda name: float(found.tried[name].kl.mean()))
    gain, error = found.gain(best)
    if gain > error and found.moves_away(best):
        return (
            f"the best map, {best}, lowers KL from {found.before.mean():.4g} to {found.tried[best].kl.mean():.4g} nats "
            "only with confidence less like the original's, since a lower KL means to doubt where two models disagree "
            f"(distance of their profiles {found.tried[best].distance:.3f}, {found.distance:.3f} before); make it with "
            f"--map {best}, or match the original's mean confidence with --map matched"
        )
    return (
        f"no map brings it nearer to the original: KL is {found.before.mean():.4g} nats without, and the best map, "
        f"{best}, gains {gain:.2g} with a standard error of {error:.2g} on held-out items; keep it as it is"
    )


def _what_was_gained(found: Choice, name: MapName) -> str:
    gain, error = found.gain(name)
    tried = found.tried[name]
    what = f"temperature {tried.fitted.temperature:.4g}" if isinstance(tried.fitted, Temperature) else name
    worse = ", which is no gain" if gain <= error else ""
    return (
        f"{what}: KL from the original on held-out items {tried.kl.mean():.4g} nats, {found.before.mean():.4g} before "
        f"(gain {gain:.2g}, standard error {error:.2g}{worse}); audit it on other items"
    )


def _what_changed(name: MapName, changed: int, items: int) -> str:
    if name in ("temperature", "matched"):
        return "a temperature changes no answer"
    return f"{changed:,} of {items:,} answers change"
