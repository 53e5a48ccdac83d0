#!/usr/bin/env bash
# bvhtoolbox 0.1.3: of a BVH file converted to CSV with a scale, each joint's position is scaled again for its parents.
#
# The documentation of `write_joint_positions`, and of `bvh2csv --scale`, says that the scale is a factor for the root's
# position and the offsets, to go from one unit to another. Then all world positions should be multiplied by it once.
# The code multiplies a joint's world position after adding the parent's, which was multiplied before. So the root is
# right, a child has the root's part scaled twice, and a grandchild three times. Below a person is 3 m tall, with joints
# at 100, 200 and 300 cm; with a scale of 0.01 they should be at 1, 2 and 3 m. The whole body falls together near the
# root, and no message says so. Without a scale the positions are right. Seen with bvhtoolbox 0.1.3 on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "bvhtoolbox==0.1.3" "transforms3d==0.4.2" "numpy==2.4.6" 2>/dev/null
cd "$folder"
cat > body.bvh <<'BVH'
HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 100 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Head
    {
      OFFSET 0 100 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      End Site
      {
        OFFSET 0 20 0
      }
    }
  }
}
MOTION
Frames: 1
Frame Time: 0.01
0 100 0 0 0 0 0 0 0 0 0 0
BVH
cat > scale.py <<'PY'
import csv

from bvhtoolbox import BvhTree
from bvhtoolbox.convert.bvh2csv import write_joint_positions

for scale in (1.0, 0.01):
    with open("body.bvh") as file:
        write_joint_positions(BvhTree(file.read()), "positions.csv", scale=scale)
    with open("positions.csv") as file:
        row = next(csv.DictReader(file))
    print(f"scale {scale}:", *(f"{joint} {float(row[joint + '.y']):.4f}" for joint in ("Hips", "Spine", "Head")))
PY
seen=$(venv/bin/python scale.py)
echo "$seen"
expected='scale 1.0: Hips 100.0000 Spine 200.0000 Head 300.0000
scale 0.01: Hips 1.0000 Spine 1.0100 Head 1.0101'
[ "$seen" = "$expected" ] || { echo "bvhtoolbox behaves differently now" >&2; exit 1; }
