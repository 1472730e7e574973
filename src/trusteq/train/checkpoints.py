"""The state of a training run after an epoch, on disk, from which an interrupted run resumes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError
from trusteq.models.saving import os_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Epoch:
    """The results of one pass through the examples. loss: mean over the training rows; dev_loss: mean over dev."""

    number: int
    loss: float
    dev_loss: float
    dev_accuracy: float

    @property
    def rank(self) -> tuple[float, float]:
        """A key to compare epochs by; larger is better."""
        return self.dev_accuracy, -self.dev_loss


@dataclass(frozen=True)
class State:
    """The epochs so far; tensors by name: the current weights, those of the best epoch, and the optimizer's moments.

    Of the weights, those that do not move are left out. An epoch numbered 0 is the model before any. ``moments`` are
    named "<parameter's number>.<name of the moment>".
    """

    curve: tuple[Epoch, ...]
    weights: Mapping[str, Any]
    best: Mapping[str, Any]
    moments: Mapping[str, Any]

    @staticmethod
    def start(net: Any, curve: tuple[Epoch, ...] = ()) -> State:
        """Before the first epoch; ``curve`` holds what is known of the model as it is, if anything."""
        weights = _moving(net)
        return State(curve, weights, _copies(weights) if curve else {}, {})

    @property
    def done(self) -> int:
        """The number of the last epoch."""
        return self.curve[-1].number if self.curve else 0

    @property
    def since_best(self) -> int:
        """How many epochs there were after the best."""
        ranks = [epoch.rank for epoch in self.curve]
        return len(ranks) - 1 - ranks.index(max(ranks)) if ranks else 0

    def restore(self, net: Any, optimizer: Any) -> None:
        """Put a model and its optimizer in this state."""
        net.load_state_dict(self.weights, strict=False)
        by_parameter: dict[int, dict[str, Any]] = {}
        for key, tensor in self.moments.items():
            number, _, moment = key.partition(".")
            by_parameter.setdefault(int(number), {})[moment] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": by_parameter})

    def after(self, epoch: Epoch, net: Any, optimizer: Any) -> State:
        """The state after one more epoch; of equally good epochs the earlier counts as best."""
        weights = _moving(net)
        better = all(epoch.rank > earlier.rank for earlier in self.curve)
        best = _copies(weights) if better else self.best
        moments = {
            f"{number}.{moment}": tensor
            for number, moments in optimizer.state_dict()["state"].items()
            for moment, tensor in moments.items()
        }
        return State((*self.curve, epoch), weights, best, moments)


def _moving(net: Any) -> dict[str, Any]:
    """A module's weights and buffers by name, without the parameters that do not move."""
    by_name = net.named_parameters(remove_duplicate=False)  # tied ones under each of their names
    still = {name for name, parameter in by_name if not parameter.requires_grad}
    return {name: tensor for name, tensor in net.state_dict().items() if name not in still}


def _copies(weights: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


@dataclass(frozen=True)
class Checkpoints:
    """The file that holds the newest state, alone in its folder. key: hash of everything that the state depends on.

    epoch: the class of its epochs. A file with another key belongs to another run; only the first epoch of this one
    replaces it. The format is safetensors, so nothing in it can run.
    """

    file: Path
    key: str
    epoch: type[Epoch] = Epoch

    def read(self) -> State | None:
        """The state to resume from; None where there is none, or it is damaged or belongs to another run."""
        from safetensors import SafetensorError, safe_open

        if not self.file.is_file():
            return None
        parts: dict[str, dict[str, Any]] = {"weights": {}, "best": {}, "moments": {}}
        try:
            with safe_open(self.file, framework="pt") as stored:
                metadata = stored.metadata() or {}
                if metadata.get("key") != self.key:
                    return None
                for name in stored.keys():  # noqa: SIM118 - not a mapping
                    part, _, key = name.partition("/")
                    parts[part][key] = stored.get_tensor(name)
            curve = tuple(self.epoch(**epoch) for epoch in json.loads(metadata["curve"]))
        except (SafetensorError, OSError, KeyError, ValueError, TypeError):
            return None
        return State(curve, **parts)

    def of_another(self) -> bool:
        """Whether the stored state, which is not damaged, is that of another run."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.file, framework="pt") as stored:
                return (stored.metadata() or {}).get("key") != self.key
        except (SafetensorError, OSError):
            return False

    def write(self, state: State) -> None:
        """Replace the stored state by this one, completely or not at all."""
        from safetensors.torch import save_file

        parts = {"weights": state.weights, "best": state.best, "moments": state.moments}
        tensors = {
            # Cloned, because safetensors refuses weights that share their memory.
            f"{part}/{key}": tensor.detach().cpu().clone().contiguous()
            for part, by_name in parts.items()
            for key, tensor in by_name.items()
        }
        metadata = {"key": self.key, "curve": json.dumps([asdict(epoch) for epoch in state.curve])}
        draft = self.file.with_name(f"{self.file.name}.part")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with os_errors():
                save_file(tensors, draft, metadata=metadata)
            with draft.open("rb+") as stream:
                os.fsync(stream.fileno())
            draft.replace(self.file)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise RunError(f"{self.file}: cannot be written: {error.strerror or error}") from None

    def remove(self) -> None:
        """Delete the state and its folder, unless it is that of another run."""
        if not self.of_another():
            shutil.rmtree(self.file.parent, ignore_errors=True)
