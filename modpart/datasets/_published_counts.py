"""Small published tables of counts, whose story is a causal one."""

import pandas as pd

__all__ = ["load_berkeley_admissions", "load_kidney_stones"]

# treatment, stones: recovered, treated
_STONES = {
    ("open surgery", "small"): (81, 87),
    ("open surgery", "large"): (192, 263),
    ("percutaneous", "small"): (234, 270),
    ("percutaneous", "large"): (55, 80),
}

# department: admitted and rejected men, admitted and rejected women
_ADMISSIONS = {
    "A": (512, 313, 89, 19),
    "B": (353, 207, 17, 8),
    "C": (120, 205, 202, 391),
    "D": (138, 279, 131, 244),
    "E": (53, 138, 94, 299),
    "F": (22, 351, 24, 317),
}


def load_kidney_stones() -> pd.Series:
    """Success of two treatments of kidney stones: 700 patients, by size of the stones.

    Open surgery did better with small stones and with large ones, and worse over all, since it got the harder cases.

    Returns
    -------
    count : Series of int64
        Patients, with the index levels "stones" (small, large), "treatment" (open surgery, percutaneous) and
        "recovered" (0, 1).

    References
    ----------
    C. R. Charig, D. R. Webb, S. R. Payne & J. E. A. Wickham, "Comparison of treatment of renal calculi by open surgery,
    percutaneous nephrolithotomy, and extracorporeal shockwave lithotripsy", British Medical Journal 292 (1986).

    Examples
    --------
    >>> from modpart.datasets import load_kidney_stones
    >>> load_kidney_stones().groupby(level=["treatment", "recovered"]).sum().unstack()
    recovered      0    1
    treatment
    open surgery  77  273
    percutaneous  61  289
    """
    rows = [
        (stones, treatment, recovered, success if recovered else treated - success)
        for (treatment, stones), (success, treated) in _STONES.items()
        for recovered in (0, 1)
    ]
    return _counts(rows, ["stones", "treatment", "recovered"])


def load_berkeley_admissions() -> pd.Series:
    """Admissions to the six largest departments of the graduate school in Berkeley, autumn 1973: 4526 applicants.

    Of the men 45 percent were admitted and of the women 30 percent, and in most departments women did no worse: they
    applied to departments that admitted few.

    Returns
    -------
    count : Series of int64
        Applicants, with the index levels "gender" (men, women), "department" (A to F) and "admitted" (0, 1).

    References
    ----------
    P. J. Bickel, E. A. Hammel & J. W. O'Connell, "Sex bias in graduate admissions: data from Berkeley", Science 187
    (1975), 398-404; the counts as in D. Freedman, R. Pisani & R. Purves, *Statistics* (1978).

    Examples
    --------
    >>> from modpart.datasets import load_berkeley_admissions
    >>> int(load_berkeley_admissions().sum())
    4526
    """
    rows = [
        (gender, department, admitted, counts[2 * k + 1 - admitted])
        for department, counts in _ADMISSIONS.items()
        for k, gender in enumerate(("men", "women"))
        for admitted in (0, 1)
    ]
    return _counts(rows, ["gender", "department", "admitted"])


def _counts(rows: list[tuple[str, str, int, int]], names: list[str]) -> pd.Series:
    table = pd.DataFrame(rows, columns=[*names, "count"])
    for name in names[:2]:
        table[name] = pd.Categorical(table[name], categories=table[name].unique())
    return table.set_index(names)["count"]
