"""A language model that reads whole texts, and says how probable it finds each of their tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.models.causal.beside import read_alone, read_beside
from trusteq.models.causal.language_model import LanguageModel
from trusteq.prompts.documents import documents
from trusteq.tasks.tokens import Tokens

if TYPE_CHECKING:
    from trusteq.data.items import Items
    from trusteq.models.traits import Traits
    from trusteq.tasks.rows import Rows


@dataclass(eq=False)
class TextModel(LanguageModel):
    """A loaded language model whose task file asks for tokens."""

    @property
    def labels(self) -> tuple[str, ...]:
        """None: tokens are the answers."""
        return ()

    @property
    def model(self) -> Any:
        """The network."""
        return self.loaded.model

    @property
    def tokenizer(self) -> Any:
        """What cuts texts into tokens."""
        return self.loaded.tokenizer

    @property
    def context(self) -> int | None:
        """The most tokens that it can read."""
        return self.limit

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return int(self.model.config.get_text_config().vocab_size)

    @property
    def traits(self) -> Traits:
        """Those of a model that reads texts as they are."""
        unable: dict[str, Any] = {"changeable": False, "prompts": None, "plain": None}
        return replace(super().traits, task=Tokens.name, beside=read_beside, **unable)

    def documents(self, items: Items) -> list[str]:
        """The text of each item, as the task file has it."""
        return documents(self.task_file, items)

    def predict(self, items: Items) -> Rows:
        """The rows of each text's tokens, without a reference."""
        return read_alone(self, items)

    @property
    def _is_plain(self) -> bool:
        return type(self) is TextModel
