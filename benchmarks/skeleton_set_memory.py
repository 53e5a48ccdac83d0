"""Peak memory of writing and reading a SkeletonSet of growing size; it must stay flat.

Each measurement runs in a separate process. Its growth is the peak resident memory at the end minus that after imports.
Pages of the mapped file count, although the system can reclaim them at any time. ``*_mb_per_data_mb`` is the memory
that each further megabyte of data costs: near 0 for the set (its index), 1 for an array that is loaded completely.

Run with ``python -m benchmarks.skeleton_set_memory``; the result is JSON on standard output.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence

SIZES = (1, 4, 16)
SEQUENCES, FRAMES, JOINTS = 300, 300, 25  # at 1x: 27 MB


def made(count: int) -> Iterator[SkeletonSequence]:
    rng = np.random.default_rng(0)
    for i in range(count):
        joints = rng.standard_normal((1, FRAMES, JOINTS, 3), dtype=np.float32)
        yield SkeletonSequence(f"s{i:06d}", joints, label=i % 60)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(step: str, path: Path, size: int) -> dict[str, float]:
    """Growth of this process: ``write`` makes the set, ``iterate`` reads it, ``whole`` loads it completely."""
    start = peak_megabytes()
    if step == "write":
        SkeletonSet.write(
            path,
            made(SEQUENCES * size),
            dataset="random",
            layout="ntu25",
            class_names=[f"class {i}" for i in range(60)],
            inputs={},
        )
    elif step == "iterate":
        total = sum(float(sequence.joints.sum(dtype=np.float64)) for sequence in SkeletonSet.load(path))
        if not np.isfinite(total):
            raise ValueError("the sum of all coordinates is not finite")
    else:
        np.load(path / "frames.npy", allow_pickle=False).sum(dtype=np.float64)
    return {"growth_mb": round(peak_megabytes() - start, 1)}


def main() -> int:
    if len(sys.argv) == 4:
        step, path, size = sys.argv[1:]
        sys.stdout.write(json.dumps(measure(step, Path(path), int(size))))
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = Path(folder) / f"x{size}"
            row: dict[str, float] = {"size": size}
            for step in ("write", "iterate", "whole"):
                command = [sys.executable, "-m", "benchmarks.skeleton_set_memory", step, str(path), str(size)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                row[f"{step}_growth_mb"] = json.loads(done.stdout)["growth_mb"]
            row["data_mb"] = round((path / "frames.npy").stat().st_size / 2**20, 1)
            rows.append(row)
    added = rows[-1]["data_mb"] - rows[0]["data_mb"]
    slopes = {
        f"{step}_mb_per_data_mb": round((rows[-1][f"{step}_growth_mb"] - rows[0][f"{step}_growth_mb"]) / added, 3)
        for step in ("write", "iterate", "whole")
    }
    sys.stdout.write(json.dumps({"benchmark": "skeleton_set_memory", "rows": rows, **slopes}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
