"""Logs of inspect_ai: multiple-choice questions that were answered with a generated letter.

A log has the probabilities of the letters if the model was asked for the most probable tokens
(``--logprobs --top-logprobs 20``): those at the place where the answer's letter stands.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from trusteq.data.choice_results import ChoiceResults, Note, Question, chosen
from trusteq.data.lines import MAX_RATIO, MAX_UNPACKED_BYTES
from trusteq.data.table import shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_HIDDEN = 0.01
"""The largest probability that an option may have without being among the logged tokens."""
_BEFORE_ANSWER = re.compile(r"answer\W*$", re.IGNORECASE)
_ZSTANDARD = 93
_ENCRYPTED = 1
_SAMPLE = re.compile(r"samples/.*\.json")


def recognises(path: Path) -> bool:
    """Whether this is a log, as ``.eval`` or as ``.json``."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".eval":
        return zipfile.is_zipfile(path)
    if path.suffix.lower() != ".json":
        return False
    with path.open("rb") as file:
        start = file.read(2**12)
    return b'"eval"' in start and b'"status"' in start


def read(path: Path) -> ChoiceResults:
    """The questions of a log."""
    log, samples = _from_zip(path) if path.suffix.lower() == ".eval" else _from_json(path)
    if log.get("status") != "success":
        raise DataError(f"{path}: its run ended with status {shown(log.get('status'))}; use the log of a complete run")
    if _shuffled(log):
        raise DataError(
            f"{path}: choices were shuffled by the solver, so letters do not say which; do not shuffle them"
        )
    questions, hidden = [], []
    for number, sample in enumerate(samples, 1):
        place = f"{path}: sample {shown(sample['id']) if isinstance(sample, dict) and 'id' in sample else number}"
        try:
            question, largest = _question(sample, str(log["eval"]["task"]), place)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError):
            raise DataError(f"{place}: is not a complete sample of inspect_ai; its run may have been stopped") from None
        questions.append(question)
        hidden += [] if largest is None else [largest]
    if not questions:
        raise DataError(f"{path}: has no samples; use the log of a complete run")
    ids = [question.id for question in questions]
    if len(set(ids)) < len(ids):
        raise DataError(f"{path}: has several answers to a question (epochs); use a run with one epoch")
    questions.sort(key=lambda question: (len(question.id), question.id))
    return ChoiceResults(str(path), tuple(questions), (str(path),), tuple(_notes(questions, hidden)), ("letters",))


def _shuffled(log: Mapping[str, Any]) -> bool:
    """Whether a solver showed the choices in an order of its own."""
    plan = log.get("plan")
    steps = plan.get("steps") if isinstance(plan, dict) else None
    parameters = [step.get("params") for step in steps or [] if isinstance(step, dict)]
    return any(isinstance(given, dict) and given.get("shuffle") for given in parameters)


def _notes(questions: Sequence[Question], hidden: Sequence[float]) -> Iterator[Note]:
    if hidden:
        message = (
            f"in {len(hidden):,} of {len(questions):,} questions an option was not among the logged tokens and counts "
            f"as improbable; its probability is at most {max(hidden):.2g}"
        )
        yield Note("hidden options", message, max(hidden))
    sampled = sum(question.record["answer"] != LETTERS[chosen(question.log_probabilities)] for question in questions)
    if sampled:
        message = (
            f"in {sampled:,} of {len(questions):,} questions the letter that was generated is not the most probable "
            "one, which is taken as the answer"
        )
        yield Note("sampled answers", message, float(sampled))


def _question(sample: Mapping[str, Any], task: str, place: str) -> tuple[Question, float | None]:
    """A sample as a question, and the most that an option without a logged probability can have, if there is one."""
    choices, target, output = sample["choices"], sample["target"], sample["output"]["choices"][0]
    answers = [score.get("answer") for score in (sample.get("scores") or {}).values()]
    if not isinstance(choices, list) or not 2 <= len(choices) <= len(LETTERS):
        raise DataError(f"{place}: has no choices, or more than letters; only multiple-choice tasks can be read")
    letters = LETTERS[: len(choices)]
    target = target[0] if isinstance(target, list) and len(target) == 1 else target
    if not isinstance(target, str) or len(target) != 1 or target not in letters:
        raise DataError(f"{place}: its target is {shown(target)}, where one letter of {letters} is expected")
    answer = next((str(given) for given in answers if str(given) in set(letters)), None)
    if answer is None:
        raise DataError(
            f"{place}: no answer was found in what the model wrote ({shown(output['message']['content'])}), so its "
            "choice is unknown; change the prompt until every model answers in the expected form"
        )
    tokens = (output.get("logprobs") or {}).get("content")
    if not tokens:
        raise DataError(
            f"{place}: has an answer but no log-probabilities, so its confidence is unknown; run both models again "
            "with --logprobs --top-logprobs 20"
        )
    logs, hidden = _letters(_answer_token(tokens, answer, place), letters)
    if hidden is not None and hidden > MOST_HIDDEN:
        raise DataError(
            f"{place}: an option is not among the logged tokens, and may have a probability of {hidden:.2g}; run both "
            "models again with more --top-logprobs"
        )
    record = {"id": sample["id"], "metadata": sample.get("metadata") or {}, "answer": answer}
    id_ = f"{task}/{sample['id']}"
    return Question(
        id_, task, _prompt(sample), tuple(map(str, choices)), letters.index(target), logs, record, place
    ), hidden


def _prompt(sample: Mapping[str, Any]) -> str:
    """What the model read: the only message, or all of them with their roles."""
    messages = sample["messages"]
    if messages and messages[-1]["role"] == "assistant":
        messages = messages[:-1]
    attachments = sample.get("attachments") or {}
    parts = []
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            content = "".join(part["text"] if part.get("type") == "text" else json.dumps(part) for part in content)
        parts.append((message["role"], attachments.get(content.removeprefix("attachment://"), content)))
    return parts[0][1] if len(parts) == 1 else "\n\n".join(f"{role}: {content}" for role, content in parts)


def _text(token: Mapping[str, Any]) -> str:
    """A token's text; tokenizers write the blank before a word as a letter of their own."""
    return str(token["token"]).replace("\u0120", " ").replace("\u2581", " ").replace("\u010a", "\n")


def _answer_token(tokens: Sequence[Mapping[str, Any]], answer: str, place: str) -> Mapping[str, Any]:
    """The token that is the answer's letter: the last one after the word "answer", or the only one."""
    before, candidates, after_word = "", [], []
    for token in tokens:
        if _text(token).strip() == answer:
            candidates.append(token)
            after_word += [token] if _BEFORE_ANSWER.search(before) else []
        before += _text(token)
    if not after_word and len(candidates) != 1:
        raise DataError(
            f"{place}: its log-probabilities do not show at which token it answers {answer!r}: {shown(before)}"
        )
    return (after_word or candidates)[-1]


def _letters(token: Mapping[str, Any], letters: str) -> tuple[tuple[float, ...], float | None]:
    """The logarithm of each letter's probability, minus infinity if it was not logged.

    And the largest probability that such a letter can have; None if all were logged.
    """
    logged = [token, *(token.get("top_logprobs") or [])]
    by_token = {str(one["token"]): float(one["logprob"]) for one in logged}
    shares = dict.fromkeys(letters, 0.0)
    for text, log in by_token.items():
        if (letter := _text({"token": text}).strip()) in shares:
            shares[letter] += math.exp(log)
    logs = tuple(math.log(share) if share > 0 else -math.inf for share in shares.values())
    return logs, math.exp(min(by_token.values())) if -math.inf in logs else None


def _from_json(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    log = _parsed(path.read_bytes(), str(path))
    samples = log.get("samples")
    return log, samples if isinstance(samples, list) else []


def _from_zip(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header and the samples of an .eval file."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            limit = max(MAX_UNPACKED_BYTES, MAX_RATIO * path.stat().st_size)
            if sum(entry.file_size for entry in entries.values()) > limit:
                raise DataError(
                    f"{path}: unpacks to more than {limit:,} bytes; if this is intended, convert it to JSON"
                )
            if "header.json" not in entries:
                raise DataError(f"{path}: has no header.json; its run was stopped: use the log of a complete run")
            header = _parsed(_unpacked(path, archive, entries["header.json"]), f"{path}: header.json")
            samples = [
                _parsed(_unpacked(path, archive, entry), f"{path}: {name}")
                for name, entry in entries.items()
                if _SAMPLE.fullmatch(name)
            ]
    except (zipfile.BadZipFile, zlib.error, EOFError, pa.ArrowException, OSError, NotImplementedError) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); copy it again") from None
    return header, samples


def _unpacked(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """An entry's bytes; Python reads Zstandard in archives only since 3.14, so pyarrow does."""
    if entry.flag_bits & _ENCRYPTED:
        raise DataError(f"{path}: {entry.filename} is encrypted; give the log without a password")
    if entry.compress_type != _ZSTANDARD:
        return archive.read(entry)
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        lengths = file.read(4)
        file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
        packed = file.read(entry.compress_size)
    return bytes(pa.decompress(packed, decompressed_size=entry.file_size, codec="zstd"))


def _parsed(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON ({error}); write or copy the log again") from None
    if not isinstance(value, dict):
        raise DataError(f"{where}: {shown(value)} is not a JSON object; write or copy the log again")
    return value
