"""A table of servers and workers that get SIGTERM just after their last call: how much was sent, how much arrived.

python -m tests.servers [--client analytics_posthog|segment|posthog] [part of a name ...]
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
from collections.abc import Iterator

from tests.servers.run import free_port, is_listening, run, wait
from tests.servers.table import SERVERS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description="What arrives of 20 calls.")
    parser.add_argument("names", nargs="*", help="parts of servers' names; all without one")
    parser.add_argument("--client", choices=["analytics_posthog", "segment", "posthog"], default="analytics_posthog")
    options = parser.parse_args()
    print(f"| {'server':<36} | sent | arrived | seconds | status |\n|{'-' * 38}|-----:|--------:|--------:|-------:|")
    with redis() as url:
        for server in SERVERS:
            if not options.names or any(name in server.name for name in options.names):
                sent, arrived, seconds, status = run(server, options.client, url)
                print(f"| {server.name:<36} | {sent:4} | {arrived:7} | {seconds:7.1f} | {status:6} |", flush=True)


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A redis-server of our own; "" where there is none."""
    command = shutil.which("redis-server")
    if command is None:
        yield ""
        return
    port = free_port()
    process = subprocess.Popen([command, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
    try:
        wait(lambda: is_listening(port))
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
