"""A process that makes calls for some seconds, and writes down which were accepted and which were reported.

Arguments: the server's address, the outbox or "", the file to write to, the seed, the seconds, and the kind: `threads`,
`fork` (the calls are made in forked children), `C` (forked without Python's hooks) or `sync`.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
import threading
import time
from typing import Any

from analytics_posthog import AnalyticsError, Client

POISON = 200  # one in so many events is one that the server never takes


def main() -> None:
    url, outbox, path, seed, seconds, kind = sys.argv[1:]
    longest = int(float(seconds)) + 120
    signal.alarm(longest)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(what: str, names: list[str]) -> None:
        os.write(file, "".join(f"{what} {name}\n" for name in names).encode())

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        note("reported", [message["userId"] for message in messages])

    client = Client(
        "phc_soak",
        url,
        outbox=outbox or None,
        on_error=on_error,
        sync_mode=kind == "sync",
        # A thread that asks for Python's lock at the moment of a fork in C leaves the child hanging, in any program.
        upload_interval=60 if kind == "C" else 0.05,
        timeout=2,
        max_retries=3,
        thread=2,
    )

    def calls(name: str) -> None:
        chance = random.Random(f"{seed} {name}")
        end, number = time.monotonic() + float(seconds), 0
        while time.monotonic() < end:
            number += 1
            user = f"{name}.{number}"
            event = "Poison" if not chance.randrange(POISON) else "Bought"
            try:
                accepted = client.track(user, event, {"size": "x" * chance.randrange(200)})[0]
            except AnalyticsError:  # in sync_mode the call itself says so
                accepted = False
            if accepted:
                note("accepted", [user])
            time.sleep(chance.uniform(0, 0.004))

    os.write(1, b"ready\n")
    if kind in ("fork", "C"):
        fork = os.fork if kind == "fork" else ctypes.PyDLL(None).fork
        children = []
        for number in range(2):
            child = fork()
            if not child:
                signal.alarm(longest)  # a child has no alarm of its parent's
                calls(f"{os.getpid()}.{number}")
                sys.exit(0)
            children.append(child)
        calls(f"{os.getpid()}.parent")
        for child in children:
            os.waitpid(child, 0)
    else:
        threads = [threading.Thread(target=calls, args=(f"{os.getpid()}.{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
