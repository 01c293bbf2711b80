"""Each delivery has the four methods of the protocol, with its parameters, and no other public one."""

from __future__ import annotations

import inspect

import pytest

from analytics_posthog._delivery import Delivery, PostHog
from analytics_posthog._outbox import Outbox
from analytics_posthog._segment import Dual
from analytics_posthog.testing.capturing import _KeepingDelivery

METHODS = ["close", "drain", "flush", "hurry", "send"]


def public(kind: type) -> list[str]:
    return sorted(name for name in vars(kind) if not name.startswith("_"))


@pytest.mark.parametrize("kind", [Delivery, PostHog, Outbox, Dual, _KeepingDelivery])
def test_a_delivery_has_five_methods(kind: type) -> None:
    assert public(kind) == METHODS
    for name in METHODS:
        assert inspect.signature(getattr(kind, name)) == inspect.signature(getattr(Delivery, name))


@pytest.mark.parametrize("kind", [PostHog, Outbox])
def test_outcomes_come_back_through_one_constructor_argument(kind: type) -> None:
    assert list(inspect.signature(kind).parameters)[-1] == "on_outcome"
