"""For an app's own tests: `capture` keeps every call instead of sending it, and `Captured` asserts what was called."""

from .captured import Captured, capture, send_nothing

__all__ = ["Captured", "capture", "send_nothing"]
