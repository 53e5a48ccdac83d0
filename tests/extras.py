"""Tests that need a package of an extra: skipped where it is absent, but run, and so fail, in CI."""

from __future__ import annotations

import importlib.util
import os

import pytest


def needs(package: str, extra: str) -> pytest.MarkDecorator:
    """The mark of a test that needs ``package`` of the extra ``extra``."""
    absent = importlib.util.find_spec(package) is None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(absent, reason=f"{package} is part of the extra [{extra}]")
