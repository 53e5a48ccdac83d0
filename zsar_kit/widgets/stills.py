"""Images of widgets, drawn by ``plotting``: what remains of them where no script runs."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from zsar_kit.data.joints import JointLayout
from zsar_kit.plotting.skeleton import plot_film_strip
from zsar_kit.widgets.body import Body

DPI = 80


def as_png(figure: Figure) -> bytes:
    """A figure as a PNG image."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def film_strip(body: Body, frames: int = 8) -> bytes:
    """Evenly spaced frames of a body as a PNG image."""
    assert isinstance(body.layout, JointLayout), "made one at construction"
    title = body.title.replace("$", r"\$")  # a dollar sign is no formula
    return as_png(plot_film_strip(body.joints, body.layout.bones, frames=frames, title=title or None, up=body.up))
