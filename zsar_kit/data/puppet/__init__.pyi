from .raw_ntu import write_ntu
from .raw_pku import write_pku_mmd
from .sensor import SensorConfig
from .world import PuppetConfig, build_puppet, generate

__all__ = [
    "PuppetConfig",
    "SensorConfig",
    "build_puppet",
    "generate",
    "write_ntu",
    "write_pku_mmd",
]
