"""What batches cost: shared runs against runs one by one, two processes against one, and Ray against processes.

Ratios within one run of this file, on puppet or on a prepared data set:

    python -m benchmarks.paper_batches --shared --dataset utd_mhad --workspace workspace   # hours
    python -m benchmarks.paper_batches --engines                                           # minutes

``--shared``: all of Flora's ids with three seeds in one workspace, against the same configurations run one by one,
each in an empty workspace: twelve are drawn, and their mean is scaled. ``--engines``: jobs of a given length that
compute, by one process, by two, and by Ray on a cluster of this machine, whose start is not counted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.papers import carry_out
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.jobs import Job
from zsar_kit.experiments.studies.paper_plan import Request, distinct, possible_plans
from zsar_kit.seeding import numpy_generator

#: at most this share of the time of runs one by one, this many times one process, and this much longer than processes
SHARED, TWICE, RAY = 1 / 3, 1.7, 1.2


def compute(seconds: float, size: int = 400) -> float:
    """Multiply matrices for so long by the processor's time; the number of steps is fixed by the first."""
    matrix, start = np.full((size, size), 1e-3), time.process_time()
    while time.process_time() - start < seconds:
        matrix = matrix @ matrix
    return float(matrix[0, 0])


def timed(engine: Engine, jobs: list[Job], workspace: Workspace) -> float:
    start = time.perf_counter()
    engine.carry_out(jobs, workspace)
    return time.perf_counter() - start


def compare_engines(count: int, seconds: float, workspace: Workspace) -> dict[str, float]:
    """Wall times of the same jobs; the start of each engine's processes is paid by jobs that are not timed."""
    jobs = [Job(f"job {k}", partial(compute, seconds)) for k in range(count)]
    found = {"jobs": count, "seconds_of_a_job": seconds}
    found["one_process_s"] = timed(Engine(), jobs, workspace)
    found["two_processes_s"] = timed(Engine("processes", 2), jobs, workspace)
    found["ratio_two_processes"] = found["one_process_s"] / found["two_processes_s"]
    try:
        import ray
    except ImportError:
        return found
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        timed(Engine("ray"), [Job("first", partial(compute, 0.1))] * 2, workspace)
        found["ray_s"] = timed(Engine("ray"), jobs, workspace)
    finally:
        ray.shutdown()
    return found | {"ratio_ray": found["ray_s"] / found["two_processes_s"]}


def compare_shared(dataset: str, source: Workspace, sampled: int, work: Path) -> dict[str, float]:
    """All of Flora's ids in one workspace against sampled configurations, each in a workspace of its own."""
    found, _ = possible_plans(Request(dataset, (0, 1, 2)))
    plans = [plan for plan in found if plan.identifier.startswith("flora/")]
    configs = [config for plan in plans for _, _, config in plan.configs()]
    together = fresh(source, work / "together")
    start = time.perf_counter()
    failures = carry_out(plans, together, Engine())
    shared = time.perf_counter() - start
    alone = []
    for k in numpy_generator(0, "sampled configurations").permutation(len(configs))[:sampled]:
        place = fresh(source, work / f"alone-{k}")
        start = time.perf_counter()
        Engine().map([configs[k]], place)
        alone.append(time.perf_counter() - start)
        shutil.rmtree(place.root)
    one_by_one = len(configs) * float(np.mean(alone))
    counts = {"configurations": len(configs), "different_runs": len(distinct(iter(configs))), "failed": len(failures)}
    return counts | {"shared_s": shared, "one_by_one_s": one_by_one, "ratio_shared": shared / one_by_one}


def fresh(source: Workspace, root: Path) -> Workspace:
    """A workspace with nothing but the prepared skeletons of another."""
    root.mkdir(parents=True)
    if source.skeletons_folder("x").parent.is_dir():
        (root / "skeletons").symlink_to(source.skeletons_folder("x").parent.absolute())
    return Workspace(root, source.device, progress=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", action="store_true", help="compare shared runs with runs one by one (hours)")
    parser.add_argument("--engines", action="store_true", help="compare engines")
    parser.add_argument("--dataset", default="puppet")
    parser.add_argument("--workspace", type=Path, default=Path("workspace"), help="where the data set is prepared")
    parser.add_argument("--sampled", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a job")
    parser.add_argument("--required", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as work:
        if options.engines:
            found |= compare_engines(options.jobs, options.seconds, Workspace(Path(work), "cpu", progress=False))
        if options.shared:
            source = Workspace(options.workspace, "cpu", progress=False)
            found |= compare_shared(options.dataset, source, options.sampled, Path(work))
    sys.stdout.write(json.dumps({k: round(v, 3) for k, v in found.items()}, indent=2) + "\n")
    missed = [
        *(["two processes"] if found.get("ratio_two_processes", TWICE) < TWICE else []),
        *(["Ray"] if found.get("ratio_ray", RAY) > RAY else []),
        *(["shared runs"] if found.get("ratio_shared", SHARED) > SHARED else []),
    ]
    if options.required and missed:
        sys.exit(f"short of what is required: {', '.join(missed)}")


if __name__ == "__main__":
    main()
