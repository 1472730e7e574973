"""The terminal's table of the tasks of stored results: counted by hand, the most changed first, no more than fit."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

import trusteq
from trusteq.report.by_task import MOST, by_task
from trusteq.report.terminal import render

QUESTIONS = 40


def samples(folder, changed):
    """Samples of both models; ``changed`` has for each task how many of the questions are answered differently."""
    for model in ("large", "small"):
        (folder / model).mkdir()
        for task, count in changed.items():
            lines = []
            for i in range(QUESTIONS):
                chosen = int(model == "small" and i < count)
                scores = np.array([-1.0, -3.0 - i / QUESTIONS])[:: 1 - 2 * chosen]
                request = {f"gen_args_{k}": {"arg_0": f"{task} {i}", "arg_1": f" {k}"} for k in range(2)}
                row = {"doc_id": i, "doc": {}, "target": "0", "arguments": request, "filter": "none"}
                row |= {"filtered_resps": [[str(s), "False"] for s in scores], "acc": float(chosen == 0)}
                lines.append(json.dumps(row) + "\n")
            (folder / model / f"samples_{task}_2026-01-02T03-04-05.678901.jsonl").write_text("".join(lines), "utf-8")
    items = trusteq.read_items(folder / "large")
    models = (trusteq.open_model(folder / name) for name in ("large", "small"))
    return trusteq.audit(*models, items, resamples=100, costs="none")


def shown(result, width=120):
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(render(result))
    return out.getvalue()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return samples(tmp_path_factory.mktemp("two"), {"arc": 4, "boolq": 10})


def test_each_task_has_its_accuracy_and_its_changed_answers(two):
    lines = [" ".join(line.split()) for line in shown(two).splitlines()]
    at = lines.index("2 tasks, most changed answers first")
    assert lines[at + 1] == "task items accuracy difference [95%] disagreement [95%]"
    assert lines[at + 2].startswith("boolq 40 1.0000 -> 0.7500 -0.2500 [-0.")
    assert lines[at + 3].startswith("arc 40 1.0000 -> 0.9000 -0.1000 [-0.")
    assert [line.split("] ")[1].split()[0] for line in lines[at + 2 : at + 4]] == ["0.2500", "0.1000"]


def test_a_saved_run_shows_the_same(two, tmp_path):
    two.save(tmp_path / "run")
    runs = (two, trusteq.load_run(tmp_path / "run"))
    memory, saved = (shown(run).split("most changed answers first")[1] for run in runs)
    assert saved == memory


def test_a_narrow_terminal_has_lines(two):
    text = " ".join(shown(two, width=60).split())
    assert "boolq (40 items): accuracy 1.0000 -> 0.7500, difference -0.2500 [" in text


def test_of_many_tasks_those_with_most_changes_are_shown(tmp_path):
    result = samples(tmp_path, {f"task{i}": i for i in range(1, MOST + 2)})
    text = shown(result)
    assert f"{MOST} of {MOST + 1} tasks, most changed answers first; all are in trusteq report" in text
    assert "task1 " not in text.split("most changed answers first")[1].split("what is undecided")[0]


def test_one_task_has_no_table(tmp_path):
    result = samples(tmp_path, {"arc": 4})
    (candidate,) = result.evidence.document.candidates
    assert by_task(result.evidence, candidate) == []
