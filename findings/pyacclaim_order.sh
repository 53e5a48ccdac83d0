#!/usr/bin/env bash
# pyacclaim 0.0.1: Acclaim files whose root or bones turn in another order than x, y, z are turned about wrong axes.
#
# An ASF file has a line `order` for the root and a line `dof` for each bone; they give the order in which the AMC file
# has the numbers of a frame. The format's own description has "order tx ty tz rz ry rx" as its example. The library
# reads the root's order and forgets it, and sorts the `dof` of a bone by axis while it leaves the numbers as they are:
# the first number always turns about x, or about the first axis that the bone has. Below, the root of such a file
# turns by 90 degrees about z, so that a bone along x points along y; in the library it goes on pointing along x. And a
# bone whose `dof` is "rz rx" is turned by 90 degrees about z; the library turns it about x, and its end stays where it
# was. Files whose order is x, y, z come out right, but for the last frame of every file, which is never given back.
# No message says any of it. Seen with pyacclaim 0.0.1 on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "pyacclaim==0.0.1" "numpy==2.4.6" 2>/dev/null
cd "$folder"
cat > turn.py <<'PY'
import contextlib
import io

import numpy as np
from pyacclaim import loadAMC, loadASF

SKELETON = """:version 1.10
:name one
:units
  mass 1.0
  length 1.0
  angle deg
:root
  order tx ty tz {root}
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name arm
    direction 1 0 0
    length 1
    axis 0 0 0 XYZ
    dof {arm}
    limits (-180 180) (-180 180)
  end
:hierarchy
  begin
    root arm
  end
"""


def end(root, arm, *rows):
    with open("one.asf", "w") as file:
        file.write(SKELETON.format(root=root, arm=arm))
    with open("one.amc", "w") as file:
        file.write("\n".join([":FULLY-SPECIFIED", ":DEGREES", "1", *rows, "2", *rows]) + "\n")
    with contextlib.redirect_stdout(io.StringIO()):
        skeleton = loadASF("one.asf", verbose=False)
        poses = loadAMC(skeleton, "one.amc")
    skeleton["bones"]["root"].set_pose(poses[0])
    return f"{(np.round(skeleton['bones']['arm'].global_coordinate, 6) + 0.0).tolist()}, frames {len(poses)} of 2"


print("root by 90 about z, order rx ry rz:", end("rx ry rz", "rx rz", "root 0 0 0 0 0 90", "arm 0 0"))
print("root by 90 about z, order rz ry rx:", end("rz ry rx", "rx rz", "root 0 0 0 90 0 0", "arm 0 0"))
print("arm by 90 about z, dof rx rz:", end("rx ry rz", "rx rz", "root 0 0 0 0 0 0", "arm 0 90"))
print("arm by 90 about z, dof rz rx:", end("rx ry rz", "rz rx", "root 0 0 0 0 0 0", "arm 90 0"))
PY
seen=$(venv/bin/python turn.py)
echo "$seen"
expected='root by 90 about z, order rx ry rz: [0.0, 1.0, 0.0], frames 1 of 2
root by 90 about z, order rz ry rx: [1.0, 0.0, 0.0], frames 1 of 2
arm by 90 about z, dof rx rz: [0.0, 1.0, 0.0], frames 1 of 2
arm by 90 about z, dof rz rx: [1.0, 0.0, 0.0], frames 1 of 2'
[ "$seen" = "$expected" ] || { echo "pyacclaim behaves differently now" >&2; exit 1; }
