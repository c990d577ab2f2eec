"""Efficiency: which branches of a bank show the way, and what another one should change."""

from modpart._report import Story
from modpart.datasets import load_bank_branches
from modpart.demo._page import Clock, canvas
from modpart.efficiency import DEA, cross_efficiency
from modpart.inspection import FrontierDisplay

__all__ = ["branches"]

INPUTS, OUTPUTS = ["staff hours", "expenses", "square metres"], ["A", "B", "C"]
ALIKE = 1e-6  # scores this close to one are efficient


def branches(clock: Clock) -> Story:
    with clock.part("load"):
        table = load_bank_branches()
    with clock.part("fit"):
        dea = DEA(INPUTS, OUTPUTS, data_warnings=False).fit(table)
        scores = dea.to_frame()["score"]
    with clock.part("compare"):
        judged = cross_efficiency(table[INPUTS], table[OUTPUTS])
        first = str(judged.scores.idxmax())
    efficient = scores.index[scores > 1 - ALIKE]
    weakest = str(scores.idxmin())
    with clock.part("pictures"):
        figure, axes = canvas(2)
        FrontierDisplay.from_estimator(dea, "peers", ax=axes[0])
        FrontierDisplay.from_estimator(dea, "changes", unit=weakest, ax=axes[1])
    return Story(
        title="Bank branches: who shows the way, and to whom?",
        question=(
            f"{len(table)} branches of a bank, three inputs and three kinds of transactions (Giokas 1991). "
            "No prices and no weights are given: each branch is judged by the weights that suit it best."
        ),
        see=(
            f"{len(efficient)} branches span the frontier: {', '.join(efficient)}. {weakest} is farthest from it with "
            f"{scores[weakest]:.2f}; its peers and what it is asked to change are drawn. Judged by the weights of all "
            f"the others {first} comes first ({judged.scores[first]:.2f})."
        ),
        short=(
            "Bank branches",
            str(len(table)),
            f"{len(efficient)} on the frontier",
            f"{weakest} at {scores[weakest]:.2f}",
        ),
        facts={
            "Efficient branches": ", ".join(efficient),
            "Least efficient": f"{weakest}, {scores[weakest]:.3f}",
            "Mean efficiency": f"{scores.mean():.3f}",
            "First in the eyes of the others": f"{first}, {judged.scores[first]:.3f}",
        },
        words=str(dea.report(weakest)).splitlines(),
        tables={
            "Scores": scores.to_frame().assign(**{"by the others": judged.scores}).sort_values("score", ascending=False)
        },
        figure=figure,
        alt=f"Which branches learn from which, and the changes asked of {weakest} in percent",
    )
