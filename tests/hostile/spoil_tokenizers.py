"""Files of tokenizers (tokenizer.json) with parts of every kind, nested, chained, and of hostile numbers and texts."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

from hostile.spoil_values import in_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NUMBERS = (0, 1, 2, 3, 5, 64, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**63, 2**64 - 1, -1, 0.5, None)
TEXTS = (
    "",
    "a",
    " ",
    "ab",
    "é",
    "ﷺ",
    "İ",
    "▁",
    "##",
    "[UNK]",
    "<unk>",
    "[CLS]",
    "[ABSENT]",
    "\0",
    "\u0301",
    "x" * 2000,
)
GROWN = ("", "a", "aa", "a" * 100, "é" * 100, "ﷺ" * 1000, "a" * 30000, " a" * 100)
REGEXES = (
    "",
    "a",
    ".",
    "^",
    "$",
    "\\b",
    "(?=a)",
    "a*",
    "(a+)+$",
    "(a|a)*b",
    "(?i)A",
    "[",
    "(?<!a)",
    "\\X",
    "(" * 300,
    "\\p{L}+",
)
BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous", "x")
CHAINS = (1, 2, 4, 20, 500)
"""How many parts follow each other or are nested, within what a reader of JSON in Rust goes down."""


def in_tokenizer(rng: Random, content: bytes) -> bytes:
    """A tokenizer with one to three of its parts replaced, or one of its values changed."""
    told = json.loads(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        part = rng.choice(list(PARTS))
        told[part] = PARTS[part](rng, told)
    text = json.dumps(told).encode()
    return in_json(rng, text) if rng.randrange(3) == 0 else text


def flag(rng: Random) -> Any:
    """Yes or no, and rarely what is neither."""
    return rng.choice((True, False, True, False, None, 1))


def chain(rng: Random, inner: Any) -> list[Any]:
    """The part several times, as often as a file of some size holds it."""
    times = rng.choice(CHAINS)
    return [inner] * (times if times * len(json.dumps(inner)) < 2**19 else 1)


def pattern(rng: Random) -> dict[str, Any]:
    """What is looked for."""
    return {"Regex": rng.choice(REGEXES)} if rng.randrange(2) else {"String": rng.choice(TEXTS)}


def charsmap(rng: Random) -> str:
    """SentencePiece's map of characters: a trie of so many bytes, then texts; mostly none that is one."""
    trie = struct.pack("<256I", *(rng.choice((0, 1, 2**31, 2**32 - 1, rng.randrange(2**32))) for _ in range(256)))
    told = rng.choice((len(trie), len(trie), 0, 3, 2**31, 2**32 - 1, rng.randrange(2 * len(trie))))
    texts = b"\0".join(rng.choice(GROWN).encode() for _ in range(9)) + rng.choice((b"\0", b""))
    made = base64.b64encode(struct.pack("<I", told) + trie + texts).decode()
    return rng.choice((made, made, "", "AAAA", "x"))


def normalizer(rng: Random, _: Any = None, depth: int = 0) -> Any:
    """Any normalizer, or none."""
    if depth < 4 and rng.randrange(3) == 0:
        inner = normalizer(rng, None, depth + 1)
        return {"type": "Sequence", "normalizers": chain(rng, inner)}
    return rng.choice(
        (
            {
                "type": "BertNormalizer",
                "clean_text": flag(rng),
                "handle_chinese_chars": flag(rng),
                "strip_accents": flag(rng),
                "lowercase": flag(rng),
            },
            {"type": "Strip", "strip_left": flag(rng), "strip_right": flag(rng)},
            *(
                {"type": kind}
                for kind in ("StripAccents", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt", "ByteLevel", "x")
            ),
            {"type": "Precompiled", "precompiled_charsmap": charsmap(rng)},
            *({"type": "Replace", "pattern": pattern(rng), "content": rng.choice(GROWN)} for _ in range(5)),
            {"type": "Prepend", "prepend": rng.choice(GROWN)},
            None,
        )
    )


def pre_tokenizer(rng: Random, _: Any = None, depth: int = 0) -> Any:
    """Any pre-tokenizer, or none."""
    if depth < 4 and rng.randrange(3) == 0:
        inner = pre_tokenizer(rng, None, depth + 1)
        return {"type": "Sequence", "pretokenizers": chain(rng, inner)}
    return rng.choice(
        (
            *({"type": kind} for kind in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts", "x")),
            {"type": "ByteLevel", "add_prefix_space": flag(rng), "trim_offsets": flag(rng), "use_regex": flag(rng)},
            {"type": "CharDelimiterSplit", "delimiter": rng.choice(TEXTS)},
            {
                "type": "Metaspace",
                "replacement": rng.choice(TEXTS),
                "prepend_scheme": rng.choice(("always", "never", "first")),
                "split": flag(rng),
            },
            *(
                {"type": "Split", "pattern": pattern(rng), "behavior": rng.choice(BEHAVIORS), "invert": flag(rng)}
                for _ in range(3)
            ),
            {"type": "Punctuation", "behavior": rng.choice(BEHAVIORS)},
            {"type": "Digits", "individual_digits": flag(rng)},
            {"type": "FixedLength", "length": rng.choice(NUMBERS)},
            None,
        )
    )


def post_processor(rng: Random, _: Any = None, depth: int = 0) -> Any:
    """Any post-processor, or none."""
    if depth < 3 and rng.randrange(4) == 0:
        return {"type": "Sequence", "processors": chain(rng, post_processor(rng, None, depth + 1))}

    def token() -> list[Any]:
        return [rng.choice(TEXTS), rng.choice(NUMBERS)]

    def template() -> list[Any]:
        piece = rng.choice(
            (
                {"Sequence": {"id": rng.choice("AB"), "type_id": rng.choice(NUMBERS)}},
                {"SpecialToken": {"id": rng.choice(TEXTS), "type_id": rng.choice(NUMBERS)}},
            )
        )
        usual = {"Sequence": {"id": rng.choice("AAB"), "type_id": 0}}
        return rng.choice(([usual], [usual, piece], [piece], [], [usual] * rng.choice(CHAINS), [piece, usual] * 300))

    special = {
        text: {"id": text, "ids": [rng.choice(NUMBERS)] * rng.choice((1, 1, 0, 5000)), "tokens": [text]}
        for text in rng.sample(TEXTS, rng.choice((0, 2, 9)))
    }
    return rng.choice(
        (
            {"type": "BertProcessing", "sep": token(), "cls": token()},
            {
                "type": "RobertaProcessing",
                "sep": token(),
                "cls": token(),
                "trim_offsets": True,
                "add_prefix_space": False,
            },
            {"type": "ByteLevel", "add_prefix_space": flag(rng), "trim_offsets": flag(rng), "use_regex": flag(rng)},
            *(
                {"type": "TemplateProcessing", "single": template(), "pair": template(), "special_tokens": special}
                for _ in range(4)
            ),
            None,
        )
    )


def decoder(rng: Random, _: Any = None, depth: int = 0) -> Any:
    """Any decoder, or none."""
    if depth < 4 and rng.randrange(3) == 0:
        return {"type": "Sequence", "decoders": chain(rng, decoder(rng, None, depth + 1))}
    return rng.choice(
        (
            *({"type": kind} for kind in ("ByteLevel", "ByteFallback", "Fuse", "x")),
            {"type": "WordPiece", "prefix": rng.choice(TEXTS), "cleanup": flag(rng)},
            {"type": "BPEDecoder", "suffix": rng.choice(TEXTS)},
            {"type": "Metaspace", "replacement": rng.choice(TEXTS), "prepend_scheme": "always", "split": True},
            {
                "type": "CTC",
                "pad_token": rng.choice(TEXTS),
                "word_delimiter_token": rng.choice(TEXTS),
                "cleanup": flag(rng),
            },
            {"type": "Strip", "content": rng.choice(TEXTS), "start": rng.choice(NUMBERS), "stop": rng.choice(NUMBERS)},
            {"type": "Replace", "pattern": pattern(rng), "content": rng.choice(GROWN)},
            None,
        )
    )


def model(rng: Random, told: Any) -> Any:
    """A model of any kind, its vocabulary made of what there was."""
    before = told.get("model") or {}
    tokens = before.get("vocab") or {}
    texts = [entry[0] for entry in tokens] if isinstance(tokens, list) else list(tokens)
    texts = [str(text) for text in texts[:200]] + rng.sample(TEXTS, 3)
    odd = {rng.choice(texts): rng.choice(NUMBERS)} if rng.randrange(2) else {}
    vocab = {text: code for code, text in enumerate(texts)} | odd
    unknown = rng.choice((*TEXTS, *texts))
    scores = (0.0, -1.0, -1e308, 1e308, 5, None)
    return rng.choice(
        (
            {
                "type": "WordPiece",
                "unk_token": unknown,
                "continuing_subword_prefix": rng.choice(TEXTS),
                "max_input_chars_per_word": rng.choice((*NUMBERS[:6], None, -1)),
                "vocab": vocab,
            },
            {"type": "WordLevel", "unk_token": unknown, "vocab": vocab},
            {
                "type": "BPE",
                "dropout": rng.choice((None, 0.0, 0.5, 1.0, 2.0, -1.0)),
                "unk_token": rng.choice((None, unknown)),
                "continuing_subword_prefix": rng.choice((None, *TEXTS)),
                "end_of_word_suffix": rng.choice((None, *TEXTS)),
                "fuse_unk": flag(rng),
                "byte_fallback": flag(rng),
                "ignore_merges": flag(rng),
                "vocab": vocab,
                "merges": [[rng.choice(texts), rng.choice(texts)] for _ in range(rng.choice((0, 3, 200)))],
            },
            {
                "type": "Unigram",
                "unk_id": rng.choice(NUMBERS),
                "byte_fallback": flag(rng),
                "vocab": [[text, rng.choice(scores)] for text in texts],
            },
            {**before, rng.choice(list(before) or ["x"]): rng.choice((*NUMBERS, *TEXTS, {}, []))},
        )
    )


def added_tokens(rng: Random, told: Any) -> Any:
    """Tokens beside the model's, one of them odd, or very many."""
    before = told.get("added_tokens")
    one = {
        "id": rng.choice(NUMBERS),
        "content": rng.choice(TEXTS),
        "single_word": flag(rng),
        "lstrip": flag(rng),
        "rstrip": flag(rng),
        "normalized": flag(rng),
        "special": flag(rng),
    }
    many = [{**one, "id": n, "content": f"<{n}>"} for n in range(3000)] if rng.randrange(9) == 0 else []
    return [*(before if isinstance(before, list) else []), one, *many]


def truncation(rng: Random, _: Any) -> Any:
    """Cut to any length."""
    return {
        "direction": rng.choice(("Left", "Right", "x")),
        "max_length": rng.choice(NUMBERS),
        "strategy": rng.choice(("LongestFirst", "OnlyFirst", "OnlySecond", "x")),
        "stride": rng.choice(NUMBERS),
    }


def padding(rng: Random, _: Any) -> Any:
    """Filled up to any length."""
    return {
        "strategy": rng.choice(("BatchLongest", {"Fixed": rng.choice(NUMBERS)})),
        "direction": rng.choice(("Left", "Right", "x")),
        "pad_to_multiple_of": rng.choice(NUMBERS),
        "pad_id": rng.choice(NUMBERS),
        "pad_type_id": rng.choice(NUMBERS),
        "pad_token": rng.choice(TEXTS),
    }


PARTS: dict[str, Callable[[Random, Any], Any]] = {
    "normalizer": normalizer,
    "pre_tokenizer": pre_tokenizer,
    "post_processor": post_processor,
    "decoder": decoder,
    "model": model,
    "added_tokens": added_tokens,
    "truncation": truncation,
    "padding": padding,
}
