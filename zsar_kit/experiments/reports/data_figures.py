"""Figures of data: those of an audit, and single samples as film strips and animations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsar_kit.artefacts import write_atomic
from zsar_kit.data.display import DisplaySample
from zsar_kit.data.joints import layout
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.splits import dataset_names, load_split, split_names
from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.experiments.reports.audit import class_counts
from zsar_kit.experiments.reports.audit_scan import Audit
from zsar_kit.experiments.reports.text_figures import neighbour_figures
from zsar_kit.plotting.audit import plot_class_balance, plot_coverage, plot_lengths
from zsar_kit.plotting.skeleton import plot_film_strip
from zsar_kit.plotting.style import figure_of, save_figure


def audit_figures(audit: Audit, protocol: str = "", split: str = "") -> dict[str, Axes]:
    """Sequence lengths, samples of each class, and which subject was recorded by which camera.

    Args:
        audit: the audit of a data set.
        protocol: how samples are divided into train and test; default: the data set's customary protocol.
        split: class split whose unseen classes are highlighted; default: the data set's customary split.

    Raises:
        ConfigError: the data set has no such protocol.
        SplitError: it has no such split.
    """
    skeletons, index = audit.skeletons, audit.skeletons.index
    if protocol and protocol not in audit.parts:
        advice = nearest_name(protocol, audit.parts) if audit.parts else "These data are not divided."
        raise ConfigError(f"no protocol {protocol!r}", where=skeletons.dataset, remedy=advice)
    protocol = protocol or next(iter(audit.parts), "")
    masks = audit.masks(protocol) if protocol else {"all": np.ones(len(skeletons), dtype=bool)}
    train = audit.parts.get(protocol)
    named = f"{skeletons.dataset}{' (synthetic data)' if skeletons.synthetic else ''}"
    title = f"{named}, {protocol}" if protocol else named
    rows, columns = _coverage_columns(skeletons)
    return {
        "lengths": plot_lengths({part: index.frames[mask] for part, mask in masks.items()}, title=title),
        "classes": plot_class_balance(
            class_counts(audit, protocol),
            skeletons.class_names,
            list(masks),
            highlight=(unseen := _unseen(skeletons.dataset, split)),
            title=f"{title}; orange: unseen classes{f' of {split}' if split else ''}" if unseen else title,
        ),
        "coverage": plot_coverage(
            getattr(index, rows),
            getattr(index, columns),
            y=rows,
            x=columns,
            train=train,
            title=f"samples of {title}" + ("; orange: in both parts" if train is not None else ""),
        ),
    }


def prepared_sets(workspace: Workspace) -> dict[str, SkeletonSet]:
    """All prepared data sets of a workspace, by name."""
    folders = sorted(path.parent for path in (workspace.root / "skeletons").glob("*/provenance.json"))
    return {found.dataset: found for found in map(SkeletonSet.load, folders)}


def film_strip_of(view: DisplaySample, frames: int = 8) -> Figure:
    """A contact sheet: evenly spaced frames of a sample side by side."""
    return plot_film_strip(view.joints, view.layout.bones, frames=frames, title=view.title, up=view.up)


def save_views(
    skeletons: SkeletonSet,
    row: int,
    strips: Mapping[str, Figure],
    pages: Mapping[str, str],
    folder: Path,
) -> list[Path]:
    """Save contact sheets and pages of a sample by layer: ``.png``, ``.pdf``, ``.json`` and ``.html`` each.

    Args:
        skeletons: the data set.
        row: position of the sample.
        strips: contact sheet of each layer.
        pages: HTML page of each layer.
        folder: folder for the files.
    """
    sample, paths = str(skeletons.index.sample[row]), []
    for layer, strip in strips.items():
        stem = folder / f"skeleton_{slug(skeletons.dataset)}_{slug(sample)}_{layer}"
        paths += save_figure(strip, stem, runs=[], dataset=skeletons.dataset, sample=sample, layer=layer)
        page = stem.with_name(f"{stem.name}.html")
        write_atomic(page, pages[layer])
        paths.append(page)
    return paths


def _unseen(dataset: str, split: str) -> tuple[int, ...]:
    split = split or next(iter(split_names(dataset) if dataset in dataset_names() else ()), "")
    return load_split(dataset, split).unseen if split else ()


def _coverage_columns(skeletons: SkeletonSet) -> tuple[str, str]:
    """Two columns of the index that are known for every sample: subject and camera where possible."""
    known = [name for name in ("camera", "setup", "replication") if (getattr(skeletons.index, name) >= 0).all()]
    first = "subject" if (skeletons.index.subject >= 0).all() else "label"
    return first, (known or ["label"])[0]


def film_strip(skeletons: SkeletonSet, sample: int, frames: int = 8) -> Figure:
    """One sequence of a data set as a row of poses."""
    sequence = skeletons.sequence(sample)
    name = skeletons.class_names[sequence.label]
    note = ", synthetic" if skeletons.synthetic else ""
    return plot_film_strip(
        np.asarray(sequence.joints),
        layout(skeletons.layout).bones,
        frames=frames,
        title=f"{name} ({skeletons.dataset}{note}: {sequence.sample})",
    )


def draw_data(skeletons: SkeletonSet, workspace: Workspace, split: str, folder: Path) -> list[Path]:
    """A film strip of one sequence per unseen class, and the text neighbours."""
    dataset, paths = skeletons.dataset, []
    for label in load_split(dataset, split).unseen:
        sample = int(np.flatnonzero(skeletons.index.label == label)[1])
        stem = folder / f"{slug(dataset)}_film_{slug(skeletons.class_names[label])}"
        paths += save_figure(film_strip(skeletons, sample), stem, runs=[])
    similarity, neighbours = neighbour_figures(workspace, dataset, split)
    return paths + save_all({"similarity": similarity, "neighbours": neighbours}, folder, f"{dataset}_text")


def save_all(drawn: Mapping[str, Axes], folder: Path, label: str) -> list[Path]:
    """Save figures that belong to no run, as ``label_name``."""
    paths: list[Path] = []
    for name, axes in drawn.items():
        paths += save_figure(figure_of(axes), folder / f"{slug(label)}_{name}", runs=[])
    return paths
