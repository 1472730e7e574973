"""Which rungs are made, which are explained and which need not be, with a bench that makes nothing."""

import pytest
from made_up_bench import POLICY, Bench, Model, rung

from trusteq import MissingExtraError
from trusteq.shrink import tries as module
from trusteq.shrink.record import CONFIRMED, EXPLAINED, Entry, Search
from trusteq.shrink.tries import Tries


@pytest.fixture(autouse=True)
def _plain_models(monkeypatch):
    """The bench's models state their traits; every method is there, unless a test says otherwise."""
    monkeypatch.setattr(module, "traits_of", lambda model: model.traits)
    monkeypatch.setattr(module, "unavailable", lambda rung: None)


@pytest.fixture
def tried(tmp_path):
    """A function from rungs and models to the finished tries."""

    def run(rungs, bench_or_models, *, late=lambda: False, refused=(), confirm=False):
        bench = bench_or_models
        if isinstance(bench_or_models, dict):
            bench = Bench(tmp_path, bench_or_models)
        search = Search(tmp_path, "large", POLICY, {}, {}, tuple(map(Entry, rungs)))
        tries = Tries(search, bench, late, dict(refused), tmp_path / "shrink.json")
        tries.every_rung()
        if confirm:
            tries.confirm()
        return tries

    return run


def fates(tries):
    return {entry.name: entry.fate for entry in tries.search.entries}


def test_what_is_larger_than_the_model_is_not_chosen(tried):
    models = {"int8-onnx": Model(200, 0.0), "prune-weights": Model(100, 0.5)}
    found = tried([rung("int8-onnx"), rung("prune-weights")], models, confirm=True)
    assert fates(found) == {"int8-onnx": "does not fit", "prune-weights": "NOT EQUIVALENT"}
    assert found.search.entries[0].reason == "it is larger than the model: 200.0% of its size"
    assert (found.search.chosen, found.search.confirmation) == (None, None)
    assert found.search.exit_code == 1
    said = "none of 2 candidates is EQUIVALENT on development items without being larger than the model"
    assert found.search.sentence == said
    assert "explained int8-onnx" not in found.bench.done


def test_what_is_as_large_may_be_chosen_if_nothing_smaller_passes(tried):
    found = tried([rung("prune-weights")], {"prune-weights": Model(100, 0.0)}, confirm=True)
    assert found.search.confirmation.name == "prune-weights"


def test_those_that_need_no_training_come_first_and_the_smallest_is_explained_first(tried):
    found = tried(
        [rung("distil"), rung("fp16"), rung("int8-weights")],
        {"distil": Model(30, 0.5), "fp16": Model(50, 0.0), "int8-weights": Model(60, 0.0)},
    )
    assert found.bench.done == [
        "make fp16", "answers fp16", "make int8-weights", "answers int8-weights",
        "explained fp16",
        "make distil", "answers distil",
    ]  # fmt: skip
    assert fates(found) == {"distil": "NOT EQUIVALENT", "fp16": "EQUIVALENT", "int8-weights": "not needed"}
    assert found.search.chosen.name == "fp16"


def test_a_larger_candidate_is_explained_only_if_it_is_clearly_faster(tried):
    models = {"fp16": Model(50, 0.0), "onnx": Model(90, 0.0, speed=1.1), "int8-onnx": Model(60, 0.0, speed=1.2)}
    found = tried([rung("fp16"), rung("onnx"), rung("int8-onnx")], models)
    assert fates(found) == {"fp16": "EQUIVALENT", "onnx": "not needed", "int8-onnx": "EQUIVALENT"}
    assert found.search.chosen.name == "fp16"
    reason = found.search.entries[1].reason
    assert reason.endswith("fp16 has passed, is no larger and about as fast") or "int8-onnx has passed" in reason


def test_what_is_undecided_without_explanations_is_not_explained(tried):
    found = tried([rung("fp16")], {"fp16": Model(50, 0.1)})
    assert fates(found) == {"fp16": "UNDECIDED"}
    assert "explained fp16" not in found.bench.done
    assert "disagreement 0.1 [0.09, 0.11] may or may not be at most 0.1" in found.search.entries[0].reason
    assert found.search.exit_code == 3


def test_one_that_looks_at_other_words_does_not_pass(tried):
    found = tried([rung("fp16"), rung("bf16")], {"fp16": Model(50, 0.0, aligned=0.5), "bf16": Model(51, 0.0)})
    assert fates(found) == {"fp16": "NOT EQUIVALENT", "bf16": "EQUIVALENT"}


def test_healing_is_for_candidates_that_would_be_the_smallest(tried):
    int4, healed = rung("int4-weights"), rung("int4-weights", "heal")
    models = {"int4-weights": Model(40, 0.3), "int4-weights+heal": Model(40, 0.02), "fp16": Model(50, 0.0)}
    found = tried([int4, rung("fp16"), healed], models)
    assert found.search.chosen.name == "int4-weights+heal"
    found = tried([int4, rung("fp16"), healed], models | {"int4-weights": Model(60, 0.3)})
    assert fates(found)["int4-weights+heal"] == "not needed"
    assert "make int4-weights+heal" not in found.bench.done
    assert found.search.entries[2].reason == "it would not be smaller: fp16 has passed, is no larger and about as fast"


def test_a_finished_search_is_read_as_it_ended(tried):
    rungs = [rung("int4-weights"), rung("fp16"), rung("int4-weights", "heal"), rung("drop-layers", "heal")]
    models = {"int4-weights": Model(60, 0.3), "fp16": Model(50, 0.0), "drop-layers": Model(70, 0.5)}
    whole = tried(rungs, models)
    assert [*fates(whole).values()] == ["NOT EQUIVALENT", "EQUIVALENT", "not needed", "not needed"]
    whole.bench.folder(rung("drop-layers")).mkdir(parents=True)
    done = list(whole.bench.done)
    again = tried(rungs, whole.bench, late=lambda: True)
    assert again.search == whole.search
    assert whole.bench.done == done


def test_the_size_of_a_parent_that_is_no_rung_is_looked_up(tried):
    models = {"fp16": Model(50, 0.0), "drop-layers": Model(55, 0.9), "drop-layers+heal": Model(55, 0.0)}
    found = tried([rung("fp16"), rung("drop-layers", "heal")], models)
    assert fates(found)["drop-layers+heal"] == "not needed"
    assert found.bench.done[-1] == "make drop-layers"


def test_a_candidate_that_cannot_be_made_is_said_so_and_the_search_goes_on(tried):
    found = tried([rung("fp16"), rung("bf16")], {"fp16": None, "bf16": Model(50, 0.0)})
    assert fates(found) == {"fp16": "does not fit", "bf16": "EQUIVALENT"}
    assert found.search.entries[0].reason == "fp16 cannot be made"
    again = tried([rung("fp16")], {"fp16": None}, refused={"fp16": "fp16 cannot be made"})
    assert again.bench.done == []


def test_what_is_not_available_is_said_so(tried, monkeypatch):
    monkeypatch.setattr(module, "unavailable", lambda rung: "no such method")
    found = tried([rung("fp16")], {"fp16": Model(50, 0.0)})
    assert (fates(found), found.bench.done) == ({"fp16": "not available"}, [])


def test_a_missing_package_is_the_reason(monkeypatch):
    from trusteq.compress.methods import METHODS
    from trusteq.shrink.bench import unavailable

    assert unavailable(rung("fp16")) is None
    assert unavailable(rung("fp16", "squeeze")) == "this version of trusteq has no method squeeze"

    def missing(self, name):
        raise MissingExtraError(f"method {name}", package="squeezer")

    monkeypatch.setattr(type(METHODS["fp16"]), "load", missing)
    assert unavailable(rung("fp16")) == "method fp16 needs an optional part: pip install squeezer"


def test_when_time_is_over_nothing_new_is_started_but_what_is_there_is_read(tried):
    rungs = [rung("fp16"), rung("bf16"), rung("distil")]
    models = {"fp16": Model(50, 0.0), "bf16": Model(50, 0.5), "distil": Model(30, 0.0)}
    first = tried(rungs, models, late=iter([False, False, True, True]).__next__)
    assert fates(first) == {"fp16": "not tried", "bf16": "NOT EQUIVALENT", "distil": "not tried"}
    assert first.search.stopped
    assert first.search.entries[0].reason.startswith("passes everything but explanations")
    later = tried(rungs, first.bench, late=lambda: True)
    assert fates(later) == fates(first)
    whole = tried(rungs, first.bench)
    assert fates(whole) == {"fp16": "EQUIVALENT", "bf16": "NOT EQUIVALENT", "distil": "EQUIVALENT"}
    assert whole.search.chosen.name == "distil"
    assert len(set(first.bench.done)) == len(first.bench.done)


def test_the_best_so_far_is_explained_after_the_time_is_over_if_it_is_to_be_confirmed(tried):
    rungs = [rung("fp16"), rung("bf16"), rung("onnx"), rung("distil")]
    models = {"fp16": Model(50, 0.0), "bf16": Model(40, 0.0), "onnx": Model(30, 0.5), "distil": Model(20, 0.0)}
    found = tried(rungs, models, late=iter([False] * 3 + [True] * 20).__next__)
    assert found.search.chosen is None
    found.explain_open()
    assert fates(found) == {
        "fp16": "not needed", "bf16": "EQUIVALENT", "onnx": "NOT EQUIVALENT", "distil": "not tried",
    }  # fmt: skip
    found.confirm()
    assert found.search.confirmation.name == "bf16"
    assert found.search.stopped


def test_one_candidate_is_confirmed_and_its_verdict_is_the_result(tried):
    found = tried(
        [rung("fp16"), rung("bf16")], {"fp16": Model(50, 0.0, speed=2.0), "bf16": Model(60, 0.0)}, confirm=True
    )
    assert found.bench.done[-1] == "confirmed fp16"
    assert found.search.sentence == "fp16: 50% of the size, 2.0 times as fast, EQUIVALENT"
    assert found.search.exit_code == 0
    assert len([what for what in found.bench.done if what.startswith(CONFIRMED)]) == 1
    assert EXPLAINED in found.search.entries[0].run


def test_of_equal_sizes_the_faster_is_chosen(tried):
    models = {"fp16": Model(50, 0.0, speed=1.0), "bf16": Model(50, 0.0, speed=3.0)}
    assert tried([rung("fp16"), rung("bf16")], models).search.chosen.name == "bf16"


def test_where_nothing_passes_the_nearest_is_an_undecided_one_before_a_broken_one(tried):
    models = {"fp16": Model(50, 0.1), "bf16": Model(60, 0.2), "onnx": Model(70, 0.098)}
    found = tried([rung("fp16"), rung("bf16"), rung("onnx")], models, confirm=True)
    assert found.search.nearest.name == "onnx"
    assert found.search.confirmation is None
    assert found.search.sentence == "none of 3 candidates is EQUIVALENT on development items"
    broken = tried([rung("bf16")], models)
    assert (broken.search.exit_code, broken.search.sentence) == (
        1, "the only candidate is not EQUIVALENT on development items",
    )  # fmt: skip
