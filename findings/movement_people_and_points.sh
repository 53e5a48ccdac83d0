#!/usr/bin/env bash
# movement 0.15.0: people of a SLEAP file without tracks are lost but one, and Anipose's points are put in another order.
#
# A .slp file of several animals that were not tracked has several instances in a frame and no track. The loader warns
# that there is no track and that it assumes a single individual, and keeps the last instance of each frame, as only the
# notes of its documentation say: which animal that is changes from frame to frame, and the others are gone. Of a .csv
# of Anipose, the key points come sorted by their names and not in the order of the columns, so that whoever indexes
# them by the file's order takes a wrist for an ankle. Seen with movement 0.15.0 and sleap-io 0.9.5 on Python 3.11. This
# project reads both without the library (zsar_kit/data/foreign/sleap.py, anipose.py). It installs about a gigabyte.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "movement==0.15.0" "sleap-io==0.9.5" 2>/dev/null
cd "$folder"
seen=$(venv/bin/python -c '
import numpy as np
import sleap_io
from movement.io import load_poses

terms = ("x", "y", "z", "error", "ncams", "score")
skeleton = sleap_io.Skeleton(nodes=["head"])
people = [
    sleap_io.PredictedInstance.from_numpy(
        points_data=np.array([[x, 0.0]]), skeleton=skeleton, point_scores=np.ones(1), score=1.0
    )
    for x in (10.0, 20.0)
]
video = sleap_io.Video(filename="video.mp4", open_backend=False)
frame = sleap_io.LabeledFrame(video=video, frame_idx=0, instances=people)
sleap_io.save_slp(sleap_io.Labels([frame]), "people.slp")
sleap = load_poses.from_sleap_file("people.slp")
print(sleap.sizes["individuals"], "of 2 people, at x =", sleap.position.values[0, 0, 0].tolist())
columns = {f"{part}_{term}": str(i) for i, part in enumerate(("wrist", "ankle")) for term in terms}
columns |= {f"M_{i}{j}": str(int(i == j)) for i in range(3) for j in range(3)}
columns |= {"center_0": "0", "center_1": "0", "center_2": "0", "fnum": "0"}
with open("points.csv", "w") as file:
    file.write(",".join(columns) + "\n" + ",".join(columns.values()) + "\n")
anipose = load_poses.from_anipose_file("points.csv")
print("wrist, ankle are read as", ", ".join(anipose.keypoints.values))' 2>/dev/null)
echo "$seen"
expected='1 of 2 people, at x = [20.0]
wrist, ankle are read as ankle, wrist'
[ "$seen" = "$expected" ] || { echo "movement behaves differently now" >&2; exit 1; }
