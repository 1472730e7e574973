"""Matrix products in float32 at the full speed of processors with AVX-512."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from trusteq.models.causal import products  # noqa: E402
from trusteq.models.causal.products import fast_products, faster  # noqa: E402


@pytest.fixture
def multiplied(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what oneDNN multiplied, as if this processor had AVX-512."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    shapes: list[tuple[int, ...]] = []
    product = products._product

    def watched(x, weight, bias=None):
        shapes.append(tuple(x.shape))
        return product(x, weight, bias)

    monkeypatch.setattr(products, "faster", lambda: True)
    monkeypatch.setattr(products, "_product", watched)
    return shapes


def layer(inputs: int = 48, outputs: int = 80, *, bias: bool = True):
    torch.manual_seed(0)
    return torch.nn.Linear(inputs, outputs, bias=bias)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_products_are_those_of_double_precision(multiplied, rows, bias):
    made = layer(bias=bias)
    x = torch.randn(2, rows, 48)
    with torch.inference_mode(), fast_products():
        found = made(x)
        apart = (found - made.double()(x.double())).abs().max()
    assert multiplied == [(2, rows, 48)]
    assert float(apart) < 1e-5


def test_numbers_that_are_not_stored_in_order_are_multiplied_as_usual(multiplied):
    made, x = layer(), torch.randn(5, 96)[:, ::2]
    transposed, bias = torch.randn(48, 80).T, torch.randn(160)[::2]
    with torch.inference_mode(), fast_products():
        found = made(x), torch.nn.functional.linear(x.contiguous(), transposed), layer()(x.T.contiguous().T)
        biased = torch.nn.functional.linear(x.contiguous(), made.weight, bias)
    assert multiplied == []
    assert torch.equal(found[0], made(x))
    assert torch.equal(found[1], torch.nn.functional.linear(x.contiguous(), transposed))
    assert torch.equal(biased, torch.nn.functional.linear(x.contiguous(), made.weight, bias))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions_are_multiplied_as_usual(multiplied, dtype):
    made, x = layer().to(dtype), torch.randn(3, 48, dtype=dtype)
    with torch.inference_mode(), fast_products():
        found = made(x)
    assert multiplied == []
    assert torch.equal(found, made(x))


def test_weights_of_another_kind_are_left_to_themselves(multiplied):
    class Packed(torch.Tensor):
        """Weights that a library multiplies in its own way."""

    made = layer(bias=False).weight.data.as_subclass(Packed)
    with torch.inference_mode(), fast_products():
        torch.nn.functional.linear(torch.randn(3, 48), made)
    assert multiplied == []


def test_no_rows_have_no_products(multiplied):
    with torch.inference_mode(), fast_products():
        assert layer()(torch.randn(0, 48)).shape == (0, 80)
    assert multiplied == []


def test_only_processors_with_avx_512_are_concerned(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    faster.cache_clear()
    try:
        assert not faster()
    finally:
        faster.cache_clear()


def test_a_torch_without_the_product_multiplies_as_usual(monkeypatch):
    def missing(*_):
        raise AttributeError("no such operator")

    monkeypatch.setattr(products, "_product", missing)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    faster.cache_clear()
    try:
        assert not faster()
        made, x = layer(), torch.randn(3, 48)
        with fast_products():
            found = made(x)
        assert torch.equal(found, made(x))
    finally:
        faster.cache_clear()
