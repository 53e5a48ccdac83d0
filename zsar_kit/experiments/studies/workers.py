"""Missing encoders and runs in several processes, each with one thread.

Encoders come first, each trained by one process; then runs, which find them. What a process makes is what a single
process with one thread would make.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Thread

from tqdm.auto import tqdm

from zsar_kit.config import digest_of
from zsar_kit.errors import ArtefactError, DiskError, ZsarError
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder


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
        """The same for runs that share the encoder and its features."""
        config = self.config
        views = config.resolve().method_config.map_views()
        place = [config.dataset, config.split, config.protocol, config.encoder_from, config.folds_seed]
        return digest_of([*place, config.encoder.digest(), views, self.group])


def carry_out_in_processes(
    configs: Sequence[RunConfig], workspace: Workspace, processes: int
) -> list[RunFolder | ZsarError]:
    """Carry out all missing runs; for each configuration its finished run, or why it failed.

    An encoder that fails is left to the runs that need it, which fail with its error.

    Raises:
        ArtefactError: a process was killed.
    """
    quiet = replace(workspace, progress=False)
    with _pool(processes) as pool:
        encodings = {one.identity: one for one in _encodings(configs, workspace)}.values()
        waiting = [pool.submit(_encode, one, quiet) for one in encodings]
        for _ in _done(waiting, workspace, "encoder"):
            pass
        runs = [pool.submit(_run, config, quiet) for config in configs]
        for _ in _done(runs, workspace, "run"):
            pass
        return [error if isinstance(error := one.exception(), ZsarError) else one.result() for one in runs]


def _encodings(configs: Sequence[RunConfig], workspace: Workspace) -> Iterator[_Encoding]:
    for config in configs:
        if config.features_from or RunFolder.of(config, workspace).finished:
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


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes that end with the block, however it ends, and with this process."""
    # Not forked: a copy of a process that runs threads can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_start)
    try:
        yield pool
    except BaseException:
        for child in multiprocessing.active_children():  # a training can last minutes; its checkpoint is on disk
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    """One thread, and an end with the parent."""
    import torch

    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _encode(one: _Encoding, workspace: Workspace) -> None:
    from zsar_kit.experiments.runs.inputs import make_features

    make_features(one.config.resolve(), workspace, one.group)


def _run(config: RunConfig, workspace: Workspace) -> RunFolder:
    from zsar_kit.experiments.runs.run import run

    return run(config, workspace)
