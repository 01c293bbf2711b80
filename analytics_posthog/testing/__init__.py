"""For an app's own tests: `capture` keeps every call instead of sending it, and `Captured` asserts what was called."""

from .captured import Captured, capture
from .capturing import Nothing, begin, end

__all__ = ["Captured", "Nothing", "begin", "capture", "end"]
