"""How much longer a tokenizer can make a text, so that it gets no more texts at once than fit into memory.

Each of its parts makes at most a * n + b of n characters; for consecutive parts these bounds multiply. No ordinary text
comes near such a product, so a text for which it is too large is normalized part by part and measured.
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
"""The most tokens in one call, and in one text: the library needs some 460 bytes for each."""

MOST_CHARACTERS = 2**22
"""The most characters that one part of a normalizer may make of a piece of a text."""

ORDINARY, LONGEST = 16, 2**25
"""A text that is itself long may have more tokens: this many a character, and this many in all."""

ENDLESS = 1e300
"""Replaces every larger number, so that no product is infinite, and then NaN when multiplied by 0."""

FACTORS = {
    "NFC": 3,
    "NFD": 4,
    "NFKC": 18,
    "NFKD": 18,
    "Lowercase": 2,
    "BertNormalizer": 3,
    "ByteLevel": 5,  # one character a byte, and a leading space
    "Metaspace": 2,
}
"""The most characters that a part makes of one; for normal forms, the most in Unicode 17. Other parts make one."""

TYPES = {"normalizers": "Sequence", "pattern": "Replace", "prepend": "Prepend", "precompiled_charsmap": "Precompiled"}
"""The type of a normalizer that has such a key."""


@dataclass(frozen=True)
class Growth:
    """A bound: at most ``a`` times as many, plus ``b``."""

    a: float = 1.0
    b: float = 0.0

    def __call__(self, length: float) -> float:
        """The most characters or tokens that this many can become."""
        return self.a * length + self.b

    def then(self, other: Growth) -> Growth:
        """The growth by this part followed by another."""
        return Growth(min(self.a * other.a, ENDLESS), min(self.b * other.a + other.b, ENDLESS))


@dataclass(frozen=True)
class TokenGrowth:
    """The most tokens that a tokenizer of the ``tokenizers`` library makes of texts, the segments of one row.

    before: growth by its normalizer. after: growth by the parts that follow the normalizer.
    """

    tokenizer: Any
    before: Growth
    after: Growth

    def __call__(self, text: Sequence[str]) -> float:
        """The bound for any text of this length, or if that is too large, for this very text."""
        size = self.before.then(self.after)(sum(map(len, text)))
        return size if size <= MOST else min(size, self.after(sum(map(self._normalized, text))))

    def _normalized(self, text: str) -> float:
        """The text's length after the normalizer; `ENDLESS` if one of its parts could make it too long."""
        splitter, parts = self._parts
        pieces = splitter.encode(text)
        length = 0
        for token, (start, end) in zip(pieces.ids, pieces.offsets, strict=True):
            piece = text[start:end]
            for growth, part in parts if token == 0 else ():
                if growth(len(piece)) > MOST_CHARACTERS:
                    return ENDLESS
                piece = part.normalize_str(piece)
            length += len(piece)
            if length > LONGEST:
                return ENDLESS
        return length

    @cached_property
    def _parts(self) -> tuple[Any, list[tuple[Growth, Any]]]:
        """A tokenizer that splits texts at added tokens, with token 0 for other pieces; and the normalizer's parts."""
        from tokenizers import Tokenizer

        bare = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"": 0}, "unk_token": ""}}
        splitter = Tokenizer.from_str(json.dumps(bare))
        added = self.tokenizer.get_added_tokens_decoder().values()
        splitter.add_tokens([token for token in added if not token.normalized])
        parts = [] if self.tokenizer.normalizer is None else _parts(_content(self.tokenizer.normalizer))
        return splitter, [
            (growth_of(part), Tokenizer.from_str(json.dumps({**bare, "normalizer": part})).normalizer) for part in parts
        ]


def token_growth(tokenizer: Any) -> TokenGrowth:
    """How much a tokenizer of the ``tokenizers`` library can lengthen texts."""
    before = Growth() if tokenizer.normalizer is None else growth_of(_content(tokenizer.normalizer))
    after = Growth() if tokenizer.pre_tokenizer is None else growth_of(_content(tokenizer.pre_tokenizer))
    if any(tokenizer.token_to_id(f"<0x{byte:02X}>") is not None for byte in range(256)):
        after = after.then(Growth(4.0))  # one token a byte
    if tokenizer.post_processor is not None:
        after = after.then(_post_processing(_content(tokenizer.post_processor)))
    return TokenGrowth(tokenizer, before, after)


def _content(part: Any) -> Any:
    return json.loads(part.__getstate__())


def _parts(normalizer: dict[str, Any]) -> list[dict[str, Any]]:
    """A normalizer, or the parts of a sequence of normalizers."""
    if normalizer.get("type") != "Sequence":
        return [normalizer]
    return [part for inner in normalizer["normalizers"] for part in _parts(inner)]


def growth_of(part: dict[str, Any]) -> Growth:
    """The growth by a normalizer or pre-tokenizer, given as in its file."""
    # Files of earlier versions have no types.
    kind = part.get("type") or next((kind for key, kind in TYPES.items() if key in part), None)
    if kind == "Sequence":
        whole = Growth()
        for inner in part.get("normalizers") or part.get("pretokenizers") or ():
            whole = whole.then(growth_of(inner))
        return whole
    if kind == "Replace":
        pattern, new = part["pattern"].get("String"), len(part["content"])
        # A regular expression may match the empty text before each character and after the last.
        return Growth(max(1.0, new / len(pattern))) if pattern else Growth(1.0 + new, new)
    if kind == "Prepend":  # to each piece of the text between added tokens
        return Growth(1.0 + len(part["prepend"]), len(part["prepend"]))
    if kind == "Precompiled":
        return Growth(_longest(base64.b64decode(part["precompiled_charsmap"])))
    return Growth(FACTORS.get(str(kind), 1))


def _longest(charsmap: bytes) -> float:
    """The longest replacement of a character in SentencePiece's map: NUL-terminated texts that follow its trie."""
    trie = int.from_bytes(charsmap[:4], "little")
    return max((len(text.decode("utf-8", "replace")) for text in charsmap[4 + trie :].split(b"\0")), default=1) or 1


def _post_processing(part: dict[str, Any]) -> Growth:
    """The growth by a post-processor, which adds tokens to a text or pair and may repeat them."""
    kind = part.get("type")
    if kind == "Sequence":
        whole = Growth()
        for inner in part["processors"]:
            whole = whole.then(_post_processing(inner))
        return whole
    if kind != "TemplateProcessing":
        return Growth(1.0, 4.0)
    ids = {name: len(token["ids"]) for name, token in part["special_tokens"].items()}
    repeats, added = 1, 0
    for template in (part["single"], part["pair"]):
        pieces = [(*piece.items(),)[0] for piece in template]
        repeats = max(repeats, sum(kind == "Sequence" for kind, _ in pieces))
        added = max(added, sum(ids.get(piece["id"], 1) for kind, piece in pieces if kind == "SpecialToken"))
    return Growth(float(repeats), float(added))


def portions(
    texts: Sequence[tuple[str, ...]], most: Callable[[tuple[str, ...]], float], *, name: str
) -> Iterator[Sequence[tuple[str, ...]]]:
    """The texts in portions that are small enough for one call; an error if a single text could become too long.

    ``most`` gives the most tokens that a text can become.
    """
    start, total = 0, 0.0
    for row, text in enumerate(texts):
        size, characters = most(text), sum(map(len, text))
        allowed = max(MOST, min(ORDINARY * characters, LONGEST))
        if size > allowed:
            raise ModelError(
                f"model {name}: its tokenizer can make {_shown(size)} tokens of a text of {characters:,} characters "
                f"({text[0][:40]!r}...), more than {allowed:,}; shorten the text, or fix the tokenizer"
            )
        if total and total + size > MOST:
            yield texts[start:row]
            start, total = row, 0.0
        total += size
    yield texts[start:]


def _shown(size: float) -> str:
    return f"{size:,.0f}" if size < 1e15 and math.isfinite(size) else f"{size:.0e}"
