"""The same fits on the processor and on a GPU: seconds, and whether the answers agree.

Run ``python benchmarks/bench_gpu.py`` on a machine with CUDA, with ``--store FILE`` to keep each result as it comes,
``--write`` to store the page in docs/benchmarks/gpu.md, ``--only NAME`` for one task. Small ones are there on purpose:
a GPU starts an operation no sooner than a processor does.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split

from dcm_study.models import confounded_model, distance
from modpart._torch.stacked import StackedTrainer
from modpart.causal import CausalGraph, ModularDCM
from modpart.datasets import make_ten_inputs
from modpart.networks import ModularNetClassifier
from modpart.partition import ActivePartitioner, BayesianExpert, MLPExpert
from networks_study.parts import image_net

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "gpu.md"
Outcome = tuple[float, str, float]  # seconds, what is measured, its value

PAGE = """\
# On a GPU

{gpu}; processor: {threads} threads of the same machine, whose other cores were busy with other work. Python {python},
torch {torch}. Wall-clock seconds of one run with one seed, after a first operation that starts CUDA. Made by
`python benchmarks/bench_gpu.py --write`.

{table}

The last two columns say what came out on each: random numbers are drawn on the processor in either case, so what
differs is the order in which sums are taken, and where training goes from there.

"""


def regimes(n_rows: int) -> Callable[[str], Outcome]:
    """Active partitioning by evidence, ten inputs."""

    def run(device: str) -> Outcome:
        X, y, truth = make_ten_inputs(n_rows, random_state=0)
        start = time.perf_counter()
        model = ActivePartitioner(BayesianExpert(device=device), gate="logistic", random_state=0).fit(X, y)
        seconds = time.perf_counter() - start
        return seconds, "adjusted Rand index of the winners", adjusted_rand_score(truth, model.winner_labels_)

    return run


def one_net(device: str) -> Outcome:
    """One network of two layers of 512 units, 100,000 rows, five epochs."""
    X, y, _ = make_ten_inputs(100_000, random_state=0)
    new, target, _ = make_ten_inputs(10_000, random_state=1)
    start = time.perf_counter()
    model = MLPExpert((512, 512), batch_size=2000, max_epochs=5, lr=1e-3, device=device, random_state=0).fit(X, y)
    return time.perf_counter() - start, "R2 on new rows", model.score(new, target)


def stack(device: str) -> Outcome:
    """Ten stacked networks of two layers of 128 units, 100,000 rows: five epochs, then all predict all rows."""
    X, y, _ = make_ten_inputs(100_000, random_state=0)
    labels = np.arange(len(y)) % 10
    start = time.perf_counter()
    trainer = StackedTrainer(X.shape[1], (128, 128), seed=0, lr=1e-3, batch_size=1000, device=device)
    trainer.grow(10)
    trainer.train(X, y, labels, 5)
    error = float(((trainer.predict_all(X) - y[:, None]) ** 2).mean() / y.var())
    return time.perf_counter() - start, "mean squared error / variance", error


def causal(text: str, **settings: Any) -> Callable[[str], Outcome]:
    """A causal network on 20,000 rows, and its answer to P(Y | do(X))."""

    def run(device: str) -> Outcome:
        graph = CausalGraph(text)
        law = confounded_model(graph, 3, 100)
        data = law.sample(20_000, 0)
        start = time.perf_counter()
        model = ModularDCM(graph, device=device, random_state=0, **settings).fit(data)
        seconds = time.perf_counter() - start
        errors = []
        for x in range(3):
            drawn = model.sample(200_000, variables="Y", do={"X": x}, random_state=0)["Y"]
            shares = drawn.value_counts(normalize=True).reindex(range(3), fill_value=0.0).to_numpy()
            errors.append(distance(shares, law.distribution(["Y"], {"X": x})))
        return seconds, "total variation distance to the truth", float(np.mean(errors))

    return run


def draws(device: str) -> Outcome:
    """Ten million draws of Y under do(X) from six discrete nodes."""
    graph = CausalGraph(FRONT_DOOR)
    data = confounded_model(graph, 3, 100).sample(20_000, 0)
    model = ModularDCM(graph, loss="likelihood", max_steps=50, device=device, random_state=0).fit(data)
    start = time.perf_counter()
    share = (model.sample(10_000_000, variables="Y", do={"X": 1}, random_state=0)["Y"] == 1).mean()
    return time.perf_counter() - start, "share of Y = 1", float(share)


def pictures(device: str) -> Outcome:
    """A critic and a generator of 8 x 8 digits that X chooses, X and Y confounded."""
    rng = np.random.default_rng(0)
    digits = load_digits()
    kinds = [digits.images[digits.target == digit] / 8.0 - 1.0 for digit in (0, 1)]
    hidden = rng.random(4000) < 0.5
    X = np.where(rng.random(4000) < 0.85, hidden, ~hidden).astype(int)
    shown = np.where(rng.random(4000) < 0.9, X, 1 - X)
    image = np.stack([kinds[digit][rng.integers(len(kinds[digit]))] for digit in shown])[:, None]
    Y = (rng.random(4000) < 0.2 + 0.3 * shown + 0.4 * hidden).astype(int)
    start = time.perf_counter()
    model = ModularDCM("X -> image -> Y; X <-> Y", loss="auto", max_steps=600, device=device, random_state=0)
    model.fit({"X": X, "image": image, "Y": Y})
    seconds = time.perf_counter() - start
    effect = [model.sample(20_000, variables=["Y"], do={"X": x}, random_state=0)["Y"].mean() for x in (0, 1)]
    return seconds, "effect of X on Y (truth 0.24)", float(effect[1] - effect[0])


def modular_digits(device: str) -> Outcome:
    """MODA on a convolutional net, 8 x 8 digits, twenty epochs."""
    X, y = load_digits(return_X_y=True)
    X, new, y, target = train_test_split(X / 16.0, y, test_size=0.2, stratify=y, random_state=0)
    model = ModularNetClassifier(
        "moda", module=image_net, standardize=False, max_epochs=20, device=device, random_state=0
    )
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start, "accuracy", model.score(new, target)


def modular_wide(device: str) -> Outcome:
    """MODA on two layers of 1024 units, 20,000 rows of 100 columns in ten classes, ten epochs."""
    X, y = make_classification(20_000, 100, n_informative=40, n_classes=10, class_sep=2.0, random_state=0)
    X, new, y, target = train_test_split(X, y, test_size=0.2, random_state=0)
    model = ModularNetClassifier(
        "moda", hidden_layer_sizes=(1024, 1024), max_epochs=10, batch_size=256, device=device, random_state=0
    )
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start, "accuracy", model.score(new, target)


FRONT_DOOR = "X -> M -> Y; X <-> Y; W -> X; W -> Y; M -> S; S -> T"
EIGHT = "X -> M -> S; X <-> S; S -> N -> Y; S <-> Y; C -> X; C -> S; D -> N; N -> T"
TASKS: dict[str, Callable[[str], Outcome]] = {
    "regimes, 1,000 x 10": regimes(1_000),
    "regimes, 20,000 x 10": regimes(20_000),
    "regimes, 200,000 x 10": regimes(200_000),
    "one network 512-512, 100,000 rows": one_net,
    "ten stacked networks 128-128, 100,000 rows": stack,
    "causal network of 6 nodes, adversarial": causal(FRONT_DOOR),
    "causal network of 8 nodes, adversarial": causal(EIGHT),
    "causal network of 8 nodes, likelihood": causal(EIGHT, loss="likelihood"),
    "causal network with pictures": pictures,
    "ten million draws": draws,
    "MODA, convolutional, 1,437 digits": modular_digits,
    "MODA, 1024-1024, 16,000 rows": modular_wide,
}


def table(found: dict[str, dict[str, Outcome]]) -> str:
    """Markdown: a row for each task."""
    lines = [
        "| task | processor, s | GPU, s | processor / GPU | measured | processor | GPU |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, sides in found.items():
        if {"cpu", "cuda"} <= set(sides):
            (slow, what, left), (fast, _, right) = sides["cpu"], sides["cuda"]
            lines.append(
                f"| {name} | {slow:.2f} | {fast:.2f} | {slow / fast:.1f} | {what} | {left:.4f} | {right:.4f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run what is missing on both devices and print or store the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--devices", nargs="*", choices=["cpu", "cuda"], default=["cuda", "cpu"])
    parser.add_argument("--store", type=Path, help="a file of what was measured, to go on with")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="store the table in docs/benchmarks/gpu.md")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    known: dict[str, Any] = json.loads(options.store.read_text()) if options.store and options.store.is_file() else {}
    if torch.cuda.is_available():
        torch.ones(8, device="cuda").sum().item()
        known["machine"] = [torch.cuda.get_device_name(), platform.python_version(), torch.__version__]
    elif "results" not in known:
        print("torch sees no CUDA device: nothing is measured, and the page stays as it is.")
        return
    results = known.setdefault("results", {})
    for name in options.only:
        for device in options.devices:
            if device not in results.setdefault(name, {}):
                results[name][device] = TASKS[name](device)
                print(name, device, results[name][device], flush=True)
                if options.store:
                    options.store.write_text(json.dumps(known, indent=1))
    gpu, python, version = known.get("machine", ["no GPU", platform.python_version(), torch.__version__])
    hand = "".join(TARGET.read_text().partition("<!-- written by hand -->")[1:]) if TARGET.is_file() else ""
    words = {"gpu": gpu, "threads": options.threads, "python": python, "torch": version}
    page = PAGE.format(**words, table=table(results)) + hand
    print(page)
    if options.write:
        TARGET.write_text(page)


if __name__ == "__main__":
    main()
