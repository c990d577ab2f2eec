"""Training speed: MLPExpert against a hand-written torch loop and stock skorch, stacked experts against a loop of nets.

Run ``python benchmarks/bench_training.py`` to print the tables and add ``--write`` to store them in
docs/benchmarks/training.md. The contestants take turns, and a ratio is the median of the ratios of neighbouring runs.
Times are processor time, which with one thread is the work done, however busy the machine is.
"""

import argparse
import gc
import os
import platform
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import sklearn
import skorch
import torch
from skorch import NeuralNetRegressor
from torch import nn

from modpart._torch.blocks import MLP
from modpart._torch.init import new_generator
from modpart._torch.stacked import StackedTrainer
from modpart.partition import MLPExpert

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "training.md"
HIDDEN = (16, 16)
LR = 1e-2
STEPS = 320  # about the number of steps of one run, whatever the batch size,
MOST_ROWS = 640_000  # but no more rows than this

PAGE = """\
# Training speed

One torch thread on a shared machine with {cores} cores; Python {python}, torch {torch}, skorch {skorch}, scikit-learn
{sklearn}. Processor time, median of {repeats} rounds in which the contestants take turns; ratios are taken within a
round. Made by `python benchmarks/bench_training.py --write`.

## One net

`MLPExpert` (from a float64 table to fitted numpy weights, skorch inside) and skorch as it comes, with torch's
DataLoader, both against a plain torch loop with the same net (hidden layers 16-16, tanh), fused Adam, batches and
number of steps. 1 means as fast as the plain loop.

{training}

## Ten nets

Ten experts 8-32-32-1 (relu), each trained on its own rows of a 10000 x 8 table: stacked (through skorch, with fused
Adam) against one plain torch loop after the other (fused Adam, too). The times are those of a whole call: from numpy
arrays to trained networks, or to predictions.

{stacked}

All experts predict all rows, from a table to predictions: stacked, and one after the other by bare torch modules (one
float32 tensor made for all, no gradients), by `MLPExpert.predict` and by `predict` of skorch's nets as they come.

{predicted}

Stacking saves what each small operation costs to start: much in training, where there are many; little in prediction,
where ten products per table and layer keep the processor busy. Against bare modules the ratio is what the loop loses
when its activations no longer fit the processor's cache or the memory at hand, and differs from one process to the
next: the products alone, at the speed of large ones, take {floor:.1f} ms for 10000 rows here.
"""


def make_table(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a table that is already standardised."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(n)
    return X, (y - y.mean()) / y.std()


def sequential(sizes: list[int], activation: type[nn.Module]) -> nn.Sequential:
    """A feed-forward net as torch's tutorials write it."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.utils.skip_init(nn.Linear, inputs, outputs), activation()]
    net = nn.Sequential(*layers[:-1])
    source = MLP(sizes, "tanh", new_generator(0))
    with torch.no_grad():
        for linear, weight, bias in zip(net[::2], source.weights, source.biases, strict=True):
            linear.weight.copy_(weight.T)
            linear.bias.copy_(bias)
    return net


def run_expert(X: np.ndarray, y: np.ndarray, batch: int, epochs: int) -> None:
    """Train MLPExpert."""
    size = len(X) if batch == -1 else batch
    MLPExpert(
        HIDDEN, lr=LR, batch_size=size, max_epochs=epochs, n_iter_no_change=epochs + 1, device="cpu", random_state=0
    ).fit(X, y)


def run_by_hand(X: np.ndarray, y: np.ndarray, batch: int, epochs: int) -> None:
    """Train the same net with the loop that one would write without any library."""
    net = sequential([X.shape[1], *HIDDEN, 1], nn.Tanh)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    generator = new_generator(0)
    inputs = torch.tensor(X, dtype=torch.float32)
    targets = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
    size = len(inputs) if batch == -1 else batch
    curve = []
    for _ in range(epochs):
        mixed, aims = inputs, targets
        if size < len(inputs):
            order = torch.randperm(len(inputs), generator=generator)
            mixed, aims = inputs[order], targets[order]
        total = 0.0
        for rows, aim in zip(mixed.split(size), aims.split(size), strict=True):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(net(rows), aim)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        curve.append(total / len(inputs))


def run_stock_skorch(X: np.ndarray, y: np.ndarray, batch: int, epochs: int) -> None:
    """Train the same net with skorch as it comes, fed by torch's DataLoader with an own generator."""
    NeuralNetRegressor(
        sequential([X.shape[1], *HIDDEN, 1], nn.Tanh),
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=LR,
        max_epochs=epochs,
        batch_size=batch,
        train_split=None,
        iterator_train__shuffle=True,
        iterator_train__generator=new_generator(0),
        verbose=0,
    ).fit(X.astype(np.float32), y.astype(np.float32).reshape(-1, 1))


def run_stacked(X: np.ndarray, y: np.ndarray, labels: np.ndarray, batch: int, epochs: int) -> None:
    """Train all experts in one stack."""
    trainer = StackedTrainer(X.shape[1], (32, 32), seed=0, activation="relu", lr=LR, batch_size=batch)
    trainer.grow(int(labels.max()) + 1)
    trainer.train(X, y, labels, epochs)


def run_loop_of_nets(X: np.ndarray, y: np.ndarray, labels: np.ndarray, batch: int, epochs: int) -> None:
    """Train one torch module after the other, each on its own rows, by a hand-written loop."""
    generator = new_generator(0)
    for k in range(int(labels.max()) + 1):
        net = sequential([X.shape[1], 32, 32, 1], nn.ReLU)
        optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
        inputs = torch.tensor(X[labels == k], dtype=torch.float32)
        targets = torch.tensor(y[labels == k], dtype=torch.float32).reshape(-1, 1)
        for _ in range(epochs):
            order = torch.randperm(len(inputs), generator=generator)
            for rows, aim in zip(inputs[order].split(batch), targets[order].split(batch), strict=True):
                optimizer.zero_grad()
                nn.functional.mse_loss(net(rows), aim).backward()
                optimizer.step()


def predict_stacked(trainer: StackedTrainer, X: np.ndarray) -> None:
    """All experts predict all rows, stacked."""
    trainer.predict_all(X)


def predict_loop(nets: list[nn.Sequential], X: np.ndarray) -> None:
    """All experts predict all rows, one module after the other."""
    rows = torch.tensor(X, dtype=torch.float32)
    with torch.no_grad():
        np.concatenate([net(rows).numpy() for net in nets], axis=1)


def predict_each(experts: list[Any], X: np.ndarray) -> None:
    """All experts predict all rows, each by its own `predict`."""
    np.column_stack([expert.predict(X) for expert in experts])


def floor_ms() -> float:
    """What ten nets' products for 10,000 rows would take at the speed of one large product."""
    side = 1024
    first, second, third = torch.randn(512, side), torch.randn(side, side), torch.empty(512, side)
    seconds = np.median(compare([lambda: torch.mm(first, second, out=third)], 20))
    return 1e3 * seconds * 10 * 10_000 * (8 * 32 + 32 * 32 + 32) / (512 * side * side)


def compare(contestants: list[Callable[[], None]], repeats: int) -> np.ndarray:
    """Processor seconds of each contestant in each round, shape (repeats, contestants), in alternating order."""
    for run in contestants:
        run()
    times = np.empty((repeats, len(contestants)))
    for repeat in range(repeats):
        order = range(len(contestants)) if repeat % 2 == 0 else reversed(range(len(contestants)))
        for which in order:
            gc.collect()
            start = process_time()
            contestants[which]()
            times[repeat, which] = process_time() - start
    return times


def training_rows(repeats: int) -> list[str]:
    """Table (a): one line for each table and batch size."""
    lines = [
        "| rows x columns | batch | by hand, ms per step | MLPExpert / by hand | stock skorch / by hand |",
        "|---|---|---|---|---|",
    ]
    for n, d in ((1000, 8), (10_000, 8)):
        X, y = make_table(n, d)
        for batch in (-1, 128, 32):
            per_epoch = 1 if batch == -1 else -(-n // batch)
            job = (X, y, batch, max(min(STEPS // per_epoch, MOST_ROWS // n), 1))
            runs = [lambda f=f, job=job: f(*job) for f in (run_by_hand, run_expert, run_stock_skorch)]
            times = compare(runs, repeats)
            ratio = np.median(times[:, 1:] / times[:, :1], axis=0)
            step = np.median(times[:, 0]) / (job[3] * per_epoch) * 1e3
            name = "full" if batch == -1 else str(batch)
            lines.append(f"| {n} x {d} | {name} | {step:.2f} | {ratio[0]:.2f} | {ratio[1]:.2f} |")
            print(lines[-1], flush=True)
    return lines


def stacked_rows(repeats: int) -> list[str]:
    """Table (b): K = 10 experts 8-32-32-1 on 10,000 rows."""
    lines = ["| task | stacked, ms | loop of 10 modules, ms | loop / stacked |", "|---|---|---|---|"]
    X, y = make_table(10_000, 8)
    labels = np.random.default_rng(1).integers(10, size=len(X))
    for batch, epochs in ((32, 2), (128, 4), (1000, 10)):
        job = (X, y, labels, batch, epochs)
        times = compare([lambda job=job: run_stacked(*job), lambda job=job: run_loop_of_nets(*job)], repeats)
        lines.append(_line(f"one epoch, batch {batch} per expert", times / epochs))
    return lines


def predicted_rows(repeats: int) -> list[str]:
    """Table (c): ten experts predict all rows."""
    lines = [
        "| rows | stacked, ms | torch modules / stacked | MLPExpert / stacked | skorch / stacked |",
        "|---|---|---|---|---|",
    ]
    trainer = StackedTrainer(8, (32, 32), seed=0, activation="relu")
    trainer.grow(10)
    nets = [sequential([8, 32, 32, 1], nn.ReLU) for _ in range(10)]
    guests = [NeuralNetRegressor(net, verbose=0, train_split=None).initialize() for net in nets]
    X, y = make_table(1000, 8)
    experts = [MLPExpert((32, 32), activation="relu", max_epochs=1, random_state=k).fit(X, y) for k in range(10)]
    for n in (1000, 10_000, 100_000):
        X, _ = make_table(n, 8)
        runs = [
            lambda X=X: predict_stacked(trainer, X),
            lambda X=X: predict_loop(nets, X),
            lambda X=X: predict_each(experts, X),
            lambda X=X: predict_each(guests, X.astype(np.float32)),
        ]
        times = compare(runs if n < 100_000 else runs[:-1], repeats)  # skorch needs seconds
        ratio = [f"{value:.1f}" for value in np.median(times[:, 1:] / times[:, :1], axis=0)]
        cells = [str(n), f"{np.median(times[:, 0]) * 1e3:.1f}", *ratio, *["-"] * (3 - len(ratio))]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    return lines


def _line(task: str, times: np.ndarray) -> str:
    stacked, loop = np.median(times, axis=0) * 1e3
    line = f"| {task} | {stacked:.1f} | {loop:.1f} | {np.median(times[:, 1] / times[:, 0]):.1f} |"
    print(line, flush=True)
    return line


def main() -> None:
    """Run both comparisons and print or store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the tables in docs/benchmarks/training.md")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    training, stacked = training_rows(arguments.repeats), stacked_rows(arguments.repeats)
    predicted = predicted_rows(arguments.repeats)
    text = PAGE.format(
        cores=os.cpu_count(),
        python=platform.python_version(),
        torch=torch.__version__.partition("+")[0],
        skorch=skorch.__version__,
        sklearn=sklearn.__version__,
        repeats=arguments.repeats,
        training="\n".join(training),
        stacked="\n".join(stacked),
        predicted="\n".join(predicted),
        floor=floor_ms(),
    )
    if arguments.write:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(text)
        print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
