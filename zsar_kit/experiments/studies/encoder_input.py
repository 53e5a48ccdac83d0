"""Which input an encoder should get, chosen on pseudo-unseen folds by successive halving; no test sample is scored.

All settings start on the first rung; of each rung the better share goes on to more folds or longer trainings. Folds and
their encoders are those of runs, which find them again: an encoder is trained without the pseudo-unseen classes of its
folds and judged by the ZSL accuracy of a method (ridge regression to motion text) on them. The folds of a split hold
classes that another split counts as unseen: what is chosen on them is a choice for that split.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np

from zsar_kit.config import Config
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.statistics import Summary, paired_difference
from zsar_kit.experiments.pipeline.semantics import semantics_for
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunPlan
from zsar_kit.experiments.runs.inputs import FoldData, build_folds
from zsar_kit.experiments.studies.suite import Case, read_toml, run_config, suite_encoder
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.training.loop import fit

log = logging.getLogger("zsar_kit")
#: the setting that changes nothing
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Rung(Config):
    """One rung of the halving.

    Attributes:
        epochs: length of each training; 0 for that of the encoder's settings.
        folds: seeds that draw the folds; each draws those of two encoders.
    """

    epochs: int
    folds: tuple[int, ...]

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.epochs >= 0, "epochs", "at least 0")
        self.require(len(self.folds) >= 1, "folds", "one or more seeds")


@dataclass(frozen=True)
class InputStudy(Config):
    """The content of a study's file.

    Attributes:
        title: heading of its table.
        cases: data sets and splits.
        settings: changes of the encoder's settings, by name; one of no change joins them.
        rungs: see :class:`Rung`.
        encoder: changes of the encoder's settings that all settings share, such as a smaller width.
        suite: for each data set, the suite whose encoder settings are changed; default: its customary suite.
        method, preset: what judges features; a grid is chosen from by the mean over the folds.
        keep: share of the settings that goes on to the next rung, at least one.
        language_model: see :class:`~zsar_kit.experiments.runs.config.RunConfig`.
    """

    title: str
    cases: tuple[Case, ...]
    settings: dict
    rungs: tuple[Rung, ...]
    encoder: dict = field(default_factory=dict)
    suite: dict = field(default_factory=dict)
    method: str = "ridge"
    preset: str = "motion"
    keep: float = 0.5
    language_model: str = "offline"

    def __repr__(self) -> str:
        sizes = f"{len(self.cases)} cases, {len(self.settings) + 1} settings, {len(self.rungs)} rungs"
        return f"InputStudy({self.title!r}: {sizes})"

    def validate(self) -> None:
        """Every setting must change something in every case."""
        self.require(AS_IT_IS not in self.settings, "settings", f"without {AS_IT_IS!r}, which joins them by itself")
        self.require(len(self.rungs) >= 1, "rungs", "one or more")
        self.require(0 < self.keep < 1, "keep", "in (0, 1)")

    @classmethod
    def load(cls, name: str) -> InputStudy:
        """A study of the kit by name, or one from a file.

        Raises:
            ConfigError: the name is unknown, or the file is missing or malformed.
        """
        return cls.from_dict(read_toml(name, _studies(), "input study"))

    def only(self, dataset: str) -> InputStudy:
        """The study on one data set.

        Raises:
            ConfigError: it is not among the cases.
        """
        cases = tuple(case for case in self.cases if case.dataset == dataset)
        if not cases:
            known = ", ".join(dict.fromkeys(case.dataset for case in self.cases))
            raise ConfigError(f"the study has no case of {dataset!r}", where=self.title, remedy=f"It has {known}.")
        return type(self).from_dict(self.to_dict() | {"cases": [case.to_dict() for case in cases]})

    def settings_of(self, case: Case, setting: str, epochs: int = 0) -> EncoderConfig:
        """The encoder's settings in a case."""
        base = suite_encoder(self.suite.get(case.dataset, ""), case.dataset, case.encoder_seed)
        changes = self.encoder | self.settings.get(setting, {})
        if epochs:
            changes |= {"epochs": epochs, "patience": epochs}
        return base.override(changes)

    def run(self, workspace: Workspace) -> Iterator[Trial]:
        """Carry out the study; encoders and features are found again. Trials come as they are ready."""
        for case in self.cases:
            yield from _halving(self, workspace, case)


@dataclass(frozen=True)
class Trial:
    """One setting on one rung of a case.

    Attributes:
        case: data set and split.
        rung: its number, from 0.
        setting: its name.
        accuracy: ZSL accuracy with each fold encoder, mean over its folds, percent.
        n_unseen: samples of pseudo-unseen classes of each, counted once a fold.
        difference: paired difference from no change, in points; ``None`` for no change itself, where that one had left
            before, and with a single encoder.
        kept: whether it goes on, or on the last rung wins.
    """

    case: Case
    rung: int
    setting: str
    accuracy: tuple[float, ...]
    n_unseen: tuple[int, ...]
    difference: Summary | None
    kept: bool

    @property
    def mean(self) -> float:
        """Mean accuracy over the fold encoders, percent."""
        return float(np.mean(self.accuracy))

    def __repr__(self) -> str:
        case = f"{self.case.dataset} {self.case.split}"
        return f"Trial({case}, rung {self.rung}, {self.setting!r}: {self.mean:.1f} %{', kept' * self.kept})"


def _studies() -> Traversable:
    return files("zsar_kit.experiments") / "resources" / "inputs"


def survivors(means: dict[str, float], keep: float, *, last: bool) -> list[str]:
    """The settings that go on: the best share of them, or on the last rung the best; ties go to the earlier one."""
    order = sorted(means, key=lambda name: -means[name])
    return order[: 1 if last else max(1, math.ceil(keep * len(order)))]


def _halving(study: InputStudy, workspace: Workspace, case: Case) -> Iterator[Trial]:
    left = [AS_IT_IS, *study.settings]
    for number, rung in enumerate(study.rungs):
        found = {
            name: _judged(study, workspace, case, study.settings_of(case, name, rung.epochs), rung) for name in left
        }
        means = {name: float(np.mean(values)) for name, (values, _) in found.items()}
        going_on = survivors(means, study.keep, last=number + 1 == len(study.rungs))
        base = found.get(AS_IT_IS, ((), ()))[0]
        for name, (values, sizes) in found.items():
            compared = len(base) >= 2 and name != AS_IT_IS
            difference = paired_difference(list(values), list(base)) if compared else None
            yield Trial(case, number, name, values, sizes, difference, name in going_on)
        # The setting of no change stays in the race, so that every rung has its paired differences.
        left = [name for name in left if name in going_on or name == AS_IT_IS]


def _judged(
    study: InputStudy, workspace: Workspace, case: Case, settings: EncoderConfig, rung: Rung
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Accuracy with the features of each fold encoder, over its folds, and its number of pseudo-unseen samples.

    The method has its best setting over all encoders.
    """
    accuracy, sizes = [], []
    for seed in rung.folds:
        fields = {"method": study.method, "preset": study.preset, "language_model": study.language_model}
        plan = run_config(case, settings, folds_seed=seed, **fields).resolve()
        texts = {
            name: semantics_for(workspace, case.dataset, name, study.language_model)
            for name in plan.method_config.text_sets()
        }
        folds = build_folds(plan, workspace)
        for group in sorted({data.group for data in folds}):
            mine = [data for data in folds if data.group == group]
            accuracy.append(_grid_accuracy(plan, mine, texts, workspace))
            sizes.append(sum(int(np.isin(data.test_labels, data.partition.split.unseen).sum()) for data in mine))
            log.info("%s, %s: %s", mine[0].partition.split.name, settings, f"{max(accuracy[-1]):.1f}")
    best = int(np.argmax(np.mean(accuracy, axis=0)))
    return tuple(row[best] for row in accuracy), tuple(sizes)


def _grid_accuracy(
    plan: RunPlan, folds: Sequence[FoldData], texts: dict[str, Semantics], workspace: Workspace
) -> list[float]:
    """Mean accuracy over folds of one encoder, which learn from the same samples, for each config of the grid."""
    training = folds[0].training_set(texts)
    fitted = [
        fit(plan.method, config, training, seed=0, device=workspace.torch_device, progress=False)
        for config in plan.method_config.grid()
    ]
    return [float(np.mean([data.accuracy(data.scores(one)) for data in folds])) for one in fitted]
