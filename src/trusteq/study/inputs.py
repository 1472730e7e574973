"""A study's models: each trained or compressed once, in a folder that says it is whole by being there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.compress.candidate import make as compress
from trusteq.compress.methods import METHODS
from trusteq.data.read import read_items
from trusteq.errors import DataError, StudyError
from trusteq.study.plan import PRETRAINED
from trusteq.train.fine_tuned import fine_tune
from trusteq.train.held_out import held_out
from trusteq.train.recipe import RECIPE
from trusteq.train.settings import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trusteq.data.items import Items
    from trusteq.study.plan import DataPlan, ModelPlan, Study
    from trusteq.train.settings import TrainingSettings

SEEDS_APART = 100
"""How far the seeds of two repetitions of a study are apart, so that its models can have seeds in between."""


@dataclass(frozen=True)
class Texts:
    """Items to learn from, to choose the epoch by, and to audit on."""

    train: Items
    dev: Items
    test: Items


MOST_KNOWN = 0.02
"""The share of a test's texts that may be in what is learnt from or chosen by: they are left out, more are a leak."""


def read_texts(plan: DataPlan, folder: Path, say: Callable[[str], None] = lambda line: None) -> Texts:
    """The study's items; no text of the test is in what is learnt from or chosen by."""

    def read(file: str, most: int | None) -> Items:
        path = folder / file
        if not path.is_file():
            raise StudyError(f"{path}: no such file; name the folder that holds the study's items with --data")
        items = read_items(
            path,
            text=plan.text,
            label=plan.label,
            label_names=plan.label_names,
            id=plan.id,
            slices=plan.slices,
            cluster=plan.cluster,
            ignore_labels=plan.ignore_labels,
        )
        return items if most is None or most >= len(items) else items.take(range(most))

    train, test = read(plan.train, plan.train_items), read(plan.test, plan.test_items)
    if plan.dev is None:
        train, dev = held_out(train, seed=0)
    else:
        dev = read(plan.dev, None)
    learnt = {texts for items in (train, dev) for texts in zip(*items.texts(), strict=True)}
    known = [i for i, texts in enumerate(zip(*test.texts(), strict=True)) if texts in learnt]
    if len(known) > MOST_KNOWN * len(test):
        raise DataError(
            f"{test.source}: {len(known):,} of {len(test):,} items, e.g. {test.ids[known[0]]!r}, are among those that "
            "are learnt from or choose the epoch, too; drop them from one of the files"
        )
    if known:
        say(f"{len(known):,} of {len(test):,} items of the test are learnt from, too, and left out")
        test = test.take(sorted(set(range(len(test))) - set(known)))
    return Texts(train, dev, test)


def base_location(named: str, *, say: Callable[[str], None]) -> str:
    """Where a pretrained model is: a folder, a hub id, or the folder of one that is known by name."""
    if named not in PRETRAINED:
        return named
    from trusteq.demo.fetch import minilm

    return str(minilm(say=say))


def make_model(
    study: Study,
    name: str,
    seed: int,
    texts: Texts,
    models: Path,
    *,
    download: bool,
    tell: Callable[[str, int, int], None],
    say: Callable[[str], None],
) -> Path:
    """The folder of this model among those of one seed; made if it is not there."""
    path, plan = models / name, study.models[name]
    if (path / RECIPE).is_file():
        return path
    own = SEEDS_APART * seed + plan.seed
    if plan.source is not None and plan.method is not None:
        say(f"make {name}: {plan.method} of {plan.source}")
        learns: dict[str, Any] = {"items": texts.train, "dev": texts.dev, "seed": own}
        more = learns if METHODS[plan.method].learns else {}
        compress(models / plan.source, method=plan.method, out=path, tell=tell, say=say, **{**more, **plan.options})
    else:
        parent = plan.parent
        base = str(models / parent) if parent in study.models else base_location(parent, say=say)
        fine_tune(
            base,
            items=texts.train,
            dev=texts.dev,
            out=path,
            settings=settings_of(study, plan, seed=own),
            layers=plan.layers,
            drop=plan.drop or "last",
            download=download,
            tell=lambda stage, done, total: tell(f"{name}: {stage}", done, total),
            say=lambda line: say(f"{name}: {line}"),
        )
    return path


def settings_of(study: Study, plan: ModelPlan, *, seed: int) -> TrainingSettings:
    """The recipe, with what the study and the model say otherwise."""
    said = study.training.model_dump(exclude={"recipe"}, exclude_none=True) | plan.training.model_dump(
        exclude_none=True
    )
    return replace(RECIPES[study.training.recipe], seed=seed, **said)
