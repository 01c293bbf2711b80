"""Segment's own SDK beside this package: dual running, and `install_as_segment()`."""

from .dual import Dual
from .install import install_as_segment

__all__ = ["Dual", "install_as_segment"]
