"""``--no-pictures`` of ``trusteq audit`` and ``trusteq report``."""

import io

import numpy as np
import pandas as pd
import pytest
from command import one_line
from command import trusteq as run_command
from report.page import made_up_kinds

from trusteq import load_run

Image = pytest.importorskip("PIL.Image", reason="pictures are written by Pillow")


@pytest.fixture
def data(tmp_path):
    """Pictures, and the predictions of two models of them."""
    arrays, labels = made_up_kinds.pictures(40)
    files = []
    for array in arrays:
        file = io.BytesIO()
        Image.fromarray(array).save(file, "PNG")
        files.append(file.getvalue())
    ids = [f"p{i}" for i in range(40)]
    names = np.array(["house", "sun"])
    pd.DataFrame({"id": ids, "photo": files, "label": names[labels]}).to_parquet(tmp_path / "items.parquet")
    for name, right in (("large", 0.9), ("small", 0.8)):
        sun = np.where(labels == 1, right, 1 - right)
        pd.DataFrame({"id": ids, "house": 1 - sun, "sun": sun}).to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path, files


def arguments(folder, *more):
    models = (f"{folder}/large.csv", f"{folder}/small.csv", "--data", f"{folder}/items.parquet", "--label", "label")
    return ("audit", *models, "--resamples", "100", "--costs", "none", "--quiet", "--out", f"{folder}/run", *more)


def test_a_run_and_its_page_hold_no_picture(data):
    folder, files = data
    assert run_command(*arguments(folder, "--picture", "photo", "--no-pictures")).returncode in (0, 1, 3)
    assert run_command("report", f"{folder}/run").returncode == 0
    table = load_run(folder / "run").table("items")
    assert set(table["segment photo"][0]) >= {"sha256", "width", "brightness"}
    for path in (folder / "run").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(file[-60:] in content or b"data:image" in content for file in files)
    assert "no pictures" in (folder / "run/report.html").read_text("utf-8")


def test_a_page_can_leave_them_out(data):
    folder, _ = data
    assert run_command(*arguments(folder, "--picture", "photo")).returncode in (0, 1, 3)
    for flags, shown in (((), True), (("--no-pictures",), False)):
        assert run_command("report", f"{folder}/run", *flags).returncode == 0
        assert ("img-src data:" in (folder / "run/report.html").read_text("utf-8")) is shown


def test_what_has_no_effect_is_an_error(data):
    folder, _ = data
    done = run_command(*arguments(folder, "--no-pictures"))
    one_line(done, "--no-pictures has no effect, as the items hold neither pictures nor sounds")
    run_command(*arguments(folder))
    one_line(run_command("report", f"{folder}/run", "--as", "latex", "--no-pictures"), "no effect on latex")
