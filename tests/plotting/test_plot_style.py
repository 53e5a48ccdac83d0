"""Saving figures, names that fit, and no global state."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from zsar_kit.errors import ConfigError
from zsar_kit.plotting import style

LONG = "Swipe across an imaginary screen in front of you from left to right"


def small_figure():
    axes = style.ensure_axes(None, width=2.0, height=2.0)
    axes.plot([0, 1], [0, 1])
    return style.figure_of(axes)


def test_a_saved_figure_is_png_pdf_and_the_ids_of_its_runs(tmp_path):
    png, pdf, record = style.save_figure(small_figure(), tmp_path / "table.1", runs=["a1", "b2"], split="22/5")
    assert (png.name, pdf.name, record.name) == ("table.1.png", "table.1.pdf", "table.1.json")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF")
    content = json.loads(record.read_text())
    assert content["runs"] == ["a1", "b2"]
    assert content["split"] == "22/5"


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    first = style.save_figure(small_figure(), tmp_path / "one", runs=[])
    second = style.save_figure(small_figure(), tmp_path / "two", runs=[])
    for a, b in zip(first[:2], second[:2], strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_a_stem_with_an_image_suffix_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"without suffix, got 'x\.png'"):
        style.save_figure(small_figure(), tmp_path / "x.png", runs=[])


@pytest.mark.parametrize("width", [20, 30, 46, 66])
def test_short_names_keep_both_ends_and_the_width(width):
    text = style.shorten(LONG, width)
    assert len(text) <= width
    assert text.startswith("Swipe")
    assert text.endswith("right")
    assert style.shorten(LONG, width) != style.shorten(LONG.replace("left to right", "right to left"), width)


def test_names_that_fit_stay_and_names_without_spaces_are_cut():
    assert style.shorten("wave", 10) == "wave"
    assert style.shorten("x" * 80, 40) == "x" * 39 + "…"
    assert style.wrap(LONG, 18, 2).count("\n") == 1


def test_plotting_neither_imports_pyplot_nor_changes_defaults():
    code = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy();"
        "from zsar_kit.plotting import results, semantics, skeleton;"
        "results.plot_per_class([50.0], ['a']);"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert 'torch' not in sys.modules;"
        "assert before == matplotlib.rcParams.copy()"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
