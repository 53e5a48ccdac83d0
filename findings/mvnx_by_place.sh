#!/usr/bin/env bash
# mvnx 0.2: of an MVNX file without all optional parts, velocities are joint angles, and three frames may be lost.
#
# MVNX is the XML of Xsens' suits. Its manual says that a setting decides what a frame contains, only orientation and
# position being mandatory. The library does not look at the names of a frame's elements but takes the third for the
# velocity, the eleventh for the joint angles, and so on. With orientation, position and joint angles in the file,
# `velocity` has the joint angles and `jointAngle` is empty. It also leaves out the first three frames, whatever they
# are: poses of calibration often stand there, which the attribute `type` tells from motion, but where a file has fewer
# than three of them the first frames of the motion go. No message says either. Below, a file has one pose and four
# frames of motion. Seen with mvnx 0.2 on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "mvnx==0.2" "numpy==2.4.6" 2>/dev/null
cd "$folder"
cat > places.py <<'PY'
from mvnx import MVNX


def frame(kind, number, angles):
    return (
        f'<frame time="{10 * number}" index="{number}" tc="" ms="{10 * number}" type="{kind}">'
        f"<orientation>1 0 0 0</orientation><position>{number} 0 1</position>{angles}</frame>"
    )


motion = "".join(frame("normal", number, f"<jointAngle>{30 + number} 0 0</jointAngle>") for number in range(4))
with open("clip.mvnx", "w") as file:
    file.write(
        '<mvnx xmlns="http://www.xsens.com/mvn/mvnx" version="4">'
        '<mvn version="2021" build="1"/><comment></comment>'
        '<subject label="suit" frameRate="100" segmentCount="1" recDate="" configuration="" userScenario="">'
        '<comment></comment><segments><segment label="Pelvis" id="1"/></segments><sensors/><joints/>'
        "<ergonomicJointAngles/><footContactDefinition/>"
        f'<frames segmentCount="1">{frame("npose", -1, "")}{motion}</frames>'
        '</subject><securityCode code=""/></mvnx>'
    )
clip = MVNX("clip.mvnx")
for name in ("position", "velocity", "jointAngle"):
    print(f"{name}: {getattr(clip, name).tolist()}")
PY
seen=$(venv/bin/python places.py)
echo "$seen"
expected='position: [[2.0, 0.0, 1.0], [3.0, 0.0, 1.0]]
velocity: [[32.0, 0.0, 0.0], [33.0, 0.0, 0.0]]
jointAngle: []'
[ "$seen" = "$expected" ] || { echo "mvnx behaves differently now" >&2; exit 1; }
