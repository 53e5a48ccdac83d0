from .skeleton_browser import SkeletonBrowser

__all__ = [
    "SkeletonBrowser",
]
