"""Healing models of pictures and of sounds, whose items their own processors prepare."""

import json

import numpy as np
import pytest

import trusteq
import trusteq.compress
from trusteq import Items, OptionError
from trusteq.data.pictures import Pictures

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
pytest.importorskip("PIL", reason="needs the extra 'pictures'")

from oracles.tiny_sounds import LABELS, NAMES, RATE, clips, save  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402


def photos(count, seed, sides=(0,)):
    """Pictures of one colour and noise; of several sizes with several ``sides``."""
    rng = np.random.default_rng(seed)
    sizes = [(16 + sides[i % len(sides)], 16) for i in range(count)]
    pixels = [(rng.uniform(0, 255, 3) + rng.normal(0, 40, (*size, 3))).clip(0, 255).astype(np.uint8) for size in sizes]
    return Items([f"{seed}-{i}" for i in range(count)], {"photo": Pictures.of_arrays(pixels)})


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """A function from a kind to the folder of a classifier whose answers differ between items."""
    found = {}

    def network(kind):
        if kind in found:
            return found[kind]
        folder = found[kind] = tmp_path_factory.mktemp(kind)
        if kind in ("AST", "Wav2Vec2"):
            return save(kind, folder)
        torch.manual_seed(3)
        if kind == "ViT":
            config = transformers.ViTConfig(
                image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                intermediate_size=64, **NAMES,
            )  # fmt: skip
            model = transformers.ViTForImageClassification(config)
            processor = transformers.ViTImageProcessorPil(size={"height": 16, "width": 16})
        else:
            config = transformers.ResNetConfig(
                embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", **NAMES
            )
            model = transformers.ResNetForImageClassification(config)
            processor = transformers.ViTImageProcessorPil(size={"height": 16, "width": 16})
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.ndim > 1:
                    parameter.normal_(std=3 if "classifier" in name else 0.3)
            if kind == "ResNet":  # running statistics of real activations, as after training
                model.train()
                for _ in range(20):
                    model(torch.randn(16, 3, 16, 16))
        model.eval().save_pretrained(folder)
        processor.save_pretrained(folder)
        return folder

    return network


def shifted(folder, out, change):
    """A copy of a checkpoint whose tensors are those that ``change`` returns by name."""
    out.mkdir()
    for file in folder.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | change(tensors), out / "model.safetensors", metadata={"format": "pt"})
    return out


def divergence(folder, other, items):
    """KL of a model's answers from another's, and the share of answers that differ."""
    ours, theirs = (trusteq.open_model(model).predict(items) for model in (folder, other))
    return (theirs * np.log(theirs / ours)).sum(axis=1).mean(), (ours.argmax(1) != theirs.argmax(1)).mean()


def heal(candidate, original, out, items, dev, **options):
    options = {"rows": 640, "rate": 0.01, "audit": False, **options}
    return trusteq.compress.make(candidate, method="heal", original=original, out=out, items=items, dev=dev, **options)


# pictures


def test_a_picture_model_whose_norms_and_head_were_shifted_comes_back(networks, tmp_path):
    def away(tensors):
        rng = torch.Generator().manual_seed(0)
        small = [name for name, tensor in tensors.items() if "layernorm" in name or name == "classifier.bias"]
        return {name: tensors[name] + 0.5 * torch.randn(tensors[name].shape, generator=rng) for name in small}

    original = networks("ViT")
    candidate = shifted(original, tmp_path / "shifted", away)
    made = heal(candidate, original, tmp_path / "healed", photos(96, 1), photos(40, 2), rows=960, move="small")
    before, after = (divergence(folder, original, photos(200, 3)) for folder in (candidate, made.directory))
    assert before[0] > 0.3
    assert before[1] > 0.1
    assert after[0] < 0.3 * before[0]
    assert after[1] <= 0.5 * before[1]
    weights = [name for name in made.recipe["moved"] if load_file(original / "model.safetensors")[name].ndim == 2]
    assert weights == ["classifier.weight"]
    processor = "preprocessor_config.json"
    assert (made.directory / processor).read_bytes() == (candidate / processor).read_bytes()


def test_a_half_pruned_resnet_keeps_zeros_and_running_statistics_and_comes_nearer(networks, tmp_path):
    original = networks("ResNet")
    pruned = trusteq.compress.make(original, method="prune-weights", out=tmp_path / "pruned").directory
    made = heal(pruned, original, tmp_path / "healed", photos(96, 1), photos(40, 2), rate=0.003)
    before, after = (divergence(folder, original, photos(200, 3)) for folder in (pruned, made.directory))
    assert after[0] < 0.5 * before[0]
    assert after[1] < before[1]
    old, new = (load_file(folder / "model.safetensors") for folder in (pruned, made.directory))
    for name, tensor in old.items():
        if tensor.ndim == 4:
            assert torch.equal(new[name] == 0, tensor == 0), name
        if "running" in name or "tracked" in name:
            assert torch.equal(new[name], tensor), name
    assert sum(made.recipe["kept"]["zeros"].values()) == sum(int((t == 0).sum()) for t in old.values() if t.ndim == 4)


def test_pictures_of_several_sizes_are_taught_in_their_order(networks, tmp_path):
    """The processor leaves sizes as they are, so a batch is computed in parts; the rows must not be mixed up."""
    from trusteq.compress.media_reader import MediaReader
    from trusteq.compress.media_source import PictureSource

    folder = shifted(networks("ResNet"), tmp_path / "unsized", lambda tensors: {})
    settings = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "do_resize": False}), "utf-8")
    model, items = trusteq.open_model(folder), photos(12, 4, sides=(0, 5, 3))
    reading = MediaReader(PictureSource(model, model.loaded.model)).read(
        [items.take(range(7)), items.take(range(7, 12))]
    )
    at = np.array([3, 11, 0, 4, 2, 9, 3])
    shares = torch.softmax(reading.logits(at).double(), dim=1).detach().numpy()
    np.testing.assert_allclose(shares, model.predict(items)[at], atol=1e-6)
    assert reading.logits(at).requires_grad
    assert reading.lengths[:2].tolist() == [256, 336]


def test_healing_pictures_twice_gives_the_same_bytes(networks, tmp_path):
    original = networks("ViT")
    candidate = shifted(original, tmp_path / "shifted", lambda t: {"classifier.bias": torch.tensor([6.0, 0, 0])})
    lessons, dev = photos(32, 1, sides=(0, 4)), photos(20, 2)
    made = [
        heal(candidate, original, tmp_path / f"h{i}", lessons, dev, rows=192, move="small", perturb=0.5, replace="mean")
        for i in (0, 1)
    ]
    assert len({(one.directory / "model.safetensors").read_bytes() for one in made}) == 1
    assert made[0].recipe["trained_on_perturbations"] == {"units": "tiles", "replace": "mean", "share": 0.5}


def test_what_cannot_stand_in_for_tiles_is_one_line(networks, tmp_path, one_line):
    with pytest.raises(OptionError) as caught:
        heal(networks("ViT"), networks("ViT"), tmp_path / "h", photos(8, 1), photos(8, 2), perturb=0.5, replace="mask")
    one_line(caught, "'mask'", "tiles", "remove, neighbours, mean")
    assert not (tmp_path / "h").exists()


def test_the_original_may_be_a_graph_that_prepares_pictures_otherwise_and_names_labels_in_another_order(
    networks, tmp_path
):
    pytest.importorskip("onnx", reason="needs onnx to export")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    network = networks("ResNet")

    def reordered(tensors):
        return {name: tensors[name][[2, 0, 1]].contiguous() for name in ("classifier.1.weight", "classifier.1.bias")}

    turned = shifted(network, tmp_path / "turned", reordered)
    config = json.loads((turned / "config.json").read_text("utf-8"))
    names = [LABELS[i] for i in (2, 0, 1)]
    config |= {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    (turned / "config.json").write_text(json.dumps(config), "utf-8")
    settings = json.loads((turned / "preprocessor_config.json").read_text("utf-8"))
    smaller = json.dumps({**settings, "size": {"height": 12, "width": 12}})
    (turned / "preprocessor_config.json").write_text(smaller, "utf-8")
    graph = trusteq.compress.make(turned, method="onnx", out=tmp_path / "graph").directory

    pruned = trusteq.compress.make(network, method="prune-weights", out=tmp_path / "pruned").directory
    made = heal(pruned, graph, tmp_path / "healed", photos(96, 1), photos(40, 2), rate=0.003)
    test = photos(200, 3)
    theirs = trusteq.open_model(graph).predict(test)[:, [1, 2, 0]]
    before, after = (trusteq.open_model(folder).predict(test) for folder in (pruned, made.directory))
    assert trusteq.open_model(made.directory).labels == LABELS
    assert (theirs * np.log(theirs / after)).sum() < 0.5 * (theirs * np.log(theirs / before)).sum()


def test_texts_are_no_lessons_for_a_model_of_pictures(networks, tmp_path, one_line):
    texts = Items(["a", "b"], {"text": ["one", "two"]})
    with pytest.raises(trusteq.DataError) as caught:
        heal(networks("ViT"), networks("ViT"), tmp_path / "h", texts, texts)
    one_line(caught, "reads a picture, but the items have 'text', a text")


# sounds


@pytest.mark.parametrize("kind", ["AST", "Wav2Vec2"])
def test_a_sound_model_whose_norms_and_head_were_shifted_comes_back(kind, networks, tmp_path):
    """Recordings have two lengths; a Wav2Vec2 reads them as they are, so that a batch is computed in parts."""

    def away(tensors):
        rng = torch.Generator().manual_seed(0)
        small = [name for name, tensor in tensors.items() if "layernorm" in name or "layer_norm" in name]
        return {name: tensors[name] + 0.3 * torch.randn(tensors[name].shape, generator=rng) for name in small}

    original = networks(kind)
    candidate = shifted(original, tmp_path / "shifted", away)
    lessons = clips(96, 1, seconds=(0.3, 0.25))
    made = heal(candidate, original, tmp_path / "healed", lessons, clips(40, 2), move="small", perturb=0.2, whole=True)
    before, after = (divergence(folder, original, clips(100, 3)) for folder in (candidate, made.directory))
    assert before[0] > 0.05
    assert after[0] < 0.5 * before[0]
    assert made.recipe["trained_on_perturbations"] == {"units": "stretches", "replace": "remove", "share": 0.2}


@pytest.mark.parametrize("method", ["fp16", "int8-weights", "int4-weights", "prune-2of4", "low-rank", "drop-layers"])
def test_methods_of_torch_make_candidates_of_models_of_sounds(method, networks, tmp_path):
    for package in trusteq.compress.METHODS[method].packages:
        pytest.importorskip(package.replace("-", "_"))
    made = trusteq.compress.make(networks("AST"), method=method, out=tmp_path / "out")
    moved = trusteq.open_model(made.directory).predict(clips(20, 1)) - trusteq.open_model(networks("AST")).predict(
        clips(20, 1)
    )
    assert 1e-6 < np.abs(moved).max() < (0.05 if method in {"fp16", "int8-weights"} else 1.1)


def test_changed_versions_of_a_sound_are_computed_when_they_are_heard():
    """Not before: all bands of all sounds do not fit into memory."""
    import gc
    import sys

    from trusteq.explain.units import cutter

    items = clips(1, 1)
    units = cutter(None, items)(0)
    (sounds,) = units.render(np.eye(len(units), dtype=bool), "remove")
    held = [value for sound in sounds for value in gc.get_referents(sound.source) if isinstance(value, tuple)]
    arrays = [value for values in held for value in values if isinstance(value, np.ndarray)]
    assert max(map(sys.getsizeof, arrays)) < 1000
    total = np.sum([sound.samples().astype(np.float64) for sound in sounds], axis=0)
    np.testing.assert_allclose(total, items.segments["clip"][0].samples(), atol=1e-6)


# the command line


@pytest.mark.parametrize("kind", ["ViT", "Wav2Vec2"])
def test_the_command_heals_on_a_folder_of_pictures_or_recordings(kind, networks, tmp_path):
    import command
    from recordings import wav

    original = networks(kind)
    candidate = shifted(original, tmp_path / "shifted", lambda tensors: {"classifier.bias": torch.tensor([0, 30.0, 0])})
    folder = tmp_path / "items"
    for i in range(40):
        (folder / LABELS[i % 3]).mkdir(parents=True, exist_ok=True)
        file = folder / LABELS[i % 3] / str(i)
        if kind == "ViT":
            from PIL import Image

            Image.fromarray(photos(1, i).segments["photo"][0].pixels()).save(file.with_suffix(".png"))
        else:
            sound = clips(1, i).segments["clip"][0]
            file.with_suffix(".wav").write_bytes(wav(sound.samples(), rate=RATE * 2 if i == 0 else RATE))
    arguments = ["--method", "heal", "--original", str(original), "--data", str(folder), "--move", "small"]
    resample = ["--resample", str(RATE)] if kind == "Wav2Vec2" else []
    out = tmp_path / "healed"
    done = command.trusteq("compress", candidate, *arguments, *resample, "--rows", 64, "--rate", 0.01, "--out", out)
    assert done.returncode == 0, done.stderr
    assert trusteq.open_model(out).labels == LABELS
    refused = command.trusteq("compress", candidate, *arguments, "--columns", "a", "--out", tmp_path / "no")
    assert refused.returncode == 2
    assert "learns from texts or pictures or sounds" in refused.stderr
