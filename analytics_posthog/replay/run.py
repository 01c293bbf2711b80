"""Replays one file: reads ahead, sends in order, writes the rejects, and saves how far it is, in this order."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from operator import attrgetter
from typing import TypeAlias

from .._delivery import now
from ..errors import InvalidSetting
from .archive import STDIN, identity, name_of, opened
from .checkpoint import State, check_directory, exists
from .choice import Choice
from .event import LineEvent, Lines
from .reader import Portion, ahead, portions
from .rejects import Reject, Rejects
from .sender import BATCH, Interrupted, PacedSender
from .sent import NOTHING_SENT
from .summary import Summary, consent_counts

# Called after each portion, with what is done of the file so far and its position in bytes, 0 if that isn't known.
OnPortion: TypeAlias = Callable[[Summary, int], object]


class Replay:
    """How files are replayed. Without a `sender` it only counts: nothing is sent or written."""

    def __init__(
        self,
        choice: Choice,
        sender: PacedSender | None,
        *,
        state: str | os.PathLike[str] | None = None,
        rejects: str | os.PathLike[str] | None = None,
        on_portion: OnPortion | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._choice = choice
        self._sender = sender
        self._state = state if sender is not None else None
        self._rejects = Rejects(rejects) if rejects is not None and sender is not None else None
        self._on_portion: OnPortion = on_portion or (lambda summary, position: None)
        self._stop = stop or threading.Event()

    def run(self, url: str) -> Summary:
        """Replay one file from the place where an earlier run stopped, and return the summary of all runs.

        Raises Unreadable for a file that can't be read, DeliveryError, Interrupted and InvalidSetting.
        """
        state = self._state_of(url)
        if state is not None and state.is_whole(self._choice.until):
            return state.summary
        return _File(url, self._choice, self._sender, state, self._rejects).run(self._on_portion, self._stop)

    def earlier(self, url: str) -> tuple[Summary, bool]:
        """Return the summary of earlier runs, and whether the file is done. Raises Unreadable and InvalidSetting."""
        state = self._state_of(url)
        return (Summary(), False) if state is None else (state.summary, state.is_whole(self._choice.until))

    def check(self) -> None:
        """Raise InvalidSetting if the rejects or the state can't be written, before anything is sent."""
        if self._state is not None:
            check_directory(self._state)
        if self._rejects is not None:
            self._rejects.check()

    def _state_of(self, url: str) -> State | None:
        if self._state is None or self._sender is None or url == STDIN:
            return None
        key = sha256(self._sender.key.encode()).hexdigest()
        what = {**identity(url), **self._choice.as_dict(), "host": self._sender.host, "key": key}
        del what["until"]  # a later run may move it
        if exists(self._state, {**what, "set_once": not self._choice.set_once}):
            before, now = ("without", "with") if self._choice.set_once else ("with", "without")
            why = "old traits would overwrite newer ones, or newer ones would not be set"
            raise InvalidSetting(
                f"{url}: an earlier run was {before} --set-once, and this one is {now}: {why}. Do as before, or name "
                "another directory for the state"
            )
        return State(self._state, what)


class _File:
    """The replay of one file."""

    def __init__(
        self, url: str, choice: Choice, sender: PacedSender | None, state: State | None, rejects: Rejects | None
    ) -> None:
        self._url = url
        sent = state.sent if state is not None else NOTHING_SENT
        self._until = choice.until
        self._lines = Lines(name_of(url), choice, sent)
        self._sender = sender
        self._state = state
        self._rejects = rejects
        self._after = sent.first_to_read(choice.until)
        self._written: set[int] = set()
        if rejects is not None and state is not None:
            # An earlier process wrote these, and was killed before it could save its state.
            self._written = rejects.numbers(url, sent.last, state.mark)
            if not rejects.has(state.mark):
                state.mark = rejects.mark()

    def run(self, on_portion: OnPortion, stop: threading.Event) -> Summary:
        summary = self._state.summary if self._state is not None else Summary()
        line, since = self._after, now()
        self._save(line, summary)
        with closing(ahead(self._portions, stop)) as coming:
            for portion in coming:
                if stop.is_set():
                    raise Interrupted("stopped")
                refused = self._sender.send(portion.events) if self._sender is not None else []
                moment = now()
                summary += self._settled(portion, refused, moment - since)
                line, since = portion.line, moment
                if self._state is not None and self._rejects is not None:
                    self._state.mark = self._rejects.mark()
                self._save(line, summary)
                on_portion(summary, portion.position)
        if stop.is_set():
            raise Interrupted("stopped")
        self._save(line, summary, done=True)
        return summary

    def _save(self, line: int, summary: Summary, *, done: bool = False) -> None:
        state = self._state
        if state is not None:
            state.save(state.sent.with_run(line, self._until), summary, done=done or state.done)

    def _portions(self) -> Iterator[Portion]:
        most = self._sender.most if self._sender is not None else BATCH
        with opened(self._url) as file:
            yield from portions(self._url, file, self._lines, after=self._after, most=most)

    def _settled(self, portion: Portion, refused: list[tuple[LineEvent, str]], seconds: float) -> Summary:
        """Write a portion's rejects, and return its summary."""
        rejects = [*portion.rejects, *(Reject(event.number, reason, event.line) for event, reason in refused)]
        if self._rejects is not None:
            new = [reject for reject in rejects if reject.number not in self._written]
            self._rejects.write(self._url, sorted(new, key=attrgetter("number")))
        lost = {id(event) for event, _ in refused}
        sent = [event for event in portion.events if id(event) not in lost] if lost else portion.events
        first, last = portion.first_and_last()
        return Summary(
            delivered=len(sent),
            calls=Counter(event.call for event in sent),
            events=Counter(event.name for event in sent),
            rejected=Counter(reject.reason for reject in rejects),
            skipped=portion.skipped,
            consent=Counter(word for event in sent for word in consent_counts(event.consent)),
            first=first,
            last=last,
            seconds=seconds,
        )
