"""How much longer a tokenizer can make a text, so that no more texts are given to it at once than memory holds.

A bound on what each of its parts makes of n characters, a * n + b; parts that follow each other multiply. No ordinary
text comes near such a product, so a text for which it is too large is normalized part by part and measured.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MOST = 2**21
"""Tokens that one call may come to, and one text: the library holds some 460 bytes for each."""

MOST_CHARACTERS = 2**22
"""Characters that one part of a normalizer may make of a piece of one text."""

ORDINARY, LONGEST = 16, 2**25
"""A long text may come to more, to so many tokens a character and so many in all, for its length is no tokenizer's."""

ENDLESS = 1e300
"""What stands for every larger number, so that nothing is multiplied to infinity, and then by 0 to no number at all."""

FACTORS = {
    "NFC": 3,
    "NFD": 4,
    "NFKC": 18,
    "NFKD": 18,
    "Lowercase": 2,
    "BertNormalizer": 3,
    "ByteLevel": 5,  # a sign a byte, and a space before
    "Metaspace": 2,
}
"""The most signs that a part makes of one; the longest that Unicode 17 has for its normal forms. Others make one."""

TYPES = {"normalizers": "Sequence", "pattern": "Replace", "prepend": "Prepend", "precompiled_charsmap": "Precompiled"}
"""What a normalizer is that has such a key."""


@dataclass(frozen=True)
class Growth:
    """At most ``a`` times as many, and ``b`` more."""

    a: float = 1.0
    b: float = 0.0

    def __call__(self, length: float) -> float:
        """The most characters or tokens that become of this many."""
        return self.a * length + self.b

    def then(self, other: Growth) -> Growth:
        """The growth by this and then by another."""
        return Growth(min(self.a * other.a, ENDLESS), min(self.b * other.a + other.b, ENDLESS))


@dataclass(frozen=True)
class TokenGrowth:
    """The most tokens that a tokenizer of the ``tokenizers`` library makes of texts, the segments of one row.

    before: what its normalizer can do to any text. after: what follows the normalizer.
    """

    tokenizer: Any
    before: Growth
    after: Growth

    def __call__(self, text: Sequence[str]) -> float:
        """From what its parts can do to any text, or where that is too many, to this one."""
        size = self.before.then(self.after)(sum(map(len, text)))
        return size if size <= MOST else min(size, self.after(sum(map(self._normalized, text))))

    def _normalized(self, text: str) -> float:
        """The text's length after the normalizer; endless where one of its parts could make it too long."""
        splitter, parts = self._parts
        made = splitter.encode(text)
        length = 0
        for token, (start, end) in zip(made.ids, made.offsets, strict=True):
            piece = text[start:end]
            for grown, part in parts if token == 0 else ():
                if grown(len(piece)) > MOST_CHARACTERS:
                    return ENDLESS
                piece = part.normalize_str(piece)
            length += len(piece)
            if length > LONGEST:
                return ENDLESS
        return length

    @cached_property
    def _parts(self) -> tuple[Any, list[tuple[Growth, Any]]]:
        """What cuts texts at added tokens, the pieces between them being token 0; and the normalizer's parts."""
        from tokenizers import Tokenizer

        bare = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"": 0}, "unk_token": ""}}
        splitter = Tokenizer.from_str(json.dumps(bare))
        added = self.tokenizer.get_added_tokens_decoder().values()
        splitter.add_tokens([token for token in added if not token.normalized])
        parts = [] if self.tokenizer.normalizer is None else _parts(_saved(self.tokenizer.normalizer))
        return splitter, [
            (grown_by(part), Tokenizer.from_str(json.dumps({**bare, "normalizer": part})).normalizer) for part in parts
        ]


def growth(tokenizer: Any) -> TokenGrowth:
    """What a tokenizer of the ``tokenizers`` library can do to texts."""
    before = Growth() if tokenizer.normalizer is None else grown_by(_saved(tokenizer.normalizer))
    after = Growth() if tokenizer.pre_tokenizer is None else grown_by(_saved(tokenizer.pre_tokenizer))
    if any(tokenizer.token_to_id(f"<0x{byte:02X}>") is not None for byte in range(256)):
        after = after.then(Growth(4.0))  # a token a byte
    if tokenizer.post_processor is not None:
        after = after.then(_around(_saved(tokenizer.post_processor)))
    return TokenGrowth(tokenizer, before, after)


def _saved(part: Any) -> Any:
    return json.loads(part.__getstate__())


def _parts(normalizer: dict[str, Any]) -> list[dict[str, Any]]:
    """A normalizer, or what a sequence of them holds."""
    if normalizer.get("type") != "Sequence":
        return [normalizer]
    return [part for inner in normalizer["normalizers"] for part in _parts(inner)]


def grown_by(part: dict[str, Any]) -> Growth:
    """What a normalizer or pre-tokenizer, as it is saved, can do."""
    # Files of former versions have no types.
    kind = part.get("type") or next((kind for key, kind in TYPES.items() if key in part), None)
    if kind == "Sequence":
        whole = Growth()
        for inner in part.get("normalizers") or part.get("pretokenizers") or ():
            whole = whole.then(grown_by(inner))
        return whole
    if kind == "Replace":
        pattern, new = part["pattern"].get("String"), len(part["content"])
        # A regular expression may find nothing before each character and behind the last.
        return Growth(max(1.0, new / len(pattern))) if pattern else Growth(1.0 + new, new)
    if kind == "Prepend":  # to each piece of the text between added tokens
        return Growth(1.0 + len(part["prepend"]), len(part["prepend"]))
    if kind == "Precompiled":
        return Growth(_longest(base64.b64decode(part["precompiled_charsmap"])))
    return Growth(FACTORS.get(str(kind), 1))


def _longest(charsmap: bytes) -> float:
    """The longest text that SentencePiece's map of characters puts for one: behind its trie, each ends with a zero."""
    trie = int.from_bytes(charsmap[:4], "little")
    return max((len(text.decode("utf-8", "replace")) for text in charsmap[4 + trie :].split(b"\0")), default=1) or 1


def _around(part: dict[str, Any]) -> Growth:
    """What a post-processor adds to the tokens of a text or pair, and how often it repeats them."""
    kind = part.get("type")
    if kind == "Sequence":
        whole = Growth()
        for inner in part["processors"]:
            whole = whole.then(_around(inner))
        return whole
    if kind != "TemplateProcessing":
        return Growth(1.0, 4.0)
    ids = {name: len(token["ids"]) for name, token in part["special_tokens"].items()}
    repeats, added = 1, 0
    for template in (part["single"], part["pair"]):
        pieces = [(*piece.items(),)[0] for piece in template]
        repeats = max(repeats, sum(kind == "Sequence" for kind, _ in pieces))
        added = max(added, sum(ids.get(told["id"], 1) for kind, told in pieces if kind == "SpecialToken"))
    return Growth(float(repeats), float(added))


def portions(
    texts: Sequence[tuple[str, ...]], most: Callable[[tuple[str, ...]], float], *, name: str
) -> Iterator[Sequence[tuple[str, ...]]]:
    """The texts in portions that one call can hold; an error at one that alone could become too long.

    ``most`` is the most tokens that one becomes.
    """
    start, held = 0, 0.0
    for row, text in enumerate(texts):
        size, characters = most(text), sum(map(len, text))
        allowed = max(MOST, min(ORDINARY * characters, LONGEST))
        if size > allowed:
            raise ModelError(
                f"model {name}: its tokenizer can make {_shown(size)} tokens of a text of {characters:,} characters "
                f"({text[0][:40]!r}...), more than {allowed:,}; shorten the text, or mend the tokenizer"
            )
        if held and held + size > MOST:
            yield texts[start:row]
            start, held = row, 0.0
        held += size
    yield texts[start:]


def _shown(size: float) -> str:
    return f"{size:,.0f}" if size < 1e15 and math.isfinite(size) else f"{size:.0e}"
