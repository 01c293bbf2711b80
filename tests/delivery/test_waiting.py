"""The queue between the calls and the threads that send: as `queue.Queue`, but no call takes a lock in it."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from analytics_posthog._delivery import Waiting
from tests.support.clock import seconds_of, within


def test_items_come_out_in_their_order() -> None:
    waiting: Waiting[int] = Waiting()
    for number in range(5):
        waiting.put(number)
    assert [waiting.get() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert waiting.empty()


def test_a_full_queue_refuses_at_once_or_after_the_timeout() -> None:
    waiting: Waiting[int] = Waiting(2)
    waiting.put(1)
    waiting.put_nowait(2)
    assert waiting.full()
    with pytest.raises(queue.Full):
        waiting.put_nowait(3)
    begun = time.monotonic()
    with pytest.raises(queue.Full):
        waiting.put(3, timeout=0.2)
    assert time.monotonic() - begun >= 0.2
    assert waiting.qsize() == 2


def test_a_put_goes_on_as_soon_as_there_is_room() -> None:
    waiting: Waiting[int] = Waiting(1)
    waiting.put(1)
    threading.Timer(0.05, waiting.get).start()
    assert seconds_of(lambda: waiting.put(2, timeout=10)) < 5
    assert waiting.get(timeout=0) == 2


def test_an_empty_queue_answers_at_once_or_after_the_timeout() -> None:
    waiting: Waiting[int] = Waiting()
    with pytest.raises(queue.Empty):
        waiting.get_nowait()
    with pytest.raises(queue.Empty):
        waiting.get(timeout=0.05)


def test_join_waits_until_all_that_was_put_is_done() -> None:
    waiting: Waiting[int] = Waiting()
    waiting.put(1)
    waiting.put(2)
    assert waiting.take(10) == [1, 2]
    assert waiting.unfinished_tasks == 2
    threading.Timer(0.05, waiting.task_done, [2]).start()
    with within(5):
        waiting.join()
    assert waiting.unfinished_tasks == 0
    with pytest.raises(ValueError, match="too many"):
        waiting.task_done()


def test_a_take_ends_with_the_first_item_after_which_none_fits() -> None:
    waiting: Waiting[int] = Waiting()
    for number in range(6):
        waiting.put(number)
    assert waiting.take(5, lambda number: number < 2) == [0, 1, 2]
    assert waiting.take(2) == [3, 4]
    assert waiting.unfinished_tasks == 6


def test_no_item_is_lost_and_none_is_taken_twice_with_many_threads_at_both_ends() -> None:
    waiting: Waiting[int] = Waiting(50)
    got: list[int] = []

    def take() -> None:
        while True:
            items = waiting.take(7)
            got.extend(items)
            waiting.task_done(len(items))
            if -1 in items:
                return
            if not items:
                waiting.wait(10, lambda: False)

    takers = [threading.Thread(target=take) for _ in range(3)]
    putters = [
        threading.Thread(target=lambda first=first: [waiting.put(n) for n in range(first, first + 2000)])
        for first in range(0, 16000, 2000)
    ]
    with within(60):
        for thread in takers + putters:
            thread.start()
        for thread in putters:
            thread.join()
        waiting.join()
        for _ in range(21):  # seven at most are taken at a time
            waiting.put(-1)
        for thread in takers:
            thread.join()
    assert sorted(number for number in got if number >= 0) == list(range(16000))


def test_a_wait_ends_with_an_item_with_wake_and_with_what_is_awaited() -> None:
    waiting: Waiting[int] = Waiting()
    threading.Timer(0.05, waiting.put, [1]).start()
    assert seconds_of(lambda: waiting.wait(10, lambda: False)) < 5
    assert seconds_of(lambda: waiting.wait(10, lambda: False)) < 5  # the item is still there
    waiting.get()
    threading.Timer(0.05, waiting.wake).start()
    assert seconds_of(lambda: waiting.wait(10, lambda: False)) < 5
    assert seconds_of(lambda: waiting.wait(10, lambda: True)) < 5
    waiting.wait(0.01, lambda: False)
