#!/usr/bin/env bash
# NumPy 2.4.6: `numpy.save` to a disk that is full for the last bytes of an array leaves a short file and no error.
#
# The array goes through a buffered C stream of its own. If the disk refuses while the array is copied, OSError is
# raised; if it refuses what is left in the buffer when that stream is closed, at most some kilobytes, nothing is said,
# and the program ends with exit code 0. `numpy.load` then says that the file is too short. Seen with NumPy 2.4.6 on
# Python 3.11 and Linux; the limit on the size of a file stands for the full disk here. This project writes the header
# itself and the array's bytes through Python's own stream, which reports it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "numpy==2.4.6" 2>/dev/null
cd "$folder"
seen=$(venv/bin/python -c '
import os, resource, signal
import numpy as np

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as on a full disk: an error of the write, no signal
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
said = []
for count in (508, 600):  # 4192 and 4928 bytes with the header
    try:
        np.save("array.npy", np.zeros(count))
        said.append("nothing")
    except OSError:
        said.append("OSError")
    said.append(os.path.getsize("array.npy"))
print(*said)')
echo "96 bytes too many and the size left, 832 too many and the size left: $seen"
[ "$seen" = "nothing 4096 OSError 4096" ] || { echo "NumPy behaves differently now" >&2; exit 1; }
