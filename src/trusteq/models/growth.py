"""How much longer a tokenizer can make a text, so that no more texts are given to it at once than memory holds.

A bound on what each of its parts makes of n characters, a * n + b; parts that follow each other multiply.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST = 2**25
"""Characters and tokens that one call may come to."""

FACTORS = {
    "NFC": 3,
    "NFD": 4,
    "NFKC": 18,
    "NFKD": 18,
    "Lowercase": 3,
    "BertNormalizer": 3 * 4 * 3,  # spaces around a sign, its accents apart, small letters
    "ByteLevel": 5,  # a sign a byte, and a space before
    "Metaspace": 2,
}
"""The most signs that a part makes of one; the longest that Unicode 17 has for its normal forms. Others make one."""


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
        return Growth(self.a * other.a, self.b * other.a + other.b)


def growth(tokenizer: Any) -> Growth:
    """What a tokenizer of the ``tokenizers`` library can do to a text, from characters to tokens."""
    whole = Growth()
    for part in (tokenizer.normalizer, tokenizer.pre_tokenizer):
        if part is not None:
            whole = whole.then(_of(json.loads(part.__getstate__())))
    whole = whole.then(Growth(4.0))  # a token a byte
    if tokenizer.post_processor is not None:
        whole = whole.then(_around(json.loads(tokenizer.post_processor.__getstate__())))
    return whole


def _of(part: dict[str, Any]) -> Growth:
    """What a normalizer or pre-tokenizer, as it is saved, can do."""
    kind = part.get("type")
    if kind == "Sequence":
        whole = Growth()
        for inner in part.get("normalizers") or part.get("pretokenizers") or ():
            whole = whole.then(_of(inner))
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


def portions(texts: Sequence[tuple[str, ...]], grown: Growth, *, name: str) -> Iterator[Sequence[tuple[str, ...]]]:
    """The texts in portions that one call can hold; an error at one that alone could become too long."""
    start, held = 0, 0.0
    for row, text in enumerate(texts):
        length = sum(map(len, text))
        size = grown(length)
        if size > MOST:
            raise ModelError(
                f"model {name}: its tokenizer can make {_shown(size)} tokens of a text of {length:,} characters "
                f"({text[0][:40]!r}...), more than {MOST:,}; shorten the text, or mend the tokenizer"
            )
        if held + size > MOST:
            yield texts[start:row]
            start, held = row, 0.0
        held += size
    yield texts[start:]


def _shown(size: float) -> str:
    return f"{size:,.0f}" if size < 1e15 and math.isfinite(size) else f"{size:.0e}"
