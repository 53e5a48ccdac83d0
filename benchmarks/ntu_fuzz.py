"""Fuzz test of the NTU reader: each damaged file must quickly give a clear error or a valid recording.

Puppet is written as ``.skeleton`` files with the defects of real ones, and each is damaged in one to three ways. A file
that gives anything other than a recording or a DataError, or takes longer than ``--limit`` seconds, is a failure.

Run ``python -m benchmarks.ntu_fuzz``; the result is JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from zsar_kit.data.puppet.raw_ntu import TROUBLES, skeleton_file
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.readers.ntu_chains import CHAINS, NoBody
from zsar_kit.data.readers.ntu_format import parse_ntu
from zsar_kit.errors import DataError
from zsar_kit.seeding import numpy_generator

JUNK = (
    b"nan",
    b"-inf",
    b"1e999",
    b"-1",
    b"0",
    b"7",
    b"24",
    b"26",
    b"99999999999",
    b"abc",
    b"1_0",
    b"0x10",
    b"1,5",
    b"\xff\xfe",
)


def flip_bits(content: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def cut_off(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def lose_a_piece(content: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + content[start + int(rng.integers(1, 4000)) :]


def repeat_a_piece(content: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(content)))
    stop = start + int(rng.integers(1, 4000))
    return content[:stop] + content[start:]


def delete_a_line(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    del lines[int(rng.integers(len(lines)))]
    return b"\n".join(lines)


def double_a_line(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    at = int(rng.integers(len(lines)))
    return b"\n".join([*lines[: at + 1], *lines[at:]])


def swap_lines(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    i, j = rng.integers(len(lines), size=2).tolist()
    lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def change_fields(content: bytes, rng: np.random.Generator) -> bytes:
    """Swap, drop, repeat or replace a value in a line; half of the time in a short line, which holds counts."""
    lines = content.split(b"\n")
    short = [i for i, line in enumerate(lines) if 0 < len(line) < 40]
    at = int(rng.choice(short)) if short and rng.random() < 0.5 else int(rng.integers(len(lines)))
    fields = lines[at].split() or [b""]
    i, j = rng.integers(len(fields), size=2).tolist()
    way = int(rng.integers(4))
    if way == 0:
        fields[i], fields[j] = fields[j], fields[i]
    elif way == 1:
        del fields[i]
    elif way == 2:
        fields.insert(i, fields[j])
    else:
        fields[i] = JUNK[int(rng.integers(len(JUNK)))]
    lines[at] = b" ".join(fields)
    return b"\n".join(lines)


def insert_noise(content: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(content)))
    return content[:at] + rng.bytes(int(rng.integers(1, 50))) + content[at:]


DAMAGES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    flip_bits,
    cut_off,
    lose_a_piece,
    repeat_a_piece,
    delete_a_line,
    double_a_line,
    swap_lines,
    change_fields,
    insert_noise,
)


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The content, damaged in one to three ways."""
    for _ in range(int(rng.integers(1, 4))):
        if content:
            content = DAMAGES[int(rng.integers(len(DAMAGES)))](content, rng)
    return content


def outcome(content: bytes) -> str:
    """The outcome for a file; any exception other than a DataError is raised."""
    try:
        recording = parse_ntu(content, "damaged")
    except DataError:
        return "error"
    for body in recording.bodies:
        seen = len(body.frames)
        if body.joints.shape != (seen, 25, 3) or body.joints.dtype != np.float32 or not np.isfinite(body.joints).all():
            return "wrong form"
        if (
            seen == 0
            or np.any(np.diff(body.frames) <= 0)
            or not 0 <= body.frames[0] <= body.frames[-1] < recording.frames
        ):
            return "wrong form"
    for chain in CHAINS.values():
        try:
            joints = chain(recording)
        except NoBody:
            continue
        if joints.shape[0] not in (1, 2) or joints.shape[2:] != (25, 3) or joints.dtype != np.float32:
            return "wrong form"
    return "recording"


def whole_files(seed: int, count: int) -> list[bytes]:
    """Some files of puppet that show each of the defects."""
    files, sequences = [], generate(PuppetConfig.tiny())
    for i in range(count):
        sequence, rng = next(sequences), numpy_generator(seed, "whole file", i)
        trouble = list(TROUBLES)[i % len(TROUBLES)]
        joints = sequence.joints[:, : int(rng.integers(5, 40))]
        files.append(skeleton_file(joints, trouble=trouble, rng=rng, crlf=i % 2 == 1, trailing=i % 3 == 2))
    return files


def measure(files: int, limit: float, seed: int) -> dict[str, Any]:
    def too_slow(*_: object) -> None:
        raise TimeoutError

    whole, counts, failures = whole_files(seed, 28), Counter(), []
    signal.signal(signal.SIGALRM, too_slow)
    for i in range(files):
        content = damaged(whole[i % len(whole)], numpy_generator(seed, "damage", i))
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            result = outcome(content)
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        counts[result] += 1
        if result not in ("error", "recording"):
            failures.append(i)
    return {"files": files, "limit_seconds": limit, "seed": seed, "outcomes": dict(counts), "failures": failures}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--limit", type=float, default=1.0, help="seconds a file may take")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    result = measure(arguments.files, arguments.limit, arguments.seed)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
