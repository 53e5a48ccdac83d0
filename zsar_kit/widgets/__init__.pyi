from .skeleton_browser import SkeletonBrowser as SkeletonBrowser

__all__ = [
    "SkeletonBrowser",
]
