"""A model is known by the weights that it computes with, quantized or not."""

import shutil

import pytest
import torch
import transformers
from oracles import tiny_language_models as tiny

from trusteq.models.causal.loading import content_hash, load
from trusteq.models.causal.weights import weights_hash
from trusteq.models.library_output import quiet_transformers


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("llama"))


@pytest.fixture
def int8(folder, tmp_path):
    """A folder with int8 weights of compressed-tensors, one scale a row."""
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors to quantize")
    return compress(folder, tmp_path / "int8")


def compress(source, to):
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationArgs,
        QuantizationConfig,
        QuantizationScheme,
        apply_quantization_config,
    )

    shutil.copytree(source, to)
    rounding = QuantizationArgs(num_bits=8, type="int", symmetric=True, strategy="channel")
    scheme = QuantizationScheme(targets=["Linear"], weights=rounding)
    with quiet_transformers():
        model = transformers.AutoModelForCausalLM.from_pretrained(source)
        apply_quantization_config(model, QuantizationConfig(config_groups={"all": scheme}, ignore=["lm_head"]))
        for module in model.modules():
            if hasattr(module, "weight_scale"):
                module.weight_scale.data.copy_(scale(module.weight))
        compressor = ModelCompressor.from_pretrained_model(model)
        compressor.compress_model(model)
        model.save_pretrained(to)
        compressor.update_config(to)
    return to


def scale(weight):
    """A power of two a row, so that the same scale is found again for weights that are already rounded."""
    return 2.0 ** torch.ceil(torch.log2(weight.detach().abs().amax(dim=1, keepdim=True) / 127))


def rounded(source, to):
    """A plain folder with the weights rounded as `compress` does, worked out here."""
    with quiet_transformers():
        plain = transformers.AutoModelForCausalLM.from_pretrained(source)
        with torch.no_grad():
            for name, module in plain.named_modules():
                if isinstance(module, torch.nn.Linear) and name != "lm_head":
                    step = scale(module.weight)
                    module.weight.copy_(torch.clamp(torch.round(module.weight / step), -128, 127) * step)
        plain.save_pretrained(to)
        tiny.tokenizer().save_pretrained(to)
    return to


def test_a_quantized_model_is_the_plain_one_with_its_rounded_weights(folder, int8, tmp_path):
    quantized, plain = load(str(int8), name="m"), load(str(rounded(folder, tmp_path / "plain")), name="m")
    assert plain.quantization == {}
    assert quantized.quantization["quant_method"] == "compressed-tensors"
    assert weights_hash(quantized.model) == weights_hash(plain.model)
    assert content_hash(quantized, chat=False) == content_hash(plain, chat=False)
    assert content_hash(quantized, chat=False) != content_hash(load(str(folder), name="m"), chat=False)


def test_requantization_that_changes_nothing_is_recognized(folder, tmp_path):
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors to quantize")
    plain = rounded(folder, tmp_path / "plain")
    again = compress(plain, tmp_path / "again")
    assert content_hash(load(str(again), name="m"), chat=False) == content_hash(load(str(plain), name="m"), chat=False)


def test_weights_of_torchao_are_dequantized(folder, tmp_path):
    torchao = pytest.importorskip("torchao.quantization", reason="needs torchao to quantize")
    with quiet_transformers():
        config = transformers.TorchAoConfig(torchao.Int8WeightOnlyConfig())
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, quantization_config=config)
        plain = tiny.model()
        state = {
            name: tensor.dequantize() if hasattr(tensor, "__tensor_flatten__") else tensor
            for name, tensor in model.state_dict().items()
        }
        plain.load_state_dict(state)
    assert weights_hash(model) == weights_hash(plain)


def test_a_layer_with_bias_keeps_its_exact_weights():
    """Adding a large bias and subtracting it again would round them."""
    torch.manual_seed(1)
    linear = torch.nn.Linear(8, 8)
    with torch.no_grad():
        linear.bias.fill_(1e6)
    plain = weights_hash(holding(linear))
    forward = linear.forward
    linear.forward = lambda x: forward(x)  # as quantizers do
    assert weights_hash(holding(linear)) == plain
    assert (linear.bias == 1e6).all()


def holding(linear):
    model = torch.nn.Sequential(linear)
    model.dtype, model.device = torch.float32, torch.device("cpu")
    return model


def test_one_number_or_one_name_changes_the_hash():
    torch.manual_seed(1)
    first = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    before = weights_hash(first)
    assert weights_hash(torch.nn.Sequential(first[1], first[0])) != before
    with torch.no_grad():
        first[0].weight[0, 0] = torch.nextafter(first[0].weight[0, 0], torch.tensor(9.0))
    assert weights_hash(first) != before
