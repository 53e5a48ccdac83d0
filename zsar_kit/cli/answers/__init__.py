"""What the commands of ``zsar`` say: functions that do the work and return the text to show.

A command imports its answer only when it runs, so that ``--help`` and small commands start at once.
"""
