"""transformers classifiers of pictures: what their processors do, and a small ViT from files to an audit."""

import json
from contextlib import suppress

import numpy as np
import pytest
from recipes import TRAININGS, mark

import trusteq
from trusteq import Items, ModelError
from trusteq.data.pictures import Pictures
from trusteq.models.picture_input import picture_input

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
pytest.importorskip("PIL", reason="needs the extra 'pictures'")

from trusteq.models.picture_processor import preprocessing_by, processed  # noqa: E402
from trusteq.work.shard import HERE, predict_at  # noqa: E402

LABELS = tuple("abcdefghij")
PIXELS = [np.random.default_rng(i).integers(0, 256, (20 + i % 3, 30, 3), dtype=np.uint8) for i in range(40)]


@pytest.fixture
def items():
    return Items([f"{i:02}" for i in range(len(PIXELS))], {"photo": Pictures.of_arrays(PIXELS)})


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """A ViT of 16 x 16 pixels and ten labels with random weights, saved with its processor."""
    folder = tmp_path_factory.mktemp("vit")
    config = transformers.ViTConfig(
        image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        id2label=dict(enumerate(LABELS)), label2id={label: i for i, label in enumerate(LABELS)},
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.ViTForImageClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    transformers.ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


def changed(folder, target, file, **changes):
    """A copy of the folder with keys of a JSON file changed, or removed where None."""
    target.mkdir()
    for path in folder.iterdir():
        target.joinpath(path.name).write_bytes(path.read_bytes())
    content = {**json.loads((target / file).read_text()), **changes}
    (target / file).write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return target


def test_it_answers_what_transformers_answers(vit, items):
    model = trusteq.open_model(vit)
    processor = transformers.AutoImageProcessor.from_pretrained(vit, backend="pil")
    own = transformers.AutoModelForImageClassification.from_pretrained(vit).eval()
    with torch.inference_mode():
        logits = own(**processor(images=PIXELS, return_tensors="pt", input_data_format="channels_last")).logits
    answers = model.predict(items)
    assert np.abs(answers - torch.softmax(logits.double(), dim=1).numpy()).max() < 1e-6
    assert len(set(answers.argmax(axis=1))) > 1
    assert model.labels == LABELS


def test_the_processor_its_settings_and_pillow_are_part_of_what_it_is(vit, tmp_path):
    details = trusteq.open_model(vit).identity.details
    import PIL

    assert (details["processor"], details["pillow"]) == ("ViTImageProcessorPil", PIL.__version__)
    assert details["settings"]["size"] == {"height": 16, "width": 16}
    assert details["preprocessing"]["resize"] == "bilinear"
    bicubic = trusteq.open_model(changed(vit, tmp_path / "b", "preprocessor_config.json", resample=3))
    assert bicubic.identity.content != trusteq.open_model(vit).identity.content
    assert bicubic.traits.preprocessing.resize == "bicubic"


def test_its_processor_is_that_for_pillow_whatever_is_installed(vit, monkeypatch):
    asked = []
    load = transformers.AutoImageProcessor.from_pretrained

    def recorded(*arguments, **settings):
        asked.append(settings)
        return load(*arguments, **settings)

    monkeypatch.setattr(transformers.AutoImageProcessor, "from_pretrained", recorded)
    trusteq.open_model(vit)
    assert asked == [{"backend": "pil", "trust_remote_code": False, "local_files_only": True}]


def test_another_process_opens_the_same_model(vit, items):
    model = trusteq.open_model(vit)
    again = model.traits.opening().open()
    assert again.identity == model.identity
    assert again.predict(items).tobytes() == model.predict(items).tobytes()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("ViTImageProcessorPil", {}),
        ("ViTImageProcessorPil", {"do_normalize": False, "resample": 0}),
        ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 224}}),
        ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 384}}),
        ("CLIPImageProcessorPil", {}),
        ("MobileNetV2ImageProcessorPil", {}),
        ("PoolFormerImageProcessorPil", {}),
    ],
)
def test_what_a_processor_does_is_found_out(kind, settings):
    processor = getattr(transformers, kind)(**settings)
    how = preprocessing_by(processor)
    pixels = np.random.default_rng(5).integers(0, 256, (333, 500, 3), dtype=np.uint8)
    assert np.abs(processed(processor, pixels) - picture_input(pixels, how)).max() < 1e-4


def test_what_cannot_be_said_in_these_terms_is_not_guessed():
    assert preprocessing_by(transformers.DeiTImageProcessorPil()) is None  # resizes all to 256, then crops 224

    class Inverting(transformers.ViTImageProcessorPil):
        def rescale(self, image, scale, **kwargs):
            return 1 - super().rescale(image, scale, **kwargs)

    assert preprocessing_by(Inverting()) is None


@pytest.mark.parametrize(
    ("file", "changes", "says"),
    [
        ("config.json", {"problem_type": "multi_label_classification"}, "problem_type is 'multi_label_classification'"),
        ("config.json", {"id2label": {"0": "a"}, "label2id": {"a": 0}}, "does not fit config.json"),
        ("preprocessor_config.json", {"image_processor_type": "NoSuchProcessor"}, "transformers cannot load"),
        ("preprocessor_config.json", {"size": {"height": 10**9, "width": 16}}, "more than the 10,000,000 allowed"),
        ("preprocessor_config.json", {"size": {"height": 10**6, "width": 16}}, "more than 16,384 pixels a side"),
        ("preprocessor_config.json", {"image_mean": [0.5] * 4}, "ViTImageProcessorPil cannot prepare a picture"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(vit, tmp_path, file, changes, says):
    with pytest.raises(ModelError) as raised:
        trusteq.open_model(changed(vit, tmp_path / "x", file, **changes), name="m")
    assert says in str(raised.value)
    assert str(raised.value).startswith("model m")


def test_a_folder_without_its_processor_is_one_line(vit, tmp_path):
    folder = changed(vit, tmp_path / "x", "config.json")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"has no preprocessor_config\.json, which says how its input is prepared"):
        trusteq.open_model(folder)


def test_code_that_a_processor_brings_is_not_run(vit, tmp_path):
    folder = changed(
        vit, tmp_path / "x", "preprocessor_config.json",
        image_processor_type=None, auto_map={"AutoImageProcessor": "evil.Evil"},
    )  # fmt: skip
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: ...\n")
    with suppress(ModelError):  # whether it is opened by the class for its architecture is transformers' to say
        trusteq.open_model(folder)
    assert not (tmp_path / "ran").exists()


def test_a_copy_with_another_rule_is_audited_with_a_warning(vit, tmp_path):
    large = np.random.default_rng(0).integers(0, 256, (60, 80, 80, 3), dtype=np.uint8)
    items = Items([f"{i:02}" for i in range(60)], {"photo": Pictures.of_arrays(large)})
    nearest = changed(vit, tmp_path / "nearest", "preprocessor_config.json", resample=0)
    models = [trusteq.open_model(folder, name=name) for folder, name in ((vit, "vit"), (nearest, "nearest"))]
    result = trusteq.audit(*models, items, resamples=100, explain=False, costs="none")
    (finding,) = [one for one in result["nearest"].candidate.findings if one.kind == "other preprocessing"]
    disagreement = 1 - result["nearest"].measures["behaviour"]["agreement"].value
    # Its weights are the reference's, so that what the rule changes is all that changes.
    assert finding.value == pytest.approx(disagreement)
    assert disagreement > 0


@pytest.mark.slow
def test_two_processes_give_the_same_bytes(vit, items):
    model = trusteq.open_model(vit)
    with trusteq.executor(workers=2) as workers:
        there = predict_at(workers, model, items)
    assert there.values.tobytes() == predict_at(HERE, model, items).values.tobytes()


def test_the_recipe_beside_it_says_what_it_was_trained_on(vit, tmp_path):
    assert trusteq.open_model(vit).traits.trained_on() == ()
    copy = mark(changed(vit, tmp_path / "copy", "config.json"))
    assert trusteq.open_model(copy).traits.trained_on() == TRAININGS
