"""Rivals that live in environments of their own (see ``benchmarks/peers/make_env.sh``), asked through a pipe."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

WORKER = Path(__file__).parents[1] / "peers" / "worker.py"
ENVIRONMENTS = {"Cubist": "new", "datalets": "new", "linear-tree": "old", "M5": "old", "PARC": "old"}


class PeerError(RuntimeError):
    """Why a rival gave no predictions."""


class Peers:
    """Keeps one worker per environment running, and starts another when one has ended."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.workers: dict[str, subprocess.Popen[str]] = {}
        self.exchange = tempfile.TemporaryDirectory()

    def available(self, method: str) -> bool:
        return self.folder is not None and self._python(method).exists()

    def _python(self, method: str) -> Path:
        return Path(self.folder or "", ENVIRONMENTS[method], "bin", "python")

    def _worker(self, method: str) -> subprocess.Popen[str]:
        environment = ENVIRONMENTS[method]
        worker = self.workers.get(environment)
        if worker is None or worker.poll() is not None:
            worker = subprocess.Popen(
                [self._python(method), WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""},
            )
            self.workers[environment] = worker
        return worker

    def predict(self, method: str, problem: Any) -> tuple[np.ndarray, float]:
        """Predictions for the new rows and the seconds of the processor that they took."""
        source, target = (str(Path(self.exchange.name, f"{name}.npz")) for name in ("table", "answer"))
        told = problem.n_regimes or 0
        np.savez(
            source,
            X=problem.X,
            y=problem.y,
            new=problem.new,
            held_out=problem.held_out,
            seed=problem.seed,
            told=told,
        )
        worker = self._worker(method)
        assert worker.stdin is not None and worker.stdout is not None
        worker.stdin.write(f"{method}\t{source}\t{target}\n")
        worker.stdin.flush()
        answer = worker.stdout.readline().strip()
        if answer != "done":
            raise PeerError(answer or "its program ended")
        with np.load(target) as result:
            return result["predictions"], float(result["seconds"])

    def close(self) -> None:
        """End the workers and remove what was exchanged."""
        for worker in self.workers.values():
            worker.communicate()
        self.exchange.cleanup()
