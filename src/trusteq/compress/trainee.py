"""A candidate as a torch module that can be trained, and what makes it small kept as it is.

Rounded weights stay on their grid, zeros stay zeros, weights of low rank stay of that rank, shapes stay. The module
computes with plain float32 weights; what has moved is written back into the candidate's own files.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trusteq.compress.stored_tensors import StoredTensors, stored_names
from trusteq.errors import OptionError
from trusteq.models.auto_class import is_language_model
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAL = "heal"
SMALL, SCALES, ALL = "small", "scales", "all"
MOVES = (SMALL, SCALES, ALL)
"""What may move: biases, norms and the head; with them the scales of rounded weights; or all that need not stay."""

FEW = 0.6
"""A weight is rounded if the values in its rows that are not 0 are at most this share of as many different ones."""
RANK_IS_LOWER = 1e-5, 0.95
"""Singular values below this share of the largest are 0; a rank counts as low below this share of the full one."""
LEAST = 1024
"""Weights with fewer numbers are not looked at for rounding or rank."""
LEAST_OF_MODULE = 64
"""The same for a module of any kind, which may be small as a whole."""


@dataclass(frozen=True)
class Trainee:
    """A candidate's torch module in float32.

    stored: by parameter, the tensor of the files that it stands for. rounded: the weights on a grid; grids: their
    whole numbers and where their steps are stored, as far as these are known. zeros: how many weights are 0 and stay
    so, by parameter. ranks: the rank of weights of low rank. kept: further parameters that stay as they are. least:
    how many numbers a weight has at least that is looked at for its rank. hooks, plain: what keeps zeros and ranks,
    and the parameters in whose place this stands.
    """

    net: Any
    tensors: Mapping[str, Any]
    stored: Mapping[str, str]
    rounded: frozenset[str]
    grids: Mapping[str, tuple[Any, str]]
    zeros: dict[str, int] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    least: int = LEAST
    hooks: list[Any] = field(default_factory=list)
    plain: dict[str, Any] = field(default_factory=dict)

    def may_move(self, what: str | None, source: Any) -> str:
        """Let parameters move, by default as suits the candidate; returns what may."""
        what = what or (SMALL if self.rounded else ALL)
        if what == SCALES and not self.grids:
            raise does_not_apply(source, HEAL, "it has no rounded weights whose scales could move; use another --move")
        head = _head(self.net)
        stays = self.rounded | self.kept | _vocabulary(self.net)
        parameters = dict(self.net.named_parameters())
        for name, parameter in parameters.items():
            small = parameter.ndim < 2 or name in head
            parameter.requires_grad_(name not in stays and (small or what == ALL))
        for name, parameter in parameters.items():
            if parameter.requires_grad and parameter.ndim > 1:
                self._keep_zeros(name, parameter)
        from trusteq.compress.parametrizations import OnGrid

        if what == ALL:
            self._keep_ranks(parameters)
        if what != SMALL:
            for name, (whole, place) in self.grids.items():
                _parametrize(self.net, name, OnGrid(whole, self.tensors[place]))
        return what

    def _keep_zeros(self, name: str, parameter: Any) -> None:
        nonzero = parameter.detach() != 0
        if not nonzero.all():
            self.zeros[name] = int((~nonzero).sum())
            self.hooks.append(parameter.register_hook(lambda gradient: gradient * nonzero))

    def _keep_ranks(self, parameters: Mapping[str, Any]) -> None:
        from trusteq.compress.parametrizations import OfRank

        for name in _linear_weights(self.net):
            parameter = parameters.get(name)
            if parameter is None or not parameter.requires_grad or name in self.zeros or name not in self.stored:
                continue
            if rank := low_rank(parameter, self.least):
                self.ranks[name] = rank
                self.plain[name] = parameter
                _parametrize(self.net, name, OfRank(rank))

    def release(self, *, keep_moved: bool) -> None:
        """Leave the module as it came but for the numbers that moved, or with these as they were, too."""
        import torch
        from torch.nn.utils.parametrize import remove_parametrizations

        for hook in self.hooks:
            hook.remove()
        with torch.no_grad():
            for name, parameter in self.plain.items():
                module, attribute = _owner(self.net, name)
                remove_parametrizations(module, attribute)
                parameter.copy_(getattr(module, attribute))
                setattr(module, attribute, parameter)
            if not keep_moved:
                for name, parameter in self.net.named_parameters():
                    parameter.copy_(self.tensors[name])

    def moved(self) -> dict[str, Any]:
        """The tensors that differ from those in the files, by the names that they have there."""
        import torch
        from torch.nn.utils.parametrize import is_parametrized

        found = {}
        for name in self.stored:
            module, attribute = _owner(self.net, name)
            value, place = getattr(module, attribute), self.stored[name]
            if name in self.grids:
                if not is_parametrized(module, attribute):
                    continue
                value = module.parametrizations[attribute].original
            before = self.tensors[place]
            value = value.detach().cpu().to(before.dtype)
            if not torch.equal(value, before):
                found[place] = value
        return found


def trainee(source: Any, method: str = HEAL) -> Trainee:
    """The candidate's module, with what is in its files."""
    import torch

    tensors = StoredTensors.of(source.files)
    quantization = source.identity.details["quantization"]
    if not quantization:
        net = deepcopy(source.model).float()
        stored = _places(net, tensors)
        for name, parameter in net.named_parameters():
            if stored[name] not in tensors or not torch.equal(tensors[stored[name]].float(), parameter.detach().cpu()):
                raise does_not_apply(
                    source, method, f"its files do not hold {name} as it is; load and save it with transformers"
                )
        on_few = {name for name in _linear_weights(net) if name in stored and on_few_values(tensors[stored[name]])}
        return Trainee(net, tensors, stored, frozenset(on_few), {})
    from trusteq.compress.parametrizations import on_grid

    net = _plain(source)
    stored = _places(net, tensors)
    grids: dict[str, tuple[Any, str]] = {}
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if stored[name] in tensors:
                parameter.copy_(tensors[stored[name]])
                continue
            whole, step = _unpacked(source, method, stored[name], tensors, quantization)
            grids[name] = (whole, step)
            stored[name] = step
            parameter.copy_(on_grid(whole, tensors[step]))
        own = source.model.state_dict()
        for name, buffer in net.named_buffers():
            if name in own:
                buffer.copy_(own[name])
    net.tie_weights()
    if rounds_activations(quantization):
        for name in grids:
            _owner(net, name)[0].register_forward_pre_hook(_rounded_inputs)
    return Trainee(net.eval(), tensors, stored, frozenset(grids), grids)


def _places(net: Any, tensors: StoredTensors) -> dict[str, str]:
    """By what name the files hold each parameter, or would if its weight were plain."""
    names = [name for name, _ in net.named_parameters()]
    own = {name: name for name in names}
    return own if all(name in tensors for name in names) else own | stored_names(net, names)


def trainee_of_module(net: Any, keep: frozenset[str]) -> Trainee:
    """Any torch module; its own parameters, as they are, stand for those of files."""
    import torch

    parameters = dict(net.named_parameters())
    if unknown := sorted(keep - parameters.keys()):
        raise OptionError(f"keep names {unknown[0]!r}, which is no parameter of the candidate")
    for name, parameter in parameters.items():
        if parameter.dtype not in (torch.float32, torch.float64):
            raise OptionError(f"{name} of the candidate is in {parameter.dtype}; heal a copy in 32 bits (.float())")
    tensors = {name: parameter.detach().cpu().clone() for name, parameter in parameters.items()}
    linear = [name for name in _linear_weights(net) if name in tensors]
    on_few = frozenset(name for name in linear if on_few_values(tensors[name].float(), LEAST_OF_MODULE))
    kept = keep.union(name for name, parameter in parameters.items() if not parameter.requires_grad)
    return Trainee(net, tensors, {name: name for name in tensors}, on_few, {}, kept=kept, least=LEAST_OF_MODULE)


def refuse_lost(learner: Trainee, name: str, after: Any, *, may_differ: bool) -> None:
    """Raise an error if a tensor has lost what makes the candidate small; ``name`` is that in the files."""
    import torch

    before = learner.tensors[name]
    if before.dtype != after.dtype or before.shape != after.shape:
        raise ValueError(f"{name} has another shape or precision than in the candidate")
    if not may_differ and not torch.equal(before, after):
        raise ValueError(f"{name} was to stay as it is in the candidate")
    own = next((own for own, place in learner.stored.items() if place == name), name)
    if own in learner.zeros and (after[before == 0] != 0).any():
        raise ValueError(f"{name} has lost zeros")
    if own in learner.ranks and (low_rank(after, learner.least) or before.numel()) > learner.ranks[own]:
        raise ValueError(f"{name} has lost its low rank")


def rounds_activations(quantization: Mapping[str, Any] | None) -> bool:
    """Whether a model's linear maps round their inputs when it runs."""
    return "Dynamic" in str((quantization or {}).get("quant_type"))


def on_few_values(weight: Any, least: int = LEAST) -> bool:
    """Whether the weights of each row lie on so few values that they must have been rounded."""
    import torch

    if weight.dtype != torch.float32 or weight.ndim < 2 or weight.numel() < least:
        return False
    rows = weight.flatten(1).sort(dim=1).values
    nonzero = rows != 0
    new = torch.ones_like(nonzero)
    new[:, 1:] = rows[:, 1:] != rows[:, :-1]
    return bool((new & nonzero).sum() <= FEW * nonzero.sum())


def low_rank(weight: Any, least: int = LEAST) -> int | None:
    """The rank of a weight, if it is clearly lower than its shape allows."""
    import torch

    nothing, low = RANK_IS_LOWER
    if weight.ndim != 2 or weight.numel() < least:
        return None
    values = torch.linalg.svdvals(weight.detach().float())
    rank = int((values > nothing * values[0]).sum())
    return rank if 0 < rank <= low * len(values) else None


def _plain(source: Any) -> Any:
    """A module of the same architecture with plain weights."""
    config = deepcopy(source.model.config)
    for key in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, key):
            delattr(config, key)
    return type(source.model)(config).float()


def _unpacked(
    source: Any, method: str, name: str, tensors: StoredTensors, quantization: Mapping[str, Any]
) -> tuple[Any, str]:
    """The whole numbers of a rounded weight, and the name of the tensor that holds its steps."""
    import torch

    module, _, attribute = name.rpartition(".")
    if attribute == "weight" and f"{module}._weight_qdata" in tensors:
        return tensors[f"{module}._weight_qdata"], f"{module}._weight_scale"
    if attribute == "weight" and f"{module}.weight_packed" in tensors and f"{module}.weight_zero_point" not in tensors:
        from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32

        (scheme,) = quantization["config_groups"].values()
        shape = torch.Size(tensors[f"{module}.weight_shape"].tolist())
        bits = int(scheme["weights"]["num_bits"])
        return unpack_from_int32(tensors[f"{module}.weight_packed"], bits, shape), f"{module}.weight_scale"
    by = quantization.get("quant_method")
    raise does_not_apply(source, method, f"{name} is rounded by {by} in a way that cannot be taken apart")


def _head(net: Any) -> set[str]:
    """The parameters outside of a transformers model's body; in another module, those of the last layer."""
    names = [name for name, _ in net.named_parameters()]
    body = getattr(net, "base_model", None)
    if body is None:
        layer = names[-1].rpartition(".")[0] if names else ""
        return {name for name in names if name.rpartition(".")[0] == layer}
    prefix = "" if body is net else f"{net.base_model_prefix}."
    return set(names) - {prefix + name for name, _ in body.named_parameters()}


def _vocabulary(net: Any) -> set[str]:
    """A language model's embeddings and head, which may be one; they are large, and stay as they are."""
    if not is_language_model(type(net).__name__):
        return set()
    ends = {id(part.weight) for part in (net.get_input_embeddings(), net.get_output_embeddings())}
    return {name for name, parameter in net.named_parameters() if id(parameter) in ends}


def _linear_weights(net: Any) -> list[str]:
    import torch

    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    return [f"{name}.weight" for name, module in net.named_modules() if isinstance(module, kinds)]


def _owner(net: Any, name: str) -> tuple[Any, str]:
    """The module that has a parameter, and what it is called there."""
    module, _, attribute = name.rpartition(".")
    return net.get_submodule(module), attribute


def _parametrize(net: Any, name: str, parametrization: Any) -> None:
    from torch.nn.utils.parametrize import register_parametrization

    module, attribute = _owner(net, name)
    register_parametrization(module, attribute, parametrization, unsafe=True)
    for parameter in module.parametrizations[attribute].parameters():
        parameter.requires_grad_(True)


def _rounded_inputs(module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs of a linear map in 8 bits, one scale for each token; gradients pass as if they were not rounded."""
    x, *rest = inputs
    step = x.detach().abs().amax(dim=-1, keepdim=True).clamp(min=1e-9) / 127.5
    rounded = (x.detach() * (1 / step)).round().clamp(-128, 127) * step  # as torchao does, to the last bit
    return (x + (rounded - x.detach()), *rest)
