"""The whole search, top to bottom: split, make, audit on development items, choose, confirm once on untouched items.

    candidates/NAME   what the ladder made: ordinary model folders, with their recipes
    answers/NAME      the audit of a candidate without explanations: an ordinary run directory
    explained/NAME    the same with explanations, of those that could still pass
    confirmed         the audit of the choice on untouched items
    shrink.json       what the search is about, and the fate of every rung
    shrink.html       the page

Beside it, in a folder of the same name with ".work", is what models have answered until the search is finished.
What exists is not made again, so the same call goes on where it was interrupted, and gives the same result.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.comparing.measures import in_words, needs_of
from trusteq.data.atomic_file import refuse_link, refuse_links_out, write_atomically
from trusteq.errors import OptionError, StudyError
from trusteq.explain.explanation import ITEMS
from trusteq.explain.value_tables import explainable
from trusteq.models.open import default_name, open_model
from trusteq.models.traits import task_of, traits_of
from trusteq.policy import read_policy, usual_policy
from trusteq.shrink.bench import Bench
from trusteq.shrink.kind import kind_of, layers_of
from trusteq.shrink.ladder import Rung, ladder
from trusteq.shrink.page import page
from trusteq.shrink.parts import described, parts
from trusteq.shrink.record import CONFIRMED, DOES_NOT_FIT, SCHEMA_VERSION, Entry, Search
from trusteq.shrink.tries import Tries
from trusteq.stats.resampling import RESAMPLES
from trusteq.work.executor import executor as executor_of
from trusteq.work.folder import LocalFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.policy import Policy
    from trusteq.progress import Tell
    from trusteq.shrink.parts import Parts
    from trusteq.work.shard import Executor

    Say = Callable[[str], None]

FILE, PAGE = "shrink.json", "shrink.html"


def search(
    model: str | Path,
    items: Items,
    *,
    out: str | Path,
    train: Items | None = None,
    test: Items | None = None,
    policy: str | Path | Policy | Mapping[str, Any] | None = None,
    dimensions: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    also: Sequence[str | Path] = (),
    explain_items: int = ITEMS,
    budget: float | None = None,
    confirm: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    clock: Callable[[], float] = time.monotonic,
    tell: Tell = lambda stage, done, total: None,
    say: Say = lambda line: None,
) -> Search:
    """The search for the smallest candidate that may replace the model at a file, a folder or a hub id.

    Candidates are chosen on ``items``. ``train`` are items that some methods learn from, and ``test`` untouched ones
    that confirm the choice; parts that are not given are split off from ``items`` by cluster. ``policy`` and
    ``dimensions`` are those of `trusteq.audit`. ``methods``: try only rungs of these. ``also``: folders of candidates
    of your own. ``explain_items``: how many items an audit explains. ``budget``: seconds after which nothing new is
    started; the same call goes on from there, unless ``confirm`` has then ended the search by confirming the best so
    far. ``options`` are options for opening the model (`trusteq.ModelOptions`). ``executor`` says where models run and
    what is kept of their answers, by default here and beside the folder ``out``. tell: called with (stage, done,
    total); say: with a line.
    """
    directory = Path(out)
    if directory.is_dir():
        refuse_links_out(directory)
    name, chosen_options = default_name(str(model)), dict(options or {})
    kind = kind_of(model, name)
    tell("open the model", 0, 1)
    reference = open_model(model, name=name, options=chosen_options)
    tell("open the model", 1, 1)
    rungs = ladder(kind, layers_of(reference, kind), methods)
    given = _given(also, rungs, name)
    learns = any(step.reads for rung in rungs for step in rung.steps)
    split = parts(items, train=train, test=test, learns=learns, seed=seed)
    rules = usual_policy(task_of(reference)) if policy is None else read_policy(policy)
    rules = rules if dimensions is None else rules.requiring(tuple(dimensions))
    _refuse_unexplained(reference, rules)
    _refuse_unlabelled(reference, rules, split)
    about = {
        "model": reference.identity.content,
        "options": {key: str(value) for key, value in chosen_options.items()},
        "asking": traits_of(reference).asking,
        "policy": {"name": rules.name, "content": rules.content()},
        "items": {part: those.content() for part, those in split.named()},
        "explain_items": explain_items,
        "resamples": resamples,
        "seed": seed,
        "rungs": [rung.name for rung in rungs],
        "also": {own: open_model(path, name=own).identity.content for own, path in given.items()},
    }
    refused = _claim(directory, about)
    everything = (*rungs, *(Rung((), given=own) for own in given))
    start = Search(directory, name, rules, about, described(split), tuple(map(Entry, everything)))
    ends = None if budget is None else clock() + budget
    with _running(executor, directory, say) as running:
        bench = Bench(
            str(model), reference, split, rules, directory, given, explain_items, resamples, seed,
            chosen_options, running, tell, say,
        )  # fmt: skip
        over = (directory / CONFIRMED).exists()
        tries = Tries(start, bench, lambda: over or (ends is not None and clock() >= ends), refused, directory / FILE)
        tries.every_rung()
        if confirm and tries.search.chosen is None and not over:
            tries.explain_open()
        if over or confirm or not tries.search.stopped:
            tries.confirm()
    found = tries.search
    if executor is None and found.finished:
        LocalFolder(_work(directory)).remove()
    write_atomically(directory / PAGE, page(found))
    return found


def _refuse_unexplained(reference: Model, rules: Policy) -> None:
    """An error before any work if no candidate could pass, because nothing can be explained."""
    if "explanation" in rules.required and not explainable(reference):
        raise OptionError(
            f"policy {rules.name} requires explanations, and model {reference.name} cannot be explained; require other "
            "dimensions (--dimensions behaviour,calibration)"
        )


def _refuse_unlabelled(reference: Model, rules: Policy, split: Parts) -> None:
    """An error before any work if no candidate could pass, because nothing says which answers are right."""
    bare = next((items for items in (split.development, split.untouched) if items.labels is None), None)
    if bare is None or task_of(reference).several_outcomes:  # as of tokens, which a text itself says
        return
    names = [name for part in rules.required for name in rules.rules[part] if "labels" in needs_of(name)]
    if names:
        raise OptionError(
            f"policy {rules.name} requires rules on {' and '.join(map(in_words, names))}, which need gold labels, and "
            f"{bare.source} has none: name their column with --label, or a policy without these rules with --policy"
        )


def _given(also: Sequence[str | Path], rungs: Sequence[Rung], reference: str) -> dict[str, Path]:
    """The folders of the user's own candidates, by name."""
    found: dict[str, Path] = {}
    for path in map(Path, also):
        name = default_name(str(path))
        if name in {*found, *(rung.name for rung in rungs), reference}:
            raise OptionError(f"{path}: a model named {name} is there already; rename the folder")
        found[name] = path
    return found


def _claim(directory: Path, about: Mapping[str, Any]) -> dict[str, str]:
    """Which candidates were refused so far, and why; an error if the folder holds anything but this search."""
    file = directory / FILE
    if not file.is_file():
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise StudyError(f"{directory}: already holds something other than a search; choose another --out")
        _make_folder(directory)
        return {}
    try:
        stored = json.loads(file.read_text("utf-8"))
        theirs, version = stored["about"], stored["schema_version"]
        refused = {  # not those that were audited and are larger than the model, which have a run
            rung["name"]: rung["reason"]
            for rung in stored["rungs"]
            if rung["fate"] == DOES_NOT_FIT and rung["run"] is None
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{file}: cannot be read ({error!r}); choose another --out") from None
    ours = json.loads(json.dumps(about))
    if version != SCHEMA_VERSION or theirs != ours:
        key = next((key for key in ours if not isinstance(theirs, dict) or theirs.get(key) != ours[key]), "version")
        raise StudyError(
            f"{directory}: belongs to another search ({key!r} in {FILE} differs); give the same arguments to go on "
            "with it, or choose another --out"
        )
    return refused


def _make_folder(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"{directory}: cannot be created: {error.strerror or error}") from None


@contextmanager
def _running(executor: Executor | None, directory: Path, say: Say) -> Iterator[Executor]:
    """The executor given, or one that keeps what models answered beside the search's folder."""
    if executor is not None:
        yield executor
        return
    refuse_link(_work(directory))
    with executor_of(keep=_work(directory), say=say) as own:
        yield own


def _work(directory: Path) -> Path:
    return Path(f"{directory}.work")
