import pytest
from fetched import Shelf


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The shelf, and a cache of the test's own."""
    monkeypatch.setenv("TRUSTEQ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return Shelf(tmp_path / "shelf")
