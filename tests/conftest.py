"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real data sets beside the checkout; tests that need it skip where it is absent, but fail in CI."""
    if not SHARED.is_dir():
        message = "the folder ../shared with the real data sets is not here"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return SHARED
