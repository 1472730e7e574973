"""Matrix products in float32 at the full speed of processors with AVX-512.

torch multiplies with MKL, which uses AVX-512 on Intel's processors only. oneDNN, which is also part of torch, uses it
on all: on a fifth-generation EPYC, products take less than half the time. Weights are read where they are, not copied.
Sums are in another order, so results differ in their last bits.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def fast_products() -> AbstractContextManager[Any]:
    """Within the context, linear layers of ordinary float32 weights are multiplied by oneDNN where that is faster."""
    return _mode()() if faster() else nullcontext()


@cache
def faster() -> bool:
    """Whether this processor has AVX-512, and this torch lets oneDNN multiply."""
    import torch

    built_in = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not built_in or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    x, weight, bias = torch.arange(6.0).reshape(1, 2, 3), torch.arange(12.0).reshape(4, 3), torch.arange(4.0)
    try:
        return torch.equal(_product(x, weight, bias), torch.nn.functional.linear(x, weight, bias))
    except (RuntimeError, AttributeError, TypeError):
        return False


def _product(x: Any, weight: Any, bias: Any = None) -> Any:
    import torch

    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@cache
def _mode() -> Any:
    import torch
    from torch.overrides import TorchFunctionMode

    linear, ordinary = torch.nn.functional.linear, (torch.Tensor, torch.nn.Parameter)

    def fits(x: Any, weight: Any, bias: Any = None) -> bool:
        # oneDNN takes numbers to be one after the other without asking.
        return x.numel() > 0 and all(
            type(part) in ordinary
            and part.dtype is torch.float32
            and part.device.type == "cpu"
            and part.is_contiguous()
            for part in (x, weight, *(() if bias is None else (bias,)))
        )

    class Products(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is linear and not kwargs and fits(*args):
                return _product(*args)
            return func(*args, **(kwargs or {}))

    return Products
