"""The tables: every number is one of the runs', and cells over seeds are means and standard deviations."""

import re
from statistics import mean, stdev

from trusteq.runs.directory import load_run
from trusteq.study.tables import tables


def rows(text, heading):
    """The cells of the first table below a heading, by the first cell."""
    below = text.split(f"{heading}\n")[1]
    found = {}
    for line in below.splitlines()[2:]:
        if found and not line.startswith("|"):
            break
        if line.startswith("| ") and "---" not in line:
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found.setdefault(first, []).append(cells)
    return found


def test_a_cell_is_mean_and_deviation_over_seeds(done):
    found = rows(done[0].tables, "## Accuracy, size and speed")
    values = [
        load_run(done[0].directory / "runs" / f"seed-{seed}").audit["candidates"][1]["measures"]["behaviour"][
            "accuracy_candidate"
        ]["value"]
        for seed in (0, 1)
    ]
    assert found["student"][0][0] == f"{mean(values):.3f} ± {stdev(values):.3f}"
    assert found["base"][0][1].replace(",", "").isdigit()
    assert float(found["half"][0][2]) < float(found["base"][0][2])


def test_every_verdict_of_every_seed_is_there(done):
    found = rows(done[0].tables, "## Verdicts")
    for place, name in enumerate(("thin", "student", "half")):
        for seed in (0, 1):
            audit = load_run(done[0].directory / "runs" / f"seed-{seed}").audit
            assert found[name][seed][:2] == [str(seed), audit["candidates"][place]["verdict"]["outcome"]]


def test_all_models_are_paired_the_peer_too(done):
    found = rows(done[0].tables, "## Do they look at the same words?")
    assert len(found) == 10
    assert "thin, again" in found


def test_shares_of_confidence_sum_to_one(done):
    found = rows(done[0].tables, "Share of answers by confidence, mean over seeds:")
    assert set(found) == {"base", "thin", "student", "half"}
    for (cells,) in found.values():
        assert abs(sum(float(cell.rstrip("%")) for cell in cells) - 100) < 0.21


def test_of_one_seed_cells_hold_intervals(done, written):
    from trusteq.study import read_study

    text = tables(read_study(written()), done[0].directory, (1,))
    (cells,) = rows(text, "## Accuracy, size and speed")["base"]
    assert re.fullmatch(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", cells[0])


def test_nothing_done_is_said(written, tmp_path):
    from trusteq.study import read_study

    assert "No seed is done yet" in tables(read_study(written()), tmp_path, ())
