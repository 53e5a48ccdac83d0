"""Latent spaces as figures: skeletons and class texts together, and the similarity of classes in both spaces."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting import style

TSNE_POINTS, PERPLEXITY, UMAP_NEIGHBOURS = 30, 30.0, 15
NAMED = 30
"""Classes up to which all are named where unseen ones stand out."""
KINDS = ("auto", "tsne", "umap", "pca")
LABELS = {"tsne": "t-SNE", "umap": "UMAP"}
SHAPES = "o^sv"
"""Markers of samples: with the palette's six colours they distinguish 24 classes."""


@dataclass(frozen=True)
class Projection:
    """How latents are projected to two dimensions.

    Attributes:
        kind: ``tsne`` (needs 30 points; distances between distant groups mean little), ``umap`` (needs 30 points and
            the extra ``[umap]``; the same is true of its distances), ``pca`` (the two directions of largest variance),
            or ``auto``: t-SNE with 30 points or more.
        seed: of t-SNE and UMAP. The order of the samples does not matter.

    Raises:
        ConfigError: the kind is unknown.
    """

    kind: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"'kind' must be one of {', '.join(KINDS)}, got {self.kind!r}", where="Projection")


_AUTO = Projection()


def plot_latents(
    latents: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    texts: np.ndarray | None = None,
    *,
    unseen: Collection[int] = (),
    projection: Projection = _AUTO,
    legend: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Skeleton latents in two dimensions, coloured by class, and the class texts among them (Flora, Fig. 6).

    Samples and texts are projected together. A class has a colour and a shape, and its name is at its median; a thin
    line connects it with its text. If there are unseen classes, samples of seen ones are pale, and with more than
    ``NAMED`` classes only the unseen ones are named.

    Args:
        latents: ``[sample, d]``.
        labels: ``[sample]`` positions in ``names``.
        names: of the classes; those without a sample or a text are left out.
        texts: ``[class, d]`` latents of the class texts, in the order of ``names``; None draws none.
        unseen: positions of the unseen classes; their names are bold and their texts stars, others diamonds.
        projection: how latents are projected to two dimensions.
        legend: explain the marks below the axes; :func:`explain_marks` does so for a figure of several axes.
        ax: where to draw; None makes a figure.
        title: above it.

    Raises:
        DataError: shapes disagree, a value is not finite, a label or position is out of range, or there are too few
            points.
    """
    classes = style.check_names(names, len(names), "class")
    points, labels = _checked(latents, labels, len(classes), texts)
    if bad := [c for c in unseen if not 0 <= c < len(classes)]:
        raise DataError(f"position {bad[0]} is out of range 0..{len(classes) - 1}", where="unseen")
    flat, (x, y) = _project(points, projection)
    samples, marks = flat[: len(labels)], flat[len(labels) :]
    axes = style.ensure_axes(ax, width=6.6, height=5.6)
    anchors: dict[int, np.ndarray] = {}
    for number, c in enumerate(np.unique(labels).tolist() if texts is None else range(len(classes))):
        color, shape = style.PALETTE[number % 6], SHAPES[number // 6 % len(SHAPES)]
        mine = samples[labels == c]
        pale = bool(unseen) and c not in unseen
        axes.scatter(*mine.T, s=13, marker=shape, color=color, alpha=0.3 if pale else 0.75, linewidths=0, zorder=2)
        middles = [np.median(mine, axis=0)] if len(mine) else []
        if texts is not None:
            middles.append(marks[c])
            axes.plot(*np.array(middles).T, color=color, linewidth=0.9, zorder=3)
            star = c in unseen
            look = {"s": 190 if star else 75, "marker": "*" if star else "D", "edgecolors": "white"}
            axes.scatter(*marks[c], color=color, linewidths=0.9, zorder=4, **look)
        anchors[c] = middles[0]
    axes.margins(0.08)
    shown = {c: style.shorten(name, 30) for c, name in enumerate(classes)}
    few = not unseen or len(anchors) <= NAMED
    _name_classes(axes, {shown[c]: at for c, at in anchors.items() if few or c in unseen}, {shown[c] for c in unseen})
    axes.set(xticks=[], yticks=[])
    if legend:
        _legend(axes, texts is not None, bool(unseen))
    style.label_axes(axes, x=x, y=y, title=title)
    return axes


def plot_class_similarity(
    skeleton: np.ndarray,
    text: np.ndarray,
    *,
    label: str | None = None,
    color: str | None = None,
    unseen: Collection[int] = (),
    legend: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Cosine similarity of pairs of classes, in the text space against the skeleton space (Flora, Fig. 7).

    Pairs on the diagonal are equally similar in both spaces. Call it again with the same axes to add another variant.

    Args:
        skeleton: ``[class, d]`` mean skeleton latent of each class.
        text: ``[class, d]`` text latent of each class, in the same order; its width may differ.
        label: name of the variant in the legend, which also says how well the pairs agree (:class:`Agreement`).
        color: of the points; None takes the next colour of the palette.
        unseen: positions of unseen classes; pairs with one of them have a dark rim.
        legend: whether there is a legend below the axes.
        ax: where to draw; None makes a figure.
        title: above it.

    Raises:
        DataError: there are fewer than three classes, the sides have different numbers of classes, or a vector is zero
            or not finite.
    """
    x, y = class_pair_similarities(skeleton, text)
    axes = style.ensure_axes(ax, width=4.8, height=5.0)
    drawn = len(axes.collections)
    if not drawn:
        axes.axline((0, 0), slope=1, color=style.GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    hue = style.PALETTE[drawn % len(style.PALETTE)] if color is None else color
    caption = f"{label + ': ' if label else ''}{Agreement.of(x, y)}"
    first, second = np.triu_indices(len(skeleton), k=1)
    rim = np.isin(first, list(unseen)) | np.isin(second, list(unseen))
    edges = [to_rgba(style.INK, 0.8 if marked else 0.0) for marked in rim]
    axes.scatter(x, y, s=15, color=to_rgba(hue, 0.55), linewidths=0.7, edgecolors=edges, label=caption, zorder=2)
    points = np.concatenate([c.get_offsets() for c in axes.collections])
    low, high = float(points.min()), float(points.max())
    margin = 0.05 * max(high - low, 1e-2)
    axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    axes.set_aspect("equal")
    if legend:
        axes.legend(fontsize=style.TICK_SIZE, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    style.label_axes(axes, x="cosine of two classes' skeletons", y="cosine of the same classes' texts", title=title)
    return axes


@dataclass(frozen=True)
class Agreement:
    """How well the similarities of pairs of classes agree between two spaces.

    Attributes:
        pearson: correlation; None if all pairs of a space are equally similar.
        spearman: correlation of ranks, or None.
        distance: root mean square of the difference, 0 on the diagonal.
    """

    pearson: float | None
    spearman: float | None
    distance: float

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> Agreement:
        """The agreement of two lists of similarities, ``[pair]``."""
        from scipy.stats import rankdata  # takes a second to import

        distance = float(np.sqrt(np.mean(np.square(x - y))))
        return cls(_correlation(x, y), _correlation(rankdata(x), rankdata(y)), distance)

    def __str__(self) -> str:
        if self.pearson is None or self.spearman is None:
            return "no correlation, since all pairs are equally similar"
        return f"Pearson r {self.pearson:.2f}, Spearman ρ {self.spearman:.2f}, RMS difference {self.distance:.2f}"


def class_pair_similarities(
    skeleton: np.ndarray, text: np.ndarray
) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """Cosine similarity of each pair of classes, among skeletons and among texts; pairs (0, 1), (0, 2) and so on.

    Args:
        skeleton: ``[class, d]`` mean skeleton latent of each class.
        text: ``[class, d]`` text latent of each class, in the same order; its width may differ.

    Raises:
        DataError: see :func:`plot_class_similarity`.
    """
    x, y = _pair_similarities(skeleton, "skeleton"), _pair_similarities(text, "text")
    if len(x) != len(y):
        raise DataError(
            f"expected one row per class on both sides, got {len(skeleton)} and {len(text)} rows", where="text"
        )
    return x, y


def _checked(
    latents: np.ndarray, labels: np.ndarray, count: int, texts: np.ndarray | None
) -> tuple[Float[np.ndarray, "point d"], np.ndarray]:
    """The samples followed by the texts, and the labels."""
    points, labels = np.asarray(latents, dtype=np.float64), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] < 2 or not len(points):
        raise DataError(f"expected [sample, d] with d at least 2, got shape {points.shape}", where="latents")
    if labels.shape != (len(points),) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"expected one position per sample, {len(points)} integers, got {labels.dtype} of shape {labels.shape}",
            where="labels",
        )
    if labels.min() < 0 or labels.max() >= count:
        wrong = labels[(labels < 0) | (labels >= count)][0]
        raise DataError(
            f"label {wrong} is out of range 0..{count - 1}",
            where="labels",
            remedy="Labels are positions in `names`, not class ids.",
        )
    if texts is not None:
        marks = np.asarray(texts, dtype=np.float64)
        if marks.shape != (count, points.shape[1]):
            wanted = (count, points.shape[1])
            raise DataError(f"expected [class, d] = {wanted}, got shape {marks.shape}", where="texts")
        points = np.concatenate([points, marks])
    if not np.isfinite(points).all():
        raise DataError("expected finite values, got NaN or infinity", where="latents and texts")
    return points, labels


def _project(points: np.ndarray, projection: Projection) -> tuple[Float[np.ndarray, "point 2"], tuple[str, str]]:
    """Two coordinates of each point, and the labels of the axes, which say what the projection depends on."""
    kind, count = projection.kind, len(points)
    if kind in ("tsne", "umap") and count < TSNE_POINTS:
        raise DataError(
            f"{LABELS[kind]} needs at least {TSNE_POINTS} points, got {count}",
            where="latents",
            remedy="Use Projection('pca').",
        )
    if kind == "auto":
        kind = "tsne" if count >= TSNE_POINTS else "pca"
    # In a canonical order, since t-SNE amplifies rounding differences that depend on the order.
    order = np.lexsort(points.T[::-1])
    flat = np.empty((count, 2))
    start, shares = _principal(points[order])
    if kind == "pca":
        flat[order] = start
        return flat, (f"first principal axis, {shares[0]:.0%} of variance", f"second, {shares[1]:.0%}")
    embed, setting = (_tsne, "perplexity") if kind == "tsne" else (_umap, "neighbours")
    flat[order], value = embed(points[order].astype(np.float32), start, projection.seed)
    said = f"{setting} {value:.0f}, seed {projection.seed}, n = {count}"
    return flat, (f"{LABELS[kind]} 1, no unit ({said})", f"{LABELS[kind]} 2, no unit")


def _tsne(points: np.ndarray, start: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """The embedding and its perplexity."""
    from sklearn.manifold import TSNE  # takes a second to import, and most figures do not need it

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    small = start * (1e-4 / max(float(start[:, 0].std()), 1e-12))
    init: Any = small.astype(np.float32)  # arrays are documented, but not in sklearn's annotation
    return TSNE(perplexity=perplexity, init=init, random_state=seed).fit_transform(points), perplexity


def _umap(points: np.ndarray, start: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """The embedding and its number of neighbours."""
    try:
        umap = importlib.import_module("umap")  # an extra that may be absent
    except ImportError:
        raise ConfigError(
            "UMAP needs the package umap-learn, which is not installed",
            where="Projection('umap')",
            remedy="Install the extra: pip install 'zsar-kit[umap]'. Or use Projection('tsne').",
        ) from None
    init = 10 * start / max(float(np.abs(start).max()), 1e-12)
    reducer = umap.UMAP(n_neighbors=UMAP_NEIGHBOURS, init=init.astype(np.float32), random_state=seed, n_jobs=1)
    return np.asarray(reducer.fit_transform(points)), float(UMAP_NEIGHBOURS)


def _principal(points: np.ndarray) -> tuple[Float[np.ndarray, "point 2"], Float[np.ndarray, " 2"]]:
    """Scores on the first two principal axes, with a fixed sign each, and their shares of the variance."""
    left, size, right = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    flat = np.zeros((len(points), 2))
    k = min(2, len(size))
    sign = np.sign(right[np.arange(k), np.abs(right[:k]).argmax(axis=1)])
    flat[:, :k] = left[:, :k] * size[:k] * np.where(sign == 0, 1.0, sign)
    shares = np.zeros(2)
    shares[:k] = np.square(size[:k]) / max(float(np.square(size).sum()), 1e-300)
    return flat, shares


def _name_classes(ax: Axes, anchors: dict[str, np.ndarray], bold: Collection[str]) -> None:
    """Write names at their anchors, moved up until none covers another."""
    box = ax.get_position()
    wide, tall = style.figure_of(ax).get_size_inches() * (box.width, box.height)
    # Sizes of a line and of half a letter, as fractions of the axes.
    height, letter = 1.35 * style.TICK_SIZE / 72 / tall, 0.29 * style.TICK_SIZE / 72 / wide
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    placed: list[tuple[float, float, float]] = []
    for name, anchor in sorted(anchors.items(), key=lambda item: (item[1][1], item[0])):
        x, y = (anchor - low) / (high - low)
        half = letter * len(name)
        x = float(np.clip(x, half, max(1 - half, half)))
        while any(abs(x - px) < half + ph and abs(y - py) < height for px, py, ph in placed):
            y += height / 4
        placed.append((x, float(y), half))
        ax.text(
            x,
            y,
            name,
            transform=ax.transAxes,
            ha="center",
            va="center",
            fontsize=style.TICK_SIZE,
            fontweight="bold" if name in bold else "normal",
            color=style.INK,
            path_effects=[withStroke(linewidth=2.4, foreground="white")],
            zorder=5,
            in_layout=False,  # long names must not squeeze the axes
        )


def explain_marks(fig: Figure, *, texts: bool = True, unseen: bool = False) -> None:
    """A legend of the kinds of marker of :func:`plot_latents` below a figure.

    Args:
        fig: the figure.
        texts: whether texts are drawn.
        unseen: whether unseen classes stand out.
    """
    marks = _marks(texts, unseen)
    look = {"fontsize": style.TICK_SIZE, "frameon": False, "columnspacing": 1.2, "handletextpad": 0.2}
    fig.legend(handles=marks, loc="outside lower center", ncols=len(marks), **look)


def _marks(texts: bool, unseen: bool) -> list[Line2D]:
    """The kinds of marker; classes are named in the figure itself."""
    kinds = [("o", 4, "skeleton of a sample")]
    if texts:
        kinds.append(("D", 6, "text of a seen class" if unseen else "text of a class"))
        kinds += [("*", 11, "text of an unseen class (name in bold)")] if unseen else []
    return [
        Line2D([], [], linestyle="", marker=m, markersize=s, color=style.GREY, markeredgewidth=0, label=text)
        for m, s, text in kinds
    ]


def _legend(ax: Axes, texts: bool, unseen: bool) -> None:
    marks = _marks(texts, unseen)
    ax.legend(
        handles=marks,
        fontsize=style.TICK_SIZE,
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.06),
        ncols=len(marks),
        columnspacing=1.2,
        handletextpad=0.2,
    )


def _pair_similarities(vectors: np.ndarray, where: str) -> Float[np.ndarray, " pair"]:
    """Cosine similarity of each pair of rows."""
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < 3:
        raise DataError(f"expected [class, d] with at least 3 classes, got shape {rows.shape}", where=where)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(rows).all() or not length.all():
        raise DataError("a cosine needs finite vectors that are not all zeros", where=where)
    unit = rows / length
    return (unit @ unit.T)[np.triu_indices(len(rows), k=1)]


def _correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Pearson's correlation; None where one side is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = float(np.corrcoef(x, y)[0, 1])
    return found if np.isfinite(found) else None
