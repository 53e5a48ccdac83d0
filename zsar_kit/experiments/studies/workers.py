"""The jobs of missing encoders and runs: encoders first, each trained by one job, then the runs, which find them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from zsar_kit.config import digest_of
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.jobs import Job

#: memory that a process is reckoned to need where their number is not given, bytes
MEMORY_OF_A_PROCESS = 2 * 2**30


def worker_count(processes: int, workspace: Workspace, jobs: int) -> int:
    """How many processes to use; 0 asks for one a core as far as memory allows. An accelerator is used by one."""
    if workspace.torch_device.type != "cpu":
        return 1
    if not processes:
        processes = min(len(os.sched_getaffinity(0)), available_memory() // MEMORY_OF_A_PROCESS)
    return max(1, min(processes, jobs))


def available_memory() -> int:
    """Bytes of memory that are free or could be freed; where the system does not tell, all it has."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True)
class Encoding:
    """Features of one encoder that runs need: that of the split, or that of a group of folds."""

    config: RunConfig
    group: int | None

    @property
    def identity(self) -> str:
        """The same for runs that share the encoder."""
        config = self.config
        place = [config.dataset, config.split, config.protocol, config.encoder_from, config.folds_seed]
        few = [config.shots] if config.encoder_shots else []
        return digest_of([*place, config.encoder.digest(), self.group, *few])

    @property
    def name(self) -> str:
        """What it is called in the log."""
        part = "" if self.group is None else f", folds {self.group + 1}"
        few = f", {self.config.shots} samples a class" if self.config.encoder_shots else ""
        return f"{self.config.dataset} {self.config.split}: encoder{part}{few}"

    @property
    def views(self) -> int:
        """Views of un-pooled maps that the run needs; a set with maps has the pooled features too."""
        return self.config.resolve().method_config.map_views()


def jobs_of(configs: Sequence[RunConfig], workspace: Workspace) -> tuple[list[Job], dict[str, int]]:
    """The jobs of some runs: encoders first, each trained by one job, and then the runs.

    A finished run is a quick job too: whether its inputs were replaced since is looked at again.

    Returns:
        The jobs, and the position of each configuration's run, by its digest.
    """
    quiet = replace(workspace, root=workspace.root.absolute(), progress=False)
    distinct = {config.digest(): config for config in configs}
    encodings = encodings_of(list(distinct.values()), workspace)
    order = {one.identity: k for k, one in enumerate(encodings)}
    needs = {digest: [one.identity for one in _encodings([c], workspace)] for digest, c in distinct.items()}
    jobs = [Job(one.name, partial(_encode, one, quiet), "encoder", needed=False) for one in encodings]
    places = {digest: len(jobs) + k for k, digest in enumerate(distinct)}
    for digest, config in distinct.items():
        before = tuple(order[identity] for identity in needs[digest])
        kind = f"{config.method} {config.preset}" if before or not _finished(config, workspace) else "finished"
        jobs.append(Job(run_name(config), partial(_run, config, quiet), kind, before))
    return jobs, places


def encodings_of(configs: Sequence[RunConfig], workspace: Workspace) -> list[Encoding]:
    """The encoders that unfinished runs need, each once; with un-pooled maps if one of the runs needs them."""
    found: dict[str, Encoding] = {}
    for one in _encodings(configs, workspace):
        if one.views > found.setdefault(one.identity, one).views:
            found[one.identity] = one
    return list(found.values())


def run_name(config: RunConfig) -> str:
    """A run in the log: data, method, what it changes, and its seed."""
    changed = [f"{name}={value}" for name, value in config.overrides.items()]
    parts = [f"{config.dataset} {config.split}: {config.method} {config.preset}", *changed, f"seed {config.seed}"]
    return ", ".join(parts)


def _finished(config: RunConfig, workspace: Workspace) -> bool:
    return RunFolder.of(config, workspace).finished


def _encodings(configs: Sequence[RunConfig], workspace: Workspace) -> Iterator[Encoding]:
    for config in configs:
        no_encoder = config.features_from or config.resolve().features == "primitives"
        if no_encoder or _finished(config, workspace):
            continue
        for group in (None, *range(min(2, config.folds))):
            yield Encoding(config, group)


def prepare_worker(level: int) -> None:
    """In a process that does jobs: one thread until a job says otherwise, and a log as where it was started."""
    import torch

    torch.set_num_threads(1)
    logging.basicConfig(level=level, format="%(message)s")


def _encode(one: Encoding, workspace: Workspace) -> None:
    from zsar_kit.experiments.runs.inputs import make_features

    make_features(one.config.resolve(), workspace, one.group)


def _run(config: RunConfig, workspace: Workspace) -> Path:
    from zsar_kit.experiments.runs.run import run

    return run(config, workspace).path
