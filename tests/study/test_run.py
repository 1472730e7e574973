"""A study run whole: what it makes, that it goes on, and whose folder it is."""

import json
import shutil

import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models
from safetensors.torch import load_file, save_file

import trusteq
from trusteq import DataError, ModelError, StudyError, load_run
from trusteq.study import read_study, run_study
from trusteq.study.inputs import make_model, read_texts
from trusteq.study.run import _refuse_replanned


def files(directory, *kinds):
    """The bytes of every file of these kinds, else of all but those that hold times."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and (path.suffix in kinds if kinds else path.name not in ("costs.json", "tables.md", "tables.tex"))
    }


@pytest.mark.slow
def test_every_seed_has_its_models_run_and_pairs(done):
    out = done[0].directory
    assert done[0].seeds == (0, 1)
    for seed in ("seed-0", "seed-1"):
        assert {path.name for path in (out / "models" / seed).iterdir()} == {
            "base", "again", "thin", "pruned", "student", "half",
        }  # fmt: skip
        run = load_run(out / "runs" / seed)
        assert [c["name"] for c in run.audit["candidates"]] == ["thin", "student", "half"]
        pairs = json.loads((out / "pairs" / f"{seed}.json").read_text("utf-8"))
        assert len(pairs) == 10
        for name in ("thin", "student", "half"):
            diagram = (out / "reliability" / f"{seed}-{name}.svg").read_text("utf-8")
            assert name in diagram
            assert (out / "reliability" / f"{seed}-{name}.pdf").read_bytes().startswith(b"%PDF")
    assert (out / "tables.tex").read_text("utf-8") == done[0].latex
    assert not list(out.rglob(".*"))
    assert not list(out.glob("work*"))


@pytest.mark.slow
def test_seeds_train_other_models_and_the_same_seed_the_same(done):
    models = done[0].directory / "models"
    contents = [
        trusteq.open_model(models / seed / name).identity.content
        for seed in ("seed-0", "seed-1")
        for name in ("base", "again")
    ]
    assert len(set(contents)) == 4
    recipe = json.loads((models / "seed-1" / "again" / "trusteq-recipe.json").read_text("utf-8"))
    assert recipe["seed"] == 101


@pytest.mark.slow
def test_pairs_agree_with_the_run(done):
    out = done[0].directory
    run = load_run(out / "runs" / "seed-0")
    pairs = json.loads((out / "pairs" / "seed-0.json").read_text("utf-8"))
    for candidate in run.audit["candidates"]:
        (pair,) = [p for p in pairs if (p["first"], p["second"]) == ("base", candidate["name"])]
        estimates = dict(pair["estimates"])
        assert estimates.pop("disagreement")["value"] == candidate["measures"]["behaviour"]["disagreement"]["value"]
        assert estimates
        for name, estimate in estimates.items():
            assert candidate["measures"]["explanation"][name] == estimate, name


@pytest.mark.slow
def test_every_two_models_have_their_changed_answers(done, data):
    out = done[0].directory
    names = ("base", "thin", "student", "half", "again")
    items = trusteq.read_items(data / "test.jsonl", text=["text"], label="label", id="id")
    answers = {n: trusteq.open_model(out / "models" / "seed-0" / n).predict(items).argmax(axis=1) for n in names}
    for pair in json.loads((out / "pairs" / "seed-0.json").read_text("utf-8")):
        found = pair["estimates"]["disagreement"]
        expected = (answers[pair["first"]] != answers[pair["second"]]).mean()
        assert found["value"] == pytest.approx(expected, abs=1e-12), pair["first"]
        assert found["low"] <= expected <= found["high"]


@pytest.mark.slow
def test_done_again_nothing_changes(done, copied, written, data):
    before, said = files(copied), []
    again = run_study(read_study(written()), data=data, out=copied, say=said.append)
    assert files(copied) == before
    assert again.tables == done[0].tables
    assert [line for line in said if not line.startswith("study")] == []


@pytest.mark.slow
def test_what_is_missing_is_made_again_to_the_same_bytes(copied, written, data):
    # Not what says where a model lies: this is a copy elsewhere.
    kinds = (".safetensors", ".parquet")
    before, pairs = files(copied, *kinds), (copied / "pairs" / "seed-1.json").read_bytes()
    for lost in ("models/seed-1/student", "runs/seed-1", "models/seed-0/thin"):
        shutil.rmtree(copied / lost)
    (copied / "pairs" / "seed-1.json").unlink()
    run_study(read_study(written()), data=data, out=copied)
    assert files(copied, *kinds) == before
    assert (copied / "pairs" / "seed-1.json").read_bytes() == pairs


@pytest.mark.slow
def test_an_audit_that_is_killed_goes_on_from_its_work(copied, written, data, monkeypatch):
    import trusteq.auditing.compute
    from trusteq.work.shard import HERE

    before = files(copied, ".parquet")
    shutil.rmtree(copied / "runs" / "seed-0")

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trusteq.auditing.compute, "compare", stop)
        with pytest.raises(KeyboardInterrupt):
            run_study(read_study(written()), data=data, out=copied)
    assert list(copied.glob("work-seed-0/*.parquet"))
    with monkeypatch.context() as patch:
        patch.setattr(type(HERE), "answers", lambda self, model, shards, advance: iter(asked.append(p) for p in shards))
        asked = []
        run_study(read_study(written()), data=data, out=copied)
    assert asked == []
    assert files(copied, ".parquet") == before
    assert not list(copied.glob("work*"))


def test_some_of_the_seeds(written, data, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("trusteq.study.run._one_seed", lambda study, seed, *a, **k: asked.append(seed))
    study = read_study(written())
    made = run_study(study, data=data, out=tmp_path / "o", seeds=[1])
    assert asked == [1]
    assert made.seeds == ()
    assert "No seed has finished yet" in made.tables
    with pytest.raises(StudyError, match="seed 7 is not one of its seeds 0, 1"):
        run_study(study, data=data, out=tmp_path / "o", seeds=[7])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"training": {"recipe": "small-data", "epochs": 3}}, "'study' in study.json differs"),
        (
            {"data": {"train": "test.jsonl", "test": "train.jsonl", "text": ["text"], "label": "label"}},
            "'study' in study.json differs",
        ),
    ],
)
def test_a_folder_of_another_study_is_refused(change, said, copied, written, data):
    before = files(copied)
    with pytest.raises(StudyError, match=said):
        run_study(read_study(written(**change)), data=data, out=copied)
    assert files(copied) == before


def test_models_stay_for_an_audit_that_is_planned_otherwise(written, data, plan, tmp_path, monkeypatch):
    monkeypatch.setattr("trusteq.study.run._one_seed", lambda *a, **k: None)
    out, said = tmp_path / "o", []
    first, other = (read_study(written(audit={**plan["audit"], "k": k})) for k in (3, 4))
    run_study(first, data=data, out=out)
    (out / "models").mkdir()
    run_study(other, data=data, out=out, say=said.append)
    assert said == ["the audit is planned otherwise than before; models that are there stay"]
    assert json.loads((out / "study.json").read_text("utf-8"))["study"]["audit"]["k"] == 4
    with pytest.raises(StudyError, match="another process has changed the plan of its audits"):
        _refuse_replanned(first, out)
    _refuse_replanned(other, out)
    for part in ("runs", "reliability"):
        (out / part).mkdir()
    before = files(out)
    with pytest.raises(StudyError, match="remove runs, reliability from it to audit its models anew"):
        run_study(first, data=data, out=out)
    assert files(out) == before
    with pytest.raises(StudyError, match="belongs to another study"):
        run_study(read_study(written(name="renamed", audit={**plan["audit"], "k": 3})), data=data, out=out)


@pytest.mark.slow
def test_other_items_are_refused(copied, written, data, tmp_path):
    other = shutil.copytree(data, tmp_path / "other")
    lines = (other / "test.jsonl").read_text("utf-8").splitlines()
    (other / "test.jsonl").write_text("\n".join(lines[:-1]), "utf-8")
    with pytest.raises(StudyError, match=r"'items' in study\.json differs"):
        run_study(read_study(written()), data=other, out=copied)


def test_a_folder_with_something_else_is_refused(written, data, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StudyError, match="already holds something other than a study"):
        run_study(read_study(written()), data=data, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def leaky(data, folder, count, into):
    """The data with this many items of the test in another file, too."""
    both = shutil.copytree(data, folder)
    test = (both / "test.jsonl").read_text("utf-8").splitlines()
    lines = (both / into).read_text("utf-8").splitlines() if (both / into).exists() else []
    known = [json.dumps({**json.loads(line), "id": f"leak-{i}"}) for i, line in enumerate(test[3 : 3 + count])]
    (both / into).write_text("\n".join([*lines, *known]), "utf-8")
    return both


@pytest.mark.parametrize("into", ["train.jsonl", "dev.jsonl"])
def test_a_test_that_was_learnt_is_refused(into, written, data, plan, tmp_path):
    asked = {**plan["data"], **({"dev": into} if into == "dev.jsonl" else {})}
    with pytest.raises(DataError, match=r"20 of 120 test items, e\.g\. 'test-3', are also among the items of train"):
        run_study(read_study(written(data=asked)), data=leaky(data, tmp_path / "both", 20, into), out=tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_a_few_items_that_were_learnt_are_left_out(written, data, plan, tmp_path):
    from trusteq.study.inputs import read_texts

    said = []
    study = read_study(written())
    texts = read_texts(study.data, leaky(data, tmp_path / "both", 2, "train.jsonl"), said.append)
    assert len(texts.test) == 118
    assert not {"test-3", "test-4"} & set(texts.test.ids)
    assert said == ["2 of 120 test items are also in train or dev, and left out of the test"]


def test_a_base_with_other_weights_is_refused(data, plan, base, written, tmp_path, monkeypatch):
    monkeypatch.setattr("trusteq.study.run._one_seed", lambda *a, **k: None)
    own = shutil.copytree(base, tmp_path / "own")
    models = {"base": {"train": str(own)}, "again": {"train": str(own)}, "thin": {"train": "again"}}
    study = read_study(written(models=models))
    run_study(study, data=data, out=tmp_path / "o")
    run_study(study, data=data, out=tmp_path / "o")
    tiny_models.save_encoder(own, scale=0.3)
    with pytest.raises(StudyError, match=r"'bases' in study\.json differs"):
        run_study(study, data=data, out=tmp_path / "o")


def test_items_that_are_not_there(written, tmp_path):
    with pytest.raises(StudyError, match="name the folder that holds"):
        run_study(read_study(written()), data=tmp_path, out=tmp_path / "o")


def test_a_hub_and_a_gpu_are_asked_for_at_once_with_the_cost(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StudyError) as caught:
        run_study(read_study("paper-nli"), data=tmp_path, out=tmp_path / "o")
    for part in ("give --download", "give --anyway", "on one data-centre GPU", "on one processor core"):
        assert part in str(caught.value)
    with pytest.raises(StudyError, match="no such file"):
        run_study(read_study("paper-nli"), data=tmp_path, out=tmp_path / "o", download=True, anyway=True)


def test_more_epochs_cost_more():
    from trusteq.study.needs import GPU_RATE, TRAINING, cost

    study = read_study("mrpc-top5")
    weights = sum(study.needs.weights.values()) * 1e6
    seconds = TRAINING * weights * study.needs.tokens * study.needs.train_items * 4 / GPU_RATE
    assert seconds < 60  # so the words begin with minutes
    assert cost(study, 1).startswith("about 2 minutes on one data-centre GPU")
    longer = study.model_copy(update={"needs": study.needs.model_copy(update={"train_items": 10**8})})
    assert "years" in cost(longer, 1)


@pytest.mark.slow
def test_a_model_that_cannot_be_made_leaves_nothing_of_itself(written, data, plan, tmp_path):
    models = {**plan["models"], "half": {"from": "base", "method": "drop-layers", "options": {"layers": 9}}}
    with pytest.raises(ModelError, match="does not apply"):
        run_study(replace_seeds(read_study(written(models=models))), data=data, out=tmp_path / "o")
    assert not (tmp_path / "o" / "models" / "seed-0" / "half").exists()


def replace_seeds(study):
    return study.model_copy(update={"seeds": (0,)})


@pytest.mark.slow
def test_a_candidate_of_a_study_is_healed(copied, written, data, plan):
    models = {
        **plan["models"],
        "shifted": {"from": "base", "method": "bf16", "audited": False},
        "mended": {"from": "shifted", "method": "heal", "original": "base", "options": {"rows": 96}},
    }
    study = read_study(written(models=models))
    folder = copied / "models" / "seed-0"
    shutil.copytree(folder / "base", folder / "shifted")
    weights = load_file(folder / "base" / "model.safetensors")
    weights["classifier.bias"][0] += 1
    save_file(weights, folder / "shifted" / "model.safetensors", metadata={"format": "pt"})
    place = make_model(
        study, "mended", 0, read_texts(study.data, data), folder,
        download=False, tell=lambda *what: None, say=lambda line: None,
    )  # fmt: skip
    recipe = json.loads((place / "trusteq-recipe.json").read_text("utf-8"))
    contents = {name: trusteq.open_model(folder / name).identity.content for name in ("shifted", "base")}
    assert (recipe["source"]["content"], recipe["original"]["content"]) == (contents["shifted"], contents["base"])
    assert "audit" not in recipe  # the study itself audits it
