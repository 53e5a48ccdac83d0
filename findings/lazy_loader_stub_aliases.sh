#!/usr/bin/env bash
# lazy-loader 0.6: a package that is loaded lazily from its type stub offers other names than the stub declares.
#
# `attach_stub` reads the imports of the sibling `.pyi`. It drops the `as` of `from .averages import mean as average`
# and does not read the stub's `__all__`. So the name that the stub declares, and that editors and type checkers
# therefore offer, raises AttributeError at run time, and the name that the stub hides is public; no message says so.
# Seen with lazy-loader 0.6 on Python 3.11. In this project every stub imports names without `as`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "lazy-loader==0.6" 2>/dev/null
mkdir "$folder/statistics_kit"
cat > "$folder/statistics_kit/__init__.py" <<'PY'
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
PY
cat > "$folder/statistics_kit/__init__.pyi" <<'PY'
from .averages import mean as average

__all__ = ["average"]
PY
cat > "$folder/statistics_kit/averages.py" <<'PY'
def mean(values):
    return sum(values) / len(values)
PY
cd "$folder"
seen=$(venv/bin/python -c '
import statistics_kit
print(statistics_kit.__all__, hasattr(statistics_kit, "average"), statistics_kit.mean([1, 3]))')
echo "offered, has the declared name, the hidden name works: $seen"
[ "$seen" = "['mean'] False 2.0" ] || { echo "lazy-loader behaves differently now" >&2; exit 1; }
