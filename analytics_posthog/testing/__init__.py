"""For an app's own tests: a capture keeps every call instead of sending it, and says what was called."""

from .captured import Captured, capture

__all__ = ["Captured", "capture"]
