#!/usr/bin/env bash
# pose-format 0.15.0: of a .pose file of version 0.0, only the first person of each frame is read.
#
# Version 0.0 stores the people of each frame one after the other. The reader goes through all of them and keeps the
# first, so that a conversation of two is read as one person; the shape of the array is the only sign. Below, a frame
# has two people at (1, 2) and (3, 4). Seen with pose-format 0.15.0 on Python 3.11. This project says it in what it
# states about such a file (zsar_kit/data/foreign/pose_format.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pose-format==0.15.0" 2>/dev/null
cd "$folder"
seen=$(venv/bin/python -c '
import struct
from pose_format import Pose

def text(word):
    return struct.pack("<H", len(word)) + word.encode()

header = struct.pack("<fHHHH", 0.0, 640, 480, 0, 1)
header += text("BODY") + text("XYC") + struct.pack("<HHH", 1, 0, 0) + text("nose")
frame = struct.pack("<H", 2) + struct.pack("<hfff", 0, 1, 2, 1) + struct.pack("<hfff", 1, 3, 4, 1)
pose = Pose.read(header + struct.pack("<HH", 25, 1) + frame)
print(pose.body.data.shape[1], "of 2 people, at", pose.body.data.data[0, :, 0].tolist())')
echo "$seen"
[ "$seen" = "1 of 2 people, at [[1.0, 2.0]]" ] || { echo "pose-format behaves differently now" >&2; exit 1; }
