"""The state of a training run after an epoch, on disk: what a run that was interrupted goes on from."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Epoch:
    """What one pass through the examples came to; loss: mean over the rows seen; dev_loss: that of the same on dev."""

    number: int
    loss: float
    dev_loss: float
    dev_accuracy: float

    @property
    def rank(self) -> tuple[float, float]:
        """The larger, the better."""
        return self.dev_accuracy, -self.dev_loss


@dataclass(frozen=True)
class State:
    """The epochs so far; tensors by name: the weights now, those of the best epoch, and the optimizer's moments.

    ``moments`` are named "<parameter's number>.<what>".
    """

    curve: tuple[Epoch, ...]
    weights: Mapping[str, Any]
    best: Mapping[str, Any]
    moments: Mapping[str, Any]

    @staticmethod
    def start(net: Any) -> State:
        """Before the first epoch."""
        return State((), net.state_dict(), {}, {})

    def give(self, net: Any, optimizer: Any) -> None:
        """Put a model and its optimizer in this state."""
        net.load_state_dict(self.weights)
        held: dict[int, dict[str, Any]] = {}
        for key, tensor in self.moments.items():
            number, _, what = key.partition(".")
            held.setdefault(int(number), {})[what] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": held})

    def after(self, epoch: Epoch, net: Any, optimizer: Any) -> State:
        """The state after one more epoch, the best of which is kept: of equal ones the earlier."""
        weights = net.state_dict()
        better = all(epoch.rank > earlier.rank for earlier in self.curve)
        best = {key: tensor.detach().clone() for key, tensor in weights.items()} if better else self.best
        moments = {
            f"{number}.{what}": tensor
            for number, held in optimizer.state_dict()["state"].items()
            for what, tensor in held.items()
        }
        return State((*self.curve, epoch), weights, best, moments)


@dataclass(frozen=True)
class Checkpoints:
    """The one file that holds the newest state, in a folder of its own; ``key`` names everything that it depends on.

    A file with another key is not taken up. It is safetensors, so nothing in it can run.
    """

    file: Path
    key: str

    def read(self) -> State | None:
        """The state to go on from; None where there is none, or it is of another run or damaged."""
        from safetensors import SafetensorError, safe_open

        if not self.file.is_file():
            return None
        parts: dict[str, dict[str, Any]] = {"weights": {}, "best": {}, "moments": {}}
        try:
            with safe_open(self.file, framework="pt") as stored:
                told = stored.metadata() or {}
                if told.get("key") != self.key:
                    return None
                for name in stored.keys():  # noqa: SIM118 - it is no mapping
                    part, _, key = name.partition("/")
                    parts[part][key] = stored.get_tensor(name)
            curve = tuple(Epoch(**epoch) for epoch in json.loads(told["curve"]))
        except (SafetensorError, OSError, KeyError, ValueError, TypeError):
            return None
        return State(curve, **parts)

    def write(self, state: State) -> None:
        """Keep this state in place of an earlier one; whole, or not at all."""
        from safetensors.torch import save_file

        parts = {"weights": state.weights, "best": state.best, "moments": state.moments}
        tensors = {
            # Cloned, for weights that share their memory are stored twice.
            f"{part}/{key}": tensor.detach().cpu().clone().contiguous()
            for part, held in parts.items()
            for key, tensor in held.items()
        }
        told = {"key": self.key, "curve": json.dumps([asdict(epoch) for epoch in state.curve])}
        draft = self.file.with_name(f"{self.file.name}.part")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, draft, metadata=told)
            with draft.open("rb+") as stream:
                os.fsync(stream.fileno())
            draft.replace(self.file)
        except OSError as error:
            raise RunError(f"{self.file}: cannot be written: {error.strerror or error}") from None

    def remove(self) -> None:
        """Nothing is left to go on from; its folder goes, too."""
        shutil.rmtree(self.file.parent, ignore_errors=True)
