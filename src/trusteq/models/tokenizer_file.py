"""A tokenizer.json file, run with the light ``tokenizers`` library."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trusteq.data.surrogates import is_unicode
from trusteq.data.table import shown
from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.fatal_tokenizer import refuse_fatal
from trusteq.models.files import lasting
from trusteq.models.library_output import is_failure, one_line
from trusteq.models.token_growth import TokenGrowth, portions, token_growth
from trusteq.models.token_limit import token_limit
from trusteq.models.token_rows import TokenRows, token_rows
from trusteq.models.truncating import kept_positions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


INPUTS = ("input_ids", "attention_mask", "token_type_ids")


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer with its limit in tokens and its padding; ``pad_id`` is None if rows cannot be padded.

    pad_left, cut_left: whether rows are padded and truncated on their left.
    """

    tokenizer: Any
    limit: int | None
    pad_id: int | None
    pad_type_id: int
    pad_left: bool
    mask_token: str | None
    cut_left: bool = False

    def encode(
        self, texts: Sequence[tuple[str, ...]], *, limit: int | None, name: str
    ) -> tuple[TokenRows, dict[int, int]]:
        """The tokens of texts, each the segments of one row, truncated to the limit; full lengths of truncated rows."""
        ids: list[list[int]] = []
        types: list[list[int]] = []
        cut: dict[int, int] = {}
        for portion in portions(texts, self._growth, name=name):
            self.tokenizer.no_padding()
            self.tokenizer.no_truncation()
            for row in self.tokenizer.encode_batch([text[0] if len(text) == 1 else text for text in portion]):
                tokens, kinds = row.ids, row.type_ids
                if limit is not None and len(tokens) > limit:
                    cut[len(ids)] = len(tokens)
                    added = self.tokenizer.num_special_tokens_to_add(len(portion[0]) > 1)
                    positions = kept_positions(row.sequence_ids, limit, added=added, name=name, left=self.cut_left)
                    tokens, kinds = ([values[i] for i in positions] for values in (tokens, kinds))
                ids.append(tokens)
                types.append(kinds)
        return token_rows(ids, types), cut

    @cached_property
    def _growth(self) -> TokenGrowth:
        return token_growth(self.tokenizer)


def read_tokenizer(folder: Path, config: Mapping[str, Any], *, name: str) -> TokenizerFile:
    """The tokenizer in a folder; ``config`` is the model's config.json, {} if there is none."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelError(f"model {name}: {folder} has no tokenizer.json; name a folder that has one with --tokenizer")
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"model {name}: {file}", "onnx") from error
    refuse_fatal(file, name=name)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except BaseException as error:
        if not is_failure(error):
            raise
        raise ModelError(f"model {name}: {file} cannot be read as a tokenizer: {one_line(error)}") from error

    special = lasting(folder / "special_tokens_map.json", name=name)
    settings = {**special, **lasting(folder / "tokenizer_config.json", name=name)}
    padding, truncation = tokenizer.padding or {}, tokenizer.truncation or {}
    token, mask = (_content(settings.get(key)) for key in ("pad_token", "mask_token"))
    pad_type = settings.get("pad_token_type_id", padding.get("pad_type_id", 0))
    for key, value, kind in (
        ("pad_token", token, str),
        ("mask_token", mask, str),
        ("pad_token_type_id", pad_type, int),
    ):
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool) or not is_unicode(str(value))):
            raise ModelError(f"model {name}: {key} of the tokenizer in {folder} is {shown(value)}; fix its files")
    pad_id = padding.get("pad_id") if token is None else tokenizer.token_to_id(token)
    if "model_type" in config and config.get("pad_token_id") != pad_id:
        pad_id = None  # The model does not treat this token as padding, but would read it as text.
    return TokenizerFile(
        tokenizer=tokenizer,
        limit=token_limit(config, settings.get("model_max_length"), where=f"model {name}"),
        pad_id=pad_id,
        pad_type_id=pad_type or 0,
        pad_left=settings.get("padding_side", padding.get("direction", "right")) == "left",
        mask_token=mask,
        cut_left=settings.get("truncation_side", truncation.get("direction", "right")) == "left",
    )


@contextmanager
def tokenizing(name: str) -> Iterator[None]:
    """Within the context, any failure of a tokenizer becomes a one-line error; ``name`` is the model's."""
    try:
        yield
    except ModelError:
        raise
    except BaseException as error:
        if not is_failure(error):
            raise
        raise ModelError(f"model {name}: its tokenizer fails on these texts: {one_line(error)}") from error


def _content(token: Any) -> str | None:
    """The text of a special token, which may be saved alone or with its settings."""
    return token.get("content") if isinstance(token, dict) else token
