#!/usr/bin/env bash
# kineticstoolkit 0.17.0 and pyomeca 2026.0.2 fill a gap at a clip's beginning or end: one along a line, one with zeros.
#
# Each has a function that fills missing samples by linear interpolation, and a gap between two seen samples comes out
# alike. A marker that is not seen in the first or last frames has no sample on one side. pyomeca puts 0 there, so that
# the marker jumps to the origin of the laboratory; kineticstoolkit prolongs the line through the two nearest samples,
# so that a marker that was lost while it moved leaves the room at constant speed. The documentation of neither function
# says so, and neither gives a message. Whoever filled the gaps before making a mask of missing joints has none left.
# Below, a point goes 1, 2, 3 m with a gap of three frames on either side. Seen with kineticstoolkit 0.17.0 and
# pyomeca 2026.0.2 on Python 3.11. It installs about 250 megabytes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "kineticstoolkit==0.17.0" "pyomeca==2026.0.2" 2>/dev/null
cd "$folder"
cat > gaps.py <<'PY'
import kineticstoolkit as ktk
import numpy as np
from pyomeca import Analogs

gap = [np.nan] * 3
seen = np.array([*gap, 1.0, 2.0, np.nan, 4.0, 5.0, *gap])
series = ktk.TimeSeries(time=np.arange(len(seen)) / 10).add_data("x", seen)
print("kineticstoolkit:", series.fill_missing_samples(0).data["x"].round(6).tolist())
signal = Analogs(seen[None], time=np.arange(len(seen)) / 10)
print("pyomeca:", signal.meca.interpolate_missing_data().values[0].tolist())
PY
seen=$(venv/bin/python gaps.py 2>"$folder/errors") || { cat "$folder/errors" >&2; exit 1; }
echo "$seen"
expected='kineticstoolkit: [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
pyomeca: [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0, 0.0]'
[ "$seen" = "$expected" ] || { echo "the libraries behave differently now" >&2; exit 1; }
