"""Do the intervals of token measures cover the truth of other documents? The whole study is bench/token_coverage.py."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from token_coverage import MEASURES, coverage, truth

pytestmark = pytest.mark.long


def test_documents_cover_and_tokens_do_not():
    by_document, by_token = coverage(60, 100, truth(4))
    # 95 % less three Monte Carlo errors.
    assert (by_document >= 0.88).all(), dict(zip(MEASURES, by_document, strict=True))
    assert by_token[MEASURES.index("token_kl")] < 0.75
    assert by_token[MEASURES.index("nll_per_byte_reference")] < 0.95
