"""Audits of picture models, from pictures to the verdict and back."""

import re

import numpy as np
import pytest
from command import one_line
from command import trusteq as run_command
from data.picture_files import file_of
from PIL import Image

import trusteq
from trusteq import ExplainSettings, Items, Outcome, load_run
from trusteq.auditing.verify import verify_run
from trusteq.data.picture import Picture
from trusteq.data.pictures import Pictures
from trusteq.record.stored_responses import read_items

LABELS = ("dark", "bright")
SIDE, TILE = 24, 6
CORNER = "row 4, column 4"


def photos(n=150, seed=0):
    """Pictures whose middle is dark or bright, with a logo in the lower right corner of the bright ones."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=n)
    pixels = np.kron(rng.integers(60, 196, size=(n, 4, 4, 3)), np.ones((1, TILE, TILE, 1), dtype=int))
    pixels[:, 6:18, 6:18] += 50 * (2 * labels - 1)[:, None, None, None]
    pixels[labels == 1, 19:23, 19:23] = np.array([255, 0, 0])
    pixels[labels == 0, 18:, 18:] = 128
    noisy = pixels + rng.integers(-4, 5, size=pixels.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), labels


def middle(picture):
    return (picture[6:18, 6:18].mean() - 128) / 14


def corner(picture):
    return (picture[18:, 18:, 0].astype(float).mean() - picture[18:, 18:, 1].mean() - 20) / 8


def logo(picture):
    return 0.7 * middle(picture) + corner(picture)


def nothing(picture):
    rng = np.random.default_rng(int(picture[0, 0, 0]))
    weights = rng.normal(size=picture.shape)
    return float((weights * (picture.astype(float) - 128)).mean() / 3)


def model(score, name):
    def answers(pictures):
        p = 1 / (1 + np.exp(-np.array([score(one) for one in pictures])))
        return np.stack([1 - p, p], axis=1)

    return trusteq.from_callable(answers, labels=LABELS, name=name)


def items(n=150):
    pixels, labels = photos(n)
    pictures = [Picture(file_of(one), f"{number}.png") for number, one in enumerate(pixels)]
    return Items([f"p{i:03}" for i in range(n)], {"photo": Pictures(tuple(pictures))}, labels, LABELS)


EXPLAIN = ExplainSettings(items=60, masks=128)


@pytest.fixture(scope="module")
def audited():
    candidates = [model(lambda p: 0.999 * middle(p), "nearly"), model(logo, "logo"), model(nothing, "nothing")]
    options = {"resamples": 200, "explain": EXPLAIN, "costs": "none", "with_other_way": False}
    return trusteq.audit(model(middle, "large"), candidates, items(), **options)


def alignment(audited, name):
    return audited[name].measures["explanation"]["alignment_shapley"]


def test_a_model_is_equivalent_to_itself():
    same = trusteq.audit(
        model(middle, "large"), model(middle, "again"), items(400), resamples=200,
        explain=ExplainSettings(items=100, masks=64), allow_same=True, costs="none", with_other_way=False,
    )  # fmt: skip
    assert same["again"].verdict.outcome is Outcome.EQUIVALENT
    assert alignment(same, "again").value == pytest.approx(1, abs=1e-9)


def test_a_model_that_reads_something_else_has_another_explanation(audited):
    assert alignment(audited, "nearly").low > 0.99
    assert abs(alignment(audited, "nothing").value) < 0.25


def test_a_logo_in_the_corner_that_decides_is_named_though_accuracy_is_the_same(audited):
    accuracy = [audited[name].measures["behaviour"]["accuracy_difference"].value for name in ("nearly", "logo")]
    assert np.abs(accuracy).max() < 0.02
    assert audited["logo"].verdict.outcome is Outcome.NOT_EQUIVALENT
    assert alignment(audited, "logo").high < 0.3
    leans_more = [row for row in audited["logo"].words.rows if row.lean_candidate > row.lean_reference]
    assert (leans_more[0].word, leans_more[0].q_value < 0.05) == (CORNER, True)
    assert leans_more[0].lean_candidate > 5 * leans_more[0].lean_reference
    assert max(abs(row.lean_difference.value) for row in audited["nearly"].words.rows) < 0.05


def test_pictures_are_sliced_by_how_they_look(audited):
    columns = {part.column for part in audited["nearly"].slices}
    assert {"brightness", "contrast", "sharpness", "colourfulness"} <= columns
    assert "size in pixels" not in columns  # all have the same


@pytest.mark.slow
def test_a_run_gives_the_pictures_back_and_comes_to_the_same(audited, tmp_path):
    run = load_run(audited.save(tmp_path / "run"))
    back = read_items(run)
    assert back.content() == audited.items.content()
    assert [p.encoded for p in back.segments["photo"]] == [p.encoded for p in audited.items.segments["photo"]]
    found = verify_run(run)
    assert found.differences == ()
    assert (found.rounded, found.largest) == (0, 0.0)
    frame = run.table("attributions")
    assert [*frame.columns[:9]] == ["id", "model", "word", "segment", "top", "left", "bottom", "right", "label"]
    row = frame[frame["word"] == "row 2, column 3"].iloc[0]
    assert [row[name] for name in ("top", "left", "bottom", "right")] == [6, 12, 12, 18]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"perturb": "neighbours"}, {"perturb": "mean"}, {"units": "superpixels"}])
def test_other_fills_and_units_come_to_the_same(settings):
    explain = ExplainSettings(items=24, masks=64, **settings)
    made = trusteq.audit(
        model(middle, "large"), [model(lambda p: 0.999 * middle(p), "nearly"), model(logo, "logo")], items(60),
        resamples=100, explain=explain, costs="none",
    )  # fmt: skip
    assert alignment(made, "nearly").low > 0.99
    assert alignment(made, "logo").high < 0.5


@pytest.mark.slow
def test_what_pictures_that_changed_have_in_common_is_how_they_look():
    rng = np.random.default_rng(3)
    greys = rng.integers(20, 236, size=400)
    pixels = [np.clip(grey + rng.integers(-9, 10, size=(8, 8, 3)), 0, 255).astype(np.uint8) for grey in greys]
    made = trusteq.audit(
        model(lambda p: 3.0 if p[0, 0, 0] % 2 else -3.0, "large"),
        model(lambda p: (3.0 if p[0, 0, 0] % 2 else -3.0) * (-1 if p.mean() > 200 else 1), "blind"),
        Items([f"p{i}" for i in range(400)], {"photo": pixels}),
        resamples=100, explain=False, costs="none",
    )  # fmt: skip
    first = made["blind"].common().iloc[0]
    assert re.fullmatch(r"have a brightness of at least (19|20)\d(\.\d)?", first["condition"])
    assert first["inside"] > 0.9


@pytest.fixture
def folder(tmp_path):
    """A folder with a subfolder per label, one file of which is damaged, and predictions for every file."""
    pixels, labels = photos(60)
    rows = {"large": ["file_name,dark,bright"], "small": ["file_name,dark,bright"]}
    for number, (one, label) in enumerate(zip(pixels, labels.tolist(), strict=True)):
        name = f"{LABELS[label]}/{number}.png"
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(file_of(one)[: 99 if number == 7 else None])
        for sure, lines in zip((0.9, 0.8), rows.values(), strict=True):
            lines.append(f"{name},{sure if label == 0 else 1 - sure},{sure if label else 1 - sure}")
    for name, lines in rows.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    return tmp_path


def command(folder, *options):
    return run_command("audit", "large.csv", "small.csv", "--data", "photos", "--quiet", *options, cwd=folder)


@pytest.mark.slow
def test_the_command_line_leaves_damaged_files_out_when_told_and_says_so(folder):
    refused = command(folder)
    one_line(refused, "photos: segment 'picture': row ", "/7.png: a damaged picture (", "say so (--skip-unreadable)")
    done = command(folder, "--skip-unreadable", "--out", "run")
    assert done.returncode != 2, done.stderr
    assert "1 of 60 were left out, as a picture or sound of theirs cannot be decoded" in " ".join(done.stdout.split())
    run = load_run(folder / "run")
    assert run.document.settings["unreadable"] == 1
    assert run.document.items.n == 59
    assert verify_run(run).differences == ()


def test_a_picture_that_is_turned_is_the_one_that_is_seen():
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = photos(1)[0][0]
    turned = Items(["a"], {"photo": Pictures((Picture(file_of(pixels, exif=exif)),))})
    seen = []
    trusteq.from_callable(lambda x: seen.extend(x) or [[0.5, 0.5]], labels=LABELS, name="m").predict(turned)
    np.testing.assert_array_equal(seen[0], np.rot90(pixels, -1))
