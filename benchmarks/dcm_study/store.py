"""Runs of a study in a file, one JSON object a line, so that a study can stop and go on, or run in many places."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["add", "collect", "read"]

Run = dict[str, Any]


def read(file: Path) -> list[Run]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def add(file: Path, run: Run) -> None:
    with file.open("a") as stream:
        stream.write(json.dumps(run) + "\n")


def collect(folder: Path, pattern: str, file: Path, key: Callable[[Run], Any]) -> None:
    """Add the runs of all matching files in a folder; of two with one key the later stays, sorted by key."""
    runs = {key(run): run for part in (file, *sorted(folder.glob(pattern))) for run in read(part)}
    file.write_text("".join(json.dumps(runs[k]) + "\n" for k in sorted(runs)))
