"""The published protocol of arXiv 2508.13533: the top words of every model by LIME and by SHAP, for the gold label.

LIME: 1,000 samples, the 20 largest of the first fit are fitted again, and it runs three times with other masks. Equal
words are one unit. SHAP: Owen values over a tree of words from 500 evaluations; nothing is drawn, so it runs once.
Within a run all models are asked about the same masks, and an item's masks come from (seed, run, id) alone. The top k
are the first k different words by |weight|.

``paper`` is the protocol as described, ``paper-scripts`` and ``paper-scripts-qqp`` as the scripts published with it do
it: see `trusteq.explain.scripted` and `trusteq.explain.scripted_qqp`.
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

from trusteq.compare.padded_arrays import rounded
from trusteq.data.label_sets import listed
from trusteq.errors import DataError, OptionError
from trusteq.explain import scripted_qqp
from trusteq.explain.explanation import ExplainSettings, choose
from trusteq.explain.lime import SAMPLES, lime_fit, lime_masks
from trusteq.explain.owen import EVALUATIONS, owen_plan
from trusteq.explain.plan import distinct
from trusteq.explain.scripted import DROPPED, lime_string, reached, shap_game, shap_string, shap_tree
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
"""The protocols that do what the published scripts do."""
PROTOCOLS = ("paper", *SCRIPTED)
BLOCK = 64
"""Items whose answers are held at a time."""

Words = tuple[str, ...]
Rank = Callable[[NDArray[np.float64]], NDArray[np.int64]]
"""Puts units in order of their weights, the most important first; some may be left out."""


@dataclass(frozen=True)
class ProtocolSettings:
    """The numbers of the protocol.

    name: one of `PROTOCOLS`. items: how many items are explained, chosen at random; None for all. runs: of LIME, each
    with a seed of its own; of SHAP, too, where it draws anything. samples, features: LIME's masks, and the words it
    fits. evaluations: SHAP's. k: how many words the top sets hold.
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

    positions: the explained items' places in the audit's items [explained]. seeds: of the runs. tops: by method, the
    top words of [models][runs][explained], the most important first. distinct: by method, how many different words each
    item has [explained]. wordless: ids of chosen items without any word, left out.
    """

    settings: ProtocolSettings
    positions: NDArray[np.int64]
    seeds: tuple[int, ...]
    tops: Mapping[str, tuple[tuple[tuple[Words, ...], ...], ...]]
    distinct: Mapping[str, NDArray[np.int64]]
    wordless: tuple[str, ...]


def by_size(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """All units by |weight|, the largest first; of equal ones the earlier."""
    return np.argsort(-np.abs(rounded(weights[None])[0]), kind="stable")


@dataclass(frozen=True)
class _Way:
    """How a protocol makes its inputs, orders words and which it takes out.

    draws: whether SHAP's runs differ. shap_words: what SHAP's units [units] are called in the lists.
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
    """Owen values over the words' own tree, whose masks are known beforehand."""
    plan = owen_plan(units.segments, evaluations=evaluations)
    values = yield plan.masks
    return plan.weights @ values


_WAYS = {
    "paper": _Way(
        partial(words, merge_equal=True),
        words,
        _owen,
        REMOVE,
        frozenset(),
        checked=True,
    ),
    # Their strings are written as the scripts write them, whatever is asked to stand in place of a word; "" keeps them
    # from being put together from tokens. Blanks may be lost on the way, so the round trip is not checked.
    "paper-scripts": _Way(
        lime_string,
        shap_string,
        lambda units, evaluations, _: shap_game(shap_tree(units.names), evaluations),
        "",
        DROPPED,
        checked=False,
        shap_words=reached,
    ),
    "paper-scripts-qqp": _Way(
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
) -> ProtocolSettings:
    """The settings of the protocol of this name, or one clear line about why these items or models cannot follow it."""
    if name not in PROTOCOLS:
        raise OptionError(f"protocol {name!r}: choose {' or '.join(PROTOCOLS)}")
    if explain is False:
        raise OptionError(f"protocol {name} is about explanations; leave out either it or --no-explain")
    count = None
    if isinstance(explain, ExplainSettings):
        count = explain.items
        if explain != ExplainSettings(items=count):
            raise OptionError(f"protocol {name} says how to explain; of the settings only the items can be chosen")
    if items.labels is None:
        raise OptionError(
            f"{items.source}: protocol {name} explains the gold label, and the items have none; name its column with "
            "--label, or leave the explanations out (--no-explain)"
        )
    if name == "paper-scripts" and len(items.texts()) > 2:
        raise OptionError(f"protocol paper-scripts knows texts and pairs; these items have {len(items.texts())} parts")
    if name == "paper-scripts-qqp":
        if len(items.texts()) != 2:
            raise OptionError(f"protocol {name} is for pairs of questions; these items have {len(items.texts())} parts")
        for model in models:
            if len(model.labels) != 2:
                raise OptionError(f"protocol {name} is for two labels; model {model.name} has {listed(model.labels)}")
        return ProtocolSettings(name, count, samples=scripted_qqp.SAMPLES, evaluations=scripted_qqp.EVALUATIONS)
    return ProtocolSettings(name, count)


def publish(
    asked: Sequence[Respondent],
    items: Items,
    settings: ProtocolSettings,
    *,
    gold: NDArray[np.int64],
    seed: int = 0,
) -> Published:
    """The top words of every model by LIME and by SHAP, run by run."""
    way = _WAYS[settings.name]
    cut, _ = _cut(items, settings, seed=seed)
    at = list(cut)
    if len(at) < 2:
        raise DataError(f"{items.source}: {len(at)} of the chosen items have a word; nothing can be explained")
    seeds = tuple(seed + run for run in range(settings.runs))
    words = {i: (units[0].names, way.shap_words(units[1])) for i, units in cut.items()}

    def top(words: Words, weights: NDArray[np.float64], rank: Rank) -> Words:
        return top_words(words, weights, settings.k, way.dropped, rank)

    tops: dict[str, list[tuple[tuple[Words, ...], ...]]] = {"lime": [], "shap": []}
    for one in asked:
        advance = one.counted(f"explain {one.name}", len(at))
        lime: list[tuple[Words, ...]] = []
        shap: list[tuple[Words, ...]] = []
        for block in (at[start : start + BLOCK] for start in range(0, len(at), BLOCK)):
            drawn = [_lime_masks(len(cut[i][0]), items.ids[i], seeds, settings.samples) for i in block]
            questions = [Question(cut[i][0], masks) for i, (masks, _) in zip(block, drawn, strict=True)]
            # LIME asks most of the questions: it tells how far the work is.
            tables = one.tables(questions, perturb=way.perturb, advance=advance)
            for i, table, (masks, rows) in zip(block, tables, drawn, strict=True):
                if way.checked:
                    round_trip(one.model, table, one.answers.values[i], items.ids[i])
                values = np.exp(table[:, gold[i]])[:, None]
                fits = (lime_fit(masks[r], values[r], kept=settings.features)[:, 0] for r in rows)
                lime.append(tuple(top(words[i][0], fit, way.lime_rank) for fit in fits))

            def ask(questions: list[Question], one: Respondent = one) -> list[NDArray[np.float64]]:
                return [np.exp(table) for table in one.tables(questions, perturb=way.perturb)]

            tokens, walked = [cut[i][1] for i in block], []
            for run in seeds if way.draws else seeds[:1]:
                own = (stream(run, f"shap\x00{one.name}", items.ids[i]) for i in block)
                games = [way.game(units, settings.evaluations, key) for units, key in zip(tokens, own, strict=True)]
                credits_ = zip(block, _played(tokens, games, ask), strict=True)
                walked.append([top(words[i][1], credit[:, gold[i]], way.shap_rank) for i, credit in credits_])
            shap += zip(*walked, strict=True)
        tops["lime"].append(tuple(zip(*lime, strict=True)))
        tops["shap"].append(tuple(zip(*shap, strict=True)))
    return published({method: tuple(models) for method, models in tops.items()}, items, settings, seed=seed)


def published(
    tops: dict[str, tuple[tuple[tuple[Words, ...], ...], ...]], items: Items, settings: ProtocolSettings, *, seed: int
) -> Published:
    """These top words of the models, with what the items alone tell of them."""
    way = _WAYS[settings.name]
    cut, empty = _cut(items, settings, seed=seed)
    words = [(units[0].names, way.shap_words(units[1])) for units in cut.values()]
    return Published(
        settings,
        np.array(list(cut), dtype=np.int64),
        tuple(seed + run for run in range(settings.runs)),
        tops,
        {
            method: np.array([len(set(both[which]) - way.dropped) for both in words], dtype=np.int64)
            for which, method in enumerate(("lime", "shap"))
        },
        empty,
    )


def _cut(
    items: Items, settings: ProtocolSettings, *, seed: int
) -> tuple[dict[int, tuple[TextUnits, TextUnits]], tuple[str, ...]]:
    """LIME's and SHAP's units of each chosen item, by its position; and the ids of those without any."""
    way, segments = _WAYS[settings.name], items.texts()
    found, empty = {}, []
    for i in choose(items.ids, settings.items, seed=seed):
        texts = tuple(segment[i] for segment in segments)
        units = (way.lime(texts), way.shap(texts))
        if all(map(len, units)):
            found[i] = units
        else:
            empty.append(items.ids[i])
    return found, tuple(empty)


def _played(
    units: Sequence[TextUnits], games: Sequence[Game], ask: Callable[[list[Question]], list[NDArray[np.float64]]]
) -> list[NDArray[np.float64]]:
    """What each game finds that each of its units brings [units, labels], all games asking side by side."""
    asked = {at: next(game) for at, game in enumerate(games)}
    found: dict[int, NDArray[np.float64]] = {}
    while asked:
        values = ask([Question(units[at], masks) for at, masks in asked.items()])
        following = {}
        for at, answers in zip(asked, values, strict=True):
            try:
                following[at] = games[at].send(answers)
            except StopIteration as done:
                found[at] = done.value
        asked = following
    return [found[at] for at in range(len(units))]


def top_words(
    words: Sequence[str], weights: NDArray[np.float64], k: int, dropped: frozenset[str], rank: Rank = by_size
) -> Words:
    """The first k different words in order of their weights, without those ``dropped``."""
    ranked = (words[unit] for unit in rank(weights))
    return tuple(dict.fromkeys(word for word in ranked if word not in dropped))[:k]


def stream(seed: int, purpose: str, item: str) -> int:
    """The seed of what is drawn for an item in one run, for one purpose."""
    return int.from_bytes(hashlib.sha256(f"{seed}\x00{purpose}\x00{item}".encode()).digest()[:8], "little")


def _lime_masks(
    units: int, item: str, seeds: Sequence[int], samples: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The different masks of all runs, first the one that keeps all, and which of them each run has [runs, samples]."""
    drawn = [lime_masks(units, samples, seed=stream(seed, "lime", item)) for seed in seeds]
    masks, place = distinct(np.concatenate(drawn))
    return masks, place.reshape(len(seeds), samples)
