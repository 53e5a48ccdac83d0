"""How many faults the data doctor finds, and how often it speaks without one.

Thresholds were chosen on one half of the clean clips (``--half choose`` prints their ranges); this table is measured
on the other half. Each fault is put into 200 clips drawn at random, and into 200 sets of 20 clips for what only a set
tells.

Run with ``python -m benchmarks.doctor_detection UTD_MHAD NW_UCLA KINDER_GATOR`` (folders of prepared sets; puppet is
always one of them); the result is JSON on standard output, and ``--markdown`` gives the tables.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.doctor_faults import FAULTS
from zsar_kit.data.doctor import Clip, examine_clip, examine_set, examine_skeletons
from zsar_kit.data.doctor.anatomy import anatomy
from zsar_kit.data.doctor.body_checks import bones_of
from zsar_kit.data.doctor.measures import length, measure
from zsar_kit.data.joints import layout
from zsar_kit.data.orientation import present
from zsar_kit.data.puppet.world import build_puppet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.reprs import markdown_table
from zsar_kit.seeding import numpy_generator

TRIALS, SET_SIZE, SHORTEST = 200, 20, 16
LOUD = ("refuse", "warn")


def chosen_half(sample: str) -> bool:
    """Whether a clip is one that thresholds were chosen on: half of them, by their names."""
    return hashlib.sha256(sample.encode()).digest()[0] % 2 == 0


def load(folders: Sequence[str], puppet: str) -> list[SkeletonSet]:
    return [*(SkeletonSet.load(folder) for folder in folders), build_puppet(Path(puppet) / "puppet")]


def half(skeletons: SkeletonSet, choose: bool) -> SkeletonSet:
    mask = np.array([chosen_half(str(name)) for name in skeletons.index.sample])
    return skeletons.select(mask if choose else ~mask)


def ranges(sets: Sequence[SkeletonSet]) -> list[dict[str, Any]]:
    """Quantiles of what is measured, on the half that thresholds are chosen on."""
    rows = []
    for skeletons in sets:
        body = layout(skeletons.layout)
        names = ("height", "up", "tree", "ahead", "tree in random order", "stretch")
        found: dict[str, list[float]] = {name: [] for name in names}
        rng = numpy_generator(0, "doctor", "random order")
        for sequence in half(skeletons, True):
            for person in sequence.joints:
                path = person[present(person[None])[0]]
                if len(path):
                    one = measure(path, body, bones_of(body))
                    mixed = measure(path[:, rng.permutation(len(body))], body, {}).tree
                    bones = length(path[:, anatomy(body).bones[:, 0]] - path[:, anatomy(body).bones[:, 1]])
                    stretch = np.abs(bones - np.median(bones, axis=0)).max() / one.height
                    values = (one.height, one.up[1], one.tree, one.ahead, mixed, stretch)
                    for name, value in zip(found, values, strict=True):
                        found[name].append(float(value))
        for name, values in found.items():
            points = np.round(np.nanquantile(values, [0, 0.005, 0.5, 0.995, 1]), 3).tolist()
            rows.append({"set": skeletons.dataset, "measure": name, "clips": len(values), "quantiles": points})
    return rows


def false_alarms(sets: Sequence[SkeletonSet]) -> list[dict[str, Any]]:
    rows = []
    for skeletons in sets:
        part = half(skeletons, False)
        report = examine_skeletons(part)
        alone = sum(any(f.severity in LOUD for f in examine_clip(s.joints, part.layout)) for s in part)
        row: dict[str, Any] = {"set": skeletons.dataset, "clips": len(part), "alone": alone}
        row["checks"] = {c: n for (c, severity), n in report.affected.items() if severity in LOUD and n}
        row["about the set"] = [c for (c, severity), n in report.affected.items() if severity in LOUD and not n]
        rows.append(row)
    return rows


def drawn(sets: Sequence[SkeletonSet], rng: np.random.Generator) -> Iterator[tuple[np.ndarray, SkeletonSet]]:
    """Clean clips of one person who is always there, set by set in turn."""
    parts = [half(skeletons, False) for skeletons in sets]
    while True:
        for part in parts:
            joints = part.sequence(int(rng.integers(len(part)))).joints[:1]
            whole = joints.any(axis=-1).all() and joints.shape[1] >= SHORTEST
            if whole and not any(f.severity in LOUD for f in examine_clip(joints, part.layout)):
                yield np.array(joints), part


def is_found(clips: list[Clip], check: str, layout_name: str) -> bool:
    wanted = (*LOUD, "note") if check == "copy" else LOUD
    if len(clips) == 1:
        one = clips[0]
        found = examine_clip(one.joints, layout_name, rate=one.rate, times=one.times)
        return any(f.check == check and f.severity in wanted for f in found)
    return any((check, severity) in examine_set(clips, layout_name).affected for severity in wanted)


def detection(sets: Sequence[SkeletonSet]) -> list[dict[str, Any]]:
    rows = []
    for name, fault in FAULTS.items():
        rng = numpy_generator(0, "doctor", name)
        clips, alone, together = drawn(sets, rng), 0, 0
        for _ in range(TRIALS):
            joints, part = next(clips)
            bad = fault.make(joints, layout(part.layout), rng)
            alone += is_found([bad], fault.check, part.layout)
        row: dict[str, Any] = {"fault": name, "check": fault.check, "trials": TRIALS, "one clip": alone}
        if not fault.alone:
            for trial in range(TRIALS):
                single = [sets[trial % len(sets)]]
                source = drawn(single, rng)
                body = layout(single[0].layout)
                some = [fault.make(next(source)[0], body, rng) for _ in range(SET_SIZE)]
                together += is_found(some, fault.check, single[0].layout)
            row["set of 20"] = together
        rows.append(row)
    return rows


def speed() -> dict[str, float]:
    """Clips of 60 frames and 25 joints a second, in one process."""
    rng = numpy_generator(0, "doctor", "speed")
    with tempfile.TemporaryDirectory() as folder:
        skeletons = build_puppet(folder + "/puppet")
        long = [s.joints[:1, :60] for s in skeletons if s.joints.shape[1] >= 60]
    clips = [Clip(np.array(long[i]), f"{i}") for i in rng.choice(len(long), size=300, replace=False)]
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        examine_set(clips, "ntu25")
        best = max(best, len(clips) / (time.process_time() - start))
    return {"clips": len(clips), "clips_per_second": round(best)}


def tables(result: dict[str, Any]) -> str:
    found = []
    for row in result["detection"]:
        number = row.get("set of 20", row["one clip"])
        unit = "sets of 20" if "set of 20" in row else "clips"
        alone = f"{row['one clip'] / row['trials']:.1%}"
        found.append((row["fault"], row["check"], f"{number / row['trials']:.1%} of {row['trials']} {unit}", alone))
    quiet = [
        (
            row["set"],
            row["clips"],
            f"{row['alone']} ({row['alone'] / row['clips']:.2%})",
            ", ".join(f"{c}: {n} ({n / row['clips']:.2%})" for c, n in row["checks"].items()) or "none",
            ", ".join(row["about the set"]) or "none",
        )
        for row in result["false_alarms"]
    ]
    header = ("fault", "check", "found", "by one clip alone")
    clean = ("clean set", "clips", "with an alarm", "by check", "about the set")
    return markdown_table(header, found) + "\n" + markdown_table(clean, quiet)


def main() -> int:
    parser = argparse.ArgumentParser(description="How many faults the data doctor finds")
    parser.add_argument("folders", nargs="*", help="prepared sets")
    parser.add_argument("--half", choices=("measure", "choose"), default="measure")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = load(options.folders, folder)
        if options.half == "choose":
            sys.stdout.write(json.dumps({"benchmark": "doctor_detection", "ranges": ranges(sets)}, indent=2) + "\n")
            return 0
        result = {"benchmark": "doctor_detection", "false_alarms": false_alarms(sets), "detection": detection(sets)}
    result["speed"] = speed()
    sys.stdout.write(tables(result) if options.markdown else json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
