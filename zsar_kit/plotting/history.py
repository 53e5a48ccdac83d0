"""Losses over training steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from zsar_kit.plotting import style


def plot_losses(
    history: Sequence[Mapping[str, float | str]], *, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Each loss over the training steps, phase after phase.

    Args:
        history: records with ``phase``, ``step`` (1-based within its phase) and one value per loss.
        ax: where to draw; None makes a figure.
        title: above it.
    """
    axes = style.ensure_axes(ax, width=7.0, height=3.6)
    lines: dict[str, tuple[list[float], list[float]]] = {}
    offset, last, phase = 0.0, 0.0, None
    for record in history:
        if record["phase"] != phase:
            offset, phase = last, record["phase"]
            if offset:
                axes.axvline(offset, color=style.GREY, linewidth=0.8, linestyle=":")
            axes.annotate(
                str(phase),
                (offset, 1.0),
                (4, -2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                fontsize=style.TICK_SIZE,
                color=style.GREY,
            )
        last = offset + float(record["step"])
        for name, value in record.items():
            if name not in ("phase", "step", "fit"):
                xs, ys = lines.setdefault(name, ([], []))
                xs.append(last)
                ys.append(float(value))
    for (name, (xs, ys)), color in zip(lines.items(), style.PALETTE * 3, strict=False):
        axes.plot(xs, ys, label=name.replace("_", " "), color=color, linewidth=1.4)
    if lines:
        axes.legend(frameon=False, fontsize=style.TICK_SIZE, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.label_axes(axes, x="training step", y="loss, as weighted", title=title)
    return axes
