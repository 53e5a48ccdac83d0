"""Every figure of both papers by its id, drawn from finished runs, with the data behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.figure_data import PaperFigure, Runs
from zsar_kit.experiments.reports.paper_clips import context_figure, key_part_figure
from zsar_kit.experiments.reports.paper_curves import (
    LAMBDA_ALIGN,
    LAMBDA_FLOW,
    TAU,
    TIME,
    TOKENS,
    neighbour_figure,
    sweep_figure,
    threshold_figure,
)
from zsar_kit.experiments.reports.paper_latents import (
    failure_figure,
    flow_figure,
    projection_figure,
    similarity_figure,
)
from zsar_kit.experiments.runs.folder import RunFolder

__all__ = ["FIGURES", "PaperFigure", "draw"]

FIGURES: Mapping[str, Callable[[Runs, Workspace], PaperFigure]] = {
    "flora/fig3": sweep_figure(TIME),
    "flora/fig4": neighbour_figure,
    "flora/fig5": flow_figure,
    "flora/fig6": projection_figure,
    "flora/fig7": similarity_figure,
    "flora/fig8": sweep_figure(TOKENS),
    "flora/fig9": sweep_figure(TAU),
    "flora/fig10": threshold_figure,
    "flora/fig11": sweep_figure(LAMBDA_ALIGN),
    "flora/fig12": sweep_figure(LAMBDA_FLOW),
    "flora/failures": failure_figure,
    "skeleton_context/fig3": context_figure,
    "skeleton_context/fig4": key_part_figure,
}
"""The drawing function of each figure."""


def draw(figure_id: str, runs: Mapping[str, Sequence[RunFolder]], workspace: Workspace) -> PaperFigure:
    """Draw one figure of a paper.

    Args:
        figure_id: a key of :data:`FIGURES`, such as ``flora/fig5``.
        runs: finished runs of each variant by its name, one run a seed. Curves read their value from the configuration
            of the runs, whatever the variants are called; figures of single models take the first run of the variant
            ``full``, or of the first variant.
        workspace: where the runs' encoders, texts and features are.

    Raises:
        ConfigError: there is no such figure, or a run's method lacks what it shows (the message says what).
        DataError: no run, runs of different data or splits, a seed twice, or two variants with the same value.
        ArtefactError: a run is not finished, or what it was made from is missing.
    """
    if figure_id not in FIGURES:
        raise ConfigError(f"unknown figure {figure_id!r}", where="figure_id", remedy=nearest_name(figure_id, FIGURES))
    return FIGURES[figure_id](runs, workspace)
