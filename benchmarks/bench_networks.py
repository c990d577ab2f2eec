"""Modular networks beside the controls that every claim needs, at equal size and on the same splits.

Run ``python benchmarks/bench_networks.py --store FILE`` to measure (it goes on where FILE ends), ``--only modules`` for
one part, ``--write`` to store the page in docs/benchmarks/networks.md; ``--collect FOLDER`` measures nothing and reads
what was stored there. Parts and their tables are in networks_study/.
"""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import sklearn
import torch

from networks_study import page, parts

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "networks.md"


Measured = dict[str, dict[str, Any]]  # part, seed


def measure(arguments: argparse.Namespace) -> Measured:
    """Measure what is missing in the store."""
    measured: Measured = {}
    for part in arguments.only:
        file = Path(f"{arguments.store}.{part}.json") if arguments.store else None
        known: dict[str, Any] = json.loads(file.read_text()) if file and file.is_file() else {}
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            if str(seed) not in known:
                known[str(seed)] = parts.PARTS[part](seed)
                print(part, seed, json.dumps(known[str(seed)]), flush=True)
                if file:
                    file.write_text(json.dumps(known, indent=1))
        measured[part] = known
    return measured


def collected(folders: list[Path]) -> Measured:
    """All that was stored in some folders as <anything>.<part>.json; a later folder takes precedence."""
    measured: Measured = {}
    for folder in folders:
        for part in parts.PARTS:
            for file in sorted(folder.glob(f"*.{part}.json")):
                measured.setdefault(part, {}).update(json.loads(file.read_text()))
    return {part: dict(sorted(runs.items(), key=lambda run: int(run[0]))) for part, runs in measured.items()}


def main() -> None:
    """Measure or collect, and print or store the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the tables in docs/benchmarks/networks.md")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=list(parts.PARTS), default=list(parts.PARTS))
    parser.add_argument("--store", type=Path, help="files <store>.<part>.json of what was measured")
    parser.add_argument("--collect", nargs="+", type=Path, metavar="FOLDER", help="measure nothing, read such files")
    arguments = parser.parse_args()
    measured = collected(arguments.collect) if arguments.collect else measure(arguments)
    versions = {"python": platform.python_version(), "sklearn": sklearn.__version__, "torch": torch.__version__}
    text = page.page(measured, versions)
    print(text)
    if arguments.write:
        TARGET.write_text(text)
        print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
