"""`python -m tests.benchmarks.replay_million`: replays a million messages with the command, then again with Dask.

The command is killed with -9 three times on the way. Prints the time, the memory, and whether each event has arrived:
the set of uuids that came in is compared. `--messages` and `--files` make it smaller.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .archive import digest, uuids, write
from .processes import ROOT, Process, environment
from .rounds import conditions
from .sink import counts
from .sink import uuids as arrived

_KILLS = 3
_COMMAND = ("-m", "analytics_posthog", "replay", "archive", "--rate", "0", "--state", "state")
_DASK = (str(ROOT / "examples" / "replay_on_dask.py"), "archive")


def run(arguments: tuple[str, ...], directory: Path, host: str, kill_at: int | None = None) -> tuple[int, float]:
    """Run Python in a directory, killed when `kill_at` events are in. Return its exit code and peak memory in MB."""
    name = host.rpartition("/")[2]
    variables = {
        **environment(),
        "POSTHOG_HOST": host,
        "POSTHOG_PROJECT_API_KEY": "phc_benchmark",
        "RATE": "0",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen([sys.executable, *arguments], cwd=directory, env=variables)
    while kill_at is not None and process.poll() is None:
        if counts(host.removesuffix(f"/{name}")).get(name, 0) >= kill_at:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.02)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.replay_million", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as made, Process("sink", "uuids") as process:
        sink, directory = process.answer(), Path(made)
        write(directory / "archive", options.messages, options.files)
        print(f"{options.messages:,} messages in {options.files} files. {conditions(1).partition('; ')[2]}", flush=True)
        begin, peak = time.perf_counter(), 0.0
        for number in range(_KILLS + 1):
            kill_at = (number + 1) * options.messages // (_KILLS + 1) if number < _KILLS else None
            code, memory = run(_COMMAND, directory, f"{sink}/command", kill_at)
            peak = max(peak, memory)
            if code != (0 if kill_at is None else -signal.SIGKILL):
                raise RuntimeError(f"ended with {code}")
        # Not before: a process's peak begins with that of the one that started it.
        expected = {"count": options.messages, "digest": digest(uuids(options.messages))}
        same = arrived(sink, "command") == expected
        again = counts(sink)["command"] - options.messages
        print(
            f"The command, killed {_KILLS} times with -9: {time.perf_counter() - begin:.1f} s, at most {peak:.0f} MB, "
            f"{again:,} events sent a second time, all uuids and no others: {same}",
            flush=True,
        )
        for path in directory.glob("state/*"):
            path.unlink()
        begin = time.perf_counter()
        code, _ = run(_DASK, directory, f"{sink}/dask")
        same_by_dask = arrived(sink, "dask") == expected
        seconds = time.perf_counter() - begin
        print(f"Dask, 2 workers: {seconds:.1f} s, exit code {code}, all uuids and no others: {same_by_dask}")
        if not (same and same_by_dask and code == 0):
            sys.exit(1)


if __name__ == "__main__":
    main()
