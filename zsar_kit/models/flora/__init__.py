"""Flora's networks and losses: ``attunement`` (4.2), ``cross_vae`` (4.2), the flow's ``path``, ``objective`` and
``scoring`` (4.3), its velocity fields (``dit``, ``velocity``), and the classifiers it is compared with (Table 5).
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
