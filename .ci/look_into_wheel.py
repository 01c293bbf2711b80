"""What must be in the wheel is there, and nothing else is: `python look_into_wheel.py WHEEL PROJECT`."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PACKAGE = "analytics_posthog"


def main(wheel: str, project: str) -> None:
    """Compare the wheel's names with the source tree."""
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in Path(project, PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    source = {path.relative_to(project).as_posix() for path in files}
    packed = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    problems = [f"missing: {name}" for name in sorted(source - packed)]
    problems += [f"does not belong there: {name}" for name in sorted(packed - source)]
    if f"{PACKAGE}/py.typed" not in packed:
        problems.append("missing: py.typed")
    if not any(name.endswith(".html") for name in packed):
        problems.append("missing: the inspector's page")
    if problems:
        sys.exit("\n".join(problems))
    print(f"{Path(wheel).name}: {len(names)} files")


main(*sys.argv[1:])
