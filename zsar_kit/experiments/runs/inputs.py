"""Training and test data of a run's method: partitions with features and context prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zsar_kit.artefacts import exists
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.leakage import scored_rows, training_rows
from zsar_kit.errors import ConfigError
from zsar_kit.evaluation.metrics import zsl_accuracy
from zsar_kit.evaluation.scores import Scores
from zsar_kit.experiments.pipeline.features import EncoderSource, encoder_folder, features_for
from zsar_kit.experiments.pipeline.imported_features import ImportedFeatures, open_imported_features
from zsar_kit.experiments.pipeline.partitions import Partition, PartitionGroup, in_turn, partitions_of
from zsar_kit.experiments.pipeline.primitives import primitive_features
from zsar_kit.experiments.pipeline.semantics import context_bank_for
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig, RunPlan
from zsar_kit.experiments.runs.scoring import score
from zsar_kit.methods.base import Method
from zsar_kit.methods.task import MapRows, Task, TrainingSet
from zsar_kit.seeding import numpy_generator
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.context_request import ContextRequest
from zsar_kit.semantics.embeddings import Semantics


@dataclass(frozen=True, eq=False, repr=False)
class FoldData:
    """A partition (the main one, or a calibration fold) with its features.

    Attributes:
        partition: training and test samples.
        features: features of all samples, from an encoder that has seen none of the partition's unseen classes.
        encoder_mark: which classes that encoder has seen.
        encoder_folder: the encoder's folder in the workspace; empty on imported features.
        maps: feature sets with un-pooled maps, one per augmented view, for methods that learn from maps.
        contexts: encoded context prompts of the partition's seen classes, for methods that read them.
        group: position of the encoder among the fold encoders; folds of one group learn from the same samples.
        measured: the stored attributes, where they are all or a part of the features.
    """

    partition: Partition
    features: FeatureSet
    encoder_mark: str
    encoder_folder: str = ""
    maps: tuple[FeatureSet, ...] = ()
    contexts: ContextBank | None = None
    group: int = 0
    measured: FeatureSet | None = None

    def __repr__(self) -> str:
        return f"FoldData({self.partition!r}, encoder {self.encoder_mark})"

    def task(self, semantics: dict[str, Semantics]) -> Task:
        """What a method knows before it sees a sample."""
        return Task(self.feature_shape, self.partition.split.seen, semantics, self.contexts)

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """Shape of one sample's features: ``[d]`` pooled, ``[T', joint, d]`` as maps."""
        return tuple(int(n) for n in self.inputs(np.arange(1)).shape[1:])

    def training_set(self, semantics: dict[str, Semantics], run: RunConfig | None = None) -> TrainingSet:
        """Everything that a method may learn from; of a run with few samples only those."""
        rows = self.training_rows(run)
        return TrainingSet(self._inputs(rows, self.maps), self.features.labels[rows], self.task(semantics))

    def training_rows(self, run: RunConfig | None = None) -> np.ndarray:
        """Positions of the samples that a method is trained on; every label passes the leak guard."""
        rows = training_rows(self.features.labels, self.partition.train, self.partition.split)
        if run is None or not (run.shots or run.low_shot < 1):
            return rows
        return rows[few_shots(self.features.labels[rows], run.low_shot, run.folds_seed, shots=run.shots)]

    def _inputs(self, rows: np.ndarray, maps: tuple[FeatureSet, ...]) -> np.ndarray | MapRows:
        """Pooled features of some samples, or their maps."""
        return MapRows(tuple(m.maps() for m in maps), rows) if maps else self.features.pooled[rows]

    def scores(self, method: Method) -> Scores:
        """Scores of the partition's test samples over its candidate classes."""
        rows = scored_rows(self.features.train, self.partition.test, self.partition.split)
        return score(method, self.inputs(rows), self.features.samples[rows], self.partition.split.candidates)

    def inputs(self, rows: np.ndarray) -> np.ndarray | MapRows:
        """Features of some samples, as a method gets them at test time."""
        return self._inputs(rows, self.maps[:1])

    @property
    def test_labels(self) -> np.ndarray:
        """Labels of the partition's test samples."""
        return self.features.labels[self.partition.test]

    @property
    def test_subjects(self) -> np.ndarray:
        """Subjects of the partition's test samples."""
        return self.features.subjects[self.partition.test]

    def accuracy(self, scores: Scores) -> float:
        """ZSL accuracy in percent: test samples of (pseudo-)unseen classes, classified among these classes."""
        return zsl_accuracy(scores, self.test_labels, self.partition.split.unseen)


def few_shots(labels: np.ndarray, share: float, seed: int, *, shots: int = 0) -> np.ndarray:
    """Positions of some samples of each class, drawn once per seed (Flora, Table 1).

    Args:
        labels: class of each sample.
        share: of a class with n samples ``max(1, int(share * n))`` are kept.
        seed: seed of the draw; fewer samples are among more of the same seed.
        shots: keep this many of each class instead, at most all; 0 for the share.
    """
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        order = numpy_generator(seed, "low-shot", int(label)).permutation(members)
        chosen.append(order[: shots or max(1, int(share * len(members)))])
    return np.sort(np.concatenate(chosen))


def build_fold_data(plan: RunPlan, workspace: Workspace) -> tuple[FoldData, list[FoldData]]:
    """Training and test data of a run's method, for the main partition and its calibration folds.

    Features come from the encoder of the split or of the fold's group, context prompts from its own seen classes;
    missing ones are computed.
    """
    config = plan.method_config
    imported = _imported(plan)
    main, groups = (imported.main, imported.groups) if imported else _partitions(plan, workspace)
    data = _build(plan, workspace, main, config.map_views(), config.contexts(), imported)
    return data, _build_folds(plan, workspace, groups, imported)


def build_folds(plan: RunPlan, workspace: Workspace) -> list[FoldData]:
    """The calibration folds of :func:`build_fold_data` alone, without the encoder of the real split."""
    imported = _imported(plan)
    return _build_folds(plan, workspace, imported.groups if imported else _partitions(plan, workspace)[1], imported)


def _build_folds(
    plan: RunPlan, workspace: Workspace, groups: Sequence[PartitionGroup], imported: ImportedFeatures | None
) -> list[FoldData]:
    config, of_group, folds = plan.method_config, {}, []
    for g, partition in in_turn(groups)[: plan.config.folds]:
        if g not in of_group:
            one = _build(plan, workspace, groups[g].encoder, config.map_views(), config.contexts(), imported)
            of_group[g] = replace(one, group=g)
        folds.append(replace(of_group[g], partition=partition))
    return folds


def make_features(plan: RunPlan, workspace: Workspace, group: int | None) -> None:
    """Train the encoder of the split, or that of a group of folds, and extract its features, where they are missing."""
    main, groups = _partitions(plan, workspace)
    if group is None or group < len(groups):
        partition = main if group is None else groups[group].encoder
        _build(plan, workspace, partition, plan.method_config.map_views(), None, None)


def partitions_of_run(plan: RunPlan, workspace: Workspace, group: int | None) -> Partition | None:
    """What the encoder of the split, or that of a group of folds, is trained on; None if there is no such group."""
    main, groups = _partitions(plan, workspace)
    if group is None:
        return main
    return groups[group].encoder if group < len(groups) else None


def encoder_is_made(plan: RunPlan, workspace: Workspace, group: int | None) -> bool:
    """Whether the encoder of the split, or that of a group of folds, is trained."""
    partition = partitions_of_run(plan, workspace, group)
    return partition is None or exists(encoder_folder(workspace, partition, plan.protocol, plan.config.encoder))


def build_test_data(plan: RunPlan, workspace: Workspace) -> FoldData:
    """Test data of a finished run's method: the main partition only, one view of each clip, and no prompts."""
    imported = _imported(plan)
    main = imported.main if imported else _partitions(plan, workspace)[0]
    return _build(plan, workspace, main, min(plan.method_config.map_views(), 1), None, imported)


def _imported(plan: RunPlan) -> ImportedFeatures | None:
    config = plan.config
    if not config.features_from:
        return None
    if plan.method_config.map_views():
        raise ConfigError(
            f"the method {config.method!r} learns from un-pooled maps, but imported features are pooled",
            where=config.features_from,
            remedy="Use a method that learns from pooled features (ridge, linear_cosine, flora), or run it on "
            "skeletons.",
        )
    return open_imported_features(
        config.features_from,
        plan.split,
        folds_seed=config.folds_seed,
        allow_encoder_leak=config.allow_encoder_leak,
    )


def _partitions(plan: RunPlan, workspace: Workspace) -> tuple[Partition, tuple[PartitionGroup, ...]]:
    config = plan.config
    skeletons = prepare_skeletons(workspace, config.dataset)
    main, groups = partitions_of(skeletons, plan.split, plan.protocol, config.folds_seed)
    if not config.encoder_shots:
        return main, groups

    def few(partition: Partition) -> Partition:
        rows = np.flatnonzero(partition.train)
        kept = np.zeros_like(partition.train)
        kept[rows[few_shots(skeletons.index.label[rows], 1.0, config.folds_seed, shots=config.shots)]] = True
        return replace(partition, train=kept, few=f"{config.shots}-shots-s{config.folds_seed}")

    return few(main), tuple(PartitionGroup(few(g.encoder), tuple(map(few, g.folds))) for g in groups)


def _build(
    plan: RunPlan,
    workspace: Workspace,
    partition: Partition,
    views: int,
    request: ContextRequest | None,
    imported: ImportedFeatures | None,
) -> FoldData:
    """One partition with the features of its own encoder."""
    config, contexts = plan.config, None
    if request is not None:
        words = (config.language_model, config.edition)
        contexts = context_bank_for(workspace, config.dataset, partition.split.seen, request, *words)
    if imported is not None:
        return FoldData(partition, imported.features, imported.mark_of(partition), contexts=contexts)
    skeletons = prepare_skeletons(workspace, config.dataset)
    measured = None if plan.features == "encoder" else primitive_features(workspace, skeletons, plan.protocol)
    if measured is not None and plan.features == "primitives":
        mark = measured.guard(partition.split).name
        return FoldData(partition, measured, mark, contexts=contexts, measured=measured)
    source = EncoderSource(config.encoder, config.encoder_from, config.allow_encoder_leak)
    encoded = features_for(workspace, skeletons, partition, plan.protocol, source, views=views)
    folder = encoded.encoder_folder.relative_to(workspace.root).as_posix()
    maps = encoded.feature_sets if views else ()
    features = encoded.feature_sets[0]
    if measured is not None:
        features = replace(features, pooled=np.concatenate([features.pooled, measured.pooled], axis=1))
    return FoldData(partition, features, encoded.mark.name, folder, maps, contexts, measured=measured)
