"""Readers of raw skeleton files; :func:`zsar_kit.data.readers.registry.open_dataset` finds them by name."""
