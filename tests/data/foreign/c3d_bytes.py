"""C3D files written byte by byte from the format's public description, for tests: no library of it is used."""

from __future__ import annotations

import struct

import numpy as np

BLOCK = 512
INTEL = 84
Value = str | list[str] | float | list[int] | list[float] | None


def _strings(texts: list[str]) -> tuple[int, list[int], bytes]:
    width = max(map(len, texts), default=0)
    return -1, [width, len(texts)], b"".join(text.ljust(width).encode() for text in texts)


def _parameter(group: int, name: str, value: Value) -> bytes:
    """A text, texts, a float or whole numbers of 16 bits as a parameter's bytes."""
    if isinstance(value, str):
        kind, sizes, data = -1, [len(value)], value.encode()
    elif isinstance(value, float):
        kind, sizes, data = 4, [], struct.pack("<f", value)
    elif value and isinstance(value[0], str):
        kind, sizes, data = _strings([str(text) for text in value])
    elif value and isinstance(value[0], float):
        kind, sizes, data = 4, [len(value)], struct.pack(f"<{len(value)}f", *value)
    else:
        numbers = [int(number) for number in value or []]
        kind, sizes, data = 2, [len(numbers)] if len(numbers) != 1 else [], struct.pack(f"<{len(numbers)}H", *numbers)
    content = struct.pack("<bB", kind, len(sizes)) + bytes(sizes) + data + b"\0"
    return struct.pack("<bb", len(name), group) + name.encode() + struct.pack("<h", 2 + len(content)) + content


def _group(group: int, name: str) -> bytes:
    return struct.pack("<bb", len(name), -group) + name.encode() + struct.pack("<hB", 3, 0)


def _words(number: int) -> list[int]:
    return [number & 0xFFFF, number >> 16]


def c3d_bytes(
    points: np.ndarray,
    labels: list[str] | None = None,
    residuals: np.ndarray | None = None,
    *,
    first: int = 1,
    rate: float = 100.0,
    point: dict[str, Value] | None = None,
    trial: bool = False,
    whole_numbers: float = 0.0,
    analog: int = 0,
) -> bytes:
    """A file.

    Args:
        points: ``[frame, point, xyz]`` as stored; the bytes of occluded points are written as they are here.
        labels: of the points; those beyond 255 go to LABELS2.
        residuals: ``[frame, point]``; -1 marks an occluded point.
        first: number of the first frame, from 1.
        rate: frames a second.
        point: more parameters of the group POINT, or other values (None leaves one out).
        trial: write TRIAL:ACTUAL_START_FIELD and ACTUAL_END_FIELD, two 16-bit words each, low word first.
        whole_numbers: scale of coordinates stored as 16-bit whole numbers; 0 stores floats.
        analog: analog channels, one sample a frame.
    """
    frames, count = points.shape[:2]
    labels = [f"M{i}" for i in range(count)] if labels is None else labels
    last = first + frames - 1
    values: dict[str, Value] = {
        "USED": [count],
        "FRAMES": [min(frames, 65535)],
        "SCALE": whole_numbers or -1.0,
        "RATE": rate,
        "UNITS": "mm",
        "X_SCREEN": "+X",
        "Y_SCREEN": "+Z",
        "LABELS": labels[:255],
    }
    values |= {"LABELS2": labels[255:]} if len(labels) > 255 else {}
    values |= {"DATA_START": [0], **(point or {})}
    section = _group(1, "POINT") + _group(2, "ANALOG") + (_group(3, "TRIAL") if trial else b"")
    if trial:
        section += _parameter(3, "ACTUAL_START_FIELD", _words(first))
        section += _parameter(3, "ACTUAL_END_FIELD", _words(last))
    section += _parameter(2, "USED", [analog])
    if analog:
        section += _parameter(2, "LABELS", [f"A{i}" for i in range(analog)]) + _parameter(2, "RATE", rate)
        section += _parameter(2, "GEN_SCALE", 1.0) + _parameter(2, "OFFSET", [0] * analog)
        section += _parameter(2, "SCALE", [1.0] * analog)
    rest = b"".join(_parameter(1, name, value) for name, value in values.items() if value is not None)
    blocks = -(-(4 + len(section) + len(rest) + 2) // BLOCK)
    start = 2 + blocks
    values["DATA_START"] = [start]
    rest = b"".join(_parameter(1, name, value) for name, value in values.items() if value is not None)
    section = struct.pack("<BBBB", 1, 0x50, blocks, INTEL) + section + rest
    header = struct.pack(
        "<BBHHHHHfHHf",
        2, 0x50, count, analog, min(first, 65535), min(last, 65535), 0,
        whole_numbers or -1.0, start, 1 if analog else 0, rate,
    )  # fmt: skip
    data = _data(points, residuals, whole_numbers, analog)
    content = header.ljust(BLOCK, b"\0") + section.ljust(blocks * BLOCK, b"\0") + data
    return content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0")


def _data(points: np.ndarray, residuals: np.ndarray | None, scale: float, analog: int) -> bytes:
    frames, count = points.shape[:2]
    fourth = np.zeros((frames, count)) if residuals is None else residuals
    cells = np.concatenate([points, fourth[..., None]], axis=-1).reshape(frames, 4 * count)
    if scale:
        cells = cells.reshape(frames, count, 4).copy()
        cells[..., :3] = np.round(cells[..., :3] / scale)
        return np.concatenate([cells.reshape(frames, -1), np.zeros((frames, analog))], 1).astype("<i2").tobytes()
    return np.concatenate([cells, np.zeros((frames, analog))], 1).astype("<f4").tobytes()
