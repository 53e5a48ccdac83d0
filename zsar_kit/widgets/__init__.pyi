from .skeleton_browser import SkeletonBrowser
from .stage import Body, Stage

__all__ = [
    "Body",
    "SkeletonBrowser",
    "Stage",
]
