"""NTU RGB+D from raw files to a prepared set: files per second and peak memory of each stage as the data grow.

Puppet's clips are written as ``.skeleton`` files and hard-linked under as many NTU names as required. There are only a
few hundred different files, so that the disk is not measured. Each preparation runs in a separate process. The
benchmark also checks that one process, two processes and killed processes that are resumed give the same bytes.

Run ``python -m benchmarks.ntu_stages``; the result is JSON on standard output. The exit code is 1 if bytes differ, or
if memory grows by more than ``--growth`` MB from the smallest to the largest set.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

from zsar_kit.artefacts import artefact_digest
from zsar_kit.data.puppet.raw_ntu import skeleton_file
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.seeding import numpy_generator

WHOLE = 114_480  # files of NTU RGB+D 120
WORK = """
import json, resource, sys, time
from zsar_kit.data.readers.registry import plan_dataset
from zsar_kit.data.readers import prepare
root, out, processes, chain = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
started = time.perf_counter()
plan = plan_dataset("ntu60", root, chain=chain)
planned = time.perf_counter()
reading = []
join = prepare._join_chunks
def timed(*arguments):
    reading.append(time.perf_counter())
    return join(*arguments)
prepare._join_chunks = timed
made = prepare.carry_out(plan, out, root=root, processes=processes)
ended = time.perf_counter()
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({"samples": len(made.skeletons), "plan_s": planned - started, "read_s": reading[0] - planned,
                  "string_s": ended - reading[0], "peak_mb": peak / 1024}))
"""


def make_files(folder: Path, count: int, distinct: int) -> None:
    """``count`` files of NTU RGB+D 60 by name, of which ``distinct`` differ."""
    folder.mkdir()
    names = (
        f"S{s:03d}C{c:03d}P{p:03d}R{r:03d}A{a:03d}.skeleton"
        for s, p, r, c, a in product(range(1, 18), range(1, 41), (1, 2), (1, 2, 3), range(1, 61))
    )
    clips = generate(PuppetConfig.tiny())
    made: list[Path] = []
    for i, name in zip(range(count), names, strict=False):
        path = folder / name
        clip = next(clips, None) if i < distinct else None
        if clip is None:
            os.link(made[i % len(made)], path)
            continue
        rng = numpy_generator(0, "digits", i)
        joints = clip.joints + rng.normal(0.0, 1e-3, size=clip.joints.shape)
        path.write_bytes(skeleton_file(joints.astype("float32"), rng=rng, crlf=i % 2 == 1))
        made.append(path)


def command(root: Path, out: Path, processes: int, chain: str) -> list[str]:
    return [sys.executable, "-c", WORK, str(root), str(out), str(processes), chain]


def measure(root: Path, out: Path, processes: int, chain: str) -> dict:
    done = subprocess.run(command(root, out, processes, chain), check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def killed(root: Path, out: Path, chain: str, pauses: tuple[float, ...]) -> int:
    """Start the work, kill it after each pause, then let it finish; returns the number of kills at work."""
    met = 0
    for pause in pauses:
        process = subprocess.Popen(command(root, out, 2, chain), stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(pause)
        if process.poll() is None:
            met += 1
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    measure(root, out, 2, chain)
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 8000])
    parser.add_argument("--distinct", type=int, default=250)
    parser.add_argument("--chain", default="ctrgcn")
    parser.add_argument("--growth", type=float, default=60.0, help="MB that peak memory may grow by; the default is 60")
    arguments = parser.parse_args()
    rows, same, kills = [], True, 0
    with tempfile.TemporaryDirectory() as place:
        for size in arguments.sizes:
            root = Path(place) / f"raw-{size}"
            make_files(root, size, arguments.distinct)
            one = measure(root, Path(place) / f"one-{size}", 1, arguments.chain)
            two = measure(root, Path(place) / f"two-{size}", 2, arguments.chain)
            digests = [artefact_digest(Path(place) / f"{name}-{size}") for name in ("one", "two")]
            if size == arguments.sizes[0]:
                pauses = (1.0, 2.0, 0.6 + two["plan_s"] + 0.5 * two["read_s"])
                kills = killed(root, Path(place) / "killed", arguments.chain, pauses)
                digests.append(artefact_digest(Path(place) / "killed"))
            same = same and len(set(digests)) == 1
            total = sum(one[stage] for stage in ("plan_s", "read_s", "string_s"))
            rows.append(
                {
                    "files": size,
                    "bytes": sum(path.stat().st_size for path in root.iterdir()),
                    "files_per_s": {stage: round(size / one[f"{stage}_s"]) for stage in ("plan", "read", "string")},
                    "read_ratio_two_processes": round(one["read_s"] / two["read_s"], 2),
                    "peak_mb_one": round(one["peak_mb"]),
                    "peak_mb_two": round(two["peak_mb"]),
                    "projected_minutes_ntu120": round(total / size * WHOLE / 60, 1),
                }
            )
    growth = rows[-1]["peak_mb_one"] - rows[0]["peak_mb_one"]
    result = {"rows": rows, "same_bytes": same, "kills_met_at_work": kills, "memory_growth_mb": growth}
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0 if same and growth <= arguments.growth else 1


if __name__ == "__main__":
    raise SystemExit(main())
