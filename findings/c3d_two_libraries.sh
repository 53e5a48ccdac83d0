#!/usr/bin/env bash
# ezc3d 1.7.2 and c3d 0.6.0 read one C3D file differently: the number of its first frame, and a point that was not seen.
#
# A C3D file numbers its frames from 1. c3d gives that number; ezc3d gives one less: 40 for a clip that begins at frame
# 41, whose time is 0.4 s at 100 frames a second. A point that was not seen has the residual -1: ezc3d makes its
# coordinates NaN; c3d gives the coordinates that happen to be stored (here 0, 0, 0, in the middle of the laboratory)
# and leaves the residual, in the fourth column, to the caller. Whoever takes the first three columns has a marker that
# jumps to the floor. Seen with ezc3d 1.7.2 and c3d 0.6.0 on Python 3.11. This project counts from 1 and has NaN
# (zsar_kit/data/foreign/c3d.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "ezc3d==1.7.2" "c3d==0.6.0" 2>/dev/null
cd "$folder"
cat > both.py <<'PY'
import warnings

import c3d
import ezc3d
import numpy as np

made = ezc3d.c3d()
made["header"]["points"]["first_frame"] = 40  # 41 in the file
made["parameters"]["POINT"]["RATE"]["value"] = [100.0]
made["parameters"]["POINT"]["LABELS"]["value"] = ["A"]
made["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
points = np.ones((4, 1, 3))
points[0, 0] = 11, np.nan, 13
points[1, 0] = points[2, 0] = 7, np.nan, 9
made["data"]["points"] = points
made.write("clip.c3d")

read = ezc3d.c3d("clip.c3d")
first, second = read["header"]["points"]["first_frame"], read["data"]["points"][:3, 0, 1].tolist()
print("ezc3d: first frame", first, "second", second)
with open("clip.c3d", "rb") as file:
    warnings.simplefilter("ignore")
    reader = c3d.Reader(file)
    frames = [points[0, :4].tolist() for _, points, _ in reader.read_frames()]
    print("c3d: first frame", reader.first_frame, "second", frames[1])
PY
seen=$(venv/bin/python both.py)
echo "$seen"
expected='ezc3d: first frame 40 second [nan, nan, nan]
c3d: first frame 41 second [0.0, 0.0, 0.0, -1.0]'
[ "$seen" = "$expected" ] || { echo "the libraries behave differently now" >&2; exit 1; }
