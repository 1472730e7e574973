"""What `import trusteq` offers, and what it costs."""

import json
import re
import subprocess
import sys

import trusteq


def test_all_is_sorted_and_every_name_in_it_is_there():
    assert sorted(trusteq.__all__) == trusteq.__all__
    for name in trusteq.__all__:
        assert getattr(trusteq, name) is not None


def test_nothing_public_is_missing_from_all():
    fresh = "import trusteq, json; print(json.dumps(sorted(n for n in vars(trusteq) if not n.startswith('_'))))"
    found = json.loads(subprocess.run([sys.executable, "-c", fresh], capture_output=True, check=True, text=True).stdout)
    # Machinery of the lazy import, and submodules, are no names of ours to offer.
    assert set(found) - set(trusteq.__all__) <= {"annotations", "errors", "importlib", "TYPE_CHECKING", "Any"}


def test_every_error_that_a_user_can_cause_is_public_and_in_the_tree_of_errors():
    from trusteq import errors

    tree = re.findall(r"^[├└]── (\w+)", errors.__doc__, re.MULTILINE)
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type)]
    assert kinds == ["TrusteqError", *tree]
    assert set(kinds) <= set(trusteq.__all__)
    assert all(getattr(trusteq, name) is getattr(errors, name) for name in kinds)


def test_audit_is_the_function_even_after_its_module_was_imported():
    import trusteq.auditing.audit

    assert trusteq.audit is trusteq.auditing.audit.audit


def test_an_unknown_name_is_an_attribute_error():
    import pytest

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        trusteq.nothing  # noqa: B018


def test_importing_pulls_in_no_extra_and_takes_under_300_milliseconds():
    code = (
        "import sys, time; start = time.perf_counter(); import trusteq; took = time.perf_counter() - start; "
        "print(took, *sorted({'torch', 'transformers', 'onnxruntime', 'datasets', 'sklearn', 'pandas', 'scipy'} "
        "& set(sys.modules)))"
    )
    # The best of three: this proves what the import needs, not how busy the machine is.
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
        for _ in range(3)
    ]
    assert min(float(run[0]) for run in runs) < 0.3
    assert all(len(run) == 1 for run in runs), runs


def test_help_needs_no_extra_and_no_numbers():
    code = (
        "import sys; sys.argv = ['trusteq', 'audit', '--help']; from trusteq.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *({'torch', 'transformers', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert out.splitlines()[-1].split() == ["LOADED"]
