#!/usr/bin/env bash
# bvhio 1.5.4 and bvhtools 1.6.0 put the joints of one BVH file at different places.
#
# A joint of a BVH file has an OFFSET from its parent and may have position channels. The format's oldest description
# knows them at the root only and adds them to its OFFSET. Both libraries put the root's channels in the place of its
# OFFSET. At other joints bvhio does the same, while bvhtools uses OFFSET and takes no account of the channels, of which
# it prints a warning. Below, the root's OFFSET is 1 and its channel 5, the child's OFFSET 2 and its channel 2.5, along
# x: the child stands at 7.5 or at 7, and by the description at 6 + 2. A program that writes positions for all joints
# stores the whole distance to the parent in them, so that a file whose OFFSETs are zero collapses to a point in
# bvhtools. Seen with bvhio 1.5.4 and bvhtools 1.6.0 on Python 3.11. This project replaces, has an option for adding,
# and refuses a file in which a bone would lose its length (zsar_kit/data/foreign/bvh.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "bvhio==1.5.4" "numpy==2.4.6" "scipy==1.17.1" 2>/dev/null
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "bvhtools==1.6.0" 2>/dev/null
cd "$folder"
cat > two.bvh <<'BVH'
HIERARCHY
ROOT Hips
{
OFFSET 1 0 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
JOINT Chest
{
OFFSET 2 0 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
End Site
{
OFFSET 0 1 0
}
}
}
MOTION
Frames: 1
Frame Time: 0.01
5 0 0 0 0 0 2.5 0 0 0 0 0
BVH
cat > two.py <<'PY'
import bvhio
from bvhTools.bvhIO import readBvh

root = bvhio.readAsHierarchy("two.bvh")
root.loadPose(0)
print("bvhio:", [round(joint.PositionWorld.x, 6) for joint, _, _ in root.layout()])
places = readBvh("two.bvh").getFKAtFrame(0)
print("bvhtools:", [float(places[name][1][0]) for name in ("Hips", "Chest")])
PY
seen=$(venv/bin/python two.py | grep -a '^bvh')
echo "$seen"
expected='bvhio: [5.0, 7.5]
bvhtools: [5.0, 7.0]'
[ "$seen" = "$expected" ] || { echo "the libraries behave differently now" >&2; exit 1; }
