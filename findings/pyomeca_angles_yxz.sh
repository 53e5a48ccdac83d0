#!/usr/bin/env bash
# pyomeca 2026.0.2: asked for angles in the order "yxz", it gives back memory that nobody wrote to.
#
# `Angles.from_rototrans` takes a sequence of axes; its documentation says that every permutation of "xyz" is valid. The
# code allocates the result without a content and has one branch for each sequence, but none for "yxz" and none that
# refuses. So a matrix made by the library itself from angles in that order comes back as whatever the memory held,
# often zeros, which look like a person who stands still; it may change from run to run. The five other orders give
# the angles back. The order y, x, z (turn, then bend, then tilt) is usual for the hips in files of motion capture.
# Below, 1000 frames go from angles to matrices and back, and scipy reads the same matrices as a check. Seen with
# pyomeca 2026.0.2 on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pyomeca==2026.0.2" 2>/dev/null
cd "$folder"
cat > angles.py <<'PY'
import itertools
import warnings

import numpy as np
from pyomeca import Angles, Rototrans
from scipy.spatial.transform import Rotation

warnings.simplefilter("ignore")
angles = np.random.default_rng(1).uniform(-1.2, 1.2, (3, 1, 1000))
for order in map("".join, itertools.permutations("xyz")):
    matrices = Rototrans.from_euler_angles(Angles(angles), order)
    back = Angles.from_rototrans(matrices, order).values
    checked = Rotation.from_matrix(matrices.values[:3, :3].transpose(2, 0, 1)).as_euler(order.upper()).T[:, None]
    verdicts = ["the same" if np.allclose(found, angles) else "something else" for found in (back, checked)]
    print(f"{order}: pyomeca gives {verdicts[0]}, scipy {verdicts[1]}")
PY
seen=$(venv/bin/python angles.py)
echo "$seen"
expected='xyz: pyomeca gives the same, scipy the same
xzy: pyomeca gives the same, scipy the same
yxz: pyomeca gives something else, scipy the same
yzx: pyomeca gives the same, scipy the same
zxy: pyomeca gives the same, scipy the same
zyx: pyomeca gives the same, scipy the same'
[ "$seen" = "$expected" ] || { echo "pyomeca behaves differently now" >&2; exit 1; }
