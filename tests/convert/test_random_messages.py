"""Any message becomes the destination's event, but for the differences that docs/differences.md lists.

`tests/processes/test_ten_thousand_messages.py` sends many more of them to a server.
"""

from __future__ import annotations

from hypothesis import given, settings

from analytics_posthog.convert import to_posthog
from tests.support.random_messages import MESSAGES, Message, differences, named


@settings(max_examples=500, derandomize=True, database=None, deadline=None)
@given(MESSAGES)
def test_each_difference_from_the_destination_is_a_listed_one(message: Message) -> None:
    whole = named(message)
    differences(to_posthog(whole), whole)
