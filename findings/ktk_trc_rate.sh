#!/usr/bin/env bash
# kineticstoolkit 0.17.0: a TRC file that it writes states a rate as many times too high as the clip has frames.
#
# The second line of a TRC file's head has DataRate and CameraRate, in frames a second. `kinematics.write_trc_file`
# divides the number of frames by the time between two frames, so that 200 frames at 100 a second are stated as 20000.
# Whoever takes the rate from the head, as OpenSim's format intends, gets a clip of 0.01 s instead of 2 s; the column of
# times is right. The writer also fills missing samples, but drops the result and writes "nan" in their cells, and it
# states metres whatever unit the markers have in the time series, here millimetres. Nothing of the three is said in its
# documentation or by a message. Seen with kineticstoolkit 0.17.0 on Python 3.11. It installs about 250 megabytes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "kineticstoolkit==0.17.0" 2>/dev/null
cd "$folder"
cat > write.py <<'PY'
import kineticstoolkit as ktk
import numpy as np

time = np.arange(200) / 100
points = np.column_stack([1000 * time, 0 * time, 0 * time, np.ones_like(time)])
points[50:60] = np.nan
markers = ktk.TimeSeries(time=time).add_data("wrist", points).add_info("wrist", "Unit", "mm")
ktk.kinematics.write_trc_file(markers, "clip.trc")
rows = [line.rstrip("\n").split("\t") for line in open("clip.trc")]
head = dict(zip(rows[1], rows[2]))
print("DataRate", head["DataRate"], "NumFrames", head["NumFrames"], "Units", head["Units"])
data = [row for row in rows if row[0].isdigit()]
print("second frame:", *data[1], "| frame 51:", *data[50])
PY
seen=$(venv/bin/python write.py 2>"$folder/errors" | grep -a -e '^DataRate' -e '^second') || {
    cat "$folder/errors" >&2
    exit 1
}
echo "$seen"
expected='DataRate 20000.0 NumFrames 200 Units m
second frame: 2 0.010 10.00000 0.00000 0.00000 | frame 51: 51 0.500 nan nan nan'
[ "$seen" = "$expected" ] || { echo "kineticstoolkit behaves differently now" >&2; exit 1; }
