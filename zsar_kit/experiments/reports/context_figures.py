"""Figures of what SkeletonContext reads from clips: its Fig. 3 (contexts) and Fig. 4 (key parts), and slot accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from zsar_kit.data.joints import BODY_PARTS, layout
from zsar_kit.data.skeletons import convert
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import slug
from zsar_kit.experiments.reports.contexts import PREDICTORS, SlotReport, context_method, texts_of_run
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.methods.base import WeighsKeyParts
from zsar_kit.plotting.readings import POSES, plot_contexts, plot_hits, plot_key_parts
from zsar_kit.plotting.style import save_figure
from zsar_kit.semantics.slots import slot_words


class ClipReader:
    """A trained run with its data set, for a look at single clips.

    Args:
        run: a finished run of SkeletonContext.

    Raises:
        ConfigError: the run's method reads no contexts.
        ArtefactError: the kit's texts differ from the run's.
    """

    def __init__(self, run: RunFolder):
        self.run, self.result = run, run.result()
        self.method, self.data = context_method(run)
        self.skeletons = prepare_skeletons(run.workspace, self.result.dataset)
        self.texts = texts_of_run(run)

    def first_clips(self) -> list[int]:
        """The first test clip of each unseen class, so that no clip is chosen by its result."""
        labels = self.data.features.labels
        own = (np.flatnonzero(self.data.partition.test & (labels == c)) for c in self.data.partition.split.unseen)
        return [int(rows[0]) for rows in own if len(rows)]

    def label(self, sample: int) -> int:
        """The clip's class.

        Raises:
            ConfigError: the sample number is out of range.
        """
        if not 0 <= sample < len(self.data.features):
            raise ConfigError(f"samples are numbered 0 to {len(self.data.features) - 1}, got {sample}", where="samples")
        return int(self.data.features.labels[sample])

    def contexts(self, sample: int, k: int = 5) -> dict[str, list[tuple[str, float]]]:
        """The k likeliest words of each slot."""
        with torch.inference_mode():
            return self.method.predict_contexts(self._maps(sample), k)[0]

    def context_figure(self, sample: int, k: int = 5, *, on: SubFigure | None = None, poses: int = POSES) -> Figure:
        """Fig. 3: the clip, and the words that are read from it; words of its class are highlighted.

        Args:
            sample: number of the clip.
            k: words of each slot.
            on: part of a larger figure to draw on; None makes a figure.
            poses: number of poses.
        """
        c = self.label(sample)
        truth = {slot: set(slot_words(self.texts, c, slot)) for slot in self.method.slots}
        found = self.contexts(sample, k)
        return plot_contexts(
            self._joints(sample),
            layout("ntu25").bones,
            {_title(slot): words for slot, words in found.items()},
            truth={_title(slot): words for slot, words in truth.items()},
            title=self._caption(sample),
            poses=poses,
            on=on,
        )

    def key_parts(self, sample: int) -> np.ndarray:
        """Importance of the joints at each coarse frame, ``[T', joint]``; a frame sums to one.

        Raises:
            ConfigError: the run's method weighs no key parts.
        """
        if not isinstance(self.method, WeighsKeyParts):
            raise ConfigError(
                f"the run's method ({self.result.method}) weighs no key parts",
                where=self.run.path,
                remedy="Name a run of skeleton_context.",
            )
        with torch.inference_mode():
            return self.method.key_parts(self._maps(sample))[0].cpu().numpy()

    def prior(self, sample: int) -> np.ndarray:
        """Importance of the joints according to the texts of the clip's class, ``[joint]``.

        Raises:
            ConfigError: the run's method weighs no key parts.
        """
        if not isinstance(self.method, WeighsKeyParts):
            raise ConfigError(f"the run's method ({self.result.method}) weighs no key parts", where=self.run.path)
        return self.method.language_prior(self.texts, self.label(sample))

    def key_part_top(self, samples: Sequence[int]) -> float:
        """The largest importance in some clips and in their classes' priors, so that their figures share one scale."""
        return max(float(max(self.key_parts(s).max(), self.prior(s).max())) for s in samples)

    def key_part_figure(
        self, sample: int, *, top: float | None = None, on: SubFigure | None = None, poses: int = POSES
    ) -> Figure:
        """Fig. 4: the importance of the joints over time, beside the language prior of the class.

        Args:
            sample: number of the clip.
            top: importance of the brightest colour; see :meth:`key_part_top`.
            on: part of a larger figure to draw on; None makes a figure.
            poses: number of poses.
        """
        importance, ntu = self.key_parts(sample), layout("ntu25")
        return plot_key_parts(
            self._joints(sample),
            ntu.bones,
            importance,
            prior=self.prior(sample),
            top=top,
            parts={part: ntu.parts[part] for part in BODY_PARTS},
            title=self._caption(sample),
            poses=poses,
            on=on,
        )

    def table(self, samples: Sequence[int], k: int = 3) -> str:
        """The likeliest words of some clips as Markdown; words from the descriptions of the class are bold."""
        rows = []
        for sample in samples:
            c = self.label(sample)
            cells = {}
            for slot, words in self.contexts(sample, k).items():
                own = set(slot_words(self.texts, c, slot))
                cells[_title(slot)] = ", ".join(f"**{w}**" if w in own else w for w, _ in words)
            rows.append({"class": self.texts.names[self.texts.position(c)], "seen": self._seen(c), **cells})
        return format_table(rows, list(rows[0]))

    def save(self, figures: dict[int, Figure], folder: Path, kind: str) -> list[Path]:
        """Save the figures of some clips, given by sample number."""
        paths: list[Path] = []
        for sample, figure in figures.items():
            name, seed = slug(str(self.data.features.samples[sample])), self.result.seed
            stem = folder / f"{kind}_{slug(self.result.dataset)}_{slug(self.result.split)}_s{seed}_{name}"
            paths += save_figure(figure, stem, runs=[self.run.path.name], sample=name)
        return paths

    def _maps(self, sample: int) -> torch.Tensor:
        features = self.data.inputs(np.array([sample]))
        device = next(self.method.parameters()).device
        return torch.from_numpy(features.take(np.array([0]))).to(device)  # type: ignore[union-attr]

    def _joints(self, sample: int) -> np.ndarray:
        sequence = self.skeletons.sequence(sample)
        return convert(np.asarray(sequence.joints), self.skeletons.layout)

    def _seen(self, c: int) -> str:
        return "unseen" if c in self.data.partition.split.unseen else "seen"

    def _caption(self, sample: int) -> str:
        c, synthetic = self.label(sample), ", synthetic data" if self.result.synthetic else ""
        name = self.texts.names[self.texts.position(c)]
        return f"{name} ({self._seen(c)} class; {self.result.dataset} {self.result.split}{synthetic})"


def hits_figure(reports: Sequence[SlotReport], title: str) -> Axes:
    """Slot accuracy on seen and unseen classes against baselines and the ceiling."""
    rows = []
    for report in reports:
        for who in PREDICTORS:
            rows.append(
                {
                    "slot": _title(report.slot),
                    "who": who,
                    "seen": report.seen[who].hit,
                    "unseen": report.unseen[who].hit,
                }
            )
        rows.append(
            {
                "slot": _title(report.slot),
                "who": "ceiling",
                "seen": None,
                "unseen": report.unseen[PREDICTORS[0]].ceiling,
            }
        )
    return plot_hits(rows, title=title)


def _title(slot: str) -> str:
    return slot.replace("_", " ")
