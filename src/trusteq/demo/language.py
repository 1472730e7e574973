"""The demo on a language model, top to bottom: fetch, compress, audit its choices, audit its next tokens."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.data.yaml_file import as_yaml
from trusteq.demo.demo import FIELDS, Recipe, models_folder, tokens_run, write_csv
from trusteq.demo.fetch import language_model, sentence_files
from trusteq.demo.pinned import GGUF
from trusteq.demo.sentences import read_sentences, split
from trusteq.errors import MissingExtraError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trusteq.demo.sentences import Sentence
    from trusteq.progress import Tell
    from trusteq.record.audit import Audit

    Say = Callable[[str], None]

REVIEWS, LONGEST = 300, 8
"""Sentences to judge, and words in the longest of them: every question is a forward of each model."""

EXPLAINED, MASKS, TOP = 102, 12, 3
"""Sentences to explain, and masks for each; few, for the same reason, but the policy requires 100 sentences. Of so few
words, ten would be all."""

PASSAGES, WORDS = 102, 24
"""Texts whose next tokens are compared, and words in the longest."""

RESAMPLES = 500

CANDIDATES: Mapping[str, Recipe] = {
    "int8": Recipe("int8-weights", "linear weights in 8 bits"),
    "int4": Recipe("int4-weights", "linear weights in 4 bits, one scale for each 64", {"group": 64}),
    "int4-outliers": Recipe(
        "int4-weights", "the same, but the largest 5 % of the weights are kept", {"group": 64, "outliers": 0.05}
    ),
}
"""Of a model whose weights lie on a grid of 4 bits for each 32: those would be the same weights again."""

CHOICES: Mapping[str, Any] = {
    "task": "choices",
    "prompt": "Review: {{ text }}\nSentiment:",
    "choices": {"negative": " negative", "positive": " positive"},
}
TOKENS: Mapping[str, Any] = {"task": "tokens"}


@dataclass(frozen=True)
class Passage:
    """The beginning of a review or an article."""

    id: str
    text: str
    source: str


def passages(sentences: Sequence[Sentence], *, count: int, words: int) -> list[Passage]:
    """The beginnings of this many documents, as many whole sentences of each as fit into so many words."""
    documents: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        documents.setdefault(sentence.document, []).append(sentence)
    found = []
    for document, parts in documents.items():
        text = ""
        for part in parts:
            longer = f"{text} {part.text}".strip()
            if len(longer.split()) > words:
                break
            text = longer
        if len(parts) > 1 and text:
            found.append(Passage(document, text, parts[0].source))
    return found[:: max(1, len(found) // count)][:count]


def audit_language(
    out: Path,
    *,
    seed: int = 0,
    tell: Tell = lambda stage, done, total: None,
    say: Say = lambda line: None,
) -> tuple[Audit, Audit]:
    """The audits of a language model's small versions, made now in ``models_folder(out)``: choices, and next tokens."""
    for package in ("torch", "transformers", "gguf", "accelerate"):
        try:
            __import__(package)  # a missing package is named before anything is fetched
        except ModuleNotFoundError as error:
            raise MissingExtraError("the demo of a language model", "transformers,gguf") from error
    from trusteq.record.saving import free_directory

    folder, _ = free_directory(models_folder(out)), free_directory(tokens_run(out))
    sentence_folder, base = sentence_files(say=say), language_model(say=say)
    try:
        return _make_and_audit(folder, sentence_folder, base / GGUF, seed=seed, tell=tell, say=say)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _make_and_audit(
    folder: Path, sentence_folder: Path, base: Path, *, seed: int, tell: Tell, say: Say
) -> tuple[Audit, Audit]:
    sentences = read_sentences(sentence_folder)
    reviews = [sentence for sentence in sentences if _is_short_review(sentence)]
    chosen = split(reviews, train=0, dev=0, test=REVIEWS, seed=seed).test
    texts = passages(sentences, count=PASSAGES, words=WORDS)
    # The audits read everything back from files, so that the commands on the pages repeat them.
    review_file, text_file = write_csv(folder / "reviews.csv", FIELDS, chosen), folder / "texts.csv"
    write_csv(text_file, ("id", "text", "source"), texts)
    choices, tokens = (_task_file(folder / f"{task['task']}.yaml", task) for task in (CHOICES, TOKENS))
    locations = _models(folder, base, tell=tell, say=say)

    say(
        f"choices: every model says whether {REVIEWS:,} reviews of up to {LONGEST} words are negative or positive, "
        f"then again for {EXPLAINED} of them with words left out"
    )
    of_choices = _audit(
        locations,
        choices,
        review_file,
        columns={"label": "label", "slices": ["source", "people"], "cluster": "document"},
        explained=True,
        seed=seed,
        tell=tell,
    )
    say(f"tokens: every model reads {len(texts):,} texts of up to {WORDS} words, and each next token is compared")
    of_tokens = _audit(
        locations, tokens, text_file, columns={"slices": ["source"]}, explained=False, seed=seed, tell=tell
    )
    return of_choices, of_tokens


def _is_short_review(sentence: Sentence) -> bool:
    return (
        sentence.source in ("films", "products")
        and sentence.label in CHOICES["choices"]
        and len(sentence.text.split()) <= LONGEST
    )


def _task_file(file: Path, task: Mapping[str, Any]) -> Path:
    """The path of a task file, now written."""
    try:
        file.write_text(as_yaml(dict(task)), "utf-8")
    except OSError as error:
        raise RunError(f"{file}: cannot be written: {error.strerror or error}") from None
    return file


def _models(folder: Path, base: Path, *, tell: Tell, say: Say) -> list[Path]:
    """The folders of the large model and of its candidates, now made."""
    from trusteq.compress import make

    say("large: SmolLM2-135M-Instruct, unpacked from 4 bits to 32, so that every model runs in the same way")
    # Read once: a .gguf file takes longer to open than a folder.
    made = [make(base, method="fp32", out=folder / "large", tell=tell, say=say).directory]
    for name, recipe in CANDIDATES.items():
        say(f"{name}: {recipe.words}")
        try:
            candidate = make(made[0], method=recipe.method, out=folder / name, tell=tell, say=say, **recipe.options)
        except MissingExtraError as error:
            if name == list(CANDIDATES)[-1] and len(made) == 1:
                raise
            say(f"{name} is left out: {error}")
            continue
        made.append(candidate.directory)
    return made


def _audit(
    locations: Sequence[Path],
    task: Path,
    data: Path,
    *,
    columns: Mapping[str, Any],
    explained: bool,
    seed: int,
    tell: Tell,
) -> Audit:
    """The audit of all candidates against the first model, asked by a task file, with the command that repeats it."""
    import trusteq

    reference, *candidates = (
        trusteq.open_model(location, name=location.name, options=trusteq.ModelOptions(task=task))
        for location in locations
    )
    audit = trusteq.audit(
        reference,
        {candidate.name: candidate for candidate in candidates},
        trusteq.read_items(data, text="text", **columns),
        seed=seed,
        resamples=RESAMPLES,
        explain=trusteq.ExplainSettings(items=EXPLAINED, masks=MASKS, k=TOP) if explained else None,
        costs="quick" if explained else "none",
        progress=tell,
    )
    words = {"task": task, "data": data, "text": "text", **columns}
    slices = words.pop("slices")
    numbers: dict[str, Any] = (
        {"--explain-items": EXPLAINED, "--masks": MASKS, "-k": TOP} if explained else {"--costs": "none"}
    )
    options = [*words.items(), *(("slice", name) for name in slices), ("resamples", RESAMPLES), ("seed", seed)]
    named = [*((f"--{name}", value) for name, value in options), *numbers.items()]
    flags = (str(word) for option in named for word in option)
    return replace(audit, command=("audit", *map(str, locations), *flags))
