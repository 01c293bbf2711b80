"""Subclasses of Client as apps have them. Each function makes one of the class that it is given."""

from __future__ import annotations

from typing import Any, Final


def own_enqueue(base: Any) -> type:
    """Change each message before it is queued."""

    class Own(base):  # type: ignore[misc]
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            self.seen.append(sorted(msg))
            msg["context"]["app"] = {"name": "shop"}
            return super()._enqueue(msg)

    return Own


def no_super(base: Any) -> type:
    """Keep each message."""

    class Own(base):  # type: ignore[misc]
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            self.seen.append(msg["type"])
            return True, msg

    return Own


def own_ends(base: Any) -> type:
    """Do something of its own at each end."""

    class Own(base):  # type: ignore[misc]
        def flush(self) -> None:
            self.seen.append("flush")
            super().flush()

        def join(self) -> None:
            self.seen.append("join")
            super().join()

    return Own


def no_message_id(base: Any) -> type:
    """Leave the id to the client."""

    class Own(base):  # type: ignore[misc]
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            del msg["messageId"]
            return super()._enqueue(msg)

    return Own


def own_init(base: Any) -> type:
    """Make no client at all."""

    class Own(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.send = False

    return Own


def metaclass(base: Any) -> type:
    """Have a metaclass."""
    return type(type(base))("Meta", (type(base),), {})("Own", (base,), {})  # type: ignore[no-any-return]


def own_type(base: Any) -> type:
    """Give a type that is none."""

    class Own(base):  # type: ignore[misc]
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            msg["type"] = 5
            return super()._enqueue(msg)

    return Own


SUBCLASSES: Final = (own_enqueue, no_super, own_ends, no_message_id, own_init, metaclass, own_type)
