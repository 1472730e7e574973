"""``trusteq train``: what it prints, its exit codes, its one-line errors."""

import json

import command
import pandas as pd
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models

import trusteq
from trusteq.train import RECIPES


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_models.save("bert", tmp_path_factory.mktemp("base") / "base"))


@pytest.fixture
def lessons(tmp_path):
    texts = [
        f"the {word} was {said}" for word in ("man", "dog", "film") for said in ("good", "bad", "new", "very good")
    ]
    pd.DataFrame({"text": texts, "gold": ["no", "yes"] * 6}).to_csv(tmp_path / "lessons.csv", index=False)
    return ("--data", str(tmp_path / "lessons.csv"), "--text", "text", "--label", "gold")


def run(*arguments):
    """The command's exit code, stdout and stderr."""
    done = command.trusteq("train", *arguments)
    return done.returncode, done.stdout, done.stderr


def test_it_trains_and_says_what_it_kept(base, lessons, tmp_path):
    code, out, err = run(base, *lessons, "--epochs", "2", "--batch", "4", "--layers", "1", "--out", str(tmp_path / "m"))
    assert code == 0, err
    assert out.startswith(f"{tmp_path / 'm'}: trained from {base}\nkept epoch ")
    assert "of 2: dev accuracy" in out
    assert "trusteq: epoch 2 of 2: loss" in err
    assert trusteq.open_model(tmp_path / "m").labels == ("no", "yes")


def test_json_is_all_that_it_prints(base, lessons, tmp_path):
    code, out, err = run(
        base, *lessons, "--recipe", "small-data", "--epochs", "1", "--out", str(tmp_path / "m"), "--json"
    )
    assert (code, err) == (0, "")
    arguments = json.loads(out)["recipe"]["arguments"]
    assert (arguments["epochs"], arguments["rate"]) == (1, RECIPES["small-data"].rate)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "labelled items"),
        (("--drop", "first"), "no effect without --layers"),
        (("--epochs", "0"), "0 is not in the range"),
        (("--rate", "nan"), "rate must be a number above 0, found nan"),
        (("--warmup", "nan"), "warmup must be a number from 0 to 1, found nan"),
        (("--recipe", "none"), "'none' is not one of"),
    ],
)
def test_mistakes_are_one_line(arguments, said, base, lessons, tmp_path):
    given = lessons if arguments else ()
    code, out, err = run(base, *given, *arguments, "--out", str(tmp_path / "m"), "--quiet")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "m").exists()


def test_interrupted_it_says_how_to_go_on(base, lessons, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("trusteq.train.fine_tuned.fine_tune", stop)
    code, _, err = run(base, *lessons, "--out", str(tmp_path / "m"))
    assert code == 130
    assert "run the same command again to continue" in err
