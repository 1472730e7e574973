"""The models' answers read back from a finished run: enough to compute all of its numbers again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.patches import MOST_PATCHES, TopPatches
from trusteq.data.items import Items
from trusteq.errors import RunError
from trusteq.explain.explanation import (
    ExplainSettings,
    Explanation,
    each_of,
    opened,
    options_at,
    outline_plans,
    replanned,
    units_at,
    with_units,
)
from trusteq.explain.interim_looks import interim_looks
from trusteq.explain.patches import TOP, PatchSettings, PublishedPatches, chosen_pictures
from trusteq.explain.protocol import ProtocolSettings, Published, published
from trusteq.models.base import Identity
from trusteq.record.explanation_tables import EDGES, LOG_PROBABILITY, OUTLINED
from trusteq.record.item_table import COLUMN, segments_of
from trusteq.record.responses import Response, Responses, moved_from_reference
from trusteq.tasks.rows import Rows
from trusteq.tasks.task import CLASSES, task_named
from trusteq.verdict import fewest_explained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.data.segment import Segment
    from trusteq.explain.plan import Plan
    from trusteq.record.document import AuditDocument
    from trusteq.record.run import Run
    from trusteq.tasks.task import Task


def read_items(run: Run) -> Items:
    """The items in the order of the answers, with the segments that a file can store."""
    return items_of(run.table("items"), run.document, run.manifest["data"]["source"], run.other_segments())


def items_of(
    table: pd.DataFrame, document: AuditDocument, source: str, others: Mapping[str, Segment] | None = None
) -> Items:
    """The same from the run's table of items, its ``audit.json`` and the segments that are not texts."""
    summary, names = document.items, [str(name) for name in table.columns]
    labels = document.labels or tuple(sorted(set(table["label"])) if summary.labelled else ())
    if "options" in names and summary.labelled:
        labels = tuple(map(str, range(max(len(own) for own in table["options"]))))
    codes = {label: i for i, label in enumerate(labels)}
    return Items(
        ids=table["id"].tolist(),
        segments=segments_of(table, others or {}),
        labels=np.array([codes[label] for label in table["label"]], dtype=np.int64) if summary.labelled else None,
        label_names=labels if summary.labelled else (),
        options=[tuple(own) for own in table["options"]] if "options" in names else None,
        columns={name.removeprefix(COLUMN): table[name].tolist() for name in names if name.startswith(COLUMN)},
        clusters=None if summary.clusters is None else table["cluster"].tolist(),
        source=source,
        ignored=summary.ignored,
    )


def read_responses(run: Run, items: Items) -> Responses:
    """All answers of a run's models to these items, which are the run's."""
    document = run.document
    labels, settings = document.labels, document.settings
    task = task_named(settings.get("task", CLASSES))
    in_manifest = [*run.manifest["models"], *([run.manifest["peer"]] if run.manifest["peer"] else [])]
    in_audit = [document.reference, *document.candidates, *([document.peer] if document.peer else [])]
    everybody = [
        Response(
            model["name"],
            Identity(model["kind"], model["location"], model["content"], model["details"]),
            rows_of(run.table(model["predictions"].removesuffix(".parquet")), task, labels, items.ids),
            batch=audited.batch,
        )
        for model, audited in zip(in_manifest, in_audit, strict=True)
    ]
    responses = Responses(
        labels,
        tuple(everybody[: len(run.manifest["models"])]),
        everybody[-1] if run.manifest["peer"] else None,
        task=task.name,
    )
    files = [model["predictions"] for model in in_manifest]
    if settings["explain"] is not None:
        return replace(responses, explanation=_explanation(run, items, responses, replace(settings["explain"]), files))
    protocol = settings["protocol"]
    if document.protocol is not None and isinstance(protocol, PatchSettings):
        return replace(responses, published=_published_patches(run, items, responses, protocol))
    if document.protocol is not None and isinstance(protocol, ProtocolSettings):
        return replace(responses, published=_published(run, items, protocol))
    return responses


def _explanation(
    run: Run, items: Items, responses: Responses, settings: ExplainSettings, files: Sequence[str]
) -> Explanation:
    """The answers to perturbed items, with plans drawn again from the seed."""
    seed, task = run.document.settings["seed"], task_named(responses.task)
    to_explain, wordless = items_to_explain(items, settings, responses, seed=seed)
    ids, counts = _runs_of(run.table("plan")["id"])
    position_of = {id_: i for i, id_ in enumerate(items.ids)}
    positions = np.array([position_of[id_] for id_ in ids], dtype=np.int64)
    evenly = not settings.drawn_by_change  # otherwise `verify` compares them, as they depend on the answers
    if evenly and positions.tolist() not in interim_looks(to_explain, items, settings, fewest_explained(run.policy)):
        raise RunError(
            f"{run.directory / 'plan.parquet'}: these are not the items that the seed and the settings would choose; "
            "audit again"
        )
    targets = task.targets(
        [model.rows for model in responses.everybody],
        task.gold(items, responses.labels),
        positions,
        settings.target,
    )
    try:
        outlines = units_at(items, settings, positions.tolist())
        first = outline_plans(ids, outlines, settings, seed=seed)
        outlined = each_of(first, _outlined(run, ids, first, responses.labels))
        value = partial(task.value, scale=settings.scale or task.scale)
        units = opened(outlines, first, outlined, targets[0], value)
        plans = replanned(ids, settings, units, counts.tolist(), seed=seed)
    except ValueError as error:
        raise RunError(f"{run.directory / 'plan.parquet'}: {error}; audit again") from None
    removed = np.full(len(ids), len(responses.everybody) + 2)
    return Explanation(
        settings,
        positions,
        tuple(units),
        plans,
        tuple(_tables(run, file, "values/", responses.labels, counts) for file in files),
        targets,
        tuple(wordless),
        tuple(items.segments),
        options_at(items, positions.tolist()),
        len(positions) / len(to_explain) if settings.until == "decided" else 1.0,
        tuple(_tables(run, file, "removed/", responses.labels, removed) for file in files),
        task.name,
        outlined,
    )


def items_to_explain(
    items: Items, settings: ExplainSettings, responses: Responses, *, seed: int
) -> tuple[list[int], list[str]]:
    """Positions of the items that are drawn for these answers, and ids of those skipped without units."""
    moved = moved_from_reference(responses.everybody, task_named(responses.task), items, responses.labels)
    return with_units(items, settings, seed=seed, moved=moved)


def _outlined(
    run: Run, ids: Sequence[str], plans: Sequence[Plan | None], labels: Sequence[str]
) -> tuple[NDArray[np.float64], ...]:
    """The reference's answers without sentences of each item that has such a plan."""
    counts = {id_: len(plan) for id_, plan in zip(ids, plans, strict=True) if plan is not None}
    if not counts:
        return ()
    stored, _ = _runs_of(run.table(OUTLINED)["item id" if "id" in labels else "id"])
    if stored != list(counts):
        raise RunError(
            f"{run.directory / OUTLINED}.parquet: these are not the items whose sentences are left out first; "
            "audit again"
        )
    return _tables(run, f"{OUTLINED}.parquet", "", labels, np.array(list(counts.values())))


def _published(run: Run, items: Items, settings: ProtocolSettings) -> Published:
    """The published protocol's top words."""
    names = [run.document.reference.name, *(candidate.name for candidate in run.document.candidates)]
    table = run.table("top_words")
    tops: dict[str, Any] = {}
    for method, of_method in table.groupby("method", sort=False):
        tops[str(method)] = tuple(
            tuple(
                tuple(tuple(words) for words in one_run["words"])
                for _, one_run in of_method[of_method["model"] == name].groupby("run", sort=True)
            )
            for name in names
        )
    uneven = [method for method, models in tops.items() if len({len(runs) for runs in models}) > 1]
    if uneven:
        raise RunError(
            f"{run.directory / 'top_words.parquet'}: damaged: {uneven[0]} ran more often on one model than on "
            "another; copy the run again"
        )
    result = published(tops, items, settings, seed=run.document.settings["seed"])
    lengths = {len(one_run) for models in tops.values() for runs in models for one_run in runs}
    if lengths != {len(result.positions)}:
        raise RunError(
            f"{run.directory / 'top_words.parquet'}: words of {max(lengths, default=0)} items, but the items and the "
            f"seed give {len(result.positions)}; audit again"
        )
    return result


def _published_patches(run: Run, items: Items, responses: Responses, settings: PatchSettings) -> PublishedPatches:
    """The top patches of the protocol for vision transformers."""
    path, table = run.directory / "top_patches.parquet", run.table("top_patches")
    gold = task_named(responses.task).gold(items, responses.labels)
    if gold is None:
        raise RunError(f"{path}: patches for the gold label, but the items have none; copy the run again")
    answers = [model.rows.values for model in responses.models]
    positions = chosen_pictures(items.ids, settings, answers, gold, seed=run.document.settings["seed"])
    tops: dict[str, tuple[TopPatches, ...]] = {}
    for method, at in positions.items():
        ids, of_models = [items.ids[i] for i in at], []
        for model in responses.models:
            rows = table[(table["model"] == model.name) & (table["method"] == method)]
            if rows["id"].tolist() != ids:
                raise RunError(
                    f"{path}: not the items by {method} of model {model.name} that the answers and the seed give; "
                    "audit again"
                )
            of_models.append(_top_patches(rows, where=f"{path}: model {model.name}, {method}"))
        tops[method] = tuple(of_models)
    return PublishedPatches(settings, positions, tops)


def _top_patches(rows: pd.DataFrame, *, where: str) -> TopPatches:
    """One model's top patches by one method; an error if they cannot be those of one grid."""
    grids, areas = (
        set(zip(rows["rows"].tolist(), rows["columns"].tolist(), strict=True)),
        rows[[*EDGES]].to_numpy(float),
    )
    lists = [list(patches) for patches in rows["patches"]]
    grid = next(iter(grids), (0, 0))
    count = grid[0] * grid[1]
    fit = all(len(set(patches)) == len(patches) == min(TOP, count) for patches in lists)
    inside = all(isinstance(patch, int | np.integer) and 0 <= patch < count for patches in lists for patch in patches)
    if len(grids) != 1 or not fit or not inside or count > MOST_PATCHES:
        raise RunError(f"{where}: damaged: patches that are not those of one grid; copy the run again")
    if not (np.isfinite(areas).all() and (areas[:, 2:] > areas[:, :2]).all()):
        raise RunError(f"{where}: damaged: a grid without area; copy the run again")
    return TopPatches(grid, areas, np.array(lists, dtype=np.int64))


def rows_of(table: pd.DataFrame, task: Task, labels: Sequence[str], ids: Sequence[str]) -> Rows:
    """A model's answers to the items of these ids, from its table of predictions."""
    columns = task.columns(labels)
    values = table[list(columns)].to_numpy(dtype=np.float64)
    if task.one_row:  # column by column, as `in_order` leaves them: sums over many labels then round alike
        return Rows(np.asfortranarray(values))
    values = np.ascontiguousarray(values)
    position_of = {id_: i for i, id_ in enumerate(ids)}
    item = [position_of[id_] for id_ in table["item id" if "id" in columns else "id"]]
    return Rows(values, np.bincount(np.array(item, dtype=np.int64), minlength=len(ids)))


def _answers(run: Run, file: str, labels: Sequence[str]) -> NDArray[np.float64]:
    if not run.document.task.one_row:
        labels = [LOG_PROBABILITY]
    return np.ascontiguousarray(run.table(file.removesuffix(".parquet"))[list(labels)].to_numpy(dtype=np.float64))


def _tables(
    run: Run, file: str, kind: str, labels: Sequence[str], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], ...]:
    """A model's log-probabilities item by item; ``counts`` says how many rows each item has."""
    table = file.replace("predictions/", kind, 1)
    answers = _answers(run, table, labels)
    if not run.document.task.one_row:
        return _by_option(run, table, answers[:, 0], counts)
    if len(answers) != counts.sum():
        raise RunError(
            f"{run.directory / table}: {len(answers):,} rows, but the plan has {counts.sum():,}; audit again"
        )
    return tuple(np.split(answers, np.cumsum(counts)[:-1]))


def _by_option(
    run: Run, table: str, answers: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], ...]:
    """The tables [perturbations, options] from a row for each option."""
    name = "item id" if "id" in run.document.labels else "id"
    _, rows = _runs_of(run.table(table.removesuffix(".parquet"))[name])
    if len(rows) != len(counts) or (rows % counts).any():
        raise RunError(f"{run.directory / table}: its rows are not those of the plan; audit again")
    parts = np.split(answers, np.cumsum(rows)[:-1])
    return tuple(part.reshape(count, -1) for part, count in zip(parts, counts.tolist(), strict=True))


def _runs_of(ids: pd.Series[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """The ids in the order of their rows, and how many rows each has."""
    values = ids.to_numpy(dtype=object)
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return values[starts].tolist(), np.diff(np.append(starts, len(values)))
