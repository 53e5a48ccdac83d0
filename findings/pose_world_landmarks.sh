#!/usr/bin/env bash
# pose-format 0.15.0: world landmarks of MediaPipe Holistic, which are metres, are multiplied by the picture's size.
#
# MediaPipe gives its world landmarks in metres from the middle of the hips. The library's conversion of a video treats
# them as it treats places in the picture: x times the width, y times the height, z as it is. So the component
# POSE_WORLD_LANDMARKS of a .pose file has three axes of three scales, a person in a picture of 640 x 480 is 300 units
# wide and 0.3 deep, and nothing in the file says so; other writers keep metres. Seen with pose-format 0.15.0 and
# mediapipe 0.10.21 on Python 3.11. This project tells the two apart by their numbers and divides
# (zsar_kit/data/foreign/pose_format.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pose-format==0.15.0" "mediapipe==0.10.21" 2>/dev/null
cd "$folder"
seen=$(venv/bin/python -c '
from mediapipe.framework.formats import landmark_pb2
from pose_format.utils.holistic import body_points

world = landmark_pb2.LandmarkList()
for _ in range(33):
    world.landmark.add(x=0.5, y=0.25, z=0.125, visibility=1.0)
points, _ = body_points(world, 640, 480, 33)  # as the conversion calls it for pose_world_landmarks
print(points[0].tolist())' 2>/dev/null)
echo "0.5, 0.25 and 0.125 metres in a picture of 640 x 480: $seen"
[ "$seen" = "[320.0, 120.0, 0.125]" ] || { echo "pose-format behaves differently now" >&2; exit 1; }
