"""Readers of raw skeleton files; :func:`zsar_kit.data.readers.registry.plan_dataset` finds them by name."""
