#!/usr/bin/env bash
# trc-data-reader 0.4.1: where a marker is missing in a frame, the markers after it get each other's coordinates.
#
# In a TRC file cells are separated by tabs, and the cells of a marker that was not seen are empty. The reader splits a
# row at white space, so that empty cells vanish: the markers behind them move one place forward, and the last marker is
# NaN instead. No message says so, and the package's own writer makes such files. Below, marker A is missing, and the
# reader gives it the coordinates of B, and B those of C. Seen with trc-data-reader 0.4.1 on Python 3.11. This project
# splits at single tabs (zsar_kit/data/foreign/trc.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "trc-data-reader==0.4.1" 2>/dev/null
cd "$folder"
{
    printf 'PathFileType\t4\t(X/Y/Z)\tgap.trc\n'
    printf 'DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n'
    printf '100\t100\t1\t3\tmm\t100\t1\t1\n'
    printf 'Frame#\tTime\tA\t\t\tB\t\t\tC\t\t\n'
    printf '\t\tX1\tY1\tZ1\tX2\tY2\tZ2\tX3\tY3\tZ3\n\n'
    printf '1\t0.00\t\t\t\t21\t22\t23\t31\t32\t33\n'
} > gap.trc
seen=$(venv/bin/python -c '
import trc
data = trc.TRCData()
data.load("gap.trc")
print("A", data["A"][0], "B", data["B"][0], "C", data["C"][0])')
echo "$seen"
expected='A [21.0, 22.0, 23.0] B [31.0, 32.0, 33.0] C [nan, nan, nan]'
[ "$seen" = "$expected" ] || { echo "trc-data-reader behaves differently now" >&2; exit 1; }
