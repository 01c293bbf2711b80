"""Any order of calls on a ledger gives what a model of it says."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import data, integers

from analytics_posthog._delivery import Ledger, Ticket


class Machine(RuleBasedStateMachine):
    """`open` are the tickets that are admitted and not settled."""

    @initialize()
    def begin(self) -> None:
        self.ledger = Ledger(set())
        self.open: list[Ticket] = []
        self.settled: list[Ticket] = []
        self.closed = False
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    @rule()
    def admit(self) -> None:
        ticket = Ticket({})
        assert self.ledger.admit(ticket) is not self.closed
        if not self.closed:
            self.open.append(ticket)

    @rule(data=data(), number=integers(1, 4))
    def settle(self, data: object, number: int) -> None:
        chosen, self.open = self.open[:number], self.open[number:]
        with self.ledger.settling(chosen + self.settled[:1]) as mine:
            assert mine == chosen  # none is settled twice
            assert self.ledger.flush(self.wake, 5) is (not chosen and not self.open)
        self.settled += chosen

    @rule()
    def withdraw(self) -> None:
        if self.open:
            ticket = self.open.pop()
            assert self.ledger.withdraw(ticket)
            self.settled.append(ticket)
        if self.settled:
            assert not self.ledger.withdraw(self.settled[0])

    @rule()
    def flush(self) -> None:
        assert self.ledger.flush(self.wake, 0) is not bool(self.open)

    @rule()
    def flush_that_another_message_does_not_hold_up(self) -> None:
        def settle_what_was_there() -> None:
            before = list(self.open)
            self.admit()
            with self.ledger.settling(before):
                pass
            self.settled += before
            self.open = [ticket for ticket in self.open if ticket not in before]

        if self.open:
            assert self.ledger.flush(settle_what_was_there, 5)

    @rule()
    def drain(self) -> None:
        assert self.ledger.drain(self.wake, 0, 0) is not bool(self.open)

    @rule()
    def close(self) -> None:
        assert self.ledger.close() is not self.closed
        self.closed = True

    @invariant()
    def nobody_waits(self) -> None:
        assert not self.ledger.hurried()


TestLedger = Machine.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
