"""As many threads as there are cores, of which a container may have few."""

import os

import pytest

from trusteq.demo import threads
from trusteq.demo.threads import cores, few_threads


@pytest.fixture
def bound(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "1600000 100000\n"}, 8),
        ({"cpu.max": "nonsense"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
    ],
)
def test_the_container_s_share_counts(bound, tmp_path, files, found):
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert cores(tmp_path) == found


def test_threads_are_as_they_were_afterwards(monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    from threadpoolctl import threadpool_info

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "cores", lambda: 3)
    before = torch.get_num_threads()
    with few_threads():
        assert torch.get_num_threads() == 3
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert torch.get_num_threads() == before


def test_what_the_user_says_about_threads_holds(monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(threads, "cores", lambda: 3)
    before = torch.get_num_threads()
    with few_threads():
        assert torch.get_num_threads() == before
