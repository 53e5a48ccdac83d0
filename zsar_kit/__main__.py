"""``python -m zsar_kit`` is the command line ``zsar``."""

from zsar_kit.cli import entry_point

if __name__ == "__main__":
    entry_point()
