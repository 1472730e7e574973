import numpy as np
import pytest
import torch
from oracles import tiny_causal
from oracles import tokens as slow

from trusteq.models.causal.chunks import chunks
from trusteq.models.causal.reading import Network, batches, read, read_twice
from trusteq.tasks.tokens import TOKEN_COLUMNS, token_rows

TEXTS = ["the good film was very good", "bad", "x😀y " * 9, "a man is playing guitar outside and a woman sleeps " * 2]
CHUNKS = chunks(TEXTS, tiny_causal.tokenizer(), 64, name="m")
AT = {name: i for i, name in enumerate(TOKEN_COLUMNS)}


def log_probabilities(model, chunk):
    with torch.inference_mode():
        logits = model(torch.from_numpy(chunk.ids)[None]).logits[0, :-1]
    return [slow.softmax(row) for row in logits.double().tolist()]


@pytest.mark.parametrize("kind", tiny_causal.KINDS)
def test_rows_are_those_of_one_chunk_after_the_other_in_double_precision(kind):
    reference = tiny_causal.model(kind)
    model = tiny_causal.moved(tiny_causal.model(kind), by=0.05)
    for chunk, rows in zip(CHUNKS, read(Network(reference), Network(model), CHUNKS, budget=128), strict=True):
        p, q = log_probabilities(reference, chunk), log_probabilities(model, chunk)
        assert rows[:, AT["own"]].tolist() == chunk.ids[1:].tolist()
        assert rows[:, AT["bytes"]].tolist() == chunk.length.tolist()
        assert rows[:, AT["token"]].tolist() == [b.index(max(b)) for b in q]
        expected = {
            "log_probability": [b[own] for b, own in zip(q, chunk.ids[1:], strict=True)],
            "confidence": np.exp([max(b) for b in q]),
            "kl_from_reference": [slow.kl(a, b) for a, b in zip(p, q, strict=True)],
            "kl_to_reference": [slow.kl(b, a) for a, b in zip(p, q, strict=True)],
        }
        for name, values in expected.items():
            assert rows[:, AT[name]] == pytest.approx(values, abs=2e-5), name


@pytest.mark.parametrize(("kind", "plain"), list(zip(tiny_causal.KINDS, (True, True, False, False), strict=True)))
def test_what_a_model_does_after_its_head_is_noticed(kind, plain):
    assert Network(tiny_causal.model(kind)).has_plain_head is plain


def test_rows_made_from_whole_log_probabilities_are_the_same():
    reference, model = tiny_causal.model(), tiny_causal.moved(tiny_causal.model(), by=0.05)
    chunk = CHUNKS[0]
    p, q = (np.array(log_probabilities(m, chunk)) for m in (reference, model))
    made = token_rows(chunk.ids[1:], chunk.length, np.arange(1, len(chunk.ids)), p, q)
    assert made == pytest.approx(read(Network(reference), Network(model), [chunk], budget=64)[0], abs=2e-5)


def test_equal_models_differ_in_nothing():
    rows = np.concatenate(read(Network(tiny_causal.model()), Network(tiny_causal.model()), CHUNKS, budget=128))
    assert not rows[:, [AT["kl_from_reference"], AT["kl_to_reference"]]].any()


def test_the_floor_is_what_a_batch_changes_and_nothing_else():
    network = Network(tiny_causal.model())
    twice, once = (
        np.concatenate(f) for f in (read_twice(network, CHUNKS, budget=256), read(network, network, CHUNKS, budget=256))
    )
    same = [i for name, i in AT.items() if not name.startswith("kl")]
    assert np.array_equal(twice[:, same], once[:, same])
    assert twice.max(axis=0)[AT["kl_from_reference"]] < 1e-5


class Watched(Network):
    """It remembers how many chunks it reads at once."""

    def __init__(self, model):
        super().__init__(model)
        self.sizes = []

    def hidden(self, ids):
        self.sizes.append(len(ids))
        return super().hidden(ids)


def test_the_reference_reads_every_chunk_in_a_batch_and_alone():
    network = Watched(tiny_causal.model())
    read_twice(network, CHUNKS, budget=1024)
    assert sorted(network.sizes) == [1] * len(CHUNKS) + [len(CHUNKS)]


def test_a_batch_changes_nothing_but_rounding():
    reference, model = Network(tiny_causal.model()), Network(tiny_causal.moved(tiny_causal.model(), by=0.05))
    large, small = (np.concatenate(read(reference, model, CHUNKS, budget=budget)) for budget in (1024, 1))
    assert large == pytest.approx(small, abs=2e-5)


def test_batches_hold_as_many_as_the_budget_allows():
    assert list(batches([3, 9, 2, 9, 4], 18)) == [[1, 3], [4, 0, 2]]
    assert list(batches([30], 18)) == [[0]]
    assert list(batches([], 18)) == []
