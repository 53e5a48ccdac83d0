"""zsar_kit: a workbench for zero-shot skeleton action recognition.

>>> import zsar_kit as zk
>>> workspace = zk.Workspace("workspace")  # doctest: +SKIP
>>> config = zk.RunConfig(dataset="puppet", split="23/5", method="ridge", preset="motion")  # doctest: +SKIP
>>> zk.run(config, workspace).result()  # doctest: +SKIP

Importing the package is light: every name below is imported when it is first asked for (``docs/api.md`` lists them).
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
