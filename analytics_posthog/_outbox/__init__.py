"""Keeps messages on disk until PostHog has taken them."""

from .contents import Contents, contents, messages
from .directory import ready
from .outbox import Outbox

__all__ = ["Contents", "Outbox", "contents", "messages", "ready"]
