"""The reader of NTU ``.skeleton`` files against plain line-by-line parsers.

``all values`` converts the twelve values of each joint, as parsers of this format usually do; ``kept values``, the
fastest plain parser, converts x, y, z only. The benchmark checks that all build the same arrays; the plain parsers
validate nothing. The files are puppet's with seven or eight digits per number, like Kinect's. Times are for one core.

Run ``python -m benchmarks.ntu_parse``; the result is JSON on standard output. The exit code is 1 if arrays differ or
the ratio to ``all values`` is below ``--required``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np

from zsar_kit.data.puppet.raw_ntu import skeleton_file
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.readers.ntu_format import parse_ntu
from zsar_kit.seeding import numpy_generator

Bodies = dict[int, np.ndarray]


def plain_parse(content: bytes, kept: int) -> Bodies:
    """Tracking id to joints ``[frames present, 25, 3]``; the first ``kept`` values of each joint are converted."""
    lines = iter(content.decode("ascii").splitlines())
    bodies: dict[int, list[list[list[float]]]] = {}
    for _ in range(int(next(lines))):
        for _ in range(int(next(lines))):
            tracking_id = int(next(lines).split()[0])
            joints = []
            for _ in range(int(next(lines))):
                values = next(lines).split()
                joints.append([float(value) for value in values[:kept]][:3])
            bodies.setdefault(tracking_id, []).append(joints)
    return {tracking_id: np.array(joints, dtype=np.float32) for tracking_id, joints in bodies.items()}


def kit_parse(content: bytes) -> Bodies:
    return {body.tracking_id: body.joints for body in parse_ntu(content, "generated").bodies}


def made_files(count: int) -> list[bytes]:
    files = []
    for i, sequence in zip(range(count), generate(PuppetConfig.tiny()), strict=False):
        rng = numpy_generator(0, "digits", i)
        joints = sequence.joints + rng.normal(0.0, 1e-3, size=sequence.joints.shape)
        files.append(skeleton_file(joints.astype(np.float32), rng=rng, crlf=i % 2 == 1))
    return files


def seconds(parse: Callable[[bytes], Bodies], files: list[bytes], repeats: int) -> float:
    """Processor time for all files, using the fastest of ``repeats`` readings of each."""
    total = 0.0
    for content in files:
        times = []
        for _ in range(repeats):
            begin = time.process_time()
            parse(content)
            times.append(time.process_time() - begin)
        total += min(times)
    return total


def same(ours: Bodies, plain: Bodies) -> bool:
    return list(ours) == list(plain) and all(np.array_equal(ours[number], plain[number]) for number in plain)


def main(argv: list[str] | None = None) -> int:
    """Measure, write JSON, and return 1 if the kit is too slow or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--required", type=float, default=3.0, help="least ratio to the parser of all values")
    arguments = parser.parse_args(argv)
    files = made_files(arguments.files)
    equal = all(same(kit_parse(content), plain_parse(content, kept)) for content in files for kept in (3, 12))
    kit = seconds(kit_parse, files, arguments.repeats)
    plain = {
        name: seconds(lambda content, kept=kept: plain_parse(content, kept), files, arguments.repeats)
        for name, kept in (("all values", 12), ("kept values", 3))
    }
    megabytes = sum(map(len, files)) / 1e6
    result = {
        "benchmark": "ntu_parse",
        "files": len(files),
        "megabytes": round(megabytes, 1),
        "megabytes_a_second": round(megabytes / kit),
        "equal": equal,
        **{f"ratio to {name}": round(time / kit, 2) for name, time in plain.items()},
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if equal and result["ratio to all values"] >= arguments.required else 1


if __name__ == "__main__":
    sys.exit(main())
