"""A tokenizer.json and what it makes of texts, read with the light ``tokenizers`` library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.chatter import one_line
from trusteq.models.files import read_config
from trusteq.models.token_limit import token_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.data.items import Items

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer with its limit in tokens and its padding; ``pad_id`` is None when rows cannot be padded."""

    tokenizer: Any
    limit: int | None
    pad_id: int | None
    pad_type_id: int
    pad_left: bool

    def encode(self, items: Items, *, limit: int | None, name: str) -> tuple[list[Any], dict[str, int]]:
        """One encoding an item, cut to the limit; and the full length of each item that was cut, by id."""
        texts = items.texts()
        if len(texts) > 2:
            raise ModelError(
                f"model {name}: the items have {len(texts)} text segments ({', '.join(items.segments)}); "
                "a tokenizer encodes one text or a pair; name one or two columns with --text"
            )
        inputs = list(texts[0]) if len(texts) == 1 else list(zip(*texts, strict=True))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        rows = self.tokenizer.encode_batch(inputs)
        long = [] if limit is None else [row for row, encoding in enumerate(rows) if len(encoding.ids) > limit]
        cut = {items.ids[row]: len(rows[row].ids) for row in long}
        if long:
            self.tokenizer.enable_truncation(limit)
            for row, encoding in zip(long, self.tokenizer.encode_batch([inputs[row] for row in long]), strict=True):
                rows[row] = encoding
        return rows, cut

    def padded(self, rows: Sequence[Any], *, length: int | None = None) -> dict[str, NDArray[np.int64]]:
        """The three inputs [rows, length] of these encodings, by name; as long as the longest unless told."""
        length = length or max(len(row.ids) for row in rows)
        arrays = {
            "input_ids": np.full((len(rows), length), self.pad_id or 0, dtype=np.int64),
            "attention_mask": np.zeros((len(rows), length), dtype=np.int64),
            "token_type_ids": np.full((len(rows), length), self.pad_type_id, dtype=np.int64),
        }
        for place, row in enumerate(rows):
            at = slice(length - len(row.ids), length) if self.pad_left else slice(0, len(row.ids))
            arrays["input_ids"][place, at] = row.ids
            arrays["attention_mask"][place, at] = row.attention_mask
            arrays["token_type_ids"][place, at] = row.type_ids
        return arrays


def read_tokenizer(folder: Path, config: Mapping[str, Any], *, name: str) -> TokenizerFile:
    """The tokenizer in a folder; ``config`` is the model's config.json, {} when there is none."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelError(f"model {name}: {folder} has no tokenizer.json; name a folder that has one with --tokenizer")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError(f"model {name}: {file}", "onnx") from error
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise ModelError(f"model {name}: {file} cannot be read as a tokenizer: {one_line(error)}") from error

    special = read_config(folder / "special_tokens_map.json", name=name)
    settings = {**special, **read_config(folder / "tokenizer_config.json", name=name)}
    own = tokenizer.padding or {}
    token = settings.get("pad_token")
    token = token.get("content") if isinstance(token, dict) else token
    pad_id = own.get("pad_id") if token is None else tokenizer.token_to_id(token)
    if "model_type" in config and config.get("pad_token_id") != pad_id:
        pad_id = None  # The model does not know this token as padding: it would read it as text.
    return TokenizerFile(
        tokenizer=tokenizer,
        limit=token_limit(config, settings.get("model_max_length")),
        pad_id=pad_id,
        pad_type_id=settings.get("pad_token_type_id", own.get("pad_type_id", 0)),
        pad_left=settings.get("padding_side", own.get("direction", "right")) == "left",
    )
