"""Attributes of clips against encoding the same clips, and against a plain loop over clips and frames; memory.

``attributes`` measures all attributes of every clip. ``encoder`` passes as many clips as ``--encoded`` through Shift-
GCN at full width, 64 frames each, as feature extraction does, the preparation of its input left out; its time is
scaled to all clips. ``plain`` computes twelve attributes of ``--sample`` clips by a loop over frames; the body's
axes, floor and standing height are given to it. It is compared with ``subset``, the kit's time for the same twelve,
whose values must agree, and with the time of *all* attributes. All are timed in turn in one process, in processor
time of one thread. ``peak_mb`` is the peak of Python's allocations while N and 4 N clips are measured out of a
generator.

Run ``python -m benchmarks.primitives``; by default clips of puppet stand in, as many and as long as UTD-MHAD's;
``--workspace`` and ``--dataset`` name a prepared set. The result is JSON on standard output; the exit code is 1 if
values differ or a ratio is below what is required.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch

from zsar_kit.data.joints import to_ntu25
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.encoders.extract import CPU_BATCH
from zsar_kit.encoders.shift_gcn import ShiftGCN, ShiftGCNConfig
from zsar_kit.primitives.attributes import attribute_names
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.clips import NTU, acting_first, after_calibration, without_gaps
from zsar_kit.primitives.frames import SMOOTHING
from zsar_kit.primitives.measure import KINECT_RATE, measure
from zsar_kit.primitives.topics import functions

#: what the plain loop computes: extrema, means, a share, paths, bends, counts
SUBSET = (
    "lead_hand_highest",
    "other_hand_highest",
    "lead_hand_mean_height",
    "lead_hand_path",
    "other_hand_path",
    "lead_hand_speed",
    "lead_hand_raised",
    "lead_elbow_bend",
    "hands_close",
    "hands_far",
    "reversals_vertical",
    "hips_down",
)
CLIPS, FRAMES = 861, 68  # UTD-MHAD's number and mean length
TOLERANCE = 2e-3


def made_clips() -> list[np.ndarray]:
    """Clips of puppet, again and again, at the number and mean length of UTD-MHAD."""
    config = PuppetConfig(subjects=8, replications=1, cameras=1, classes=tuple(range(24)))
    return [s.joints[:, :FRAMES] for s in islice(cycle(list(generate(config))), CLIPS)]


def prepared_clips(workspace: Path, dataset: str) -> tuple[list[np.ndarray], str]:
    """The clips of a prepared set, and their layout."""
    folders = [p.parent for p in (workspace / "skeletons" / dataset.replace("_", "-")).rglob("frames.npy")]
    skeletons = SkeletonSet.load(folders[0])
    return [np.array(s.joints) for s in skeletons], skeletons.layout


def smoothed(points: np.ndarray, seconds: float) -> np.ndarray:
    """Gaussian smoothing of ``[frame, ...]``, one frame after the other; the ends repeat their value."""
    sigma = seconds * KINECT_RATE
    reach = int(3.0 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    result = np.empty_like(points)
    for t in range(len(points)):
        near = np.clip(np.arange(t - reach, t + reach + 1), 0, len(points) - 1)
        result[t] = np.tensordot(weights, points[near], axes=1)
    return result


@dataclass(frozen=True)
class Given:
    """What the plain loop needs not compute."""

    up: np.ndarray
    right: np.ndarray
    torso: float
    slope: float
    floor: float
    standing: float


def given(clip: np.ndarray, layout: str) -> Given:
    """Axes, trunk, floor and standing height of one clip."""
    b = Bodies.of([clip], layout, KINECT_RATE)
    slope = float(b.standing_spine[0, 1] / b.standing_spine[0, 2])
    return Given(b.up[0], b.right[0], float(b.torso[0]), slope, float(b.floor[0]), float(b.standing_hips[0]))


def plain_clip(clip: np.ndarray, layout: str, known: Given) -> list[float]:
    """The attributes of :data:`SUBSET` of one clip, frame by frame."""
    person = without_gaps(clip[acting_first(clip, "clip")[0]])
    person = np.stack([to_ntu25(layout) @ frame for frame in person])
    p = smoothed(person[after_calibration(person, KINECT_RATE) :].astype(np.float64), SMOOTHING)
    hands: list[list[np.ndarray]] = [[], []]
    bends: list[list[float]] = [[], []]
    low = np.inf
    for t in range(len(p)):
        axes = np.stack([known.right[t], np.cross(known.up, known.right[t]), known.up])
        for n, side in enumerate(("right", "left")):
            hand = axes @ (p[t, NTU[f"hand_{side}"]] - p[t, NTU["spine_shoulder"]]) / known.torso
            hand[1] -= known.slope * hand[2]
            hands[n].append(hand)
            a = p[t, NTU[f"elbow_{side}"]] - p[t, NTU[f"shoulder_{side}"]]
            b = p[t, NTU[f"wrist_{side}"]] - p[t, NTU[f"elbow_{side}"]]
            cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
            bends[n].append(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
        low = min(low, float(p[t, NTU["spine_base"]] @ known.up) / known.torso - known.floor)
    return _of_hands(hands, bends, known.standing - low)


def _of_hands(hands: list[list[np.ndarray]], bends: list[list[float]], down: float) -> list[float]:
    paths, speeds = [], []
    for hand in hands:
        steps = [float(np.linalg.norm(hand[t] - hand[t - 1])) * KINECT_RATE for t in range(1, len(hand))]
        paths.append(sum(max(s - 0.25, 0.0) for s in steps) / KINECT_RATE)
        speeds.append(max(steps, default=0.0))
    lead = 0 if paths[0] >= paths[1] else 1
    heights = [[float(h[2]) for h in hand] for hand in hands]
    gaps = [float(np.linalg.norm(a - b)) for a, b in zip(*hands, strict=True)]
    turns, direction, low, high = 0, 0, heights[lead][0], heights[lead][0]
    for x in heights[lead][1:]:
        low, high = min(low, x), max(high, x)
        if direction >= 0 and high - x > 0.25:
            turns, direction, low, high = turns + (direction == 1), -1, x, x
        elif direction <= 0 and x - low > 0.25:
            turns, direction, low, high = turns + (direction == -1), 1, x, x
    mine, other = heights[lead], heights[1 - lead]
    return [
        max(mine),
        max(other),
        sum(mine) / len(mine),
        paths[lead],
        paths[1 - lead],
        speeds[lead],
        sum(x > -0.9 for x in mine) / len(mine),
        max(bends[lead]),
        -min(gaps),
        max(gaps),
        float(turns),
        down,
    ]


def kit_subset(clips: list[np.ndarray], layout: str) -> np.ndarray:
    """The same attributes by the kit's functions, in one batch after the other."""
    known, parts = functions(), []
    for start in range(0, len(clips), 64):
        bodies = Bodies.of(clips[start : start + 64], layout, KINECT_RATE)
        parts.append(np.stack([known[name](bodies) for name in SUBSET], axis=1))
    return np.concatenate(parts)


def seconds_of(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Processor seconds of each work, in turn, after one round that warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats + 1):
        for name, work in works.items():
            begin = time.process_time()
            work()
            seconds[name].append(time.process_time() - begin)
    return {name: values[1:] for name, values in seconds.items()}


def peak_megabytes(count: int, frames: int = 60) -> float:
    """Peak of Python's allocations while ``count`` clips out of a generator are measured."""

    def clips() -> Iterator[np.ndarray]:
        sources = list(generate(PuppetConfig(subjects=1, replications=1, cameras=1)))
        for i in range(count):
            yield sources[i % len(sources)].joints[:, :frames].copy()

    tracemalloc.start()
    measure(clips())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def compare(clips: list[np.ndarray], layout: str, sample: int, encoded: int, repeats: int) -> dict[str, float | bool]:
    """Times and ratios."""
    part = clips[:: max(1, len(clips) // sample)]
    knowns = [given(clip, layout) for clip in part]
    persons = max(len(clip) for clip in clips)
    source = torch.Generator().manual_seed(0)
    model = ShiftGCN(ShiftGCNConfig(classes=20, width=1.0, persons=persons), source).eval()
    batch = torch.randn(encoded, persons, 64, 25, 3, generator=source)

    def encode() -> None:
        with torch.inference_mode():
            for few in batch.split(CPU_BATCH):
                model(few)

    works: dict[str, Callable[[], object]] = {
        "attributes": lambda: measure(clips, layout),
        "subset": lambda: kit_subset(part, layout),
        "plain": lambda: [plain_clip(clip, layout, known) for clip, known in zip(part, knowns, strict=True)],
        "encoder": encode,
    }
    seconds = seconds_of(works, repeats)
    each = {"attributes": len(clips), "subset": len(part), "plain": len(part), "encoder": encoded}
    per_clip = {name: [s / each[name] for s in values] for name, values in seconds.items()}

    def ratio(slow: str, fast: str) -> float:
        return statistics.median(a / b for a, b in zip(per_clip[slow], per_clip[fast], strict=True))

    plain = np.array([plain_clip(clip, layout, known) for clip, known in zip(part, knowns, strict=True)])
    ours = kit_subset(part, layout)
    chosen = [attribute_names().index(name) for name in SUBSET]
    whole = measure(part, layout).values[:, chosen]
    close = [np.allclose(a, plain, atol=TOLERANCE, rtol=TOLERANCE) for a in (ours, whole)]
    return {
        **{f"{name}_ms_a_clip": 1000 * statistics.median(values) for name, values in per_clip.items()},
        "ratio_to_encoder": ratio("encoder", "attributes"),
        "ratio_of_all_to_plain_subset": ratio("plain", "attributes"),
        "ratio_of_subset_to_plain": ratio("plain", "subset"),
        "equal": all(close),
    }


def main(argv: list[str] | None = None) -> int:
    """Measure, write JSON, and return 1 if the kit is too slow or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, default=None, help="a workspace with a prepared set")
    parser.add_argument("--dataset", default="utd_mhad")
    parser.add_argument("--sample", type=int, default=100, help="clips of the plain loop")
    parser.add_argument("--encoded", type=int, default=16, help="clips that are encoded")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", type=int, default=512, help="clips N whose peak is compared with that of 4 N")
    parser.add_argument("--required", type=float, default=100.0, help="least ratio to the encoder")
    parser.add_argument("--required-plain", type=float, default=2.0, help="least ratio of the subset to the plain loop")
    parser.add_argument("--no-required", action="store_true", help="the ratios decide nothing")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    if arguments.workspace is None:
        clips, layout = made_clips(), "ntu25"
    else:
        clips, layout = prepared_clips(arguments.workspace, arguments.dataset)
    result: dict[str, float | bool | int | str] = {"benchmark": "primitives", "clips": len(clips), "layout": layout}
    result |= compare(clips, layout, arguments.sample, arguments.encoded, arguments.repeats)
    if arguments.memory:
        result |= {f"peak_mb_{n}_clips": round(peak_megabytes(n), 1) for n in (arguments.memory, 4 * arguments.memory)}
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in result.items()}
    sys.stdout.write(json.dumps(rounded) + "\n")
    fast = result["ratio_to_encoder"] >= arguments.required
    fast = fast and result["ratio_of_subset_to_plain"] >= arguments.required_plain
    return 0 if result["equal"] and (fast or arguments.no_required) else 1


if __name__ == "__main__":
    sys.exit(main())
