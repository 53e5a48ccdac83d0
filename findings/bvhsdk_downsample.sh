#!/usr/bin/env bash
# bvhsdk 0.2.1: a clip taken from 120 to 30 frames a second keeps one frame, and one taken to 40 is slowed down by half.
#
# `Animation.downSample` says in its documentation that it is useful for going "from 120 fps to 30 fps, for example".
# It removes every n-th frame, n being the number of frames over the number that is too many, rounded. For 120 to 30
# this is 1.33, hence 1: all frames but the first are removed, however long the clip. So it is for every rate below a
# third of the old one. From there to three fifths n is 2, and half of the frames stay whatever was asked for: from 120
# to 40, one second keeps 60 frames, but the clip is said to have 40 a second and lasts 1.5 s. The only sign is the
# number of frames that it prints, and True is returned. Only where the frames to remove lie a whole number apart, as
# from 120 to 100, does it come out right. Speeds of joints, and all that is cut by time, are wrong from there on.
# Below, a root moves at one unit a second for two seconds. Seen with bvhsdk 0.2.1 on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "bvhsdk==0.2.1" 2>/dev/null
cd "$folder"
cat > down.py <<'PY'
import contextlib
import io

import bvhsdk

HEAD = """HIERARCHY
ROOT Hips
{
\tOFFSET 0.0 0.0 0.0
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tEnd Site
\t{
\t\tOFFSET 0.0 1.0 0.0
\t}
}
MOTION
Frames: 240
Frame Time: 0.00833333
"""
with open("walk.bvh", "w") as file:
    file.write(HEAD + "".join(f"{frame / 120:.6f} 0 0 0 0 0\n" for frame in range(240)))
for rate in (100, 60, 40, 30, 20):
    clip = bvhsdk.ReadFile("walk.bvh")
    with contextlib.redirect_stdout(io.StringIO()):
        done = clip.downSample(rate)
    told = f"{done}, {clip.frames} frames of 1/{1 / clip.frametime:.0f} s"
    print(f"120 to {rate}: {told}, 2 s now last {clip.frames * clip.frametime:.2f} s")
PY
seen=$(venv/bin/python down.py)
echo "$seen"
expected='120 to 100: True, 200 frames of 1/100 s, 2 s now last 2.00 s
120 to 60: True, 120 frames of 1/60 s, 2 s now last 2.00 s
120 to 40: True, 120 frames of 1/40 s, 2 s now last 3.00 s
120 to 30: True, 1 frames of 1/30 s, 2 s now last 0.03 s
120 to 20: True, 1 frames of 1/20 s, 2 s now last 0.05 s'
[ "$seen" = "$expected" ] || { echo "bvhsdk behaves differently now" >&2; exit 1; }
