"""A study's texts and models. Each model is made once, in a folder that exists only when it is complete."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.compress.candidate import make as compress
from trusteq.compress.methods import METHODS
from trusteq.data.read import read_items
from trusteq.errors import DataError, StudyError
from trusteq.models.made import RECIPE
from trusteq.study.plan import PRETRAINED
from trusteq.train.fine_tuned import fine_tune
from trusteq.train.held_out import held_out
from trusteq.train.settings import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trusteq.data.items import Items
    from trusteq.progress import Tell
    from trusteq.study.plan import DataPlan, ModelPlan, Study
    from trusteq.train.settings import TrainingSettings

SEED_STEP = 100
"""Distance between the seeds of two repetitions of a study, so that its models can have seeds in between."""


@dataclass(frozen=True)
class Texts:
    """Items to train on, to choose the best epoch on, and to audit on."""

    train: Items
    dev: Items
    test: Items


MOST_SEEN = 0.02
"""Up to this share of the test texts may also be in train or dev: they are left out. More counts as a leak."""


def read_texts(plan: DataPlan, folder: Path, say: Callable[[str], None] = lambda line: None) -> Texts:
    """The study's items; no text of the test is in train or dev."""

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
    trained = {texts for items in (train, dev) for texts in zip(*items.texts(), strict=True)}
    seen = [i for i, texts in enumerate(zip(*test.texts(), strict=True)) if texts in trained]
    if len(seen) > MOST_SEEN * len(test):
        raise DataError(
            f"{test.source}: {len(seen):,} of {len(test):,} test items, e.g. {test.ids[seen[0]]!r}, are also among the "
            "items of train or dev; drop them from one of the files"
        )
    if seen:
        say(f"{len(seen):,} of {len(test):,} test items are also in train or dev, and left out of the test")
        test = test.take(sorted(set(range(len(test))) - set(seen)))
    return Texts(train, dev, test)


def base_location(base: str, *, say: Callable[[str], None]) -> str:
    """The folder or hub id of a pretrained model; one of `PRETRAINED` is fetched first."""
    if base not in PRETRAINED:
        return base
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
    tell: Tell,
    say: Callable[[str], None],
) -> Path:
    """The folder of this model for one seed; the model is made if it does not exist yet."""
    path, plan = models / name, study.models[name]
    if (path / RECIPE).is_file():
        return path
    model_seed = SEED_STEP * seed + plan.seed
    if plan.source is not None and plan.method is not None:
        say(f"make {name}: {plan.method} of {plan.source}")
        training: dict[str, Any] = {"items": texts.train, "dev": texts.dev, "seed": model_seed}
        method = METHODS[plan.method]
        options = {**(training if method.learns else {}), **plan.options}
        if method.calibrates:
            options["items"] = texts.train
        if plan.original is not None:
            options |= {"original": models / plan.original, "audit": False}  # the study itself audits it
        compress(models / plan.source, method=plan.method, out=path, tell=tell, say=say, **options)
    else:
        parent = plan.parent
        base = str(models / parent) if parent in study.models else base_location(parent, say=say)
        fine_tune(
            base,
            items=texts.train,
            dev=texts.dev,
            out=path,
            settings=settings_of(study, plan, seed=model_seed),
            layers=plan.layers,
            drop=plan.drop,
            download=download,
            tell=lambda stage, done, total: tell(f"{name}: {stage}", done, total),
            say=lambda line: say(f"{name}: {line}"),
        )
    return path


def settings_of(study: Study, plan: ModelPlan, *, seed: int) -> TrainingSettings:
    """The recipe's settings, overridden by those of the study and then by those of the model."""
    overrides = study.training.model_dump(exclude={"recipe"}, exclude_none=True) | plan.training.model_dump(
        exclude_none=True
    )
    return replace(RECIPES[study.training.recipe], seed=seed, **overrides)
