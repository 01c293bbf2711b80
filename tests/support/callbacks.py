"""Records what a client reports to its callbacks, and says which numbers `stats()` must give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.posthog_server import Answer, Request

Message = dict[str, Any]
Reported = list[tuple[Exception, list[Message]]]  # the arguments of each call of on_error


class Reports:
    """The arguments of all calls of a client's two callbacks."""

    def __init__(self) -> None:
        self.errors: Reported = []
        self.successes: list[list[Message]] = []

    def options(self) -> dict[str, Any]:
        return {"on_error": lambda *arguments: self.errors.append(arguments), "on_success": self.successes.append}

    @property
    def lost(self) -> list[Message]:
        return [message for _, messages in self.errors for message in messages]

    @property
    def delivered(self) -> list[Message]:
        return [message for messages in self.successes for message in messages]


def stats(accepted: int = 0, delivered: int = 0, failed: int = 0, refused: int = 0, queued: int = 0) -> dict[str, int]:
    return {"accepted": accepted, "delivered": delivered, "failed": failed, "refused": refused, "queued": queued}


def refusing(*users: str, status: int = 400) -> Callable[[Request], Answer | None]:
    """Answers `status` to a batch that has an event of one of these users, as PostHog does for one bad event."""

    def answer(request: Request) -> Answer | None:
        there = {event["distinct_id"] for event in request.json()["batch"]}
        return (status, {}, b"{}") if there & set(users) else None

    return answer
