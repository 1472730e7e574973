"""The tables: every number is one of the runs', and cells over seeds are means and standard deviations."""

import re
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from cases import Table, case

import trusteq
from trusteq import Estimate, load_run
from trusteq.comparing.published import PairAgreement
from trusteq.record.document import ProtocolSummary
from trusteq.study.latex import latex_tables
from trusteq.study.markdown import Repetition, _between, _cell, _costs, _protocol, _words, repetition, tables
from trusteq.study.pairs import PairMeasures
from trusteq.study.plan import Study


def rows(text, heading):
    """The cells of the first table below a heading, by the first cell."""
    below = text.split(f"{heading}\n")[1]
    found = {}
    for line in below.splitlines()[2:]:
        if found and not line.startswith("|"):
            break
        if line.startswith("| ") and "---" not in line:
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found.setdefault(first.partition(" (")[0], []).append(cells)
    return found


@pytest.mark.slow
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


@pytest.mark.slow
def test_every_verdict_of_every_seed_is_there(done):
    found = rows(done[0].tables, "## Verdicts")
    for place, name in enumerate(("thin", "student", "half")):
        for seed in (0, 1):
            audit = load_run(done[0].directory / "runs" / f"seed-{seed}").audit
            assert found[name][seed][:2] == [str(seed), audit["candidates"][place]["verdict"]["outcome"]]


@pytest.mark.slow
def test_trainings_and_items_are_told_apart(done):
    below = done[0].tables.split("## Training or items?\n")[1].split("##")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in below.splitlines() if "|" in line][2:]
    assert [line[0] for line in lines[::2]] == ["thin", "student", "half", "again"]
    assert {line[1] for line in lines[::2]} == {"training"}
    assert {line[1] for line in lines[1::2]} == {"items"}
    values = [
        load_run(done[0].directory / "runs" / f"seed-{seed}").audit["candidates"][0]["measures"]["behaviour"][
            "disagreement"
        ]["value"]
        for seed in (0, 1)
    ]
    assert lines[0][3].startswith(f"{stdev(values):.3f} [")
    assert lines[-2][2] == "–"  # of the peer only answers and words are compared
    assert lines[-1][3] != "–"


@pytest.mark.slow
def test_all_models_are_paired_the_peer_too(done):
    found = rows(done[0].tables, "## Do they look at the same words?")
    assert len(found) == 10
    assert "thin, again" in found


@pytest.mark.slow
def test_the_published_protocol_s_numbers_are_those_of_its_runs(done):
    found = rows(done[0].tables, "Under the published protocol, 2 items, Jaccard of the top 10:\n")
    audits = [load_run(done[0].directory / "protocol" / f"seed-{seed}").audit for seed in (0, 1)]
    means = [
        next(p["mean"]["value"] for p in audit["protocol"]["pairs"] if (p["first"], p["second"]) == ("base", "thin"))
        for audit in audits
    ]
    assert found["base, thin"][0][0] == f"{mean(means):.3f} ± {stdev(means):.3f}"


@pytest.mark.slow
def test_chance_is_below_the_ceiling_of_the_same_items(done):
    """Of items of more words alone, from independent halves: what is compared is of the same kind."""
    text = done[0].tables.split("next to chance and ceiling:\n")[1]
    for (jaccard, chance, ceiling, *_), *_ in rows("x\n" + text, "x").values():
        assert 0 <= float(jaccard.split()[0]) <= 1
        assert float(chance.split()[0]) < float(ceiling.split()[0])


@pytest.mark.slow
def test_shares_of_confidence_sum_to_one(done):
    found = rows(
        done[0].tables,
        "Share of answers in each range of confidence, mean over seeds:",
    )
    assert set(found) == {"base", "thin", "student", "half"}
    for (cells,) in found.values():
        assert abs(sum(float(cell.rstrip("%")) for cell in cells) - 100) < 0.21


@pytest.mark.slow
def test_of_one_seed_cells_hold_intervals(done, written):
    from trusteq.study import read_study

    text = tables(read_study(written()), [repetition(done[0].directory, 1)])
    (cells,) = rows(text, "## Accuracy, size and speed")["base"]
    assert re.fullmatch(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", cells[0])


@pytest.mark.slow
def test_every_number_is_in_one_file_of_rows(done):
    table = pd.read_csv(done[0].directory / "estimates.csv")
    assert sorted(set(table["seed"])) == [0, 1]
    audit = load_run(done[0].directory / "runs" / "seed-1").audit
    told = audit["candidates"][0]["measures"]["behaviour"]["disagreement"]
    about = "seed == 1 and first == 'base' and second == 'thin' and measure == 'disagreement'"
    of_audit, of_pairs = (table.query(f"{about} and source == '{source}'").iloc[0] for source in ("audit", "pairs"))
    assert (of_audit["value"], of_audit["low"], of_audit["n"]) == (told["value"], told["low"], told["n"])
    assert of_pairs["value"] == told["value"]
    runs = table.query("source == 'protocol' and seed == 0 and first == 'thin' and second == 'half'").set_index(
        "measure"
    )
    lime = [runs.loc[f"jaccard_lime_run_{number}", "value"] for number in (1, 2, 3)]
    assert runs.loc["jaccard_lime", "value"] == pytest.approx(mean(lime))


def test_nothing_done_is_said(written):
    from trusteq.study import read_study

    assert "No seed has finished yet" in tables(read_study(written()), [])


def estimate(value):
    return Estimate(value, value - 0.01, value + 0.01, 100, "something")


def test_a_cell_says_how_many_seeds_it_is_of():
    assert _cell([estimate(0.5)]) == "0.500 [0.490, 0.510]"
    assert _cell([estimate(0.4), estimate(0.6)]) == "0.500 ± 0.141"
    assert _cell([estimate(0.4), None, estimate(0.6)]) == "0.500 ± 0.141 (2 of 3 seeds)"
    assert _cell([None, estimate(0.5)]) == "0.500 [0.490, 0.510] (1 of 2 seeds)"
    assert _cell([None, None]) == "–"


@pytest.fixture(scope="module")
def stuck(tmp_path_factory):
    """The finished run of a candidate that gives one answer only."""
    large, small, items = case(60)
    thin = Table("thin", dict.fromkeys(items.ids, np.array([0.1, 0.8, 0.1])))
    made = trusteq.audit(large, [thin, small], items, resamples=100, costs="none", with_slices=False)
    return load_run(made.save(tmp_path_factory.mktemp("stuck") / "run"))


@pytest.fixture(scope="module")
def study():
    """The plan of a study of three models."""
    return Study.model_validate(
        {
            "name": "s",
            "data": {"train": "a.csv", "test": "b.csv", "text": ["text"], "label": "label"},
            "models": {name: {"train": "minilm"} for name in ("large", "thin", "small")},
            "audit": {"reference": "large"},
        }
    )


def test_what_must_be_read_first_stands_above_the_numbers_and_at_the_model_s_name(stuck, study):
    text = tables(study, [Repetition(seed, stuck, [], None) for seed in (0, 1)])
    assert (
        "## Read this first\n\n- **thin**, seeds 0, 1: gives the answer 'maybe' to all 60 items: check its input\n"
    ) in text
    assert text.index("## Read this first") < text.index("## Verdicts")
    assert "| thin (one answer) | 0 | " in text  # among the verdicts
    assert text.count("| thin (one answer) |") == 4  # two verdicts, accuracy, calibration
    assert "small (" not in text


def test_each_jaccard_says_which_it_is(stuck):
    pair = PairMeasures("large", "thin", {f"{name}_lime": estimate(0.5) for name in ("jaccard", "jaccard_halves")})
    found = [Repetition(0, stuck, [pair], None)]
    for head in ("Jaccard on shared masks, LIME",):
        assert head in _words(["large", "thin"], found).heads
    for head in ("Jaccard on independent masks, LIME", "its chance level, LIME", "its ceiling, LIME"):
        assert head in _between(["large", "thin"], found).heads


def test_an_interval_holds_only_possible_values(stuck):
    few = Estimate(0.97, 0.77, 1.05, 4, "Student's t")
    pair = PairMeasures("large", "thin", {"jaccard_lime": few})
    ((_, _, cell, *_),) = _words(["large", "thin"], [Repetition(0, stuck, [pair], None)]).rows
    assert cell == "0.970 [0.770, 1.000]"


def test_as_latex_the_same_numbers_stand_in_tables_with_captions(stuck, study):
    pair = PairMeasures("large", "thin", {"jaccard_lime": Estimate(0.97, 0.77, 1.05, 4, "Student's t")})
    one = latex_tables(study, [Repetition(0, stuck, [pair], None)])
    assert "0.970 {\\footnotesize [0.770, 1.000]}" in one
    assert "\\caption{May it replace large?}" in one
    assert "thin (one answer) & 0 & NOT EQUIVALENT & $-$0." in one
    assert "with its interval over items." in one
    two = latex_tables(study, [Repetition(seed, stuck, [pair], None) for seed in (0, 1)])
    assert "0.970 $\\pm$ 0.000" in two
    assert "mean over seeds $\\pm$ their standard deviation" in two
    for text, count in ((one, 6), (two, 7)):
        assert text.count("\\begin{table}") == text.count("\\end{table}") == text.count("\\label{tab:trusteq-") == count
        assert text.isascii()
        assert not [line for line in text.splitlines() if "%" in line.replace("\\%", "") and not line.startswith("%")]


class Stored:
    """A run's documents."""

    def __init__(self, **documents):
        self.__dict__.update(documents)


def test_costs_are_means_over_seeds_in_their_units():
    def costs(latency, disk):
        return {
            "models": [
                {"name": "a", "parameters": 1_234_567, "disk_bytes": disk, "latency": {"median": latency}},
                {"name": "b", "parameters": None, "disk_bytes": None, "latency": None},
            ]
        }

    runs = [Stored(costs=costs(0.010, 2_000_000)), Stored(costs=costs(0.020, 4_000_000)), Stored(costs=None)]
    found = [Repetition(seed, run, [], None) for seed, run in enumerate(runs)]
    assert _costs(found, "a") == ("1,234,567", "3.0", "15.0")
    assert _costs(found, "b") == ("–", "–", "–")


@pytest.mark.parametrize(("runs", "variance"), [(5, "0.002000"), (1, "run once")])
def test_the_protocol_has_mean_and_variance_over_its_runs(runs, variance):
    def stored(mean, spread):
        pair = PairAgreement("a", "b", "lime", (0.0,) * runs, estimate(mean), estimate(spread))
        protocol = ProtocolSummary("paper", 200, (), (0,), (pair,))
        return Repetition(0, None, [], Stored(document=Stored(k=10, protocol=protocol)))

    title, table = _protocol(("a", "b"), [stored(0.5, 0.001), stored(0.7, 0.003)])
    assert title == "Under the published protocol, 200 items, Jaccard of the top 10:"
    assert table.rows == [("a, b", "0.600 ± 0.141", variance)]


def test_without_the_protocol_there_is_no_such_table():
    assert _protocol(("a", "b"), [Repetition(0, None, [], None)]) == []
