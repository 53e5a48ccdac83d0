"""Pictures of what the data doctor found, one a clip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zsar_kit.data.doctor import Report
from zsar_kit.data.joints import JointLayout
from zsar_kit.experiments.pipeline.workspace import slug
from zsar_kit.plotting.doctor import plot_findings
from zsar_kit.plotting.style import save_figure

#: clips that are drawn, those with the worst findings first
DRAWN = 12


def save_findings(report: Report, clips: Mapping[str, np.ndarray], layout: JointLayout, folder: Path) -> list[Path]:
    """Draw the clips with findings: the body with suspect joints marked, and a time line.

    Args:
        report: what was found.
        clips: sample to its joints ``[person, frame, joint, xyz]``.
        layout: of the joints.
        folder: for the figures; at most :data:`DRAWN` are drawn.

    Returns:
        Paths of the files.
    """
    paths: list[Path] = []
    for sample, joints in list(clips.items())[:DRAWN]:
        findings = [found for found in report.findings if found.sample == sample]
        figure = plot_findings(joints, layout, findings, title=sample)
        paths += save_figure(figure, folder / f"doctor_{slug(sample)}", runs=[], sample=sample)
    return paths
