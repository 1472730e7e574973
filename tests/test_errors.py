"""The words of a message: options for the command line, keywords for a Python caller."""

import pytest
from command import trusteq as command

import trusteq
from trusteq.errors import for_shell, in_python

pytestmark = pytest.mark.usefixtures("python_words")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("use --scores logits", "use scores='logits'"),
        ("give --scores tiny=probabilities (or", "give scores='probabilities' (or"),
        ("rows with --labels small=no,yes", "rows with labels=['no', 'yes']"),
        ("rows with --labels 'small=not sure,yes'", "rows with labels=['not sure', 'yes']"),
        ("name them: --labels small=...", "name them: labels=[...]"),
        ("--labels names 3 labels", "labels=[...] names 3 labels"),
        ("each: --label-names good,bad", "each: label_names=['good', 'bad']"),
        ("(--id, --by-row)", "(id=, by_row=True)"),
        ("--id key matches rows", "id='key' matches rows"),
        ("use --allow-same if you mean it", "use allow_same=True if you mean it"),
        ("skip explanations (--no-explain)", "skip explanations (explain=False)"),
        ("needs --explain-items 500", "needs explain=trusteq.ExplainSettings(items=500)"),
        ("fewer --workers need less", "fewer workers= need less"),
        ("a task file with --task FILE", "a task file with task=FILE"),
        ("state it: --rate 8000", "state it: rate=8000"),
        ("them with --ignore-label '-1,no label'", "them with ignore_labels='-1,no label'"),
        ("--dimensions behaviour,calibration requires", "dimensions=['behaviour', 'calibration'] requires"),
        ("choose another --out or", "choose another directory or"),
        ("different names, e.g. p-int8=LOCATION", "different names, e.g. name='p-int8'"),
        # Not the caller's own options: those of a command, of another tool, and a dash inside a word.
        ("judge it with trusteq gate --policy FILE", "judge it with trusteq gate --policy FILE"),
        ("run again with more --top-logprobs", "run again with more --top-logprobs"),
        ("row two--id is", "row two--id is"),
    ],
)
def test_a_python_caller_reads_keywords_in_place_of_options(written, read):
    assert in_python(written) == read
    assert in_python(read) == read
    error = trusteq.ModelError(written)
    assert str(error) == read
    with for_shell():
        assert str(error) == written
    assert str(error) == read


def test_the_same_mistake_is_told_in_each_caller_s_own_words(tmp_path):
    (tmp_path / "p.csv").write_text("id,no,yes\n1,2.0,-1.0\n2,0.3,0.4\n", "utf-8")
    items = trusteq.read_items(tmp_path / "p.csv")
    with pytest.raises(trusteq.ModelError, match=r"use scores='logits'$"):
        trusteq.open_model(tmp_path / "p.csv").predict(items)
    done = command("audit", "p.csv", "p.csv", "--allow-same", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("use --scores logits")


def test_what_the_keywords_say_works(tmp_path):
    (tmp_path / "p.csv").write_text("id,no,yes\n1,2.0,-1.0\n2,0.3,0.4\n", "utf-8")
    model = trusteq.open_model(tmp_path / "p.csv", scores="logits", labels=["no", "yes"])
    assert model.predict(trusteq.read_items(tmp_path / "p.csv")).sum() == 2
    with pytest.raises(trusteq.OptionError, match="model p: device has no effect"):
        trusteq.open_model(tmp_path / "p.csv", device="cpu")
    with pytest.raises(trusteq.OptionError, match="scores is given twice"):
        trusteq.open_model(tmp_path / "p.csv", options={"scores": "logits"}, scores="logits")
