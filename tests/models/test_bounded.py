"""Modules that no file could fill: an error before they are built."""

import json
import shutil

import pytest

from trusteq import ModelError
from trusteq.models import bounded

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles.tiny_models import save  # noqa: E402

from trusteq import open_model  # noqa: E402
from trusteq.models.bounded import bounded_by  # noqa: E402
from trusteq.models.library_output import quiet_transformers  # noqa: E402

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def copy(bert, tmp_path):
    return shutil.copytree(bert, tmp_path / "copy")


def of_kind(kind, folder, bert, **shape):
    """A tiny classifier of another kind with the tokenizer of the tiny BERT."""
    config, model = getattr(transformers, f"{kind}Config"), getattr(transformers, f"{kind}ForSequenceClassification")
    shutil.copytree(bert, folder)
    (folder / "model.safetensors").unlink()
    with quiet_transformers():
        model(config(vocab_size=200, pad_token_id=0, num_labels=3, **shape)).save_pretrained(folder)
    return folder


ALBERT = {"embedding_size": 8, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}
FUNNEL = {"block_sizes": [1, 1], "d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 16, "num_decoder_layers": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "shape", "claim"),
    [
        ("Albert", ALBERT, {"num_hidden_groups": 10**8}),
        ("Albert", ALBERT, {"num_hidden_groups": 10**6, "num_hidden_layers": 10**4}),
        ("Albert", ALBERT, {"inner_group_num": 10**8}),
        ("Funnel", FUNNEL, {"block_sizes": [10**8]}),
        ("Funnel", FUNNEL, {"block_sizes": [10**6]}),
        ("Funnel", FUNNEL, {"block_sizes": [1] * 10**5}),
    ],
)
def test_parts_without_end(kind, shape, claim, bert, tmp_path, one_line):
    folder = of_kind(kind, tmp_path / "m", bert, **shape)
    assert open_model(folder, name="m").labels
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **claim}))
    with pytest.raises(ModelError) as caught:
        open_model(folder, name="m")
    one_line(caught, "model m: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: torch.nn.Embedding(10**6, 100), "values in its parameters"),
        (lambda: torch.nn.Module().register_buffer("table", torch.empty(10**10)), "bytes of buffers"),
        (lambda: torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(10**5))), "modules and parameters"),
    ],
)
def test_each_of_the_three_is_counted(make, what, bert, one_line):
    with pytest.raises(ModelError) as caught, torch.device("meta"), bounded_by([bert / "model.safetensors"], name="m"):
        make()
    one_line(caught, "model m: its configuration claims more than", what, "such a model cannot exist")


@pytest.mark.parametrize("claim", [{"vocab_size": 10**7}, {"num_hidden_layers": 2000}])
def test_a_configuration_is_held_to_it(claim, copy, one_line):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **claim}))
    with pytest.raises(ModelError) as caught:
        open_model(copy, name="m")
    one_line(caught, "model m: its configuration claims more than")


def test_what_is_built_afterwards_is_not_counted(bert, monkeypatch):
    monkeypatch.setattr(bounded, "VALUES", 0)
    monkeypatch.setattr(bounded, "VALUES_A_BYTE", 0)
    with pytest.raises(ModelError), bounded_by([bert / "model.safetensors"], name="m"):
        torch.nn.Linear(2, 2)
    torch.nn.Linear(2, 2)


def test_what_another_thread_builds_is_not_counted(bert, monkeypatch):
    import threading

    monkeypatch.setattr(bounded, "PARTS", 0)
    monkeypatch.setattr(bounded, "PARTS_A_TENSOR", 0)
    made = []
    with bounded_by([bert / "model.safetensors"], name="m"):
        other = threading.Thread(target=lambda: made.append(torch.nn.Linear(2, 2)))
        other.start()
        other.join()
    assert made


@pytest.mark.parametrize("key", ["extra_ids", "max_depth", "vocab_size"])
def test_a_tokenizer_that_claims_too_much(key, tmp_path, one_line):
    folder = save("bert", tmp_path / "m")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, key: 10**9}))
    with pytest.raises(ModelError) as caught:
        open_model(folder, name="m")
    one_line(caught, f"tokenizer_config.json says {key} is 1000000000, more than the 2,000,000 allowed")


def test_a_tokenizer_without_a_limit_is_fine(copy):
    """They save one of 10^30."""
    config = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps({**config, "model_max_length": int(1e30)}))
    assert open_model(copy, name="m").labels
