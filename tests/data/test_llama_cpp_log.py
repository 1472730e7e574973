"""What llama-perplexity --kl-divergence prints; it printed the log under tests/results (tests/results/make.py)."""

from pathlib import Path

import pytest
from command import one_line as one_error_line
from command import trusteq

from trusteq import DataError
from trusteq.data.llama_cpp_log import read, recognises

LOG = Path(__file__).parent.parent / "results" / "llama_cpp" / "candidate.log"

OLD = """
====== Perplexity statistics ======
Mean PPL(Q)                   :   6.407084 +-   0.039119
Cor(ln(PPL(Q)), ln(PPL(base))):  99.34%
====== KL divergence statistics ======
Mean    KLD:   0.031273 _   0.000238
Maximum KLD:  10.123456
99.0%   KLD:   1.231000
99.0%   KLD:   0.409000
Minimum KLD:  -0.000141
====== Token probability statistics ======
Mean    \u0394p: -0.596 +/- 0.014 %
RMS \u0394p    :  5.519 \u00b1 0.050 %
Same top p: 92.014 \u00b1 0.071 %
"""


def by_label(path):
    return {value.label: (value.value, value.error, value.unit) for value in read(path)}


def test_every_statistic_of_a_log_is_read():
    values = by_label(LOG)
    assert len(values) == 6 + 12 + 16
    assert values["Mean KLD"] == (0.004033, 0.000493, "")
    assert values["99.9% KLD"] == (0.036336, None, "")
    assert values["Mean \u0394p"] == (-0.010, 0.035, "%")
    assert values["Same top p"] == (96.667, 1.646, "%")
    assert values["Mean PPL(Q)/PPL(base)"] == (1.03803, 0.028796, "")


def test_older_and_copied_logs_are_read(tmp_path):
    """They print "99.0% KLD" twice, where the first is 99.9 %, and may have lost the sign before an error."""
    path = tmp_path / "old.log"
    path.write_text(OLD, "utf-8")
    values = by_label(path)
    assert values["99.9% KLD"][0] == 1.231
    assert values["99.0% KLD"][0] == 0.409
    assert values["Minimum KLD"][0] == -0.000141
    assert values["Mean KLD"] == (0.031273, 0.000238, "")
    assert values["Mean PPL(Q)"] == (6.407084, 0.039119, "")
    assert values["Mean \u0394p"] == (-0.596, 0.014, "%")


def test_the_log_of_two_runs_is_refused(tmp_path, one_line):
    path = tmp_path / "two.log"
    path.write_text(LOG.read_text("utf-8") * 2, "utf-8")
    with pytest.raises(DataError, match="twice; give the log of one run") as raised:
        read(path)
    one_line(raised)


def test_a_log_without_statistics_is_refused(tmp_path, one_line):
    path = tmp_path / "short.log"
    path.write_text("====== KL divergence statistics ======\n", "utf-8")
    with pytest.raises(DataError, match="has no statistics of KL divergence") as raised:
        read(path)
    one_line(raised)


def test_other_files_are_not_logs(tmp_path):
    (tmp_path / "a.log").write_text("Mean KLD: 1")
    (tmp_path / "b.log").write_bytes(b"\xff\xfe\0")
    assert recognises(LOG)
    assert not any(recognises(tmp_path / name) for name in ("a.log", "b.log", "c.log", "."))


def test_it_is_shown_without_a_verdict():
    done = trusteq("show", LOG)
    assert done.returncode == 0
    assert "its errors take tokens as independent" in " ".join(done.stdout.split())
    assert "No verdict:" in done.stdout
    assert "0.004033" in done.stdout
    assert "EQUIVALENT" not in done.stdout


def test_it_is_not_a_model():
    one_error_line(trusteq("audit", LOG, LOG, "--data", "x.csv"), "for a verdict give a file of each model")


def test_there_is_nothing_else_to_show_of_it():
    one_error_line(trusteq("show", LOG, "--item", "1"), "of which there is nothing else to show")
