"""For AWS Lambda, which freezes a process as soon as its handler has returned.

@sends_before_return
def handler(event, context): ...
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

from .._delivery import drain_all

Handler = TypeVar("Handler", bound=Callable[..., Any])
_MARGIN: Final = 0.2  # seconds of the time that is left which are not used
_DEFAULT: Final = 3.0  # seconds, without a context that says what is left; as Lambda's own default


def sends_before_return(handler: Handler) -> Handler:
    """Decorate a handler: what is queued is sent before it returns or raises, within the time that it has left."""

    @wraps(handler)
    def handle(event: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return handler(event, context, *args, **kwargs)
        finally:
            left = getattr(context, "get_remaining_time_in_millis", None)
            drain_all(max(left() / 1000 - _MARGIN, 0) if left is not None else _DEFAULT)

    return handle  # type: ignore[return-value]
