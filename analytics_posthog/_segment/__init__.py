"""Segment's own SDK beside this package: dual running, and `install_as_segment()`."""

from .dual import Both, Segment, SegmentSettings
from .install import install_as_segment

__all__ = ["Both", "Segment", "SegmentSettings", "install_as_segment"]
