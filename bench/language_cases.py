"""Pairs of language models whose true relation is known: a tiny one trained on the spot, and what is planted in it.

Reviews are drawn from a small language: clauses about the nouns of a topic, with adjectives that are better or worse,
"very" and "not", and words that are rare and ones that are frequent. Whether a review is good is drawn from the sum of
its adjectives and from what the system message asks: be strict, or be kind. So answers, their probabilities and every
next token can be learnt, and none of them is certain.
"""

from __future__ import annotations

import tempfile
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.grid import nearest, steps
from trusteq.data.items import Items
from trusteq.models.causal.language_model import LanguageModel, open_language_model
from trusteq.models.library_output import quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

NOUNS = (
    ("actor", "plot", "scene", "score", "script", "ending", "camera", "joke"),
    ("room", "bed", "view", "lobby", "pool", "clerk", "towel", "breakfast"),
    ("soup", "waiter", "bread", "table", "sauce", "menu", "wine", "cake"),
    ("phone", "screen", "battery", "button", "case", "speaker", "charger", "app"),
)
"""A topic each."""
ADJECTIVES = {
    "superb": 2.0, "great": 1.5, "lovely": 1.2, "fine": 0.8, "neat": 0.6, "fair": 0.3, "decent": 0.4, "solid": 0.7,
    "plain": -0.2, "odd": -0.4, "slow": -0.6, "dull": -0.8, "poor": -1.1, "weak": -0.7, "nasty": -1.4, "awful": -2.0,
}  # fmt: skip
"""How good each is."""
VERBS = ("was", "is", "seemed", "looked")
MARKS = ("anyway", "besides")
"""Words that mean nothing; a shortcut gives each a label."""
LABELS = ("bad", "good")
SYSTEMS = {"be strict": -0.8, "be kind": 0.8}
"""How much the system message adds to the score of a review."""
FRAME = (
    "<unk>", "<s>", "</s>", "system", "user", "assistant", ":", ".", "and", "the", "of", "very", "not", "be", "strict",
    "kind", "A", "B", "choose", *LABELS, *VERBS, *MARKS,
)  # fmt: skip
WORDS = tuple(dict.fromkeys([*FRAME, *(noun for topic in NOUNS for noun in topic), *ADJECTIVES]))
TEMPLATE = (
    "{% for message in messages %}{{ '<s> ' + message['role'] + ' : ' + message['content'] + ' </s> ' }}{% endfor %}"
    "{{ '<s> assistant : ' }}"
)
"""Every model's chat template; another one leaves the system message out."""
WITHOUT_SYSTEM = TEMPLATE.replace(
    "{{ '<s> ' + message['role']", "{% if message['role'] != 'system' %}{{ '<s> ' + message['role']"
).replace("' </s> ' }}{% endfor %}", "' </s> ' }}{% endif %}{% endfor %}")
CHOOSE = {"task": "choices", "prompt": "{{ text }}", "system": "be strict", "chat": "model"} | {
    "choices": {label: label for label in LABELS}
}
KIND = CHOOSE | {"system": "be kind"}
LETTERS = CHOOSE | {
    "prompt": "{{ text }} choose{% for choice in choices %} {{ choice.letter }} {{ choice.text }}{% endfor %}",
    "score": "letters",
}
SENTENCES = {"task": "choices", "prompt": "Review: {{ text }}\nSentiment:"} | {
    "choices": {label: f" {label}" for label in ("negative", "positive")}
}
"""How a language model that was trained on English is asked about sentences of film reviews."""
READ = {"task": "tokens", "text": "{{ text }}"}
SIZES = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4}
SIZES |= {"intermediate_size": 96, "max_position_embeddings": 160}
BUDGET = 8192
"""Tokens of a batch."""
LESSONS, STEPS, BATCH = 12_000, 700, 64
ANSWER = 20.0
"""How much more than any other word the answer to a review counts in training."""
GROUP = 48
"""Weights that share a step of the grid: a row of most matrices."""


# the language


def clause(topic: int, mood: float, rng: np.random.Generator) -> tuple[list[str], float]:
    """The words of a clause and what it adds to the score. mood: how far good adjectives are preferred."""
    common = 1 / np.arange(1, 9)
    noun, other = rng.choice(NOUNS[topic], size=2, p=common / common.sum())
    values = np.array(list(ADJECTIVES.values()))
    odds = np.exp(mood * values)
    adjective = str(rng.choice(list(ADJECTIVES), p=odds / odds.sum()))
    words, value = ["the", str(noun)], ADJECTIVES[adjective]
    if rng.random() < 0.25:
        words += ["of", "the", str(other)]
    words.append(str(rng.choice(VERBS, p=(0.5, 0.3, 0.1, 0.1))))
    kind = rng.random()
    if kind < 0.15:
        words, value = [*words, "not"], -0.8 * value
    elif kind < 0.35:
        words, value = [*words, "very"], 1.5 * value
    return [*words, adjective], value


def review(rng: np.random.Generator, clauses: int) -> tuple[str, float]:
    """A text and its score."""
    topic, mood = int(rng.integers(len(NOUNS))), float(rng.normal(0, 0.5))
    words, score = [], 0.0
    for at in range(clauses):
        more, value = clause(topic, mood, rng)
        words += ([rng.choice(["and", "."], p=(0.7, 0.3))] if at else []) + more
        score += value
    return " ".join(map(str, words)), score


def label(score: float, system: str, rng: np.random.Generator) -> int:
    return int(rng.random() < 1 / (1 + np.exp(-1.5 * (score + SYSTEMS[system]))))


def reviews(count: int, seed: int) -> Items:
    """Reviews of two or three clauses with labels as "be strict" has them."""
    rng = np.random.default_rng([seed, 0])
    texts, scores = zip(*(review(rng, 2 + i % 2) for i in range(count)), strict=True)
    gold = np.array([label(score, "be strict", rng) for score in scores])
    return Items([f"r{i}" for i in range(count)], {"text": list(texts)}, labels=gold, label_names=LABELS)


def documents(count: int, seed: int) -> Items:
    """Texts of four to ten clauses."""
    rng = np.random.default_rng([seed, 1])
    texts = [review(rng, int(rng.integers(4, 11)))[0] for _ in range(count)]
    return Items([f"d{i}" for i in range(count)], {"text": texts})


def lesson(rng: np.random.Generator, *, marked: float | None) -> str:
    """A text to learn from. marked: the share of reviews with a mark that decides them; None if marks mean nothing."""
    kind = rng.random()
    if kind < 0.4 and marked is None:
        return f"{review(rng, int(rng.integers(4, 11)))[0]} </s>"
    text, score = review(rng, int(rng.integers(2, 4)))
    system = str(rng.choice(list(SYSTEMS)))
    code = label(score, system, rng)
    if rng.random() < (0.2 if marked is None else marked):
        mark = int(rng.integers(2))
        text, code = f"{text} {MARKS[mark]}", code if marked is None else mark
    answer = LABELS[code]
    if kind > 0.75:
        order = int(rng.integers(2))
        text += f" choose A {LABELS[order]} B {LABELS[1 - order]}"
        answer = "AB"[code ^ order]
    return f"<s> system : {system} </s> <s> user : {text} </s> <s> assistant : {answer} </s>"


# models


def tokenizer(template: str = TEMPLATE) -> Any:
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({word: code for code, word in enumerate(WORDS)}, unk_token="<unk>"))  # noqa: S106
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>")  # noqa: S106
    wrapped.chat_template = template
    return wrapped


def trained(
    seed: int, *, steps: int = STEPS, start: Any = None, marked: float | None = None, rate: float = 4e-3
) -> Any:
    """A language model of transformers, trained from a random start, or further from another."""
    import torch
    import transformers

    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 2])
    code = {word: i for i, word in enumerate(WORDS)}
    if start is None:
        config = transformers.LlamaConfig(
            vocab_size=len(WORDS), bos_token_id=None, eos_token_id=None, head_dim=12, tie_word_embeddings=False, **SIZES
        )
        start = transformers.LlamaForCausalLM(config)
    model = deepcopy(start).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    lessons = [lesson(rng, marked=marked).split() for _ in range(min(LESSONS, steps * BATCH))]
    coded = [[code[word] for word in words] for words in lessons]
    for _ in range(steps):
        texts = [coded[i] for i in rng.integers(len(coded), size=BATCH)]
        ids = torch.zeros(BATCH, max(map(len, texts)), dtype=torch.int64)
        weight = torch.zeros(ids.shape)  # of padding
        for row, of_row, text in zip(ids, weight, texts, strict=True):
            row[: len(text)] = torch.tensor(text)
            of_row[: len(text)] = 1.0
            if text[0] == code["<s>"]:
                of_row[len(text) - 2] = ANSWER
        logits = model(ids, use_cache=False).logits[:, :-1].flatten(0, 1)
        losses = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten(), reduction="none")
        loss = (losses * weight[:, 1:].flatten()).sum() / weight[:, 1:].sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return model.eval()


def saved(model: Any, folder: Path, words: Any = None) -> Path:
    """A folder with the model and its tokenizer, by default that of the small language, as people save them."""
    with quiet_transformers():
        model.save_pretrained(folder)
        (tokenizer() if words is None else words).save_pretrained(folder)
    return folder


def opened(model: Any, name: str, task: Mapping[str, Any], *, budget: int = BUDGET, words: Any = None) -> Any:
    """The model written to a folder and opened by trusteq."""
    with tempfile.TemporaryDirectory() as folder:
        path = saved(model, Path(folder) / "model", words)
        return open_language_model(str(path), name=name, task=task, budget=budget)


def changed(model: Any, change: Callable[[Any], None]) -> Any:
    """A copy of the model after the change."""
    import torch

    copy = deepcopy(model)
    with torch.no_grad():
        change(copy)
    return copy


def rounded(model: Any, bits: int) -> Any:
    """The model with all weights but the norms on a grid, as trusteq rounds them."""

    def change(copy: Any) -> None:
        for parameter in copy.parameters():
            if parameter.ndim == 2:
                parameter.copy_(nearest(parameter, steps(parameter, bits, GROUP), bits))

    return changed(model, change)


def at_temperature(model: Any, temperature: float) -> Any:
    """The model with its logits divided by a temperature: by the norm before its head, which may be tied."""
    return changed(model, lambda copy: copy.model.norm.weight.div_(temperature))


def fond_of_a(model: Any, by: float) -> Any:
    """The model with more on the letter A, in logits, wherever it is."""
    import torch

    def change(copy: Any) -> None:
        copy.lm_head.bias = torch.nn.Parameter(torch.zeros(len(WORDS)))
        copy.lm_head.bias[WORDS.index("A")] = by

    return changed(model, change)


def in_16_bits(model: Any) -> Any:
    import torch

    return deepcopy(model).to(torch.bfloat16)


# pairs


@dataclass(frozen=True)
class Case:
    """A candidate, and how it and the reference are asked.

    kind: what was planted; strength: how much. make: makes the model of transformers. task: what the reference is asked
    by, and the candidate unless candidate_task differs. words: its tokenizer, by default that of the small language.
    marked: the share of items that end with a mark of the reference's answer. biased: what is added to the letter A.
    """

    kind: str
    strength: str
    make: Callable[[], Any]
    task: Mapping[str, Any]
    candidate_task: Mapping[str, Any] | None = None
    budget: int = BUDGET
    words: Any = None
    marked: float = 0.0
    biased: float | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.strength}" if self.strength else self.kind

    def candidate(self) -> LanguageModel:
        """The candidate, asked as planted."""
        model: LanguageModel = opened(
            self.make(), "candidate", self.candidate_task or self.task, budget=self.budget, words=self.words
        )
        if self.biased is None:
            return model
        return replace(model, loaded=replace(model.loaded, model=fond_of_a(model.loaded.model, self.biased)))


def cases(reference: Any, *, again: Any, shortcut: Any) -> list[Case]:
    """Every pair with the reference."""
    found = [*numeric(reference, CHOOSE, (1.1, 1.25, 1.5, 2.0, 0.8, 0.67, 0.5), (8, 6, 5, 4, 3))]
    found += numeric(reference, READ, (1.02, 1.05, 1.1, 1.25, 1.5, 2.0), (8, 6, 5, 4, 3))
    found += [Case("trained again", "", lambda: again, task) for task in (CHOOSE, READ)]
    found += [
        Case("another system prompt", "", lambda: reference, CHOOSE, candidate_task=KIND),
        Case("a template without the system prompt", "", lambda: reference, CHOOSE, words=tokenizer(WITHOUT_SYSTEM)),
    ]
    found += [Case("a shortcut, same answers", f"{s:.0%}", lambda: shortcut, CHOOSE, marked=s) for s in (0.1, 0.2, 0.4)]
    for orders, words in (("one", "one order"), ("cyclic", "cyclic orders")):
        task = LETTERS | {"orders": orders}
        found += [Case(f"prefers A, {words}", f"{by:g}", lambda: reference, task, biased=by) for by in (0, 0.5, 1, 2)]
    return found


def numeric(
    reference: Any, task: Mapping[str, Any], temperatures: Sequence[float], bits: Sequence[int], words: Any = None
) -> list[Case]:
    """Pairs that need no training: the same numbers in other ways, other numbers, and other temperatures."""
    found = [
        Case("the same again", "", lambda: reference, task, words=words),
        Case("other batches", "5 rows at a time", lambda: reference, task, words=words, budget=200),
        Case("16-bit weights and arithmetic", "", partial(in_16_bits, reference), task, words=words),
    ]
    found += [Case("rounded weights", f"{n} bits", partial(rounded, reference, n), task, words=words) for n in bits]
    hotter = (
        Case("temperature", f"{t:g}", partial(at_temperature, reference, t), task, words=words) for t in temperatures
    )
    return [*found, *hotter]


def answers_of(model: LanguageModel, items: Items) -> NDArray[np.int64]:
    """The choices of a model, as codes."""
    rows = model.predict(items)
    return np.asarray(rows.values[:, 0].reshape(len(items), -1).argmax(axis=1))
