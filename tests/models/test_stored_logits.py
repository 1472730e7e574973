"""Token probabilities that llama.cpp stored; the files were written by it (tests/results/make.py)."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import trusteq
from trusteq import DataError, ModelError, OptionError
from trusteq.data.llama_cpp import read
from trusteq.models.stored_logits import compared, divergences
from trusteq.tasks.tokens import TOKEN_COLUMNS

STORED = Path(__file__).parent.parent / "results" / "llama_cpp"
REFERENCE, CANDIDATE = STORED / "reference.kld", STORED / "candidate.kld"


@pytest.fixture(scope="module")
def rows():
    """The columns of the candidate compared with the reference, by name."""
    models = [trusteq.open_model(path) for path in (REFERENCE, CANDIDATE)]
    answers = [model.predict(trusteq.read_items(REFERENCE)) for model in compared(models)]
    assert answers[0].counts.tolist() == [15] * 8
    return [dict(zip(TOKEN_COLUMNS, rows.values.T, strict=True)) for rows in answers]


@pytest.fixture
def file(tmp_path):
    """A copy of the reference's file that a test may change."""
    return Path(shutil.copy(REFERENCE, tmp_path / "base.kld"))


def printed(label):
    """A number that llama.cpp printed of the candidate against the reference's file."""
    lines = (STORED / "candidate.log").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if line.split(":")[0].strip() == label]
    return float(line.split(":")[1].split("±")[0].strip(" %"))


def test_same_top_and_changes_of_probability_are_what_llama_cpp_prints(rows):
    reference, candidate = rows
    same = (reference["token"] == candidate["token"]).mean()
    assert 100 * same == pytest.approx(printed("Same top p"), abs=5e-4)
    change = np.exp(candidate["log_probability"]) - np.exp(reference["log_probability"])
    assert 100 * change.mean() == pytest.approx(printed("Mean    Δp"), abs=1e-3)
    assert 100 * np.sqrt((change**2).mean()) == pytest.approx(printed("RMS Δp"), abs=1e-3)
    assert 100 * change.max() == pytest.approx(printed("Maximum Δp"), abs=2e-3)


def test_kl_is_what_llama_cpp_prints_to_the_precision_of_its_files(rows):
    """It compares a stored reference with a model that runs; here both are stored."""
    kl = rows[1]["kl_from_reference"]
    assert kl.mean() == pytest.approx(printed("Mean    KLD"), abs=1e-4)
    assert np.median(kl) == pytest.approx(printed("Median  KLD"), abs=1e-4)
    assert kl.max() == pytest.approx(printed("Maximum KLD"), abs=1e-3)


def test_perplexity_of_the_reference_is_what_llama_cpp_prints(rows):
    assert np.exp(-rows[0]["log_probability"].mean()) == pytest.approx(printed("Mean PPL(base)"), rel=1e-6)


def test_tokens_below_what_is_stored_are_counted_and_make_perplexity_a_lower_bound(rows):
    """llama.cpp printed the candidate's perplexity from the model itself, not from its file."""
    assert np.exp(-rows[1]["log_probability"].mean()) < printed("Mean PPL(Q)")
    base = read(CANDIDATE)
    floored = 0
    for context, own in enumerate(base.tokens[:, base.first :]):
        _, low = base.log_probabilities(context, slice(None))
        floored += int(low[np.arange(15), own].sum())
    assert base.improbable_tokens() == floored > 0
    (finding,) = trusteq.open_model(CANDIDATE).findings()
    assert f"; {floored} tokens of the text are that improbable" in finding.message


def test_divergences_are_those_of_the_formula(rows):
    """The slow way, one token and one vocabulary entry at a time."""
    one, other = read(REFERENCE), read(CANDIDATE)
    for context, row in ((0, 0), (3, 7), (7, 14)):
        stored = [base.log_probabilities(context, slice(row, row + 1)) for base in (one, other)]
        (p, p_low), (q, q_low) = ((logs[0].tolist(), floored[0].tolist()) for logs, floored in stored)
        kl, back, rest_p, rest_q = 0.0, 0.0, 1.0, 1.0
        for i in range(one.vocabulary):
            if not p_low[i] and not q_low[i]:
                kl += np.exp(p[i]) * (p[i] - q[i])
                back += np.exp(q[i]) * (q[i] - p[i])
                rest_p, rest_q = rest_p - np.exp(p[i]), rest_q - np.exp(q[i])
        rest_p, rest_q = max(rest_p, 2**-16), max(rest_q, 2**-16)
        at = 15 * context + row
        assert rows[1]["kl_from_reference"][at] == pytest.approx(max(kl + rest_p * np.log(rest_p / rest_q), 0))
        assert rows[1]["kl_to_reference"][at] == pytest.approx(max(back + rest_q * np.log(rest_q / rest_p), 0))
        assert rows[1]["tail"][at] == pytest.approx(rest_p)


def test_merged_tokens_make_a_lower_bound():
    """Random probabilities, stored as llama.cpp stores them, never seem further apart than they are."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 200, 300)) * 6 + rng.normal(size=(2, 200, 300))
    exact = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    step, lowest = [], []
    for logs in exact:
        low = np.maximum(logs.min(axis=1), logs.max(axis=1) - 16)[:, None]
        step.append((logs.max(axis=1)[:, None] - low) / 65535)
        lowest.append(low)
    steps = [np.round(np.maximum(x - low, 0) / s) for x, low, s in zip(exact, lowest, step, strict=True)]
    p, q = (k * s + low for k, s, low in zip(steps, step, lowest, strict=True))
    found = divergences(p, q, (steps[0] > 0) & (steps[1] > 0))
    truth = (np.exp(exact[0]) * (exact[0] - exact[1])).sum(axis=1)
    assert (found["kl_from_reference"] <= truth + 2.5e-4).all()
    # And no further below than what 16 nats hide.
    assert (found["kl_from_reference"] >= 0.99 * truth - 1e-3).all()


def test_a_model_is_not_away_from_itself():
    models = [trusteq.open_model(REFERENCE), trusteq.open_model(REFERENCE, name="again")]
    rows = compared(models)[1].predict(trusteq.read_items(REFERENCE))
    assert not rows.values[:, [TOKEN_COLUMNS.index("kl_from_reference"), TOKEN_COLUMNS.index("kl_to_reference")]].any()


def test_the_noise_of_the_reference_is_unknown(rows):
    assert np.isnan(rows[0]["kl_from_reference"]).all()
    assert not np.isnan(rows[1]["kl_from_reference"]).any()


def test_items_are_the_contexts_and_the_tokens_of_their_second_half_are_predicted(rows):
    items = trusteq.read_items(REFERENCE)
    tokens = np.asarray(items.segments["tokens"])
    assert (len(items), tokens.shape) == (8, (8, 32))
    np.testing.assert_array_equal(rows[0]["own"].reshape(8, 15), tokens[:, 17:])
    np.testing.assert_array_equal(rows[0]["position"].reshape(8, 15), [range(17, 32)] * 8)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data[:-2], r"11,122 bytes, but 11,124 for the 8 contexts of 32 tokens"),
        (lambda data: data + b"\0\0", r"11,126 bytes, but 11,124"),
        (lambda data: data[:15], r"15 bytes, fewer than the header's 20"),
        (lambda data: data[:16] + b"\0\0\0\0" + data[20:], "names 0 contexts of 32 tokens"),
        (lambda data: data[:20] + b"\xff\0\0\0" + data[24:], "has a token 255 for a vocabulary of 37"),
    ],
)
def test_damaged_files_are_refused(file, change, says, one_line):
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(DataError, match=says) as raised:
        trusteq.open_model(file)
    one_line(raised)


def test_a_file_with_another_beginning_is_none_of_them(file, one_line):
    file.write_bytes(b"_logits " + file.read_bytes()[8:])
    with pytest.raises(ModelError, match="is not a model file") as raised:
        trusteq.open_model(file)
    one_line(raised)


def test_values_that_are_not_finite_are_refused(file, one_line):
    data = bytearray(file.read_bytes())
    start = 20 + 4 * 32 * 8
    data[start : start + 4] = np.float32(np.nan).tobytes()
    file.write_bytes(data)
    with pytest.raises(DataError, match="context 1: step nan and lowest log-probability") as raised:
        trusteq.open_model(file).predict(trusteq.read_items(file))
    one_line(raised)


def test_files_of_other_contexts_are_refused(file, one_line):
    data = file.read_bytes()
    rows = 2 * 15 * 42
    file.write_bytes(data[:16] + (7).to_bytes(4, "little") + data[20 : 20 + 4 * 32 * 7] + data[20 + 4 * 32 * 8 : -rows])
    with pytest.raises(
        ModelError, match=r"has 7 contexts of 32 tokens and a vocabulary of 37, .* 8 of 32 and 37"
    ) as raised:
        compared([trusteq.open_model(REFERENCE), trusteq.open_model(file)])
    one_line(raised)


def test_files_of_other_tokens_are_refused(file, one_line):
    data = bytearray(file.read_bytes())
    data[20 + 4 * 32 * 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match=r"has other tokens than .*, first in context 3") as raised:
        trusteq.open_model(file).predict(trusteq.read_items(REFERENCE))
    one_line(raised)


def test_a_stored_model_is_not_compared_with_another_kind(one_line):
    other = trusteq.from_callable(lambda texts: texts, labels=["a", "b"], name="other")
    with pytest.raises(
        ModelError, match=r"model other: the probabilities of reference\.kld were stored by llama.cpp"
    ) as e:
        compared([trusteq.open_model(REFERENCE), other])
    one_line(e)


def test_contexts_have_no_fields_to_slice_by(one_line):
    with pytest.raises(OptionError, match="--cluster has no effect") as raised:
        trusteq.read_items(REFERENCE, cluster="doc.writer")
    one_line(raised)
