from __future__ import annotations

import os
import shutil

import pytest

from tests.browser.lab import CHROMIUM, chromium, jupyter_lab


@pytest.fixture(scope="session")
def needs_chromium() -> None:
    if shutil.which(CHROMIUM) is None:
        message = "chromium is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture(scope="module")
def browser(needs_chromium):
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def lab(needs_chromium, tmp_path_factory):
    with jupyter_lab(tmp_path_factory.mktemp("lab")) as found:
        yield found
