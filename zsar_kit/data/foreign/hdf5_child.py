"""Reads HDF5 files whole, in a process of its own: a damaged one may end the process inside the library.

Started as a script by :mod:`~zsar_kit.data.foreign.hdf5_trial`, so it imports nothing of the kit. Each line of standard
input is a path as JSON; the answer is a line as soon as everything in the file was read, or raised an error.
"""

import contextlib
import json
import sys


def main(most: int) -> None:
    """Answer until standard input ends.

    Args:
        most: values of the largest data set that is read.
    """
    import h5py

    for line in sys.stdin:
        # What raises an error here does so again where the file is read in earnest, with a message of its own.
        with contextlib.suppress(Exception), h5py.File(json.loads(line), "r") as file:
            file.visititems(lambda _, thing: _read(thing, h5py, most))
            dict(file.attrs)
        sys.stdout.write("read\n")
        sys.stdout.flush()


def _read(thing, h5py, most: int) -> None:
    with contextlib.suppress(Exception):
        dict(thing.attrs)
    with contextlib.suppress(Exception):
        inside = isinstance(thing, h5py.Dataset) and not (thing.is_virtual or thing.external)
        if inside and thing.shape is not None and thing.size <= most:
            thing[()]


if __name__ == "__main__":
    main(int(sys.argv[1]))
