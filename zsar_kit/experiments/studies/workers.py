"""Missing encoders and runs in several processes, each with one thread.

Encoders come first, each trained by one process; then runs, which find them. What a process makes is what a single
process with one thread would make.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial

from tqdm.auto import tqdm

from zsar_kit.config import digest_of
from zsar_kit.errors import ArtefactError, DiskError, ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.processes import interrupts_held_back, worker_pool

log = logging.getLogger("zsar_kit")


def worker_count(processes: int, workspace: Workspace, jobs: int) -> int:
    """How many processes to use; 0 asks for one a core. An accelerator is used by a single one."""
    if workspace.torch_device.type != "cpu":
        return 1
    return max(1, min(processes or len(os.sched_getaffinity(0)), jobs))


@dataclass(frozen=True)
class _Encoding:
    """Features of one encoder that runs need: that of the split, or that of a group of folds."""

    config: RunConfig
    group: int | None

    @property
    def identity(self) -> str:
        """The same for runs that share the encoder."""
        config = self.config
        place = [config.dataset, config.split, config.protocol, config.encoder_from, config.folds_seed]
        return digest_of([*place, config.encoder.digest(), self.group])

    @property
    def views(self) -> int:
        """Views of un-pooled maps that the run needs; a set with maps has the pooled features too."""
        return self.config.resolve().method_config.map_views()


def carry_out_in_processes(
    configs: Sequence[RunConfig], workspace: Workspace, processes: int
) -> list[RunFolder | ZsarError]:
    """Carry out all missing runs; for each configuration its finished run, or why it failed.

    An encoder that fails is left to the runs that need it, which fail with its error.

    Raises:
        ArtefactError: a process was killed.
    """
    quiet = replace(workspace, progress=False)
    # A training that is ended has its checkpoint on disk.
    with worker_pool(processes, prepare=_prepared_like_this(), terminate=True) as pool:
        _encode_all(pool, configs, workspace)
        with interrupts_held_back():
            runs = [pool.submit(_run, config, quiet) for config in configs]
        for _ in _done(runs, workspace, "run"):
            pass
        return [error if isinstance(error := one.exception(), ZsarError) else one.result() for one in runs]


def encoders_ahead(configs: Sequence[RunConfig], workspace: Workspace, processes: int) -> None:
    """Train the encoders of runs that are not finished, and extract their features, where they are missing.

    Raises:
        ArtefactError: a process was killed.
        ZsarError: an encoder failed.
    """
    with worker_pool(processes, prepare=_prepared_like_this(), terminate=True) as pool:
        for job in _encode_all(pool, configs, workspace):
            job.result()


def _encode_all(pool: ProcessPoolExecutor, configs: Sequence[RunConfig], workspace: Workspace) -> list[Future]:
    quiet = replace(workspace, progress=False)
    encodings: dict[str, _Encoding] = {}
    for one in _encodings(configs, workspace):
        kept = encodings.setdefault(one.identity, one)
        if one.views > kept.views:
            encodings[one.identity] = one
    with interrupts_held_back():
        jobs = [pool.submit(_encode, one, quiet) for one in encodings.values()]
    return list(_done(jobs, workspace, "encoder"))


def _encodings(configs: Sequence[RunConfig], workspace: Workspace) -> Iterator[_Encoding]:
    for config in configs:
        no_encoder = config.features_from or config.resolve().features == "primitives"
        if no_encoder or RunFolder.of(config, workspace).finished:
            continue
        for group in (None, *range(min(2, config.folds))):
            yield _Encoding(config, group)


def _done(jobs: Sequence[Future], workspace: Workspace, unit: str) -> Iterator[Future]:
    """The jobs as they end, with a bar; a full disk or a bug stops everything."""
    with tqdm(total=len(jobs), disable=not workspace.progress, unit=unit) as bar:
        for job in as_completed(jobs):
            bar.update()
            error = job.exception()
            if isinstance(error, BrokenProcessPool):
                raise ArtefactError(
                    "a process was killed",
                    where=workspace.root,
                    remedy="Memory may have run out. Run the same command again, with fewer --processes: it continues "
                    "where it stopped.",
                ) from None
            if error is not None and (isinstance(error, DiskError) or not isinstance(error, ZsarError)):
                raise error
            yield job


def _prepared_like_this() -> partial:
    return partial(_prepare, log.getEffectiveLevel())


def _prepare(level: int) -> None:
    """One thread, and a log as in the process that started this one."""
    import torch

    torch.set_num_threads(1)
    logging.basicConfig(level=level, format="%(message)s")


def _encode(one: _Encoding, workspace: Workspace) -> None:
    from zsar_kit.experiments.runs.inputs import make_features

    make_features(one.config.resolve(), workspace, one.group)


def _run(config: RunConfig, workspace: Workspace) -> RunFolder:
    from zsar_kit.experiments.runs.run import run

    return run(config, workspace)
