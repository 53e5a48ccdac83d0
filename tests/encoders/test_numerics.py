"""The benchmark of numerics runs what a processor has, and a process that ends without a word is named."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import pytest

from benchmarks.encoder_numerics import LEVELS, in_process, levels_up_to


@pytest.mark.parametrize(
    ("highest", "expected"),
    [("default", ["default"]), ("avx2", ["default", "avx2"]), ("avx512", list(LEVELS)), ("sve256", ["default"])],
)
def test_levels_above_the_processors_own_are_left_out(highest, expected):
    assert levels_up_to(highest, LEVELS) == expected
    assert levels_up_to(highest, LEVELS[::-1]) == expected[::-1]


def test_a_process_that_ends_without_a_word_is_named(monkeypatch, tmp_path):
    silent = subprocess.CompletedProcess([], -4, stdout="", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: silent)
    arguments = argparse.Namespace(workspace=Path(tmp_path), dataset="puppet", split="23/5", epochs=1)
    with pytest.raises(SystemExit, match="level avx2 ended with code -4"):
        in_process("avx2", arguments)
