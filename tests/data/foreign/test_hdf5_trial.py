"""A file over which the HDF5 library breaks down costs a child process, not this one."""

from __future__ import annotations

import pytest

from tests.extras import needs
from zsar_kit.data.foreign import hdf5_trial
from zsar_kit.data.foreign.hdf5 import array, opened
from zsar_kit.errors import DataError

pytestmark = needs("h5py", "mocap")

#: stands for the library: it ends over one name, waits over another, and reads all others
STAND_IN = """
import json, os, sys, time
for line in sys.stdin:
    name = os.path.basename(json.loads(line))
    if name == "ends.h5":
        os._exit(11)
    if name == "waits.h5":
        time.sleep(600)
    print("read", flush=True)
"""


@pytest.fixture(autouse=True)
def own_child(monkeypatch):
    reader = hdf5_trial._Reader()
    monkeypatch.setattr(hdf5_trial, "_reader", reader)
    yield
    reader.end()


@pytest.fixture
def files(tmp_path):
    def make(name: str):
        import h5py

        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["a/b"] = [1.0, 2.0, 3.0]
            file["texts"] = [b"one", b"two"]
        return tmp_path / f"{name}.h5"

    return make


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    (tmp_path / "stand_in.py").write_text(STAND_IN, encoding="utf-8")
    monkeypatch.setattr(hdf5_trial, "SCRIPT", tmp_path / "stand_in.py")


def test_a_sound_file_is_read_and_the_child_stays(files):
    first, second = files("first"), files("second")
    for path in (first, second, first):
        with opened(path) as file:
            assert array(file, "a/b", path).tolist() == [1.0, 2.0, 3.0]
    child = hdf5_trial._reader._child
    assert child is not None
    assert child.poll() is None
    hdf5_trial.try_reading(files("third"))
    assert hdf5_trial._reader._child is child


def test_a_file_is_tried_once_until_it_changes(files, monkeypatch):
    import h5py

    path, asked = files("once"), []
    genuine = hdf5_trial._ask
    monkeypatch.setattr(hdf5_trial, "_ask", lambda child, path: asked.append(path) or genuine(child, path))
    hdf5_trial.try_reading(path)
    hdf5_trial.try_reading(path)
    assert len(asked) == 1
    with h5py.File(path, "a") as file:
        file["more"] = list(range(1000))
    hdf5_trial.try_reading(path)
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["ends", "waits"])
def test_a_child_that_ends_or_waits_is_an_error_and_the_next_file_is_read(name, files, stand_in, monkeypatch):
    monkeypatch.setattr(hdf5_trial, "PATIENCE", 5.0 if name == "waits" else 60.0)
    with pytest.raises(DataError, match="broke down over this file") as caught, opened(files(name)):
        pass
    assert f"{name}.h5" in str(caught.value)
    assert "write it again" in str(caught.value)
    hdf5_trial.try_reading(files("sound"))
    with pytest.raises(DataError, match="broke down"):  # it was not taken for read
        hdf5_trial.try_reading(files(name))


def test_what_is_no_hdf5_keeps_its_own_message(tmp_path):
    path = tmp_path / "no.h5"
    path.write_bytes(b"no HDF5 " * 100)
    with pytest.raises(DataError, match="not a complete HDF5 file"), opened(path):
        pass
