"""The one seam between a client and whatever delivers its messages.

PostHog, the outbox and dual running are deliveries. A wrapper holds an inner delivery and calls it. The only call
outward is `on_outcome`, which a delivery gets when it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from .._message import Message
from ..errors import InvalidSetting


class Outcome(NamedTuple):
    """What happened to messages.

    "accepted": they are about to be queued or sent; whoever gets this outcome may still raise, to refuse them.
    "refused": they could not be queued after all, and `send` is about to raise `error`.
    "delivered": PostHog has taken them. "lost": they will not reach PostHog, because of `error`.
    """

    what: str
    error: Exception | None = None


ACCEPTED = Outcome("accepted")
DELIVERED = Outcome("delivered")

OnOutcome: TypeAlias = Callable[[Outcome, list[Message]], Any]


class Delivery(Protocol):
    """Takes messages and delivers them. Any thread may call it; a forked child makes a new one."""

    def send(self, message: Message, size: int | None = None) -> str:
        """Accept a message. Return why it is not to be sent at all, or "".

        `size` is what the pass over its values measured, in bytes; without it, the event is measured here.
        Raises InvalidMessage, MessageTooLarge, QueueFull or ClientShutDown for a message that can't be accepted,
        DeliveryError in sync_mode, and what the app's before_send raises.
        """
        ...

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the messages accepted before. Return whether each of them is settled."""
        ...

    def drain(self, timeout: float, stall: float) -> bool:
        """Wait for all messages: at most `timeout` seconds, and at most `stall` seconds without any progress."""
        ...

    def hurry(self) -> None:
        """Begin to send all at once, for an exit: the limits of a later `drain` count from now."""
        ...

    def close(self) -> None:
        """End the threads without a long wait, and settle what was not sent. No message is accepted afterwards."""
        ...


class NotMade:
    """The delivery of a subclass of Client whose `__init__` does not call `super().__init__()`."""

    def send(self, message: Message, size: int | None = None) -> str:
        """Raise InvalidSetting."""
        raise InvalidSetting("the client can't send: its __init__ must call super().__init__(write_key)")

    def flush(self, timeout: float) -> bool:
        """Return True: nothing was accepted."""
        return True

    def drain(self, timeout: float, stall: float) -> bool:
        """Return True: nothing was accepted."""
        return True

    def hurry(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
