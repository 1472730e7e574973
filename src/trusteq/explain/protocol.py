"""The published protocol of arXiv 2508.13533: the top words of every model by LIME and by SHAP, for the gold label.

LIME: 1,000 samples; the 20 largest coefficients of a first fit are fitted again; three runs with different masks. Equal
words are one unit. SHAP: Owen values over a tree of words from 500 evaluations; nothing is random, so there is one run.
Within a run, all models use the same masks, and an item's masks depend only on (seed, run, id). The top k are the first
k different words by |weight|.

``paper`` is the protocol as described in the paper, ``paper-scripts`` and ``paper-scripts-qqp`` as implemented in the
published scripts: see `trusteq.explain.scripted` and `trusteq.explain.scripted_qqp`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trusteq.comparing.padded_arrays import rounded
from trusteq.data.label_sets import listed
from trusteq.errors import DataError, OptionError
from trusteq.explain import scripted_qqp
from trusteq.explain.explanation import ExplainSettings, random_choice
from trusteq.explain.lime import SAMPLES, lime_fit, lime_masks
from trusteq.explain.owen import EVALUATIONS, owen_plan
from trusteq.explain.patches import PATCH_PROTOCOLS, PatchSettings, patch_settings
from trusteq.explain.plan import distinct
from trusteq.explain.scripted import DROPPED, lime_string, listed_tokens, shap_game, shap_string, shap_tree
from trusteq.explain.value_tables import Question, round_trip
from trusteq.explain.words import REMOVE, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.data.items import Items
    from trusteq.explain.respondent import Respondent
    from trusteq.explain.scripted import Game
    from trusteq.explain.words import CutTexts, TextUnits
    from trusteq.models.base import Model

SCRIPTED = ("paper-scripts", "paper-scripts-qqp")
"""The protocols that reproduce the published scripts."""
PROTOCOLS = ("paper", *SCRIPTED, *PATCH_PROTOCOLS)
BLOCK = 64
"""Number of items whose answers are in memory at a time."""

Words = tuple[str, ...]
Rank = Callable[[NDArray[np.float64]], NDArray[np.int64]]
"""Sorts units by their weights, the most important first; some may be left out."""


@dataclass(frozen=True)
class ProtocolSettings:
    """The settings of the protocol.

    name: one of `PROTOCOLS` for texts. items: the number of items to explain, chosen at random; None for all. runs: of
    LIME, each with its own seed; also of SHAP if it draws anything. samples, features: LIME's numbers of masks and of
    fitted words. evaluations: SHAP's number of values. k: the number of words in a top set.
    """

    name: str = "paper"
    items: int | None = None
    runs: int = 3
    samples: int = SAMPLES
    features: int = 20
    evaluations: int = EVALUATIONS
    k: int = 10


@dataclass(frozen=True)
class Published:
    """The top words of all models.

    positions: the explained items' positions in the audit's items [explained]. seeds: of the runs. tops: by method, the
    top words of [models][runs][explained], the most important first. distinct: by method, the number of different words
    of each item [explained]. wordless: ids of chosen items without words, which were left out.
    """

    settings: ProtocolSettings
    positions: NDArray[np.int64]
    seeds: tuple[int, ...]
    tops: Mapping[str, tuple[tuple[tuple[Words, ...], ...], ...]]
    distinct: Mapping[str, NDArray[np.int64]]
    wordless: tuple[str, ...]


def by_size(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """All units by |weight|, the largest first; of equal ones the earlier first."""
    return np.argsort(-np.abs(rounded(weights[None])[0]), kind="stable")


@dataclass(frozen=True)
class _Variant:
    """How a variant of the protocol makes inputs, sorts words, and which words it drops.

    draws: whether SHAP's runs differ. shap_words: the names of SHAP's units [units] in the lists.
    """

    lime: CutTexts
    shap: CutTexts
    game: Callable[[TextUnits, int, int], Game]
    perturb: str
    dropped: frozenset[str]
    checked: bool
    draws: bool = False
    lime_rank: Rank = by_size
    shap_rank: Rank = by_size
    shap_words: Callable[[TextUnits], Words] = attrgetter("names")


def _owen(units: TextUnits, evaluations: int, _seed: int) -> Game:
    """Owen values over the tree of words, whose masks are known in advance."""
    plan = owen_plan(units.segments, evaluations=evaluations)
    values = yield plan.masks
    return plan.weights @ values


_VARIANTS = {
    "paper": _Variant(
        partial(words, merge_equal=True),
        words,
        _owen,
        REMOVE,
        frozenset(),
        checked=True,
    ),
    # These write strings as the scripts do and ignore the replacement of a word; "" prevents splicing them from tokens.
    # Whitespace may be lost, so the round trip is not checked.
    "paper-scripts": _Variant(
        lime_string,
        shap_string,
        lambda units, evaluations, _: shap_game(shap_tree(units.names), evaluations),
        "",
        DROPPED,
        checked=False,
        shap_words=listed_tokens,
    ),
    "paper-scripts-qqp": _Variant(
        scripted_qqp.lime_pair,
        scripted_qqp.shap_pair,
        scripted_qqp.walk_game,
        "",
        scripted_qqp.DROPPED,
        checked=False,
        draws=True,
        lime_rank=scripted_qqp.supporting,
        shap_rank=scripted_qqp.signed,
    ),
}


def protocol_settings(
    name: str, explain: ExplainSettings | bool | None, items: Items, models: Sequence[Model]
) -> ProtocolSettings | PatchSettings:
    """The settings of the protocol of this name; an error if it does not support these items or models."""
    if name not in PROTOCOLS:
        raise OptionError(f"protocol {name!r}: choose {' or '.join(PROTOCOLS)}")
    if explain is False:
        raise OptionError(f"protocol {name} needs explanations; remove --no-explain or the protocol")
    count = None
    if isinstance(explain, ExplainSettings):
        count = explain.items
        if explain != ExplainSettings(items=count):
            raise OptionError(f"protocol {name} fixes how to explain; only the number of items can be set")
    if items.labels is None:
        raise OptionError(
            f"{items.source}: protocol {name} explains the gold label, but the items have none; name its column with "
            "--label, or skip explanations (--no-explain)"
        )
    for patches in PATCH_PROTOCOLS:
        if name == patches:
            return patch_settings(patches, count, models)
    if name == "paper-scripts" and len(items.texts()) > 2:
        raise OptionError(f"protocol paper-scripts supports items of 1 or 2 texts, found {len(items.texts())}")
    if name == "paper-scripts-qqp":
        if len(items.texts()) != 2:
            raise OptionError(
                f"protocol {name} needs items of 2 texts (pairs of questions), found {len(items.texts())}"
            )
        for model in models:
            if len(model.labels) != 2:
                raise OptionError(f"protocol {name} needs two labels; model {model.name} has {listed(model.labels)}")
        return ProtocolSettings(name, count, samples=scripted_qqp.SAMPLES, evaluations=scripted_qqp.EVALUATIONS)
    return ProtocolSettings(name, count)


def publish(
    respondents: Sequence[Respondent],
    items: Items,
    settings: ProtocolSettings,
    *,
    gold: NDArray[np.int64],
    seed: int = 0,
) -> Published:
    """The top words of every model by LIME and by SHAP, run by run."""
    variant = _VARIANTS[settings.name]
    units_of, _ = _cut(items, settings, seed=seed)
    at = list(units_of)
    if len(at) < 2:
        raise DataError(f"{items.source}: only {len(at)} of the chosen items have words; nothing can be explained")
    seeds = tuple(seed + run for run in range(settings.runs))
    words = {i: (units[0].names, variant.shap_words(units[1])) for i, units in units_of.items()}

    def top(words: Words, weights: NDArray[np.float64], rank: Rank) -> Words:
        return top_words(words, weights, settings.k, variant.dropped, rank)

    tops: dict[str, list[tuple[tuple[Words, ...], ...]]] = {"lime": [], "shap": []}
    for respondent in respondents:
        advance = respondent.counted(f"explain {respondent.name}", len(at))
        lime: list[tuple[Words, ...]] = []
        shap: list[tuple[Words, ...]] = []
        for block in (at[start : start + BLOCK] for start in range(0, len(at), BLOCK)):
            drawn = [_lime_masks(len(units_of[i][0]), items.ids[i], seeds, settings.samples) for i in block]
            questions = [Question(units_of[i][0], masks) for i, (masks, _) in zip(block, drawn, strict=True)]
            # LIME has most of the questions, so it reports progress.
            tables = respondent.tables(questions, perturb=variant.perturb, advance=advance)
            for i, table, (masks, rows) in zip(block, tables, drawn, strict=True):
                if variant.checked:
                    round_trip(respondent.model, table, respondent.answers.values[i], items.ids[i])
                values = np.exp(table[:, gold[i]])[:, None]
                fits = (lime_fit(masks[r], values[r], features=settings.features)[:, 0] for r in rows)
                lime.append(tuple(top(words[i][0], fit, variant.lime_rank) for fit in fits))

            def answers(questions: list[Question], respondent: Respondent = respondent) -> list[NDArray[np.float64]]:
                return [np.exp(table) for table in respondent.tables(questions, perturb=variant.perturb)]

            tokens, by_run = [units_of[i][1] for i in block], []
            for run in seeds if variant.draws else seeds[:1]:
                keys = (stream_seed(run, f"shap\x00{respondent.name}", items.ids[i]) for i in block)
                games = [
                    variant.game(units, settings.evaluations, key) for units, key in zip(tokens, keys, strict=True)
                ]
                credits_ = zip(block, _play(tokens, games, answers), strict=True)
                by_run.append([top(words[i][1], credit[:, gold[i]], variant.shap_rank) for i, credit in credits_])
            shap += zip(*by_run, strict=True)
        tops["lime"].append(tuple(zip(*lime, strict=True)))
        tops["shap"].append(tuple(zip(*shap, strict=True)))
    return published({method: tuple(models) for method, models in tops.items()}, items, settings, seed=seed)


def published(
    tops: dict[str, tuple[tuple[tuple[Words, ...], ...], ...]], items: Items, settings: ProtocolSettings, *, seed: int
) -> Published:
    """These top words of the models, with what follows from the items alone."""
    variant = _VARIANTS[settings.name]
    units_of, empty = _cut(items, settings, seed=seed)
    words = [(units[0].names, variant.shap_words(units[1])) for units in units_of.values()]
    return Published(
        settings,
        np.array(list(units_of), dtype=np.int64),
        tuple(seed + run for run in range(settings.runs)),
        tops,
        {
            method: np.array([len(set(names[position]) - variant.dropped) for names in words], dtype=np.int64)
            for position, method in enumerate(("lime", "shap"))
        },
        empty,
    )


def _cut(
    items: Items, settings: ProtocolSettings, *, seed: int
) -> tuple[dict[int, tuple[TextUnits, TextUnits]], tuple[str, ...]]:
    """LIME's and SHAP's units of each chosen item, by its position; and the ids of those without any."""
    variant, segments = _VARIANTS[settings.name], items.texts()
    units_of, empty = {}, []
    for i in random_choice(items.ids, settings.items, seed=seed):
        texts = tuple(segment[i] for segment in segments)
        units = (variant.lime(texts), variant.shap(texts))
        if all(map(len, units)):
            units_of[i] = units
        else:
            empty.append(items.ids[i])
    return units_of, tuple(empty)


def _play(
    units: Sequence[TextUnits], games: Sequence[Game], answers: Callable[[list[Question]], list[NDArray[np.float64]]]
) -> list[NDArray[np.float64]]:
    """The credit of each game's units [units, labels]; all games run in step."""
    pending = {i: next(game) for i, game in enumerate(games)}
    credit: dict[int, NDArray[np.float64]] = {}
    while pending:
        values = answers([Question(units[i], masks) for i, masks in pending.items()])
        following = {}
        for i, value in zip(pending, values, strict=True):
            try:
                following[i] = games[i].send(value)
            except StopIteration as done:
                credit[i] = done.value
        pending = following
    return [credit[i] for i in range(len(units))]


def top_words(
    words: Sequence[str], weights: NDArray[np.float64], k: int, dropped: frozenset[str], rank: Rank = by_size
) -> Words:
    """The first k different words in order of their weights, except those ``dropped``."""
    ranked = (words[unit] for unit in rank(weights))
    return tuple(dict.fromkeys(word for word in ranked if word not in dropped))[:k]


def stream_seed(seed: int, purpose: str, item: str) -> int:
    """The seed of the random numbers for one item, run and purpose."""
    return int.from_bytes(hashlib.sha256(f"{seed}\x00{purpose}\x00{item}".encode()).digest()[:8], "little")


def _lime_masks(
    units: int, item: str, seeds: Sequence[int], samples: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The distinct masks of all runs, the full one first, and the position of each run's masks [runs, samples]."""
    drawn = [lime_masks(units, samples, seed=stream_seed(seed, "lime", item)) for seed in seeds]
    masks, position = distinct(np.concatenate(drawn))
    return masks, position.reshape(len(seeds), samples)
