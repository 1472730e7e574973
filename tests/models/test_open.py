import subprocess
import sys
from pathlib import Path

import pytest

import trusteq.models
from trusteq import ModelError, ModelOptions, OptionError, open_model
from trusteq.models.open import default_name


def refused(spec):
    with pytest.raises(ModelError) as caught:
        open_model(str(spec), name="m")
    return caught


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".CSV"])
def test_a_table_is_a_file_of_predictions(tmp_path, suffix):
    path = tmp_path / f"answers{suffix}"
    path.write_text("id,no,yes\na,0.1,0.9\n".replace(",", "\t" if suffix == ".tsv" else ","))
    assert open_model(str(path), name="m").identity.kind == "predictions"


def test_options_reach_the_opener(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("key,no,yes,split\na,1,2,3\n")
    options = ModelOptions(id="key", scores="logits", not_labels=("split",))
    model = open_model(str(path), name="m", options=options)
    assert model.labels == ("no", "yes")
    assert model.scores == "logits"


def test_an_option_without_effect_is_refused(tmp_path, one_line):
    path = tmp_path / "answers.csv"
    path.write_text("id,no,yes\na,0.1,0.9\n")
    with pytest.raises(OptionError) as caught:
        open_model(path, name="m", options=ModelOptions(device="cuda"))
    one_line(caught, "model m", "device has no effect", "a file of predictions")


@pytest.mark.parametrize(
    ("place", "name"), [(".", "tiny"), ("..", "models"), ("x/a.csv.gz", "a"), ("m.joblib", "m"), ("/", "model")]
)
def test_a_model_is_named_after_its_file_or_folder(tmp_path, monkeypatch, place, name):
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "models" / "tiny")
    assert default_name(place) == name


def test_folders_and_graphs_are_told_apart(bert, onnx_bert, tmp_path):
    assert open_model(str(bert), name="m").identity.kind == "transformers"
    assert open_model(str(onnx_bert), name="m").identity.kind == "onnx"
    assert open_model(str(onnx_bert / "model.onnx"), name="m").identity.kind == "onnx"


@pytest.mark.parametrize("spec", ["weights/model.pt", "pytorch_model.bin", "M.PTH"])
def test_pickles_are_refused_with_the_reason(spec, one_line):
    one_line(refused(spec), "could execute code", "safetensors")


@pytest.mark.parametrize("spec", ["model.pkl", "m.joblib", "A.PICKLE"])
def test_pickles_that_may_hold_an_estimator_say_how_their_owner_opens_them(spec, one_line):
    one_line(refused(spec), "could execute code", f'trusteq.audit(joblib.load("{spec}"), ...)')


@pytest.mark.parametrize("spec", ["./nothing", "/no/such/folder", "a/b/c", "gone.onnx", "gone.csv", "a/gone.parquet"])
def test_a_path_that_does_not_exist(spec, one_line):
    one_line(refused(spec), "no such file")


def test_a_folder_says_what_it_lacks(tmp_path, one_line):
    one_line(refused(tmp_path), "no .onnx file", "lacks config.json and *.safetensors")
    (tmp_path / "config.json").write_text("{}")
    one_line(refused(tmp_path), "lacks *.safetensors")
    (tmp_path / "pytorch_model.bin").write_text("")
    one_line(refused(tmp_path), "pytorch_model.bin", "could execute code")


def test_a_file_of_another_kind(tmp_path, one_line):
    (tmp_path / "notes.txt").write_text("")
    one_line(refused(tmp_path / "notes.txt"), "is not a model file", ".parquet")


@pytest.mark.parametrize("spec", ["bert-base-uncased", "org/model", "org/model@v1.0"])
def test_anything_else_is_a_hub_id(spec, one_line):
    pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    one_line(refused(spec), f"'{spec}' is not a file or folder here", "--download")


def test_importing_every_way_to_run_a_model_loads_no_optional_part():
    folder = Path(trusteq.models.__file__).parent
    # A part of torch modules, which is imported when one has been loaded.
    files = [file for file in folder.glob("[!_]*.py") if file.stem != "correction"]
    modules = [f"trusteq.models.{file.stem}" for file in files]
    assert "trusteq.models.transformer" in modules
    heavy = ["torch", "transformers", "tokenizers", "huggingface_hub", "onnx", "onnxruntime", "sklearn", "datasets"]
    code = f"import sys, {', '.join(modules)}; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
