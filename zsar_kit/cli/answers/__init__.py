"""The answers of the commands of ``zsar``: functions that do the work and return the text to print.

A command imports its answer only when it runs, so that ``--help`` and small commands start at once.
"""
