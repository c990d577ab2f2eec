"""One rival's input scores under variable returns: dea_worker.py METHOD TABLE.npz ANSWER.npz [UNITS].

The table holds X and Y. UNITS limits how many units are scored, where a method does one after another. The answer holds
the scores and the seconds of processor time, with those of child processes; reading and importing are not counted.
"""

import os
import sys
import warnings

import numpy as np


def highs_warm(X, Y, count):
    """One model in highspy, whose column θ and right-hand side are edited for each unit, solved from the last basis."""
    import highspy

    n, m = X.shape
    s = Y.shape[1]
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("threads", 1)
    h.addVars(n + 1, np.zeros(n + 1), np.full(n + 1, highspy.kHighsInf))
    h.changeColCost(n, 1.0)
    columns = np.arange(n + 1, dtype=np.int32)
    for i in range(m):
        h.addRow(-highspy.kHighsInf, 0.0, n + 1, columns, np.append(X[:, i], -X[0, i]))
    for r in range(s):
        h.addRow(Y[0, r], highspy.kHighsInf, n, columns[:n], Y[:, r])
    h.addRow(1.0, 1.0, n, columns[:n], np.ones(n))
    scores = np.empty(count)
    for o in range(count):
        for i in range(m):
            h.changeCoeff(i, n, -X[o, i])
        for r in range(s):
            h.changeRowBounds(m + r, Y[o, r], highspy.kHighsInf)
        h.run()
        scores[o] = h.getObjectiveValue()
    return scores


def scipy_each(X, Y, count):
    """One scipy.optimize.linprog (HiGHS) for each unit."""
    from scipy.optimize import linprog

    n, m = X.shape
    s = Y.shape[1]
    cost = np.append(np.zeros(n), 1.0)
    equal = np.append(np.ones(n), 0.0)[None]
    scores = np.empty(count)
    for o in range(count):
        A = np.vstack([np.c_[X.T, -X[o]], np.c_[-Y.T, np.zeros(s)]])
        scores[o] = linprog(cost, A, np.append(np.zeros(m), -Y[o]), equal, [1.0]).fun
    return scores


def dealib(X, Y, count):
    """dealib: a simplex of its own."""
    from dealib.dea import RTS, Orientation, dea

    return np.asarray(dea(X, Y, rts=RTS.vrs, orientation=Orientation.input).eff)


def pyfrontier(X, Y, count):
    """Pyfrontier: a CBC process for each unit."""
    from Pyfrontier.frontier_model import EnvelopDEA

    model = EnvelopDEA("VRS", "in", super_efficiency=False)
    model.fit(X[:count] if count < len(X) else X, Y[:count] if count < len(X) else Y)
    return np.array([result.score for result in model.result])


def pydea(X, Y, count):
    """pyDEA: PuLP and CBC, a process for each unit; its runner fails to import on Python 3.11, its models do not."""
    from pyDEA.core.data_processing.input_data import InputData
    from pyDEA.core.models import envelopment_model_decorators as decorators
    from pyDEA.core.models.bound_generators import generate_upper_bound_for_efficiency_score
    from pyDEA.core.models.envelopment_model import EnvelopmentModelInputOriented
    from pyDEA.core.models.envelopment_model_base import EnvelopmentModelBase

    data = InputData()
    for i in range(len(X)):
        for kind, row in (("x", X[i]), ("y", Y[i])):
            for j, value in enumerate(row):
                data.add_coefficient(f"unit{i}", f"{kind}{j}", value)
    for j in range(X.shape[1]):
        data.add_input_category(f"x{j}")
    for j in range(Y.shape[1]):
        data.add_output_category(f"y{j}")
    oriented = EnvelopmentModelInputOriented(generate_upper_bound_for_efficiency_score)
    model = EnvelopmentModelBase(data, oriented, decorators.DefaultConstraintCreator())
    solution = decorators.EnvelopmentModelVRSDecorator(model).run()
    code = {data.get_dmu_user_name(name): name for name in data.DMU_codes}
    return np.array([solution.get_efficiency_score(code[f"unit{i}"]) for i in range(len(X))])


def pystoned(X, Y, count):
    """pystoned: one linear programme of all units at once, by HiGHS (its own choice of solver needs a licence)."""
    from pyomo.contrib.appsi.solvers import Highs
    from pystoned import DEA
    from pystoned.constant import ORIENT_IO, RTS_VRS

    model = DEA.DEA(Y, X, ORIENT_IO, RTS_VRS)
    Highs().solve(model.__model__)
    model.optimization_status = 1
    return model.get_theta()


METHODS = {
    "highs_warm": highs_warm,
    "scipy_each": scipy_each,
    "dealib": dealib,
    "pyfrontier": pyfrontier,
    "pydea": pydea,
    "pystoned": pystoned,
}


def seconds():
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main():
    method, source, target = sys.argv[1:4]
    table = np.load(source)
    X, Y = table["X"], table["Y"]
    count = min(int(sys.argv[4]), len(X)) if len(sys.argv) > 4 else len(X)
    warnings.simplefilter("ignore")
    METHODS[method](X[:8], Y[:8], 2)  # imports
    start = seconds()
    scores = METHODS[method](X, Y, count)
    np.savez(target, scores=scores, seconds=seconds() - start)


if __name__ == "__main__":
    main()
