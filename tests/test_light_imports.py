"""What lists, shows and checks things starts without the heavy libraries; those come with the first real work."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "scipy", "sklearn", "matplotlib", "plotly", "pandas", "openai")
LIGHT = (
    *(
        f"evaluation.{name}"
        for name in (
            "calibration",
            "contexts",
            "gates",
            "metrics",
            "open_set",
            "protocol",
            "result",
            "scores",
            "statistics",
            "tables",
        )
    ),
    "encoders.config",
    "encoders.presets",
    *(
        f"semantics.{name}"
        for name in (
            "answer_store",
            "answers",
            "check",
            "estimate",
            "generate",
            "model_files",
            "offline",
            "prompts",
            "slots",
            "text_files",
            "text_writer",
            "texts",
            "words",
        )
    ),
    *(
        f"primitives.{name}"
        for name in ("attributes", "compare", "foretell", "forms", "known", "none_of_these", "spoken")
    ),
    "experiments.runs.candidates",
    "checkpoints",
    "config",
    "device",
    "seeding",
)


def heavy_after(program: str) -> list[str]:
    """The heavy libraries that a fresh process has loaded after ``program``."""
    report = f"import sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{report}"], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.split()


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_imports_no_heavy_library(module):
    assert heavy_after(f"import zsar_kit.{module}") == []


def test_scores_and_texts_are_read_and_summarised_without_heavy_libraries(tmp_path):
    program = f"""
import numpy as np
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.statistics import summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.semantics.text_files import load_texts
path = {str(tmp_path / "scores.safetensors")!r}
Scores({{"h": np.eye(2)}}, (0, 1), ("a", "b")).save(path)
assert Scores.load(path).fused().shape == (2, 2)
assert "1.0" in format_table([{{"x": summarize([1.0])}}], ["x"])
load_texts("ntu60").digest()
"""
    assert heavy_after(program) == []


def test_the_check_sees_a_heavy_import():
    assert heavy_after("import scipy") == ["scipy"]
