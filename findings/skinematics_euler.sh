#!/usr/bin/env bash
# scikit-kinematics 0.10.4: Euler angles whose second one is negative come back as a turn about one axis only.
#
# `rotmat.sequence(matrix, to="Euler")` is documented to give gamma, beta and alpha with matrix = Rz * Rx * Rz. Those
# three angles should make the same matrix again. Its formula gives beta a sign. The test for a beta near zero has no
# absolute value and takes every negative one for zero: beta and gamma become 0, without a message, and alpha is what
# remains of one cell. Below, the library's own `rotmat.R` makes matrices from four sets of angles and from what comes
# back. A leg that is turned by 120 degrees and bent by 30 loses its bend. Seen with scikit-kinematics 0.10.4 on
# Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "scikit-kinematics==0.10.4" "numpy==2.4.6" 2>/dev/null
cd "$folder"
cat > euler.py <<'PY'
import numpy as np
from skinematics import rotmat


def matrix(gamma, beta, alpha):
    return rotmat.R("z", gamma) @ rotmat.R("x", beta) @ rotmat.R("z", alpha)


for angles in ((20, 30, 10), (80, 30, 10), (120, 30, 10), (20, -30, 10)):
    back = np.degrees(rotmat.sequence(matrix(*angles), to="Euler"))
    verdict = "the same matrix" if np.allclose(matrix(*back), matrix(*angles)) else "another matrix"
    print(angles, "->", *(f"{angle + 0.0:.1f}" for angle in back), verdict)
PY
seen=$(venv/bin/python euler.py 2>/dev/null | grep -e '->')
echo "$seen"
expected='(20, 30, 10) -> 20.0 30.0 10.0 the same matrix
(80, 30, 10) -> 80.0 30.0 10.0 the same matrix
(120, 30, 10) -> 0.0 0.0 51.0 another matrix
(20, -30, 10) -> 0.0 0.0 28.6 another matrix'
[ "$seen" = "$expected" ] || { echo "scikit-kinematics behaves differently now" >&2; exit 1; }
