"""Networks trained in pieces beside end-to-end training at equal steps and equal batch normalisation.

Run ``python benchmarks/bench_schedules.py --store FILE`` to measure (it goes on where FILE ends), ``--only local`` for
one part, ``--collect FOLDER`` to put together what several runs stored, ``--write`` to store the page in
docs/benchmarks/schedules.md. Parts and page are in schedules_study/.
"""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import sklearn
import torch

from schedules_study import page, parts

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "schedules.md"


def measure(arguments: argparse.Namespace) -> page.Measured:
    """Measure what is missing in the store."""
    measured: page.Measured = {}
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


def main() -> None:
    """Measure or collect, and print or store the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the tables in docs/benchmarks/schedules.md")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=list(parts.PARTS), default=list(parts.PARTS))
    parser.add_argument("--store", type=Path, help="files <store>.<part>.json of what was measured")
    parser.add_argument("--collect", nargs="+", type=Path, metavar="FOLDER", help="measure nothing, read such files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measured = page.collected(arguments.collect) if arguments.collect else measure(arguments)
    versions = {"python": platform.python_version(), "sklearn": sklearn.__version__, "torch": torch.__version__}
    words = Path(__file__).parent / "schedules_study" / "findings.md"
    text = page.page(measured, versions, words.read_text() if words.is_file() else "")
    print(text)
    if arguments.write:
        TARGET.write_text(text)
        print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
