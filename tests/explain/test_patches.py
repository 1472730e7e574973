"""The authors' protocol for vision transformers, as meant and to the letter, on tiny ViTs with random weights."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import one_line
from command import trusteq as command
from oracles import patches as oracle
from rehashed import rehashed

import trusteq
from trusteq import DataError, ExplainSettings, Items, OptionError, RunError
from trusteq.auditing.verify import verify_run
from trusteq.comparing.patches import pixel_jaccard
from trusteq.data.pictures import Pictures
from trusteq.explain.patches import (
    PatchSettings,
    _areas,
    blurred,
    cut,
    integrated_gradients,
    occlusion,
    patch_settings,
    publish_patches,
)
from trusteq.explain.respondent import Respondent
from trusteq.models.preprocessing import Preprocessing
from trusteq.models.traits import Traits
from trusteq.tasks.rows import Rows

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
pytest.importorskip("PIL", reason="needs the extra 'pictures'")

LABELS = tuple("abcdefg")
FAST = {"resamples": 100, "with_slices": False, "costs": "none"}


def saved(folder, *, patch=8, size=32, seed=0, kind="shortest", **processor):
    config = transformers.ViTConfig(
        image_size=size, patch_size=patch, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, id2label=dict(enumerate(LABELS)), label2id={label: i for i, label in enumerate(LABELS)},
    )  # fmt: skip
    torch.manual_seed(seed)
    model = transformers.ViTForImageClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
        model.classifier.bias[2] += 12  # most pictures get the same answer, so that several models can be right
    model.save_pretrained(folder)
    transformers.ViTImageProcessorPil(size={"height": size, "width": size}, **processor).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """ViTs that read 32 pixels in patches of 8, 4 and 8 again, and one of 16 pixels in patches of 4."""
    folder = tmp_path_factory.mktemp("vits")
    made = {
        "eight": {},
        "four": {"patch": 4, "seed": 1},
        "other": {"seed": 2},
        "small": {"patch": 4, "size": 16, "seed": 3},
    }
    return {name: trusteq.open_model(saved(folder / name, **options), name=name) for name, options in made.items()}


@pytest.fixture(scope="module")
def items(models):
    rng = np.random.default_rng(0)
    pictures = Pictures.of_arrays([rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(12)])
    plain = Items([f"{i:02}" for i in range(12)], {"photo": pictures})
    # Half of the gold labels are what two of the models answer.
    answers = models["eight"].predict(plain).argmax(axis=1)
    gold = np.where(np.arange(12) % 2 == 0, answers, (answers + 1) % len(LABELS))
    return replace(plain, labels=gold, label_names=LABELS)


def published(items, *models, name="paper-vit", count=None):
    answers = [Respondent(model, LABELS, Rows(model.predict(items))) for model in models]
    return publish_patches(answers, items, patch_settings(name, count, models), gold=items.labels)


def test_the_blur_counts_zeros_around_a_patch_or_its_own_rim():
    rng = np.random.default_rng(0)
    pieces = rng.normal(size=(5, 3, 4, 6)).astype(np.float32)
    pool = torch.nn.AvgPool2d(3, stride=1, padding=1)
    assert np.abs(blurred(pieces, zero_rim=True) - pool(torch.tensor(pieces)).numpy()).max() < 1e-6
    meant = blurred(pieces, zero_rim=False)
    assert np.abs(meant.mean(axis=(2, 3)) - pieces.mean(axis=(2, 3))).max() < 1e-6
    even = np.full((1, 3, 4, 4), 0.1, np.float32)
    assert (blurred(even, zero_rim=False) == even).all()
    assert blurred(even, zero_rim=True)[0, 0, 0, 0] == pytest.approx(0.1 * 4 / 9)


def test_patches_are_cut_row_by_row_without_what_is_left_over():
    pixels = np.arange(2 * 5 * 7).reshape(2, 5, 7).astype(float)
    pieces = cut(pixels, (2, 3))
    assert pieces.shape == (4, 2, 2, 3)
    assert (pieces[1] == pixels[:, 0:2, 3:6]).all()
    assert (pieces[2] == pixels[:, 2:4, 0:3]).all()


@pytest.mark.parametrize("name", ["eight", "four"])
def test_the_letter_is_what_the_scripts_do(models, items, name):
    model, own = models[name], models[name].loaded.model
    of_patches, patch = model.traits.patches, model.loaded.model.config.patch_size
    items = items.take(np.arange(4))
    found = published(items, model, name="paper-vit-scripts")
    for i, pixels in enumerate(of_patches.inputs(items)):
        label = int(items.labels[i])
        path = oracle.integrated_gradients(own, pixels, label, 100)
        ours = integrated_gradients(of_patches, pixels, label, steps=100, literal=True, budget=7)
        assert np.abs(np.abs(ours).mean(axis=0) - path).max() < 1e-5 * path.max()
        expected = np.argsort(oracle.patch_means(path, patch))[::-1][:30]
        assert found.tops["gradients"][0].patches[i].tolist() == expected.tolist()
        scores, _ = occlusion(of_patches, pixels, label, literal=True, budget=7)
        assert np.abs(scores - oracle.occlusion(own, pixels, patch, label)).max() < 1e-4
    at = found.positions["occlusion"].tolist()
    for row, i in enumerate(at[:3]):
        pixels = next(iter(of_patches.inputs(items.take(np.array([i])))))
        scores = oracle.occlusion(own, pixels, patch, int(items.labels[i]))
        listed = found.tops["occlusion"][0].patches[row]
        # Scores of 32 bits: the same order but for patches that rounding may swap.
        assert (np.diff(scores[listed]) < 1e-5).all()
        assert scores[listed[-1]] > np.delete(scores, listed).max(initial=-np.inf) - 1e-5


def test_the_scripts_occlude_only_pictures_that_every_model_answers_rightly(models, items):
    both = published(items, models["eight"], models["eight"], name="paper-vit-scripts")
    right = np.flatnonzero(models["eight"].predict(items).argmax(axis=1) == items.labels)
    assert both.positions["occlusion"].tolist() == right.tolist()
    assert len(both.positions["gradients"]) == 12
    meant = published(items, models["eight"], models["other"])
    assert [len(at) for at in meant.positions.values()] == [12, 12]
    wrong = replace(items, labels=(models["eight"].predict(items).argmax(axis=1) + 1) % len(LABELS))
    with pytest.raises(DataError, match="explains 0 pictures by occlusion"):
        published(wrong, models["eight"], name="paper-vit-scripts")


def test_the_path_integral_is_complete(models, items):
    model = models["eight"]
    patches = model.traits.patches
    pixels = next(iter(patches.inputs(items)))
    rise = np.subtract(*patches.logits(np.stack([pixels, np.zeros_like(pixels)]))[:, 2].astype(float))
    errors = [
        abs(integrated_gradients(patches, pixels, 2, steps=steps, literal=literal, budget=50).sum() - rise)
        for steps, literal in ((400, False), (100, False), (100, True))
    ]
    assert errors[0] < 2e-3 * max(abs(rise), 1)
    assert errors[0] < errors[2]


class Linear:
    """A model whose logits are sums of weighted pixels."""

    patch, size = (2, 2), (4, 6)

    def __init__(self):
        self.weights = np.random.default_rng(0).normal(size=(3, 3, 4, 6)).astype(np.float32)

    def logits(self, inputs, *, half=False):
        return np.einsum("nchw,lchw->nl", inputs, self.weights)

    def gradients(self, inputs, label, *, half=False):
        return np.repeat(self.weights[label][None], len(inputs), axis=0)


class Cropping:
    """A linear model whose pictures are resized to 6 pixels on the shorter side; the middle 4 x 6 are kept."""

    name, labels = "cropping", LABELS[:3]
    traits = Traits(
        patches=Linear(),
        preprocessing=Preprocessing(size=(4, 6), resize="bilinear", crop="centre", shorter=6, layout="NCHW"),
    )


def test_a_cropped_picture_has_its_patches_where_the_model_sees_them():
    pictures = Pictures.of_arrays([np.zeros((30, 60, 3), np.uint8), np.zeros((60, 30, 3), np.uint8)])
    items = Items(["wide", "high"], {"picture": pictures})
    (wide, high), settings = _areas(Cropping(), Linear(), items, np.array([0, 1]), PatchSettings()), PatchSettings()
    # Of 12 x 6 pixels, columns 3 to 9 and rows 1 to 5 are seen; of 6 x 12, all columns and rows 4 to 8.
    assert wide.tolist() == [15, 5, 45, 25]
    assert high.tolist() == [0, 20, 30, 40]
    letter = _areas(Cropping(), Linear(), items, np.array([0, 1]), replace(settings, name="paper-vit-scripts"))
    assert letter.tolist() == [[0, 0, 6, 4]] * 2


@pytest.mark.parametrize("literal", [True, False])
def test_attributions_of_a_linear_model_are_exact(literal):
    model, pixels = Linear(), np.random.default_rng(1).normal(size=(3, 4, 6)).astype(np.float32)
    path = integrated_gradients(model, pixels, 1, steps=10, literal=literal, budget=3)
    assert np.abs(path - pixels * model.weights[1]).max() < 1e-5
    scores, largest = occlusion(model, pixels, 1, literal=literal, budget=4)
    change = cut(pixels, model.patch) - blurred(cut(pixels, model.patch), zero_rim=literal)
    assert np.abs(scores - (change * cut(model.weights[1], model.patch)).sum(axis=(1, 2, 3))).max() < 1e-4
    assert largest == pytest.approx(np.abs(model.logits(pixels[None])).max())


def test_of_equal_patches_the_earlier_comes_first_as_meant_and_gradients_last_to_the_letter(models, items):
    even = replace(items, segments={"photo": Pictures.of_arrays([np.full((32, 32, 3), 128, np.uint8)] * 12)})
    meant = published(even, models["eight"])
    assert (meant.tops["occlusion"][0].patches == np.arange(16)).all()
    black = replace(items, segments={"photo": Pictures.of_arrays([np.full((32, 32, 3), 128, np.uint8)] * 12)})
    zero = trusteq.open_model(models["eight"].identity.location, name="zero")
    with torch.no_grad():
        for parameter in zero.loaded.model.parameters():
            parameter.zero_()
    labelled = replace(black, labels=np.zeros(12, np.int64))
    letter = published(labelled, zero, name="paper-vit-scripts")
    assert (letter.tops["gradients"][0].patches == np.arange(16)[::-1]).all()
    assert (published(labelled, zero).tops["gradients"][0].patches == np.arange(16)).all()


def test_batches_change_nothing(models, items):
    model = models["four"]
    one, many = (published(items, replace(model, budget=budget)).tops for budget in (5, 64))
    for method in one:
        assert np.mean(one[method][0].patches == many[method][0].patches) > 0.99


def test_as_meant_models_of_any_input_size_are_compared_on_the_original_picture(models, items):
    found = published(items, models["eight"], models["small"])
    first, second = found.tops["occlusion"]
    assert (first.grid, second.grid) == ((4, 4), (4, 4))
    assert np.array_equal(first.areas, second.areas)
    assert first.areas[0].tolist() == [0, 0, 32, 32]
    with pytest.raises(OptionError, match=r"eight 32 x 32, small 16 x 16\); use paper-vit"):
        patch_settings("paper-vit-scripts", None, [models["eight"], models["small"]])


def test_a_model_agrees_with_itself(models, items):
    for name in ("paper-vit", "paper-vit-scripts"):
        found = published(items, models["four"], models["four"], name=name)
        for tops in found.tops.values():
            assert (pixel_jaccard(*tops, [2, 10, 30]) == 1).all()


def test_models_without_patches_are_one_clear_line(items):
    function = trusteq.from_callable(lambda pictures: np.full((len(pictures), 7), 1 / 7), labels=LABELS, name="f")
    with pytest.raises(
        OptionError, match=r"needs transformers models that read pictures in patches.*model f is not one"
    ):
        trusteq.audit(function, {"g": function}, items, protocol="paper-vit", allow_same=True, **FAST)


@pytest.mark.parametrize("protocol", ["paper-vit", "paper-vit-scripts"])
def test_an_audit_from_models_to_verified_files(models, items, protocol, tmp_path):
    result = trusteq.audit(
        models["eight"], {"four": models["four"], "other": models["other"]}, items,
        protocol=protocol, explain=ExplainSettings(items=8), **FAST,
    )  # fmt: skip
    measures = result["four"].measures["explanation"]
    assert [measures[f"jaccard_gradients_top{k}_ceiling"].value for k in (2, 15)] == [0.25, 0.25]
    assert "jaccard_gradients_top20" not in measures
    assert result["other"].measures["explanation"]["jaccard_gradients_top5_ceiling"].value == 1
    literal = protocol == "paper-vit-scripts"
    assert ("accuracy_top5_reference" in result["four"].measures["behaviour"]) == literal
    assert ("ece_half_open_difference" in result["four"].measures["calibration"]) == literal
    run = trusteq.load_run(result.save(tmp_path / "run"))
    assert verify_run(run).passed
    document = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert document["protocol"]["name"] == protocol
    assert {(pair["first"], pair["second"]) for pair in document["protocol"]["pairs"]} == {
        ("eight", "four"), ("eight", "other"), ("four", "other"),
    }  # fmt: skip
    table = run.table("top_patches")
    if literal:
        right = [int(row["occluded"]) for row in (document["protocol"],)]
        assert right == [len(result.published.positions["occlusion"])]
    for shape in ("html", "latex", "model-card", "markdown"):
        written = written_as(shape, tmp_path / "run")
        assert shape == "markdown" or protocol in written
        assert shape in ("model-card", "markdown") or "at most" in written
    shown = command("show", str(tmp_path / "run")).stdout
    assert re.search(r"four +occlusion +Jaccard +[01]\.\d{3}", shown)
    assert re.search(r"chance +[01]\.\d{3}.*\n +at most +0\.250", shown)
    assert len(table) == 3 * (len(result.published.positions["occlusion"]) + 8)
    assert len(table["patches"].iloc[0]) == 16


def test_the_command_line_takes_folders_of_pictures_and_of_models(models, tmp_path):
    from PIL import Image

    for number in range(8):
        folder = tmp_path / "pictures" / LABELS[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    locations = [models[name].identity.location for name in ("eight", "four")]
    options = [
        "--protocol",
        "paper-vit",
        "--explain-items",
        "3",
        "--resamples",
        "100",
        "--costs",
        "none",
        "--no-slices",
    ]
    done = command("audit", *locations, "--data", tmp_path / "pictures", *options, "--out", tmp_path / "run", "--quiet")
    assert done.returncode == 3, done.stderr
    assert "protocol paper-vit, 3 items" in done.stdout
    assert "occlusion" in done.stdout
    refused = command("audit", *locations, "--data", tmp_path / "pictures", *options, "--scale", "log-odds")
    one_line(refused, "--scale has no effect under protocol paper-vit")


def written_as(shape, run):
    """A report of a run, as text."""
    target = run.parent / f"report.{shape}"
    command("report", str(run), *([] if shape == "html" else ["--as", shape]), "--out", str(target))
    return target.read_text("utf-8")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("patches", [[0, 0, *range(2, 16)]], "patches that are not those of one grid"),
        ("patches", [[*range(1, 17)]], "patches that are not those of one grid"),
        ("rows", [1 << 40], "patches that are not those of one grid"),
        ("right", [0.0], "a grid without area"),
        ("left", [-float("inf")], "a grid without area"),
        ("id", ["03"], "that the answers and the seed give"),
    ],
)
def test_top_patches_that_no_audit_writes_are_refused(column, value, message, run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    table = pd.read_parquet(folder / "top_patches.parquet")
    changed = table[column].tolist()
    changed[0] = value[0]
    table[column] = changed
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / "top_patches.parquet")
    rehashed(folder)
    with pytest.raises(RunError, match=message):
        verify_run(trusteq.load_run(folder))


def test_other_top_patches_do_not_give_the_same_numbers(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    table = pd.read_parquet(folder / "top_patches.parquet")
    table["patches"] = [list(reversed(patches)) if i == 0 else patches for i, patches in enumerate(table["patches"])]
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / "top_patches.parquet")
    rehashed(folder)
    assert any("jaccard" in found.where for found in verify_run(trusteq.load_run(folder)).differences)


@pytest.fixture(scope="module")
def run(models, items, tmp_path_factory):
    result = trusteq.audit(
        models["eight"],
        {"other": models["other"]},
        items,
        protocol="paper-vit",
        explain=ExplainSettings(items=4),
        **FAST,
    )
    return result.save(tmp_path_factory.mktemp("runs") / "run")


def test_settings_say_which_protocol_is_literal():
    assert PatchSettings("paper-vit-scripts").literal
    assert not PatchSettings().literal
