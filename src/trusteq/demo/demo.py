"""The demo on real text, top to bottom: fetch, fine-tune, compress, audit."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.demo.fetch import minilm, sentence_files
from trusteq.demo.sentences import as_items, read_sentences, split
from trusteq.errors import MissingExtraError, RunError
from trusteq.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trusteq.progress import Tell
    from trusteq.record.audit import Audit

TRAIN, DEV, TEST = 1_800, 300, 1_200
LONGEST = 16
"""Words in a sentence; longer ones are skipped, so that the demo takes only minutes."""

EXPLAINED, MASKS = 102, 16
"""Sentences to explain, and masks for each; few, for the same reason, but the policy requires 100 sentences."""

RESAMPLES = 500
EPOCHS, RATE = 1, 1.5e-4


@dataclass(frozen=True)
class Recipe:
    """One way to make a candidate with `trusteq.compress`, and its description."""

    method: str
    words: str
    options: Mapping[str, Any] = field(default_factory=dict)


CANDIDATES: Mapping[str, Recipe] = {
    "int8": Recipe("int8-onnx", "all weights in 8 bits, a quarter of the size"),
    "pruned": Recipe("prune-weights", "the smallest 10 % of the weights set to 0", {"share": 0.1}),
    "low-rank": Recipe("low-rank", "weight matrices of rank 288, not 384, nearest to the large ones", {"rank": 288}),
}

FIELDS = ("id", "text", "label", "source", "people", "document")


def tokens_run(out: Path) -> Path:
    """The run directory of the next tokens, beside this run directory of a language model's choices."""
    return out.with_name(f"{out.name}-tokens")


def models_folder(out: Path) -> Path:
    """The folder for the models and sentences of the demo with this run directory."""
    return out.with_name(f"{out.name}-models")


def free_run() -> Path:
    """The first of trusteq-run, trusteq-run-2, ... that does not exist, nor any folder that the demo puts beside it."""
    count = 1
    while True:
        path = Path("trusteq-run" if count == 1 else f"trusteq-run-{count}")
        if not any(place.exists() for place in (path, models_folder(path), tokens_run(path))):
            return path
        count += 1


def audit_sentences(
    out: Path,
    *,
    seed: int = 0,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
) -> Audit:
    """The audit of small sentence classifiers against a large one, all made now, in ``models_folder(out)``."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401 - a missing package is named before anything is fetched
    except ModuleNotFoundError as error:
        raise MissingExtraError("the demo on real text", "transformers") from error
    from trusteq.record.saving import free_directory

    folder = free_directory(models_folder(out))
    sentence_folder, base = sentence_files(say=say), minilm(say=say)
    try:
        return _make_and_audit(folder, sentence_folder, base, seed=seed, tell=tell, say=say)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _make_and_audit(
    folder: Path,
    sentence_folder: Path,
    base: Path,
    *,
    seed: int,
    tell: Tell,
    say: Callable[[str], None],
) -> Audit:
    import trusteq
    from trusteq.compress import make
    from trusteq.train import TrainingSettings, fine_tune

    sentences = [sentence for sentence in read_sentences(sentence_folder) if len(sentence.text.split()) <= LONGEST]
    parts = split(sentences, train=TRAIN, dev=DEV, test=TEST, seed=seed)
    few, many = (bound(len(sentence.ratings) for sentence in sentences) for bound in (min, max))
    say(
        f"{len(sentences):,} sentences of up to {LONGEST} words, each rated by {few} to "
        f"{many} people: {TRAIN:,} to train on, {TEST:,} others to audit on"
    )
    # The audit reads its items back from the file, so that the command on the page repeats it.
    train_file, dev_file, test_file = (
        write_csv(folder / f"{name}.csv", FIELDS, getattr(parts, name)) for name in ("train", "dev", "test")
    )

    say("large: all-MiniLM-L6-v2, pretrained, is trained to classify sentences as negative, neutral or positive")
    train, dev = as_items(parts.train, source=str(train_file)), as_items(parts.dev, source=str(dev_file))
    settings = TrainingSettings(epochs=EPOCHS, rate=RATE, warmup=0.1, decay=True, seed=seed)
    large = fine_tune(base, items=train, dev=dev, out=folder / "large", settings=settings, tell=tell, say=say)

    models = {}
    for name, recipe in CANDIDATES.items():
        say(f"{name}: {recipe.words}")
        try:
            candidate = make(
                large.directory, method=recipe.method, out=folder / name, tell=tell, say=say, **recipe.options
            )
        except MissingExtraError as error:
            say(f"{name} is left out: {error}")
            continue
        models[name] = trusteq.open_model(candidate.directory, name=name)

    say(
        f"audit: every model answers {TEST:,} sentences, then {EXPLAINED} of them with words left out, "
        "which shows the words it looks at"
    )
    audit = trusteq.audit(
        trusteq.open_model(large.directory, name="large"),
        models,
        trusteq.read_items(test_file, text="text", label="label", slices=["source", "people"], cluster="document"),
        seed=seed,
        resamples=RESAMPLES,
        explain=trusteq.ExplainSettings(items=EXPLAINED, masks=MASKS),
        progress=tell,
    )
    return replace(audit, command=_command(large.directory, [folder / name for name in models], test_file, seed))


def _command(large: Path, candidates: Sequence[Path], data: Path, seed: int) -> tuple[str, ...]:
    """The command line that repeats the audit."""
    columns = ("--text", "text", "--label", "label", "--slice", "source", "--slice", "people", "--cluster", "document")
    numbers = {"--explain-items": EXPLAINED, "--masks": MASKS, "--resamples": RESAMPLES, "--seed": seed}
    options = (word for name, value in numbers.items() for word in (name, str(value)))
    return ("audit", str(large), *map(str, candidates), "--data", str(data), *columns, *options)


def write_csv(file: Path, fields: Sequence[str], texts: Sequence[object]) -> Path:
    """The path of a CSV file of these fields of the texts, now written, that `trusteq.read_items` can read."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(fields)
            rows.writerows([getattr(text, name) for name in fields] for text in texts)
    except OSError as error:
        raise RunError(f"{file}: cannot be written: {error.strerror or error}") from None
    return file
