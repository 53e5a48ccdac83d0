"""Which input an encoder should get, chosen on pseudo-unseen folds by successive halving; no test sample is scored.

All settings start on a few folds with short trainings; of each rung the better half goes on to more folds and longer
ones. A fold's encoder is trained on its pseudo-seen classes only, and judged by the ZSL accuracy of a method (ridge
regression to motion text) on the fold's pseudo-unseen classes. The folds of a split hold classes that another split
counts as unseen: what is chosen on them is a choice for that split.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np

from zsar_kit.config import Config
from zsar_kit.data.leakage import check_encoder
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.extract import extract_features
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.statistics import Summary, paired_difference
from zsar_kit.experiments.pipeline.features import EncoderSource, encoder_for
from zsar_kit.experiments.pipeline.partitions import Partition, calibration_folds
from zsar_kit.experiments.pipeline.semantics import semantics_for
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.experiments.runs.config import RunPlan
from zsar_kit.experiments.runs.inputs import FoldData
from zsar_kit.experiments.studies.suite import Case, read_toml, resource_names, run_config, suite_encoder
from zsar_kit.training.loop import fit

log = logging.getLogger("zsar_kit")
#: the setting that changes nothing
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Rung(Config):
    """One rung of the halving.

    Attributes:
        epochs: length of each training; 0 for that of the encoder's settings.
        folds: seeds that draw the folds.
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
        accuracy: ZSL accuracy of each fold, percent.
        n_unseen: samples of pseudo-unseen classes in each fold.
        difference: paired difference from no change, in points; ``None`` for no change itself, where that one had left
            before, and with a single fold.
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
        """Mean accuracy over the folds, percent."""
        return float(np.mean(self.accuracy))

    def __repr__(self) -> str:
        case = f"{self.case.dataset} {self.case.split}"
        return f"Trial({case}, rung {self.rung}, {self.setting!r}: {self.mean:.1f} %{', kept' * self.kept})"


def input_study_names() -> list[str]:
    """Names of the studies that come with the kit."""
    return resource_names(_studies())


def _studies() -> Traversable:
    return files("zsar_kit.experiments") / "resources" / "inputs"


def survivors(means: dict[str, float], keep: float, *, last: bool) -> list[str]:
    """The settings that go on: the best share of them, or on the last rung the best; ties go to the earlier one."""
    order = sorted(means, key=lambda name: -means[name])
    return order[: 1 if last else max(1, math.ceil(keep * len(order)))]


def _halving(study: InputStudy, workspace: Workspace, case: Case) -> Iterator[Trial]:
    left = [AS_IT_IS, *study.settings]
    for number, rung in enumerate(study.rungs):
        folds = _folds(workspace, study, case, rung)
        found = {
            name: _judged(study, workspace, case, study.settings_of(case, name, rung.epochs), folds) for name in left
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


def _plan(study: InputStudy, case: Case, encoder: EncoderConfig) -> RunPlan:
    fields = {"method": study.method, "preset": study.preset, "language_model": study.language_model}
    return run_config(case, encoder, **fields).resolve()


def _folds(workspace: Workspace, study: InputStudy, case: Case, rung: Rung) -> list[Partition]:
    skeletons, plan = prepare_skeletons(workspace, case.dataset), _plan(study, case, study.settings_of(case, AS_IT_IS))
    drawn = [f for s in rung.folds for f in calibration_folds(skeletons, plan.split, plan.protocol, s)]
    return list({fold.split.digest(): fold for fold in drawn}.values())


def _judged(
    study: InputStudy, workspace: Workspace, case: Case, encoder: EncoderConfig, folds: list[Partition]
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Accuracy and number of pseudo-unseen samples in each fold, with the method's best setting over all folds."""
    skeletons, plan = prepare_skeletons(workspace, case.dataset), _plan(study, case, encoder)
    method = plan.method_config
    texts = {name: semantics_for(workspace, case.dataset, name, study.language_model) for name in method.text_sets()}
    grid, accuracy, sizes = list(method.grid()), [], []
    for fold in folds:
        data = _fold_data(workspace, skeletons, fold, plan.protocol, encoder)
        training = data.training_set(texts)
        fitted = (fit(plan.method, c, training, seed=0, device=workspace.torch_device, progress=False) for c in grid)
        accuracy.append([data.accuracy(data.scores(one)) for one in fitted])
        sizes.append(int(np.isin(data.test_labels, fold.split.unseen).sum()))
        log.info("%s, %s: %s", fold.split.name, encoder, ", ".join(f"{value:.1f}" for value in accuracy[-1]))
    best = int(np.argmax(np.mean(accuracy, axis=0)))
    return tuple(row[best] for row in accuracy), tuple(sizes)


def _fold_data(
    workspace: Workspace, skeletons: SkeletonSet, fold: Partition, protocol: str, config: EncoderConfig
) -> FoldData:
    """Features of the fold's own samples only: the official test part is not even encoded."""
    encoder = encoder_for(workspace, skeletons, fold, protocol, EncoderSource(config))
    chosen = fold.train | fold.test
    own = Partition(fold.split, fold.train[chosen], fold.test[chosen])
    folder = workspace.root / "features" / slug(skeletons.dataset) / f"{encoder.record.digest[:12]}_fold"
    train = np.ones(int(chosen.sum()), dtype=bool)  # of the official train part
    features = extract_features(skeletons.select(chosen), train, encoder, folder, progress=workspace.progress)
    return FoldData(own, features, check_encoder(encoder.record, fold.split).name)
