"""SkeletonContext (section 3 of its paper): ``config``, ``method``, ``prompts`` (context reader), ``text_space``."""

from zsar_kit.methods.skeleton_context.config import SkeletonContextConfig
from zsar_kit.methods.skeleton_context.method import SkeletonContext

__all__ = ["SkeletonContext", "SkeletonContextConfig"]
