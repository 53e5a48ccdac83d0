"""Experiments, in four rooms: ``pipeline`` (from raw files to features and texts), ``runs`` (one fit and its folder),
``studies`` (many runs: suites and ablations) and ``reports`` (tables and figures of finished runs).

A room imports only those before it.
"""
