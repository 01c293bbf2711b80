"""Random ids of messages, made without giving the interpreter's lock away.

Each `os.urandom()` and `uuid4()` does give it away, the sending thread takes it, and the call waits. So the system
seeds a generator once for each process. The process id is compared at each call because a server like uWSGI forks
without calling Python; asking for it gives no lock away.
"""

from __future__ import annotations

from os import getpid
from random import Random
from typing import Final

_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def new_id() -> str:
    """Return a version 4 UUID's text."""
    global _generator
    process, random_bits = _generator
    if process != getpid():
        _generator = getpid(), Random().getrandbits
        random_bits = _generator[1]
    digits = f"{random_bits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


_generator = getpid(), Random().getrandbits  # of this process
