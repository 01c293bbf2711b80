"""Segment's six calls: each signature makes a message of Segment's form, as Segment's client does.

The rules are Segment's (https://segment.com/docs/connections/spec/). All of them answer `(accepted, message)`: `accepted` is
False if the message can't be sent, of which `on_error` is told. InvalidMessage is raised for a wrong type or a missing id,
and, in sync_mode only, DeliveryError if PostHog can't be reached. `timestamp` is the time of the call if it's left out; a
date is its midnight in UTC. `message_id` makes the event's uuid, by which PostHog counts an event sent twice as one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from .message import Message, or_empty

Id: TypeAlias = "str | int | float | Decimal | UUID"
Timestamp: TypeAlias = "datetime | date | str"
Fields: TypeAlias = "dict[str, Any] | dict[Any, Any]"
Answer: TypeAlias = tuple[bool, Message]


class Calls(ABC):
    """The six calls, made into messages for `_enqueue`."""

    @abstractmethod
    def _enqueue(self, msg: Message) -> Answer:
        """Complete a message and hand it on."""

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
        """Say who a user is: `$identify` with the traits as `$set`. Answers (accepted, message); raises InvalidMessage."""
        return self._enqueue(
            {
                "integrations": or_empty(integrations),
                "anonymousId": anonymous_id,
                "timestamp": timestamp,
                "context": or_empty(context),
                "type": "identify",
                "userId": user_id,
                "traits": or_empty(traits),
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
        """Say what a user did: an event of that name. Answers (accepted, message); raises InvalidMessage."""
        return self._enqueue(
            {
                "integrations": or_empty(integrations),
                "anonymousId": anonymous_id,
                "properties": or_empty(properties),
                "timestamp": timestamp,
                "context": or_empty(context),
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
        """Say that two ids are one user's: `$create_alias`. Answers (accepted, message); raises InvalidMessage."""
        return self._enqueue(
            {
                "integrations": or_empty(integrations),
                "previousId": previous_id,
                "timestamp": timestamp,
                "context": or_empty(context),
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
        """Say which group a user belongs to: `$groupidentify`. Answers (accepted, message); raises InvalidMessage."""
        return self._enqueue(
            {
                "integrations": or_empty(integrations),
                "anonymousId": anonymous_id,
                "timestamp": timestamp,
                "groupId": group_id,
                "context": or_empty(context),
                "userId": user_id,
                "traits": or_empty(traits),
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
        """Say which page a user saw: `$pageview`. Answers (accepted, message); raises InvalidMessage."""
        return self._view("page", user_id, category, name, properties, context, timestamp, anonymous_id, integrations, message_id)

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
        """Say which screen of an app a user saw: `$screen`. Answers (accepted, message); raises InvalidMessage."""
        return self._view("screen", user_id, category, name, properties, context, timestamp, anonymous_id, integrations, message_id)

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
        return self._enqueue(
            {
                "integrations": or_empty(integrations),
                "anonymousId": anonymous_id,
                "properties": or_empty(properties),
                "timestamp": timestamp,
                "category": category,
                "context": or_empty(context),
                "userId": user_id,
                "type": call,
                "name": name,
                "messageId": message_id,
            }
        )
