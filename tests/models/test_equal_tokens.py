"""Equal tokens are multiplied once, to the bit, and no others are taken for equal."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models  # noqa: E402

from trusteq.models.encoder import layers, projections  # noqa: E402
from trusteq.models.equal_tokens import distinct, equal_tokens_once  # noqa: E402
from trusteq.models.transformer import open_transformer  # noqa: E402

WIDTH = 16


def drawn(count, different, *, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    some = torch.randn(different, WIDTH, generator=generator).to(dtype)
    return some[torch.randint(different, (count,), generator=generator)].unflatten(0, (-1, 10))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_different_vectors_and_where_they_are(dtype):
    hidden = drawn(200, 30, dtype=dtype)
    some, place = distinct(hidden)
    assert len(some) == len(torch.unique(hidden.flatten(0, 1), dim=0)) <= 30
    assert torch.equal(some[place], hidden.flatten(0, 1))


def test_where_few_are_equal_all_are_multiplied():
    assert distinct(drawn(200, 10_000)) is None
    assert distinct(torch.randn(4, 10, WIDTH)) is None


def test_different_vectors_of_the_same_key_are_not_taken_for_equal():
    hidden = drawn(200, 30)
    odd = (2 * torch.arange(WIDTH) + 1) * 2_654_435_761 % 2**31
    other = hidden[0, 0].view(torch.int32).to(torch.int64)
    other[0] += odd[1]
    other[1] -= odd[0]
    hidden[3, 4] = ((other + 2**31) % 2**32 - 2**31).int().view(torch.float32)
    bits = hidden.flatten(0, 1).view(torch.int32)
    keys = (bits * odd.int()).sum(-1, dtype=torch.int32)
    assert keys[0] == keys[34]
    assert not torch.equal(bits[0], bits[34])
    assert distinct(hidden) is None


def model(kind):
    shape = {"vocab_size": 30, "num_hidden_layers": 2, "num_attention_heads": 4, "pad_token_id": 0}
    torch.manual_seed(0)
    if kind == "distilbert":
        config = transformers.DistilBertConfig(vocab_size=30, dim=32, n_layers=2, n_heads=4, hidden_dim=64)
        return transformers.DistilBertForSequenceClassification(config).eval()
    shape |= {"hidden_size": 32, "intermediate_size": 64}
    return transformers.BertForSequenceClassification(transformers.BertConfig(**shape)).eval()


def perturbed(count=60):
    """Token ids of texts of eight, each of the same words but for a few."""
    ids = torch.arange(2, 10).repeat(count, 1)
    some = torch.rand(ids.shape, generator=torch.Generator().manual_seed(1)) < 0.2
    return torch.where(some, 12, ids)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_answers_are_the_same_and_the_first_layer_multiplies_less(kind, monkeypatch):
    asked, ids, multiplied = model(kind), perturbed(), []
    real = torch.nn.functional.linear

    def counting(rows, *weights):
        multiplied.append(rows.numel() // rows.shape[-1])
        return real(rows, *weights)

    with torch.inference_mode():
        ordinary = asked(input_ids=ids).logits
        monkeypatch.setattr(torch.nn.functional, "linear", counting)
        with equal_tokens_once(asked) as possible:
            assert possible
            torch.testing.assert_close(asked(input_ids=ids).logits, ordinary, rtol=0, atol=1e-6)
    assert multiplied[:3] == [16, 16, 16]  # eight words, or the other in their places
    assert multiplied[3:6] == [480] * 3
    assert not any("forward" in vars(linear) for linear in projections(layers(asked)[0]))


def test_what_somebody_listens_to_or_has_changed_is_left_alone():
    for change in (
        lambda linear: linear.register_forward_hook(lambda *given: None),
        lambda linear: linear.register_forward_pre_hook(lambda *given: None),
        lambda linear: setattr(linear, "forward", lambda given: given),
        lambda linear: delattr(linear, "weight"),  # packed, as of four bits
        lambda linear: setattr(linear, "weight", torch.nn.Parameter(linear.weight.int(), requires_grad=False)),
    ):
        asked = model("bert")
        change(projections(layers(asked)[0])[1])
        before = [vars(linear).get("forward") for linear in projections(layers(asked)[0])]
        with equal_tokens_once(asked) as possible:
            assert not possible
            assert [vars(linear).get("forward") for linear in projections(layers(asked)[0])] == before


@pytest.mark.parametrize(("kind", "possible"), [("bert", True), ("roberta", True), ("llama", False)])
def test_perturbed_texts_are_answered_as_before(kind, possible, tmp_path, monkeypatch):
    opened = open_transformer(str(tiny_models.save(kind, tmp_path)), name=kind)
    words = ["the", "man", "is", "playing", "guitar"]
    texts = [(" ".join(words[:n] + words[n + 1 :]),) for n in range(5) for _ in range(8)]
    rows = opened.encode(texts)
    entered = []
    real = equal_tokens_once

    def watched(given):
        context = real(given)
        entered.append(given)
        return context

    monkeypatch.setattr("trusteq.models.transformer.equal_tokens_once", watched)
    np.testing.assert_allclose(opened.answer(rows), opened._answer(rows, None), rtol=1e-5, atol=1e-5)
    assert entered == [opened.model]
    with real(opened.model) as known:
        assert known is possible
    entered.clear()
    opened.answer(rows, alone=True)
    assert entered == []
