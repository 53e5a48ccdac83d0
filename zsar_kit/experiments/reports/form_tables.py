"""Tables and figures of attributes and forms: meanings of levels, agreement of the authors, forms as matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zsar_kit.errors import TextError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.plotting.levels import plot_forms, plot_topic
from zsar_kit.plotting.style import save_figure
from zsar_kit.primitives.attributes import TOPICS, attributes
from zsar_kit.primitives.drawings import drawable
from zsar_kit.primitives.forms import AUTHORS, EQUAL, NEAR, Form, agreement, load_form
from zsar_kit.primitives.known import ORIGINS

TOPIC_TITLES = {
    "arms": "Arms",
    "places": "Hands at places of the body",
    "hands": "Both hands",
    "path": "The lead hand's path",
    "trunk": "Trunk and head",
    "legs": "Hips, legs and feet",
    "whole": "The whole body",
    "phases": "Start, end and moments",
    "persons": "Two persons",
}


def forms_by_author() -> dict[str, tuple[Form, Form]]:
    """Data set to its forms by both authors, where there are forms of its own."""
    found = {}
    for dataset in ORIGINS:
        try:
            found[dataset] = tuple(load_form(dataset, author) for author in AUTHORS)
        except TextError:
            continue
    return found


def attribute_table(topic: str) -> str:
    """The attributes of a topic: what is measured, its unit, the values at levels 0 and 1, and what levels mean."""
    rows = [
        {
            "attribute": a.name,
            "what is measured": a.about,
            "from, to": f"{a.lo:g} to {a.hi:g} {a.unit}" + (" (log)" if a.scale == "log" else ""),
            "0": a.zero,
            "0.5": a.half,
            "1": a.one,
            "neutral": "?" if a.neutral is None else f"{a.neutral:g}",
            "drawn": "yes" if a.name in drawable() else "in words",
        }
        for a in attributes()
        if a.topic == topic
    ]
    return format_table(rows, list(rows[0]))


def attribute_page(pictures: str = "") -> str:
    """All topics, each with its table.

    Args:
        pictures: address of the folder of the drawings, for links; without it, none are shown.
    """
    parts = []
    for topic in TOPICS:
        parts += [f"## {TOPIC_TITLES[topic]}", ""]
        if pictures:
            parts += [f"![Levels 0, 0.5 and 1: {TOPIC_TITLES[topic].lower()}]({pictures}/levels_{topic}.png)", ""]
        parts += [attribute_table(topic), ""]
    return "\n".join(parts)


def agreement_by_attribute() -> str:
    """How far both authors agree on each attribute, over the classes of all data sets together; worst last."""
    pairs = forms_by_author().values()
    first, second = (np.concatenate([pair[i].levels for pair in pairs]) for i in (0, 1))
    both = np.isfinite(first) & np.isfinite(second)
    difference = np.where(both, np.abs(first - second), 0.0)
    count = np.maximum(both.sum(0), 1)
    rows = [
        {
            "attribute": a.name,
            "both know, %": 100.0 * float(both[:, i].mean()),
            "equal, %": 100.0 * float((both[:, i] & (difference[:, i] < EQUAL)).sum() / count[i]),
            "within a step, %": 100.0 * float((both[:, i] & (difference[:, i] < NEAR)).sum() / count[i]),
            "mean difference": f"{difference[:, i].sum() / count[i]:.2f}",
            "correlation": _correlation(first[both[:, i], i], second[both[:, i], i]),
        }
        for i, a in enumerate(attributes())
        if both[:, i].any()
    ]
    rows.sort(key=lambda row: (row["mean difference"], -row["equal, %"]))
    return format_table(rows, list(rows[0]), digits=0)


def _correlation(a: np.ndarray, b: np.ndarray) -> str:
    return f"{np.corrcoef(a, b)[0, 1]:.2f}" if len(a) > 2 and min(a.std(), b.std()) > 1e-6 else ""


def agreement_by_dataset() -> str:
    """How far both authors agree on the forms of each data set."""
    rows = []
    for dataset, (first, second) in forms_by_author().items():
        found = agreement(first, second)
        both = np.isfinite(first.levels) & np.isfinite(second.levels)
        difference = np.abs(first.levels - second.levels)[both]
        rows.append(
            {
                "data set": dataset,
                "classes": str(len(first.class_ids)),
                "both know, %": 100.0 * float(found["both_known"]),
                "equal, %": 100.0 * float((difference < EQUAL).mean()),
                "within a step, %": 100.0 * float((difference < NEAR).mean()),
                "mean difference": f"{difference.mean():.2f}",
                "correlation": f"{float(found['correlation']):.2f}",
            }
        )
    return format_table(rows, list(rows[0]), digits=0)


def agreement_by_class() -> str:
    """Mean difference of both authors' levels on each class, over the attributes that both know; best first."""
    rows = []
    for dataset, (first, second) in forms_by_author().items():
        differences = agreement(first, second)["by_class"]
        rows += [
            {"data set": dataset, "class": name, "mean difference": f"{value:.3f}"}
            for name, value in zip(first.class_names, differences.tolist(), strict=True)
        ]
    rows.sort(key=lambda row: row["mean difference"])
    return format_table(rows, list(rows[0]))


def level_figures(folder: Path) -> list[Path]:
    """Drawings of levels 0, 0.5 and 1, a figure a topic."""
    saved = []
    for topic in TOPICS:
        drawn = [a for a in attributes() if a.topic == topic and a.name in drawable()]
        saved += save_figure(plot_topic(drawn), folder / f"levels_{topic}", runs=[])
    return saved


def form_figures(folder: Path) -> list[Path]:
    """The mean of both authors' forms as a matrix, a figure a data set."""
    saved = []
    for dataset in forms_by_author():
        form = load_form(dataset)
        figure = plot_forms(form.levels, form.class_names, attributes(), f"{dataset}: mean of two authors")
        saved += save_figure(figure, folder / f"forms_{dataset}", runs=[])
    return saved
