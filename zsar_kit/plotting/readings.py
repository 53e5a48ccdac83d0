"""What a model reads from a clip: context words and key joints (SkeletonContext, Fig. 3 and 4), and how accurately."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.evaluation.statistics import Summary
from zsar_kit.plotting import style
from zsar_kit.plotting.skeleton import Bones, plot_skeleton

Words = Sequence[tuple[str, float]]
POSES = 6
IMPORTANCE = "viridis"
#: least distance between two persons in a drawing, metres
GAP = 0.15


def plot_contexts(
    joints: np.ndarray,
    bones: Bones,
    contexts: Mapping[str, Words],
    *,
    truth: Mapping[str, Collection[str]] | None = None,
    title: str | None = None,
    poses: int = POSES,
    on: SubFigure | None = None,
) -> Figure:
    """Poses of a clip and, below them, the likeliest words of each slot with their probabilities.

    Args:
        joints: ``[frame, joint, xyz]`` or ``[person, frame, joint, xyz]``, metres.
        bones: pairs of joint indices.
        contexts: slot to its words with probabilities in [0, 1], the likeliest first.
        truth: slot to the words of the class's own descriptions; these are green.
        title: above it.
        poses: number of poses shown.
        on: part of a larger figure to draw on, with the words beside the poses; None makes a figure.

    Raises:
        DataError: there is no slot or no word, a probability is out of range, ``truth`` has another slot, or no frame
            has a body.
        ConfigError: ``poses`` is less than 1.
    """
    if not contexts or not all(contexts.values()):
        raise DataError("expected at least one slot and a word in each, got none", where="contexts")
    for slot, words in contexts.items():
        if bad := [p for _, p in words if not 0 <= p <= 1]:
            raise DataError(f"a probability must lie in [0, 1], got {bad[0]:g}", where=f"contexts[{slot!r}]")
    if unknown := sorted(set(truth or ()) - set(contexts)):
        raise DataError(f"there is no slot {unknown[0]!r}, the contexts have {list(contexts)}", where="truth")
    depth = max(len(words) for words in contexts.values())
    upper, lower = _halves(on, (9.0, 2.1 + 0.26 * depth + 0.6), (2.1, 0.26 * depth + 0.6), beside=(2.6, 4.6))
    _draw_poses(upper, joints, bones, poses, inner=on is not None)
    _draw_title(upper, on, title)
    widest = max(p for words in contexts.values() for _, p in words)
    grid = np.atleast_1d(lower.subplots(1, len(contexts)))
    for axes, (slot, words) in zip(grid, contexts.items(), strict=True):
        _draw_words(axes, words, set((truth or {}).get(slot, ())), widest)
        style.label_axes(axes, x="probability, %", title=slot)
        if on is not None:
            axes.set_title(style.literal(slot), fontsize=style.LABEL_SIZE, loc="left")
            axes.xaxis.label.set_fontsize(style.TICK_SIZE)
    if truth and on is None:
        lower.supxlabel("green: words of the class's own descriptions", fontsize=style.TICK_SIZE, color=style.GREEN)
    return _whole(upper)


def plot_key_parts(
    joints: np.ndarray,
    bones: Bones,
    importance: np.ndarray,
    *,
    parts: Mapping[str, Sequence[int]],
    prior: np.ndarray | None = None,
    top: float | None = None,
    title: str | None = None,
    poses: int = POSES,
    on: SubFigure | None = None,
) -> Figure:
    """Importance of joints on the body and over time, compared with the language prior if given.

    Args:
        joints: ``[frame, joint, xyz]`` or ``[person, frame, joint, xyz]``, metres.
        bones: pairs of joint indices.
        importance: ``[coarse frame, joint]``; coarse frames divide the clip evenly.
        parts: body part to its joints; the importance of a part is the sum over its joints.
        prior: importance of each joint according to the language model, ``[joint]``.
        top: importance of the brightest colour, the same for all figures of a series; default: the largest here.
        title: above it.
        poses: number of poses shown.
        on: part of a larger figure to draw on, with the parts beside the poses; None makes a figure.

    Raises:
        DataError: importance or prior do not fit the skeleton's joints, or are negative or not finite; there is no
            part, or one names an unknown joint; or no frame has a body.
        ConfigError: ``poses`` is less than 1.
    """
    count = _checked_clip(joints).shape[2]
    importance = _checked_weights(importance, 2, count, "importance")
    prior = None if prior is None else _checked_weights(prior, 1, count, "prior")
    if not parts:
        raise DataError("expected at least one body part, got none", where="parts")
    for part, members in parts.items():
        if not members or not 0 <= min(members) <= max(members) < count:
            raise DataError(
                f"a body part needs joints of 0..{count - 1}, got {tuple(members)}", where=f"parts[{part!r}]"
            )
    # The scale reaches at least 2/V, so that equally important joints are neither bright nor dark.
    highest = float(max(importance.max(), 0.0 if prior is None else prior.max(), 2 / count, top or 0.0))
    scale = ScalarMappable(Normalize(0.0, highest), colormaps[IMPORTANCE])
    upper, lower = _halves(on, (9.0, 5.0), (2.4, 2.6), beside=(4.0, 3.2))
    mean = importance.mean(0)
    extra = [("predicted, mean", mean)] + ([] if prior is None else [("language prior", prior)])
    shown: dict[str, Any] = {"importance": importance, "scale": scale, "extra": extra, "inner": on is not None}
    last = _draw_poses(upper, joints, bones, poses, **shown)
    bar = upper.colorbar(scale, ax=last, shrink=0.8, pad=0.02)
    bar.set_label(f"importance of a joint\n(uniform: {1 / count:.2f})", fontsize=style.TICK_SIZE)
    bar.ax.tick_params(labelsize=style.SMALL_SIZE)
    _draw_title(upper, on, title)
    _draw_parts(lower, importance, parts, prior)
    return _whole(upper)


def plot_hits(rows: Sequence[Mapping[str, Any]], *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """How often different models name slots correctly, for seen (filled) and unseen classes (hollow).

    Args:
        rows: mappings with ``slot``, ``who`` (the model), ``seen`` and ``unseen``, the last two in percent,
            as numbers or Summaries, or None.
        ax: where to draw; None makes a figure of suitable size.
        title: above it.

    Raises:
        DataError: there are no rows, a row lacks a key, or a value is not in 0..100.
    """
    _check_hits(rows)
    slots = list(dict.fromkeys(row["slot"] for row in rows))
    people = list(dict.fromkeys(row["who"] for row in rows))
    axes = style.ensure_axes(ax, width=7.4, height=0.24 * (len(rows) + len(slots)) + 1.3)
    places, names = [], []
    for number, row in enumerate(rows):
        y = number + 0.8 * slots.index(row["slot"])
        who = people.index(row["who"])
        colour = style.GREY if 0 < who == len(people) - 1 else style.PALETTE[who % len(style.PALETTE)]
        for key, face in (("seen", colour), ("unseen", "white")):
            if row[key] is not None:
                mean, half_width = _value(row[key])
                look = {"markersize": 6, "color": colour, "markerfacecolor": face, "zorder": 2}
                axes.errorbar(mean, y, xerr=half_width, fmt="o", elinewidth=1.3, **look)
        places.append(y)
        names.append(f"{row['slot']}: {row['who']}")
    axes.hlines(places, 0, 100, color=style.LIGHT, linewidth=0.8, zorder=1)
    axes.set_yticks(places, names, fontsize=style.TICK_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(places[-1] + 0.7, -0.7)
    axes.set_xlim(-2, 102)
    for face, label in ((style.INK, "seen classes"), ("white", "unseen classes")):
        axes.plot([], [], "o", color=style.INK, markerfacecolor=face, markersize=6, label=label)
    style.figure_of(axes).legend(loc="outside lower center", ncols=2, fontsize=style.TICK_SIZE, frameon=False)
    style.label_axes(axes, x="clips whose slot is named correctly (one of the top k words), %", title=title)
    return axes


def _halves(
    on: SubFigure | None, size: tuple[float, float], below: tuple[float, float], *, beside: tuple[float, float]
) -> tuple[Any, Any]:
    """The parts for the poses and for the numbers: one below the other in a new figure, side by side on ``on``."""
    halves: Any = (
        style.figure(*size).subfigures(2, 1, height_ratios=below)
        if on is None
        else on.subfigures(1, 2, width_ratios=beside)
    )
    return halves[0], halves[1]


def _whole(part: Any) -> Figure:
    return part.get_figure(root=True)


def _draw_title(upper: Any, on: SubFigure | None, title: str | None) -> None:
    if title and on is None:
        upper.suptitle(style.wrap(title, 100, 2), fontsize=style.TITLE_SIZE, color=style.INK)
    elif title and on is not None:
        on.suptitle(style.wrap(title, 100, 1), fontsize=style.LABEL_SIZE, color=style.INK, x=0.01, ha="left")


def _draw_poses(
    fig: Any,
    joints: np.ndarray,
    bones: Bones,
    poses: int,
    *,
    importance: np.ndarray | None = None,
    scale: ScalarMappable | None = None,
    extra: Sequence[tuple[str, np.ndarray]] = (),
    inner: bool = False,
) -> list[Axes]:
    """Evenly spaced poses side by side, at one scale; colour and size of joints show their importance.

    With ``inner`` they are from the middles of equal parts of the clip, without its first and last frame, which are
    often poses of rest.
    """
    if poses < 1:
        raise ConfigError(f"'poses' must be at least 1, got {poses}", where="plotting.readings")
    clip = _apart(_checked_clip(joints))
    last = clip.shape[1] - 1
    places = (np.arange(poses) + 0.5) / poses * last if inner else np.linspace(0, last, poses)
    shown = np.unique(places.round().astype(int))
    low, high = np.nanmin(clip[..., :2], axis=(0, 1, 2)), np.nanmax(clip[..., :2], axis=(0, 1, 2))
    margin = 0.06 * (high - low).max()
    middle = int(shown[len(shown) // 2])
    panels = [(int(f), f"frame {f}", None) for f in shown] + [(middle, name, values) for name, values in extra]
    grid = np.atleast_1d(fig.subplots(1, len(panels), sharex=True, sharey=True))
    for axes, (frame, caption, values) in zip(grid, panels, strict=True):
        plot_skeleton(clip[:, frame], bones, ax=axes, color=style.GREY)
        weights = values
        if weights is None and importance is not None:
            weights = importance[frame * len(importance) // clip.shape[1]]
        if weights is not None and scale is not None:
            relative = weights / scale.norm.vmax  # type: ignore[operator]
            order = np.argsort(weights)
            for person in clip[np.isfinite(clip[:, frame]).all((1, 2)), frame]:
                points = person[order, :2]
                axes.scatter(*points.T, s=8 + 60 * relative[order], c=scale.to_rgba(weights[order]), zorder=4)
        axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
        axes.set(xticks=[], yticks=[], ylabel="")
        axes.spines[:].set_visible(False)
        axes.set_xlabel(style.wrap(caption, 11) if inner else caption, fontsize=style.TICK_SIZE, color=style.INK)
    return list(grid)


def _apart(clip: np.ndarray) -> np.ndarray:
    """The clip with the first two persons so far apart, left and right as they are, that neither hides the other."""
    both = np.isfinite(clip[:2]).all((2, 3)).all(0)
    if len(clip) < 2 or not both.any():
        return clip
    x = clip[:2, both][..., 0]
    left, right = (0, 1) if x[0].mean() <= x[1].mean() else (1, 0)
    gap = float((x[right].min(-1) - x[left].max(-1)).min())
    moved = clip.copy()
    moved[right, ..., 0] += max(0.0, GAP - gap)
    return moved


def _checked_clip(joints: np.ndarray) -> np.ndarray:
    """``[person, frame, joint, xyz]`` without empty frames; absent persons are NaN."""
    clip = np.array(joints, dtype=float)
    if clip.ndim not in (3, 4) or clip.shape[-1] != 3:
        raise DataError(
            f"expected [frame, joint, xyz] or [person, frame, joint, xyz], got shape {clip.shape}", where="joints"
        )
    clip = clip if clip.ndim == 4 else clip[None]
    there = np.isfinite(clip).all((2, 3)) & (clip != 0).any((2, 3))
    if not there.any():
        raise DataError("no frame of the clip has a body", where="joints")
    clip[~there] = np.nan
    return clip[:, there.any(0)]


def _checked_weights(values: np.ndarray, axes: int, count: int, where: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != axes or not array.size:
        axes_named = "[coarse frame, joint]" if axes == 2 else "[joint]"
        raise DataError(f"expected {axes_named}, got shape {array.shape}", where=where)
    if array.shape[-1] != count:
        raise DataError(f"expected a value for each of {count} joints, got {array.shape[-1]}", where=where)
    if not np.isfinite(array).all() or array.min() < 0:
        raise DataError("an importance must be finite and not negative", where=where)
    return array


def _value(value: Summary | float) -> tuple[float, float]:
    """Mean and half-width of its interval, 0 if there is none."""
    return (value.mean, value.half_width or 0.0) if isinstance(value, Summary) else (float(value), 0.0)


def _check_hits(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        raise DataError("expected at least one row, got none", where="rows")
    for number, row in enumerate(rows):
        if missing := [key for key in ("slot", "who", "seen", "unseen") if key not in row]:
            raise DataError(
                f"every row needs the key {missing[0]!r}, this one has {list(row)}", where=f"rows[{number}]"
            )
        for key in ("seen", "unseen"):
            if row[key] is not None and not 0 <= _value(row[key])[0] <= 100:
                raise DataError(
                    f"{key!r} must be percent, 0..100, got {_value(row[key])[0]:g}", where=f"rows[{number}]"
                )


def _draw_words(axes: Axes, words: Words, own: Collection[str], widest: float) -> None:
    style.ensure_axes(axes, width=1.0, height=1.0)
    colours = [style.GREEN if word in own else style.BLUE for word, _ in words]
    shares = [100 * p for _, p in words]
    axes.barh(range(len(words)), shares, color=colours, height=0.7)
    for y, share in enumerate(shares):
        number = f"{share:.0f}" if share >= 0.5 else "<1"
        axes.text(share + 1.5 * widest, y, number, va="center", fontsize=style.TICK_SIZE, color=style.INK)
    axes.set_yticks(range(len(words)), [word for word, _ in words], fontsize=style.TICK_SIZE)
    for tick, (word, _) in zip(axes.get_yticklabels(), words, strict=True):
        tick.set_color(style.GREEN if word in own else style.INK)
        tick.set_fontweight("bold" if word in own else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(words) - 0.4, -0.6)
    axes.set_xlim(0, max(118 * widest, 1.0))


def _draw_parts(fig: Any, importance: np.ndarray, parts: Mapping[str, Sequence[int]], prior: np.ndarray | None) -> None:
    """Importance of body parts over time as an image, with the prior as an additional column."""
    rows = np.stack([importance[:, list(joints)].sum(1) for joints in parts.values()])
    columns = 1 if prior is None else 2
    grid = np.atleast_1d(fig.subplots(1, columns, width_ratios=[12, 1][:columns]))
    beside = None if prior is None else np.array([[prior[list(j)].sum()] for j in parts.values()])
    top = float(max(rows.max(), 0.0 if beside is None else beside.max()))
    image = None
    for axes, values in zip(grid, [rows] if beside is None else [rows, beside], strict=True):
        style.ensure_axes(axes, width=1.0, height=1.0)
        image = axes.imshow(values, cmap=IMPORTANCE, vmin=0, vmax=top, aspect="auto", interpolation="nearest")
        axes.spines[:].set_visible(False)
        axes.set_yticks(range(len(parts)), list(parts) if values is rows else [""] * len(parts))
        axes.tick_params(length=0, labelsize=style.TICK_SIZE)
    style.label_axes(grid[0], x="time (coarse frames of the encoder)", title="importance of body parts")
    if beside is not None:
        grid[1].set_xticks([])
        style.label_axes(grid[1], x="prior")
    assert image is not None
    bar = fig.colorbar(image, ax=list(grid), shrink=0.9, pad=0.01)
    bar.set_label("sum over the part's joints", fontsize=style.TICK_SIZE)
    bar.ax.tick_params(labelsize=style.SMALL_SIZE)
