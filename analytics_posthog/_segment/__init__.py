"""Segment's own SDK beside this package: dual running, and `install_as_segment()` with what it pins."""

from .dual import Dual
from .install import install_as_segment
from .pins import pinned

__all__ = ["Dual", "install_as_segment", "pinned"]
