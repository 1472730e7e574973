"""LaTeX tables."""

import re
from dataclasses import replace

import pytest
from edited import edited
from finished_runs import EVIL, KINDS, costs_of, equivalent, explained, hostile, plain, protocol, unlabelled

from trusteq.report.latex import escaped, latex


def uncommented(text):
    return "\n".join(re.split(r"(?<!\\)%", line)[0] for line in text.splitlines())


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_compiled(kind):
    """Braces, dollars and environments are balanced, every row has its columns, and nothing else commands."""
    text = latex(KINDS[kind]().evidence)
    bare = re.sub(r"\\[\\{}$&#%_]", "", uncommented(text))
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert not set("#~") & set(bare)
    assert not re.search(r"[_^](?!\{)", re.sub(r"10\^\{", "", bare))
    opened = re.findall(r"\\begin\{(\w+)\}", text)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    allowed = {
        "begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "footnotesize", "times",
        "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "ldots",
        "usepackage",
    }  # fmt: skip
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= allowed
    for columns, body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) > 1
        for row in rows:
            assert len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1, row


def test_strangers_names_are_shown_and_command_nothing():
    assert escaped("a_b & 50% {x} $y$ #1 \\z ~ ^") == (
        r"a\_b \& 50\% \{x\} \$y\$ \#1 \textbackslash{}z \textasciitilde{} \textasciicircum{}"
    )
    assert escaped("größe") == "größe"
    assert escaped("世") == "{[}U+4E16{]}"
    assert escaped("a--b") == "a-{}-b"
    assert escaped("[0pt] *") == "{[}0pt{]} {*}"  # after the end of a row these would be its options
    assert "\n" not in escaped(EVIL)
    assert "\x1b" not in latex(hostile().evidence)


def test_what_must_be_read_first_is_in_the_caption_of_the_verdicts():
    made = latex(equivalent().evidence)
    caption = next(line for line in made.splitlines() if "May it replace" in line)
    assert "Read this first: policy wide: is more permissive than trusteq's default policy" in caption
    assert "Read this first: items: 10 of 120 repeat the text of another item" in caption
    assert "Read this first" not in latex(plain().evidence)


def test_a_verdict_stands_beside_its_dimensions_and_the_answers_that_change():
    e = plain()["small"].measures["behaviour"]["disagreement"]
    row = r"small & not equivalent & undecided & not measured & NOT EQUIVALENT & "
    assert rf"{row}${e.value:.4f}$ {{\footnotesize [${e.low:.4f}$, ${e.high:.4f}$]}} \\" in latex(plain().evidence)
    assert r"nearly & (not judged) & not equivalent & undecided & NOT EQUIVALENT &" in latex(protocol().evidence)


def test_a_model_s_accuracy_calibration_and_confidence_are_in_their_tables():
    text, measures = latex(plain().evidence), plain()["small"].measures
    for side, name in (("reference", "large"), ("candidate", "small")):
        e = measures["behaviour"][f"accuracy_{side}"]
        assert rf"{name} & ${e.value:.4f}$ {{\footnotesize [${e.low:.4f}$, ${e.high:.4f}$]}} \\" in text
        e = measures["calibration"][f"ece_{side}"]
        assert rf"{name} & ${e.value:.4f}$ {{\footnotesize" in text
    assert "Confidence & large & small" in text
    shares = re.findall(r"^    \$\[0\.\d.*? & ([\d.]+) & ([\d.]+) \\\\$", text, re.MULTILINE)
    for column in zip(*shares, strict=True):
        assert sum(map(float, column)) == pytest.approx(100, abs=0.05)


def test_jaccard_of_every_pair_has_its_runs_mean_and_variance():
    text = latex(protocol().evidence)
    for pair in protocol().pairs:
        runs = [f"${run:.4f}$" for run in pair.runs] if len(pair.runs) > 1 else []
        row = next(
            line
            for line in text.splitlines()
            if line.startswith(f"    {pair.first} vs.\\ {pair.second} & {' & '.join(runs)}".rstrip("& "))
            and f"${pair.mean.value:.4f}$ {{" in line
        )
        assert (f"{pair.variance.value:.6f}" in row) is (len(pair.runs) > 1)
    assert "top 10 words by LIME, protocol paper, 4 items" in text
    assert "Alignment" not in text


def test_alignment_stands_between_chance_and_ceiling():
    text = latex(explained().evidence)
    assert r"Model & Method & Alignment & Jaccard & Chance & Ceiling \\" in text
    e = explained()["nearly"].measures["explanation"]["alignment_shapley"]
    assert f"nearly & Shapley & ${e.value:.4f}$" in text
    assert f"{e.n} items, with 95\\% intervals" in text
    assert "items of more words" not in text


def test_jaccard_of_fewer_items_says_of_how_many():
    def change(document):
        for candidate in document["candidates"]:
            for method in ("lime", "shapley"):
                candidate["measures"]["explanation"][f"jaccard_halves_{method}"]["n"] = 7

    text = latex(edited(explained().evidence, change))
    assert "independent masks, 7 items of more words than those" in text


def test_size_and_latency_stand_beside_accuracy_where_they_were_measured():
    evidence = explained().evidence
    text = latex(replace(evidence, costs=costs_of(evidence.models)))
    assert r"Model & Accuracy & Parameters & On disk & Latency \\" in text
    assert r"& 22.7 M & 90.0 MB & 12.3 ms [11.9, 13.1] \\" in text
    assert r"& - & - & - \\" in text
    assert r"\textbar{} \textless{}b\textgreater{}CPU" in text


def test_without_labels_there_is_no_accuracy_and_no_calibration():
    text = latex(unlabelled().evidence)
    assert "Accuracy" not in text
    assert "ECE" not in text
    assert "Share of predictions in each bin" in text


def test_tiny_figures_are_powers_of_ten():
    found = re.findall(r"\$-?\d\.\d \\times 10\^\{-\d+\}\$", latex(explained().evidence) + latex(plain().evidence))
    assert not re.search(r"\de-\d", latex(plain().evidence))
    assert found or "e-" not in latex(explained().evidence)
