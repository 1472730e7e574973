"""The demos of tables, pictures and sounds: each comes to the end, and tells what it promises."""

import pytest
from command import trusteq as cli

import trusteq
from trusteq.demo import pictures, sounds, table

QUICK = {"resamples": 100, "costs": "none", "with_slices": False, "with_other_way": False}


@pytest.fixture
def quick(monkeypatch):
    """Audits that explain a few items only."""
    whole = trusteq.audit
    monkeypatch.setattr(trusteq, "audit", lambda *args, **options: whole(*args, **{**options, **QUICK}))
    for module in (pictures, sounds, table):
        monkeypatch.setattr(module, "EXPLAINED", 40)


def alignment(made, name):
    return made[name].measures["explanation"]["alignment_shapley"]


def test_an_exported_model_reads_the_same_columns_and_others_do_not(quick):
    pytest.importorskip("skl2onnx")
    made = table.audit_table()
    assert list(made) == ["export", "tree", "linear"]
    assert made["export"].measures["behaviour"]["agreement"].value > 0.99
    assert alignment(made, "export").value > 0.99
    assert alignment(made, "linear").high < 0.9
    assert made.settings["explain"]["units"] == "column-groups"


def test_without_an_exporter_the_export_is_left_out_and_said(quick, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skl2onnx", None)
    said = []
    assert list(table.audit_table(say=said.append)) == ["tree", "linear"]
    assert "export is left out: it needs skl2onnx" in said[-1]


@pytest.mark.slow
def test_a_network_that_crops_answers_alike_but_looks_elsewhere(quick, monkeypatch):
    pytest.importorskip("PIL")
    monkeypatch.setattr(pictures, "TEST", 300)
    made = pictures.audit_pictures()
    found = made["cropping"].measures
    assert abs(found["behaviour"]["accuracy_difference"].value) < 0.03
    assert alignment(made, "cropping").high < 0.95
    assert alignment(made, "4-bit").low > 0.95
    assert made.explanation.units[0].names[0] == "row 1, column 1"


@pytest.mark.slow
def test_a_model_that_hears_half_of_each_sound_relies_on_other_stretches(quick):
    made = sounds.audit_sounds()
    assert made["first-half"].measures["behaviour"]["agreement"].value > 0.95
    assert alignment(made, "first-half").high < 0.9


def test_one_demo_at_a_time(tmp_path):
    ended = cli("demo", "--table", "--sounds", cwd=tmp_path)
    assert ended.returncode == 2
    assert "--table and --sounds exclude each other" in ended.stderr
    assert not list(tmp_path.iterdir())
