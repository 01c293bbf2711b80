"""A script that makes its calls and then waits."""

import time

from calls import call

for number in range(20):
    call(f"u{number}")
time.sleep(60)
