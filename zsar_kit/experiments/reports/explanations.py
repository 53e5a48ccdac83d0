"""Explanations as figures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from zsar_kit.data.joints import layout
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import slug
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.plotting.explanation import LevelPanel, plot_explanation
from zsar_kit.plotting.style import save_figure
from zsar_kit.primitives.attributes import attribute, attribute_names, attributes
from zsar_kit.primitives.forms import AUTHORS, agreement, load_form
from zsar_kit.primitives.spoken import amount, meaning, spoken_about
from zsar_kit.primitives.why import Explanation, Reason

#: of a clip's name; that of a drawing has a suffix of its own
_SUFFIX = re.compile(r"\.(?=\w+$)")


def explanation_figure(explanation: Explanation) -> Figure:
    """The attributes that decided, each on the body where it is read, beside what winner and runner-up expect.

    Where the answer is known to be wrong, the attribute that misled most against the right class is said to, in a last
    row of its own where the runner-up is another class.

    Raises:
        DataError: nothing decided: winner and runner-up are equally far.
    """
    bones = layout("ntu25").bones
    names, wrong = (explanation.winner, explanation.runner_up), explanation.misled
    panels = [_panel(reason) for reason in explanation.reasons]
    if wrong is not None and wrong.reasons:
        worst = _panel(wrong.reasons[0])
        worst = replace(worst, title=f"Misled most: {worst.title}", names=(wrong.winner, wrong.runner_up))
        panels = [worst, *panels[1:]] if wrong.runner_up == explanation.runner_up else [*panels, worst]
    return plot_explanation(panels, bones, names, _title(explanation))


def _panel(reason: Reason) -> LevelPanel:
    a, joints = attribute(reason.attribute), layout("ntu25")
    about = spoken_about(a)
    expected = ["" if np.isnan(level) else amount(a, a.value(level)) for level in reason.expected]
    return LevelPanel(
        title=about[0].upper() + about[1:],
        pose=reason.pose,
        joints=tuple(joints.index(name) for name in reason.joints),
        when=f"at {reason.seconds:.1f} s",
        levels=(reason.level, *reason.expected),
        amounts=(amount(a, reason.value), expected[0], expected[1]),
        meanings=(meaning(a, 0.0), meaning(a, 0.5), meaning(a, 1.0)),
    )


def _title(explanation: Explanation) -> str:
    text = f"{explanation.clip}: {explanation.winner} before {explanation.runner_up}"
    if explanation.right is not None:
        text += " (right)" if explanation.right else f" (wrong: it is {explanation.truth})"
    return text + (f". {explanation.note}" if explanation.note else "")


def save_explanation(
    explanation: Explanation, folder: Path, runs: tuple[str, ...] = (), taken: set[str] | None = None
) -> list[Path]:
    """Write the figure as ``why_CLIP.png``, ``.pdf`` and ``.json`` (with the sentences).

    Args:
        explanation: what is drawn.
        folder: where to.
        runs: ids of the runs whose numbers it shows.
        taken: names of drawings that are not to be overwritten; the new one, which gets a number where its clip's name
            is taken, is added.
    """
    base = f"why_{slug(_SUFFIX.sub('-', explanation.clip))}"
    stem, number = base, 1
    while taken is not None and stem.casefold() in taken:
        number += 1
        stem = f"{base}-{number}"
    if taken is not None:
        taken.add(stem.casefold())
    return save_figure(explanation_figure(explanation), folder / stem, runs=runs, why=explanation.to_dict())


def first_clips(run: RunFolder) -> list[str]:
    """Names of the first test clip of each unseen class, so that no clip is chosen by its result."""
    labels, _ = run.test_samples()
    samples = run.scores().samples
    rows = [np.flatnonzero(labels == c) for c in run.result().unseen]
    return [str(samples[found[0]]) for found in rows if len(found)]


def agreement_table(dataset: str, count: int = 10) -> str:
    """How the two authors of a data set's forms agree: over all levels, and on the attributes they agree on least."""
    both = agreement(*(load_form(dataset, author) for author in AUTHORS))
    rows = [
        {
            "attribute": attribute_names()[i],
            "about": spoken_about(attributes()[i]),
            "equal": 100 * float(both["equal"][i]),
            "near": 100 * float(both["near"][i]),
        }
        for i in np.argsort(both["near"], kind="stable")[:count]
    ]
    columns = {"attribute": "attribute", "about": "what it measures", "equal": "equal, %", "near": "within 0.25, %"}
    return (
        f"Forms of {dataset}: both authors know {100 * float(both['both_known']):.0f} % of the levels, which correlate "
        f"by {float(both['correlation']):.2f}; they agree least on:\n\n{format_table(rows, columns, digits=0)}"
    )
