"""Low-rank corrections of a candidate's linear maps, W x + B A x: trained, then merged into W or kept as an adapter.

A starts at random and B at 0 (Hu et al. 2021), so training starts from the candidate's own answers. Nothing else moves.
An adapter is saved as PEFT saves one, with a scaling of 1.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.compress.encoder import linear_maps
from trusteq.compress.trainee import HEAL, low_rank
from trusteq.models.adapter import CONFIG, FOLDER, PREFIX, TENSORS
from trusteq.models.auto_class import is_language_model
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trusteq.compress.trainee import Trainee

ZEROS = 0.001
"""A weight with a larger share of zeros than this has been pruned."""


@dataclass(frozen=True)
class Corrections:
    """Those of a trainee, by the names of its linear maps. merge: whether they end up in the weights."""

    learner: Trainee
    rank: int
    merge: bool
    hooks: Mapping[str, Any]

    def merged(self) -> dict[str, Any]:
        """The corrected weights, by the names of the stored tensors; the module computes with them from now on."""
        found = {}
        for name, hook in self.hooks.items():
            linear = self.learner.net.get_submodule(name)
            place = self.learner.stored[f"{name}.weight"]
            weight = linear.weight.detach().cpu() + linear.correction.product().cpu()
            found[place] = weight.to(self.learner.tensors[place].dtype)
            linear.weight.data.copy_(found[place])
            hook.remove()
            del linear.correction
        return found

    def how_far(self) -> dict[str, float]:
        """By weight, or correction beside one, the length of B A as a share of the length of W."""
        far = {}
        for name in self.hooks:
            linear = self.learner.net.get_submodule(name)
            length = float(linear.weight.detach().double().norm())
            moved = float(linear.correction.product().double().norm())
            far[f"{name}.{'weight' if self.merge else 'correction'}"] = float(
                f"{moved / length if length else 1.0:.6g}"
            )
        return far

    def save(self, folder: Path) -> None:
        """Write the adapter to a candidate's folder."""
        from safetensors.torch import save_file

        (folder / FOLDER).mkdir()
        tensors = {}
        for name in self.hooks:
            correction = self.learner.net.get_submodule(name).correction
            for which in ("A", "B"):
                tensor = getattr(correction, which).detach().cpu().contiguous()
                tensors[f"{PREFIX}{name}.lora_{which}.weight"] = tensor
        save_file(tensors, folder / FOLDER / TENSORS, metadata={"format": "pt"})
        writes = is_language_model(type(self.learner.net).__name__)
        config = {
            "base_model_name_or_path": None,
            "bias": "none",
            "inference_mode": True,
            "init_lora_weights": True,
            "lora_alpha": self.rank,
            "lora_dropout": 0.0,
            "peft_type": "LORA",
            "r": self.rank,
            "target_modules": sorted(self.hooks),
            "task_type": "CAUSAL_LM" if writes else None,
        }
        (folder / FOLDER / CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")

    def in_words(self) -> str:
        """What became of them."""
        what = f"corrections of rank {self.rank} of {len(self.hooks):,} linear maps"
        if self.merge:
            return f"{what} were added into the weights; shapes and precision stay, compared in the saved files"
        return (
            f"{what} lie in {FOLDER}/, as PEFT reads them; every tensor of the candidate stays as it is, compared in "
            "the saved files"
        )


def add_corrections(learner: Trainee, source: Any, rank: int, *, merge: bool, seed: int) -> Corrections:
    """Corrections of all linear maps but the head, which alone may move from now on."""
    import torch

    from trusteq.models.correction import Correction, add_correction

    names = list(linear_maps(source, HEAL))
    if merge:
        _refuse_to_merge(learner, names, source)
    narrowest = min(min(learner.net.get_submodule(name).weight.shape) for name in names)
    if rank > narrowest:
        raise does_not_apply(source, HEAL, f"its narrowest linear map is {narrowest} wide, less than --rank {rank}")
    learner.net.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    hooks = {}
    for name in names:
        linear = learner.net.get_submodule(name)
        outputs, inputs = linear.weight.shape
        A = (2 * torch.rand(rank, inputs, generator=generator) - 1) / math.sqrt(inputs)
        hooks[name] = add_correction(linear, Correction(A, torch.zeros(outputs, rank)))
    return Corrections(learner, rank, merge, hooks)


def _refuse_to_merge(learner: Trainee, names: list[str], source: Any) -> None:
    """An error if corrections would destroy what makes the candidate small."""
    for name in names:
        weight = learner.net.get_submodule(name).weight.detach()
        lost = None
        if f"{name}.weight" in learner.rounded:
            lost = "its rounded weights would leave their grid"
        elif int((weight == 0).sum()) > ZEROS * weight.numel():
            lost = "its pruned weights would be 0 no longer"
        elif low_rank(weight):
            lost = "its weights would lose their low rank"
        if lost:
            raise does_not_apply(source, HEAL, f"with --merge {lost} ({name}); leave --merge out to keep an adapter")
