"""Other people's packages, unchanged, after install_as_segment(): what arrives in PostHog.

python -m tests.third_party [part of a name ...]

Each is installed from the package index, with this project, in an environment of its own, which is deleted afterwards.
Takes about ten minutes, and the network.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.support.posthog_server import PostHogServer

from .packages import PACKAGES, Package

ROOT = Path(__file__).parents[2]
INSTALL = 900  # seconds
USE = 120  # seconds
BEFORE = """
import os
import analytics_posthog
analytics_posthog.install_as_segment(legacy={legacy}, write_key="phc_key", host=os.environ["URL"])
"""
VERSION = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


class Used(NamedTuple):
    """What came of a package. `said` is what it wrote, if it failed."""

    version: str
    arrived: Counter[str]
    keys: set[str]
    status: int
    said: str


def name_of(package: Package) -> str:
    """Return the package's own name in the index."""
    return package.requirements.split()[0].partition("==")[0]


def use(package: Package) -> Used:
    """Install a package and use it."""
    with tempfile.TemporaryDirectory() as folder, PostHogServer() as server:
        python = str(Path(folder) / "venv" / "bin" / "python")
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True, timeout=INSTALL)
        install = [python, "-m", "pip", "install", "-q", *package.requirements.split(), str(ROOT)]
        installed = subprocess.run(install, capture_output=True, text=True, timeout=INSTALL, check=False)
        if installed.returncode:
            return Used("", Counter(), set(), installed.returncode, installed.stderr)
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        variables |= {"URL": server.url, "HOME": folder, "NO_PROXY": "127.0.0.1", **dict(package.environment)}
        code = BEFORE.format(legacy=package.legacy) + package.use
        done = subprocess.run(
            [python, "-c", code], cwd=folder, env=variables, capture_output=True, text=True, timeout=USE, check=False
        )
        version = subprocess.run(
            [python, "-c", VERSION, name_of(package)], capture_output=True, text=True, check=True
        ).stdout
        keys = {batch["api_key"] for batch in server.batches}
        arrived = Counter(event["event"] for event in server.unique_events())
    return Used(version.strip(), arrived, keys, done.returncode, done.stdout + done.stderr)


def main() -> int:
    """Return how many packages did not do as they should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    names = parser.parse_args().names
    wrong = 0
    print("| package | version | events expected | arrived | |\n|---|---|--:|--:|---|")
    for package in PACKAGES:
        if names and not any(name in name_of(package) for name in names):
            continue
        used = use(package)
        is_right = (used.status, used.arrived) == (0, Counter(package.events)) and used.keys <= {"phc_key"}
        wrong += not is_right
        name, expected, arrived = name_of(package), len(package.events), sum(used.arrived.values())
        note = package.why_not or ("" if is_right else f"wrong: {used.status} {dict(used.arrived)} {used.said[-2000:]}")
        print(f"| {name} | {used.version} | {expected} | {arrived} | {note} |", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
