import gc
import os
from contextlib import nullcontext

import hypothesis  # noqa: F401 - what it registers must be referred to by something that is collected
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Two workers that each use all cores take several times as long as two that use one each.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
# A worker holds millions of objects in the end, and going through all of them over and over takes its time.
gc.set_threshold(100_000, 50, 50)


def pytest_collection_modifyitems(items):
    """Leave out the tests that take minutes, unless TRUSTEQ_LONG is set."""
    if "TRUSTEQ_LONG" not in os.environ:
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes its time: make long runs it"))


@pytest.fixture
def one_line():
    """A check of an error: its message is one line, not a long one, and holds the expected parts."""

    def check(caught, *expected):
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 600
        for part in expected:
            assert part in message

    return check


@pytest.fixture(autouse=True, scope="module")
def little_to_collect():
    """Whatever is there before a file of tests is not gone through again: collecting takes long in a worker."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def python_words():
    """Messages are those that a Python caller reads."""


@pytest.fixture(autouse=True)
def messages_as_written(request):
    """Messages name options as they are written, those of the command line, unless a test asks for ``python_words``."""
    from trusteq.errors import for_shell

    with nullcontext() if "python_words" in request.fixturenames else for_shell():
        yield


@pytest.fixture(autouse=True, scope="session")
def brief_timing():
    """Models are timed for hundredths of a second, not for seconds; the tests of timing say how long themselves."""
    from trusteq.models import cost_speed

    names = ("ALONE_SECONDS", "TOGETHER_SECONDS", "FIRST_SECONDS")
    usual = {name: getattr(cost_speed, name) for name in names}
    with pytest.MonkeyPatch.context() as patch:
        for name, seconds in usual.items():
            patch.setattr(cost_speed, name, seconds / 50)
        yield usual


@pytest.fixture
def small_files():
    """A function from the most bytes of a file (None: any) after which longer ones fail, as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs limits of a Unix system")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(most=2000):
        resource.setrlimit(resource.RLIMIT_FSIZE, before if most is None else (most, before[1]))

    yield limit
    limit(None)
