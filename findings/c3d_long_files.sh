#!/usr/bin/env bash
# ezc3d 1.7.2: a C3D file of more than 65535 frames, written and read again, has another number of frames.
#
# The header of a C3D file has 16 bits for the number of a frame; longer files state their frames in parameters
# (TRIAL:ACTUAL_START_FIELD and ACTUAL_END_FIELD, or POINT:LONG_FRAMES). ezc3d writes all frames but, unless told to, no
# such parameter, and it does not look at them when it reads. Its own files declare room for rotations; in them it stops
# at 65535, and 4468 of 70003 frames are lost. Where no rotations are declared it reads to the end of the file: the
# zeros that fill the last block of 512 bytes become frames too, here 13 of them, with a residual of 0, as if seen at
# the origin. No message says either. Seen with ezc3d 1.7.2 on Python 3.11. This project compares with what the file
# states (zsar_kit/data/foreign/c3d.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "ezc3d==1.7.2" 2>/dev/null
cd "$folder"
cat > long.py <<'PY'
import ezc3d
import numpy as np

FRAMES = 70003
for rotations in (True, False):
    made = ezc3d.c3d()
    made["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    made["parameters"]["POINT"]["LABELS"]["value"] = ["A"]
    points = np.ones((4, 1, FRAMES))
    points[0, 0] = np.arange(FRAMES)
    made["data"]["points"] = points
    for name, frame in (("START", 1), ("END", FRAMES)):
        made.add_parameter("TRIAL", f"ACTUAL_{name}_FIELD", [0, 0])
        words = np.array([frame % 65536, frame // 65536])  # whole numbers, the low word first
        made["parameters"]["TRIAL"][f"ACTUAL_{name}_FIELD"] |= {"type": 2, "value": words}
    if not rotations:
        del made["data"]["rotations"]
    made.write("long.c3d")
    if not rotations:  # files of other programs end with a full block, as the format has it
        with open("long.c3d", "ab") as file:
            file.write(bytes(-file.tell() % 512))
    read = ezc3d.c3d("long.c3d")["data"]["points"][0, 0]
    print("with" if rotations else "without", "rotations:", FRAMES, "written,", len(read), "read, the last", read[-1])
PY
seen=$(venv/bin/python long.py)
echo "$seen"
expected='with rotations: 70003 written, 65535 read, the last 65534.0
without rotations: 70003 written, 70016 read, the last 0.0'
[ "$seen" = "$expected" ] || { echo "ezc3d behaves differently now" >&2; exit 1; }
