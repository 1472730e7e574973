"""Quantized checkpoints made by the real libraries, opened, spoilt and refused."""

import importlib.metadata
import json
import shutil

import numpy as np
import pytest

from trusteq import ModelError

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from trusteq.models.library_output import quiet_transformers  # noqa: E402
from trusteq.models.probe import probe  # noqa: E402
from trusteq.models.transformer import open_transformer  # noqa: E402

QUERY = "bert.encoder.layer.0.attention.self.query"
PACKAGES = {
    "torchao int8": ["torchao"],
    "torchao dynamic int8": ["torchao"],
    "compressed-tensors int8": ["compressed_tensors"],
    "compressed-tensors int4": ["compressed_tensors"],
    "bitsandbytes int8": ["bitsandbytes", "accelerate"],
    "bitsandbytes nf4": ["bitsandbytes", "accelerate"],
}


@pytest.fixture(scope="session")
def quantized(bert, tmp_path_factory):
    """A function from a kind of quantization to the folder of the tiny BERT saved with it."""
    made = {}

    def make(kind):
        for package in PACKAGES[kind]:
            pytest.importorskip(package, reason=f"needs {package} to quantize")
        if kind not in made:
            made[kind] = shutil.copytree(bert, tmp_path_factory.mktemp("quantized") / kind)
            with quiet_transformers():
                (compress if kind.startswith("compressed") else quantize)(bert, kind, made[kind])
        return made[kind]

    return make


def quantize(source, kind, folder):
    """As transformers does it while loading."""
    if kind.startswith("torchao"):
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig

        how = Int8DynamicActivationInt8WeightConfig if "dynamic" in kind else Int8WeightOnlyConfig
        config = transformers.TorchAoConfig(how())
    elif kind == "bitsandbytes int8":
        config = transformers.BitsAndBytesConfig(load_in_8bit=True)
    else:
        config = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(source, quantization_config=config)
    model.save_pretrained(folder)


def compress(source, kind, folder):
    """Weights rounded to the nearest step, one scale a row."""
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationArgs,
        QuantizationConfig,
        QuantizationScheme,
        apply_quantization_config,
    )

    bits = 4 if kind.endswith("int4") else 8
    rounding = QuantizationArgs(num_bits=bits, type="int", symmetric=True, strategy="channel")
    scheme = QuantizationScheme(targets=["Linear"], weights=rounding)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(source)
    apply_quantization_config(model, QuantizationConfig(config_groups={"all": scheme}, ignore=["classifier"]))
    for module in model.modules():
        if hasattr(module, "weight_scale"):
            largest = module.weight.detach().abs().amax(dim=1, keepdim=True)
            module.weight_scale.data.copy_(largest / (2 ** (bits - 1) - 0.5))
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(folder)
    compressor.update_config(folder)


@pytest.fixture
def copy(quantized, tmp_path):
    """A function from a kind of quantization to a copy of its folder to spoil."""
    return lambda kind: shutil.copytree(quantized(kind), tmp_path / "copy")


def change_config(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def reweigh(folder, change):
    """Nothing; the folder's tensors are what the function makes of them, under the same metadata."""
    file = folder / "model.safetensors"
    with safe_open(file, "pt") as tensors:
        weights = {key: tensors.get_tensor(key) for key in tensors.keys()}  # noqa: SIM118
        metadata = tensors.metadata()
    save_file(change(weights), file, metadata=metadata)


def drop(folder, absent):
    """Nothing; the folder's weights have lost the tensors that the function says."""
    assert any(absent(key) for key in load_file(folder / "model.safetensors"))
    reweigh(folder, lambda weights: {key: value for key, value in weights.items() if not absent(key)})


def refused(folder, **options):
    with pytest.raises(ModelError) as caught:
        open_transformer(str(folder), name="m", **options)
    return caught


# opened


@pytest.mark.slow
@pytest.mark.parametrize("kind", PACKAGES)
def test_answers_are_those_of_transformers_and_not_of_the_plain_model(quantized, kind, bert, items):
    folder = quantized(kind)
    model = open_transformer(str(folder), name="m", budget=1)
    with quiet_transformers(), torch.inference_mode():
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        direct = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
        expected = [direct(**tokenizer(text, return_tensors="pt")).logits for text in items.segments["text"]]
    answers = model.predict(items)
    np.testing.assert_allclose(answers, torch.cat(expected).float().softmax(-1), atol=1e-5)
    moved = np.abs(answers - open_transformer(str(bert), name="n").predict(items)).max()
    assert 1e-4 < moved < (1 if "4" in kind else 0.5)
    assert model.findings() == ()


@pytest.mark.parametrize("kind", PACKAGES)
def test_nothing_reaches_the_terminal(quantized, kind, items, capfd):
    folder = quantized(kind)
    capfd.readouterr()
    open_transformer(str(folder), name="m").predict(items)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", PACKAGES)
def test_the_identity_tells_how_it_is_quantized_and_by_which_version(quantized, kind, bert):
    identity, plain = (open_transformer(str(folder), name="m").identity for folder in (quantized(kind), bert))
    assert identity.details["quantization"]["quant_method"] == kind.split()[0]
    for package in PACKAGES[kind]:
        package = package.replace("_", "-")
        assert identity.details[package] == importlib.metadata.version(package)
    assert identity.details["parameters"] == plain.details["parameters"]
    assert identity.content != plain.content
    json.dumps(dict(identity.details))


@pytest.mark.parametrize("kind", ["torchao int8", "compressed-tensors int4", "bitsandbytes nf4"])
def test_rounded_weights_do_not_make_answers_depend_on_the_batch(quantized, kind, pairs):
    assert probe(open_transformer(str(quantized(kind)), name="m"), pairs).findings("m") == ()


# refused


@pytest.mark.parametrize(
    ("kind", "tensor", "what"),
    [
        ("torchao int8", f"{QUERY}._weight_qdata", f"built from: {QUERY}.weight"),
        ("torchao int8", f"{QUERY}._weight_scale", f"built from: {QUERY}.weight"),
        ("torchao int8", f"{QUERY}.bias", f"({QUERY}.bias)"),
        ("compressed-tensors int4", f"{QUERY}.weight_packed", f"({QUERY}.weight_packed)"),
        ("compressed-tensors int8", f"{QUERY}.weight_scale", f"({QUERY}.weight_scale)"),
        ("bitsandbytes int8", f"{QUERY}.SCB", f"built from: {QUERY}.weight"),
        ("bitsandbytes nf4", f"{QUERY}.weight.absmax", f"built from: {QUERY}.weight"),
    ],
)
def test_a_missing_part_of_a_weight(copy, kind, tensor, what, one_line):
    folder = copy(kind)
    drop(folder, lambda key: key == tensor)
    one_line(refused(folder), what, "partly random")


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_missing_layer(copy, kind, one_line):
    folder = copy(kind)
    drop(folder, lambda key: key.startswith(QUERY))
    one_line(refused(folder), "the checkpoint", "partly random")


@pytest.mark.parametrize("kind", PACKAGES)
def test_quantized_weights_are_not_read_as_plain_ones(copy, kind, one_line):
    """Integers without their scales would load, and answer."""
    folder = copy(kind)
    change_config(folder, lambda config: config.pop("quantization_config"))
    one_line(refused(folder), "checkpoint")


def test_a_scale_without_a_place_is_not_left_out(bert, tmp_path, one_line):
    folder = shutil.copytree(bert, tmp_path / "int8")

    def rounded(weights):
        scale = weights[f"{QUERY}.weight"].abs().amax() / 127
        whole = (weights[f"{QUERY}.weight"] / scale).round().to(torch.int8)
        return {**weights, f"{QUERY}.weight": whole, f"{QUERY}.weight_scale": scale[None]}

    reweigh(folder, rounded)
    one_line(refused(folder), f"({QUERY}.weight_scale)", "lacks a quantization_config")


@pytest.mark.parametrize("part", ["absmax", "quant_map"])
@pytest.mark.parametrize("nested", [False, True])
def test_half_of_a_part_of_a_four_bit_weight(copy, part, nested, bert, one_line):
    """bitsandbytes reads on beyond its end, whatever is there."""
    folder = copy("bitsandbytes nf4")
    if nested:
        with quiet_transformers():
            config = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_use_double_quant=True)
            kind = transformers.AutoModelForSequenceClassification
            kind.from_pretrained(bert, quantization_config=config).save_pretrained(folder)
        open_transformer(str(folder), name="m")
        part = f"nested_{part}"
    key = f"{QUERY}.weight.{part}"
    reweigh(folder, lambda weights: {**weights, key: weights[key][: len(weights[key]) // 2].clone()})
    one_line(refused(folder), f"only part of {QUERY}.weight")


@pytest.mark.parametrize("method", ["torchao", "hqq", "quanto", "bitsandbytes", "compressed-tensors"])
def test_plain_weights_do_not_pass_for_quantized_ones(bert, tmp_path, method, monkeypatch, one_line):
    monkeypatch.setattr("trusteq.models.quantized.version", lambda package: "1")
    folder = shutil.copytree(bert, tmp_path / "plain")
    change_config(folder, lambda config: config.update(quantization_config={"quant_method": method}))
    caught = refused(folder)
    # bitsandbytes says only with load_in_8bit or load_in_4bit what it is.
    one_line(
        caught, "quantiz" if method == "bitsandbytes" else f"quantized with {method}, but the files hold only plain"
    )


@pytest.mark.parametrize(
    ("method", "packages"),
    [
        ("torchao", "torchao"),
        ("compressed-tensors", "compressed-tensors"),
        ("bitsandbytes", "bitsandbytes accelerate"),
    ],
)
def test_a_missing_package_is_named_as_pip_knows_it(bert, tmp_path, method, packages, monkeypatch, one_line):
    def absent(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr("trusteq.models.quantized.version", absent)
    folder = shutil.copytree(bert, tmp_path / "quantized")
    change_config(folder, lambda config: config.update(quantization_config={"quant_method": method}))
    one_line(refused(folder), f"is quantized with {method}", f"pip install {packages}")


def test_a_package_that_nobody_tried_is_named_by_transformers(bert, tmp_path, one_line):
    folder = shutil.copytree(bert, tmp_path / "quantized")
    change_config(folder, lambda config: config.update(quantization_config={"quant_method": "quanto"}))
    reweigh(folder, lambda weights: {**weights, f"{QUERY}.weight._scale": torch.ones(1)})
    one_line(refused(folder), "quanto")


def test_a_device_that_is_not_there_is_not_passed_over(quantized, one_line):
    one_line(refused(quantized("torchao int8"), device="nonsense"), "device 'nonsense'")
