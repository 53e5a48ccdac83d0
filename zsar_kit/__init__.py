"""zsar_kit: a workbench for zero-shot skeleton action recognition.

Importing the package is light; import what you need from its modules, e.g.
``from zsar_kit.data.splits import ClassSplit``.
"""

__version__ = "0.1.0"
