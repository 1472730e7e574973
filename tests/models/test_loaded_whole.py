"""Parameters that did not come out of a checkpoint's files, whatever the library that loaded them says."""

import json
import shutil

import pytest

from trusteq import ModelError

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from safetensors.torch import load_file, save_file  # noqa: E402

from trusteq.models.library_output import quiet_transformers  # noqa: E402
from trusteq.models.loaded_whole import refuse_parameters_not_in_files  # noqa: E402
from trusteq.models.transformer import open_transformer  # noqa: E402

QUERY = "bert.encoder.layer.0.attention.self.query.weight"


@pytest.fixture
def model(bert):
    return open_transformer(str(bert), name="m").model


def check(model, folder, unused=()):
    refuse_parameters_not_in_files(model, [folder / "model.safetensors"], unused=unused, name="m")


def refused(model, folder, one_line, *expected):
    with pytest.raises(ModelError) as caught:
        check(model, folder)
    one_line(caught, "model m: ", "differ from the checkpoint", "refusing a partly random model", *expected)


def test_a_model_that_was_loaded_whole(model, bert):
    check(model, bert)


@pytest.mark.parametrize("rows", [slice(None), slice(16, None), slice(5, 6)])
def test_a_weight_that_is_made_up_in_whole_or_in_part(rows, model, bert, one_line):
    with torch.no_grad():
        model.get_parameter(QUERY)[rows].normal_(std=0.02)
    refused(model, bert, one_line, "1 of its tensors", QUERY)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_weight_at_a_constant_initial_value(value, model, bert, one_line):
    with torch.no_grad():
        model.classifier.weight.fill_(value)
    refused(model, bert, one_line, "classifier.weight")


def test_one_bit(model, bert, one_line):
    with torch.no_grad():
        model.classifier.bias.view(torch.int32)[0] ^= 1
    refused(model, bert, one_line, "classifier.bias")


def test_a_weight_that_is_not_a_number_is_equal_to_itself(bert, tmp_path):
    folder = shutil.copytree(bert, tmp_path / "copy")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    check(open_transformer(str(folder), name="m").model, folder)


def test_what_a_library_forgot_to_report(bert, tmp_path, monkeypatch, one_line):
    """The very case: it says that nothing is missing."""
    folder = shutil.copytree(bert, tmp_path / "copy")
    load = transformers.BertForSequenceClassification.from_pretrained

    def forgetful(*args, **options):
        model, said = load(*args, **options)
        torch.nn.init.normal_(model.get_parameter(QUERY), std=0.02)
        return model, said

    monkeypatch.setattr(transformers.BertForSequenceClassification, "from_pretrained", forgetful)
    with pytest.raises(ModelError) as caught:
        open_transformer(str(folder), name="m")
    one_line(caught, QUERY, "refusing a partly random model")


def renamed(folder, change):
    weights = load_file(folder / "model.safetensors")
    save_file({change(key): tensor for key, tensor in weights.items()}, folder / "model.safetensors")
    return folder


def test_names_of_former_days(bert, tmp_path):
    old = renamed(
        shutil.copytree(bert, tmp_path / "old"),
        lambda key: key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
    )
    check(open_transformer(str(old), name="m").model, old)


def mixture(folder):
    """A tiny classifier of experts, whose weights transformers puts together of several tensors."""
    torch.manual_seed(0)
    config = transformers.MixtralConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_local_experts=3,
        num_labels=3,
        pad_token_id=0,
    )
    with quiet_transformers():
        transformers.MixtralForSequenceClassification(config).save_pretrained(folder)
    return folder


def loaded(folder):
    with quiet_transformers():
        return transformers.MixtralForSequenceClassification.from_pretrained(folder, dtype="auto")


def test_weights_that_are_put_together_of_several_tensors(tmp_path, one_line):
    folder = mixture(tmp_path / "mixture")
    model = loaded(folder)
    keys = set(load_file(folder / "model.safetensors"))
    together = [name for name, _ in model.named_parameters() if name not in keys]
    assert together, "else this test could not fail"
    check(model, folder)
    with torch.no_grad():
        model.get_parameter(together[0]).view(-1)[7] += 1
    refused(model, folder, one_line, together[0])


def test_a_tensor_without_a_place_in_the_model(tmp_path, one_line):
    folder = mixture(tmp_path / "mixture")
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "other": torch.randn(5)}, folder / "model.safetensors", metadata={"format": "pt"})
    model = loaded(folder)
    check(model, folder, unused=["other"])
    refused(model, folder, one_line)


def test_a_lower_precision_in_the_model_than_in_the_file(bert, tmp_path):
    folder = shutil.copytree(bert, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    model = open_transformer(str(folder), name="m").model
    assert model.dtype == torch.bfloat16
    check(model, folder)
