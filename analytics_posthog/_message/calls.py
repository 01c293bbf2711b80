"""Segment's six calls, with Segment's signatures. Each one makes a message and hands it on to `_enqueue`.

The rules are Segment's (https://segment.com/docs/connections/spec/). Every call returns `(accepted, message)`.
`accepted` is False if the message can't be sent; the reason is reported to `on_error`. A call raises InvalidMessage for
a wrong type or a missing id. In sync_mode it also raises DeliveryError, if the message can't be delivered. Without a
`timestamp`, a message gets the time of the call; a date is its midnight in UTC. Two calls with the same `message_id`
count as one.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from uuid import UUID

from .._interrupts import is_interrupt
from .message import Message, check
from .request import current_request

Id: TypeAlias = "str | int | float | Decimal | UUID"
Timestamp: TypeAlias = "datetime | date | str"
Fields: TypeAlias = "dict[str, Any] | dict[Any, Any]"
Answer: TypeAlias = tuple[bool, Message]


class Calls:
    """The six calls, for a class that has `_enqueue`."""

    if TYPE_CHECKING:  # not abstract: a metaclass here would forbid `class Mine(Client, metaclass=Theirs)`

        def _enqueue(self, msg: Message) -> Answer:
            """Complete a message and hand it on."""
            ...

    _is_changed: ClassVar[bool] = False  # `_enqueue` is a subclass's own, which may change the message

    def _called(self, msg: Message) -> Answer:
        request = current_request()
        if request is not None:
            msg = request.added_to(msg)
        if self._is_changed:
            check(msg)  # Segment's client checks before `_enqueue`, ours in it
        return self._enqueue(msg)

    def identify(
        self,
        user_id: Id | None = None,
        traits: Fields | None = None,
        context: Fields | None = None,
        timestamp: Timestamp | None = None,
        anonymous_id: Id | None = None,
        integrations: Fields | None = None,
        message_id: Id | None = None,
    ) -> Answer:
        """Say who a user is, with the user's traits. Returns (accepted, message); raises InvalidMessage."""
        return self._called(
            {
                "integrations": _or_empty(integrations),
                "anonymousId": anonymous_id,
                "timestamp": timestamp,
                "context": _or_empty(context),
                "type": "identify",
                "userId": user_id,
                "traits": _or_empty(traits),
                "messageId": message_id,
            }
        )

    def track(
        self,
        user_id: Id | None = None,
        event: str | None = None,
        properties: Fields | None = None,
        context: Fields | None = None,
        timestamp: Timestamp | None = None,
        anonymous_id: Id | None = None,
        integrations: Fields | None = None,
        message_id: Id | None = None,
    ) -> Answer:
        """Say what a user did. Returns (accepted, message); raises InvalidMessage."""
        return self._called(
            {
                "integrations": _or_empty(integrations),
                "anonymousId": anonymous_id,
                "properties": _or_empty(properties),
                "timestamp": timestamp,
                "context": _or_empty(context),
                "userId": user_id,
                "type": "track",
                "event": event,
                "messageId": message_id,
            }
        )

    def alias(
        self,
        previous_id: Id | None = None,
        user_id: Id | None = None,
        context: Fields | None = None,
        timestamp: Timestamp | None = None,
        integrations: Fields | None = None,
        message_id: Id | None = None,
    ) -> Answer:
        """Say that two ids belong to one user. Returns (accepted, message); raises InvalidMessage."""
        return self._called(
            {
                "integrations": _or_empty(integrations),
                "previousId": previous_id,
                "timestamp": timestamp,
                "context": _or_empty(context),
                "userId": user_id,
                "type": "alias",
                "messageId": message_id,
            }
        )

    def group(
        self,
        user_id: Id | None = None,
        group_id: Id | None = None,
        traits: Fields | None = None,
        context: Fields | None = None,
        timestamp: Timestamp | None = None,
        anonymous_id: Id | None = None,
        integrations: Fields | None = None,
        message_id: Id | None = None,
    ) -> Answer:
        """Say which group a user is in, with the group's traits. Returns (accepted, message); raises InvalidMessage."""
        return self._called(
            {
                "integrations": _or_empty(integrations),
                "anonymousId": anonymous_id,
                "timestamp": timestamp,
                "groupId": group_id,
                "context": _or_empty(context),
                "userId": user_id,
                "traits": _or_empty(traits),
                "type": "group",
                "messageId": message_id,
            }
        )

    def page(
        self,
        user_id: Id | None = None,
        category: str | None = None,
        name: str | None = None,
        properties: Fields | None = None,
        context: Fields | None = None,
        timestamp: Timestamp | None = None,
        anonymous_id: Id | None = None,
        integrations: Fields | None = None,
        message_id: Id | None = None,
    ) -> Answer:
        """Say which page a user saw. Returns (accepted, message); raises InvalidMessage."""
        return self._view(
            "page", user_id, category, name, properties, context, timestamp, anonymous_id, integrations, message_id
        )

    def screen(
        self,
        user_id: Id | None = None,
        category: str | None = None,
        name: str | None = None,
        properties: Fields | None = None,
        context: Fields | None = None,
        timestamp: Timestamp | None = None,
        anonymous_id: Id | None = None,
        integrations: Fields | None = None,
        message_id: Id | None = None,
    ) -> Answer:
        """Say which screen of an app a user saw. Returns (accepted, message); raises InvalidMessage."""
        return self._view(
            "screen", user_id, category, name, properties, context, timestamp, anonymous_id, integrations, message_id
        )

    def _view(
        self,
        call: str,
        user_id: Id | None,
        category: str | None,
        name: str | None,
        properties: Fields | None,
        context: Fields | None,
        timestamp: Timestamp | None,
        anonymous_id: Id | None,
        integrations: Fields | None,
        message_id: Id | None,
    ) -> Answer:
        return self._called(
            {
                "integrations": _or_empty(integrations),
                "anonymousId": anonymous_id,
                "properties": _or_empty(properties),
                "timestamp": timestamp,
                "category": category,
                "context": _or_empty(context),
                "userId": user_id,
                "type": call,
                "name": name,
                "messageId": message_id,
            }
        )


def _or_empty(value: Any) -> Any:
    """Return {} for an empty value, as Segment's `value or {}`. A value that can't say so stays as it is."""
    try:
        return value or {}
    except Exception as error:  # numpy's arrays raise, for one; the check of the type then says what is wrong
        if is_interrupt(error):
            raise
        return value
