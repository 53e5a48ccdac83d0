"""What a batch would take before it starts: hours, memory and disk, from counts and one timed step of each kind."""

from __future__ import annotations

import logging
import resource
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zsar_kit.config import digest_of
from zsar_kit.experiments.pipeline.semantics import context_bank_for, semantics_for
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import encoder_is_made, partitions_of_run
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.jobs import duration, limited_threads
from zsar_kit.experiments.studies.paper_plan import EntryPlan, distinct
from zsar_kit.experiments.studies.workers import encodings_of

log = logging.getLogger("zsar_kit")
#: steps of a method that are timed, after one that is not
STEPS = 2
#: samples with a feature of their own while steps are timed: the others repeat them
SAMPLES = 256
#: variants of a preset that are timed
VARIANTS = 4
GIB, MIB = 2**30, 2**20


@dataclass(frozen=True)
class Estimate:
    """What a batch would take.

    Attributes:
        runs, finished: how many runs there are, and how many of them are finished.
        encoders: encoders that have to be trained.
        encoder_seconds, run_seconds: of all of them, one after the other.
        width: how many jobs run at a time.
        memory: of a process, bytes.
        disk: written to the workspace, bytes.
        device: where it would run.
    """

    runs: int
    finished: int
    encoders: int
    encoder_seconds: float
    run_seconds: float
    width: int
    memory: int
    disk: int
    device: str

    def __str__(self) -> str:
        if self.runs == self.finished:
            return f"{self.runs} runs, all finished"
        seconds = (self.encoder_seconds + self.run_seconds) / self.width
        work = f"{self.runs} runs, {self.finished} of them finished; {self.encoders} encoders to train"
        parts = (
            f"encoders {duration(self.encoder_seconds / self.width)}, runs {duration(self.run_seconds / self.width)}"
        )
        sizes = f"about {self.memory / GIB:.1f} GiB of memory a process, {_size(self.disk)} of disk"
        return f"{work}. About {duration(seconds)} on {self.device}, {self.width} at a time ({parts}); {sizes}"


def _size(count: int) -> str:
    return f"{count / GIB:.2f} GiB" if count >= 0.1 * GIB else f"{count / MIB:.1f} MiB"


def estimate(plans: Sequence[EntryPlan], workspace: Workspace, engine: Engine) -> Estimate:
    """What some tables and figures would take, from the number of missing encoders and runs and one timed step of each.

    An encoder that has patience may end earlier, and of a method's variants a few are timed for all. The texts that the
    runs read are encoded here, as the runs would.

    Raises:
        ArtefactError: the data set is not prepared.
        MissingModelError: the language model is missing.
    """
    configs = distinct(config for plan in plans for _, _, config in plan.configs())
    missing = [config for config in configs if not RunFolder.of(config, workspace).finished]
    device, finished = str(workspace.torch_device), len(configs) - len(missing)
    if not missing:
        return Estimate(len(configs), finished, 0, 0.0, 0.0, 1, 0, 0, device)
    width = engine.width(len(missing), workspace)
    with limited_threads(engine.threads):
        training = _runs(missing, workspace)  # first: a language model may be missing
        encoding, disk = _encoders(missing, workspace)
    # ru_maxrss is in KiB on Linux.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + _largest_set(missing, workspace)
    return Estimate(len(configs), finished, len(encoding), sum(encoding, 0.0), training, width, memory, disk, device)


def _encoders(configs: Sequence[RunConfig], workspace: Workspace) -> tuple[list[float], int]:
    """Seconds of each missing encoder with its extraction, and the bytes of all features."""
    from zsar_kit.encoders.timing import time_encoder

    timed, seconds, disk = {}, [], 0
    for one in encodings_of(configs, workspace):
        plan = one.config.resolve()
        if one.config.encoder_from or encoder_is_made(plan, workspace, one.group):
            continue
        skeletons = prepare_skeletons(workspace, one.config.dataset)
        partition = partitions_of_run(plan, workspace, one.group)
        if partition is None:
            continue
        for single in one.config.encoder.single_streams():
            key = (one.config.dataset, replace(single, stream="joint", seed=0).digest())
            if key not in timed:
                timed[key] = time_encoder(skeletons, single, len(partition.split.seen), workspace.torch_device)
            timing, clips = timed[key], len(skeletons.index.sample)
            views = max(1, one.views)
            seconds.append(timing.epochs(single, int(partition.train.sum())) + views * clips * timing.extract)
            maps = 2 * int(np.prod(timing.feature_shape)) * one.views
            disk += clips * (4 * timing.feature_shape[-1] + maps) + 4 * timing.parameters
    return seconds, disk


def _runs(configs: Sequence[RunConfig], workspace: Workspace) -> float:
    """Seconds of all runs, one after the other.

    A fit of a preset is taken to last as long as the mean of some of its variants, spread evenly over all of them: an
    ablation's first row may have hardly anything of the method in it.
    """
    variants: dict[tuple, dict[str, RunConfig]] = {}
    for config in configs:
        of_preset = variants.setdefault((config.dataset, config.method, config.preset), {})
        of_preset.setdefault(digest_of(config.overrides), config)
    seconds = {kind: _mean_fit_seconds(list(ones.values()), workspace) for kind, ones in variants.items()}
    total = 0.0
    for config in configs:
        fits = len(config.resolve().method_config.grid()) * (1 + min(2, config.folds))
        total += fits * seconds[config.dataset, config.method, config.preset]
    return total


def _mean_fit_seconds(variants: Sequence[RunConfig], workspace: Workspace) -> float:
    places = np.unique(np.linspace(0, len(variants) - 1, VARIANTS).round().astype(int)).tolist()
    return float(np.mean([_fit_seconds(variants[k], workspace) for k in places]))


def _fit_seconds(config: RunConfig, workspace: Workspace) -> float:
    """Seconds of one fit: the steps of each phase times one timed step, on random features of the right shape."""
    from zsar_kit.methods.task import MapRows, Task, TrainingSet
    from zsar_kit.seeding import numpy_generator, torch_generator
    from zsar_kit.training.loop import Bookkeeping, TrainingLoop

    plan = config.resolve()
    skeletons = prepare_skeletons(workspace, config.dataset)
    partition = partitions_of_run(plan, workspace, None)
    assert partition is not None
    labels, method_config = skeletons.index.label[partition.train], plan.method_config.grid()[0]
    words = (config.language_model, config.edition)
    encoding = method_config.text_encoding()
    texts = {n: semantics_for(workspace, config.dataset, n, *words, encoding) for n in method_config.text_sets()}
    request = method_config.contexts()
    bank = None
    if request is not None:
        bank = context_bank_for(workspace, config.dataset, partition.split.seen, request, *words)
    shape = _feature_shape(config, workspace)
    rng, views = numpy_generator(0, "timing"), method_config.map_views()
    if views:
        maps = rng.normal(size=(min(SAMPLES, len(labels)), *shape)).astype(np.float16)
        features = MapRows((maps,) * views, np.arange(len(labels)) % len(maps))
    else:
        shape = shape[-1:]
        features = rng.normal(size=(len(labels), *shape)).astype(np.float32)
    training = TrainingSet(features, labels, Task(shape, partition.split.seen, texts, bank))
    method = plan.method(method_config, training.task, torch_generator(0, "timing"))
    method.observe(training)
    quiet = Bookkeeping(progress=False, every=0)
    loop = TrainingLoop(
        method.to(workspace.torch_device), training, seed=0, precision=config.precision, bookkeeping=quiet
    )
    timed = loop.time_steps(STEPS)
    return sum(phase.steps * timed[phase.name] for phase in method.phases())


def _feature_shape(config: RunConfig, workspace: Workspace) -> tuple[int, ...]:
    """Shape of one sample's map, ``(T', joint, d)``, from a clip through an untrained encoder of the settings."""
    from zsar_kit.encoders.timing import time_encoder

    skeletons = prepare_skeletons(workspace, config.dataset)
    (single, *_) = config.encoder.single_streams()
    timing = time_encoder(skeletons, replace(single, batch=2), 2, "cpu")
    *rest, dim = timing.feature_shape
    return (*rest, dim * (len(config.encoder.streams) if config.encoder.fusion == "concat" else 1))


def _largest_set(configs: Sequence[RunConfig], workspace: Workspace) -> int:
    """Bytes of the largest set of clips, which a training holds in memory."""
    sizes = [0]
    for dataset in {config.dataset for config in configs}:
        index = prepare_skeletons(workspace, dataset).index
        sizes.append(int((index.frames * index.persons).sum()) * 25 * 3 * 4)
    return max(sizes)
