"""Scores of published tables, as far as the folder with them is at hand."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modpart.efficiency import DEA
from tests.public import ROOT

GIVEN = Path(os.environ.get("MODPART_DATA", ROOT.parent / "shared" / "data"))
FOLDER = next((folder for folder in (GIVEN / "dea", GIVEN) if (folder / "fls1993_11dmu.csv").is_file()), None)

pytestmark = [
    pytest.mark.skipif(FOLDER is None, reason="no folder with the tables"),
    pytest.mark.filterwarnings("ignore::modpart.exceptions.ModpartWarning"),  # some tables are small, some have zeros
]

RETURNS = {"crs": "crs", "vrs": "vrs", "nirs": "drs", "ndrs": "irs"}


def table(name):
    return pd.read_csv(FOLDER / name)


def fitted(data, inputs, outputs, **settings):
    return DEA(inputs, outputs, **settings).fit(data[[*inputs, *outputs]])


def assert_scores(found, expected, tol):
    expected = np.asarray(expected, dtype=float)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    np.testing.assert_allclose(found[finite], expected[finite], rtol=0, atol=tol)


BENCHMARKING = {
    "Rbenchmarking_charnes.csv": (["x1", "x2", "x3", "x4", "x5"], ["y1", "y2", "y3"]),
    "Rbenchmarking_banks1.csv": (["STEXP", "FASUM", "INPSUM"], ["LNSUM", "DBSUM", "INCSUM"]),
}


@pytest.mark.parametrize("name", BENCHMARKING)
@pytest.mark.parametrize("technology", RETURNS)
@pytest.mark.parametrize("orientation", ["input", "output"])
@pytest.mark.parametrize("beyond", [False, True])
def test_radial_and_super_scores(name, technology, orientation, beyond):
    data, (inputs, outputs) = table(name), BENCHMARKING[name]
    dea = fitted(data, inputs, outputs, technology=technology, orientation=orientation, super_efficiency=beyond)
    column = f"{'super' if beyond else 'radial'}_{orientation}_{RETURNS[technology]}"
    assert_scores(dea.scores_, data[column], 1e-8)
    assert (dea.status_ == "infeasible").sum() == np.isinf(data[column]).sum()


@pytest.mark.parametrize("name", BENCHMARKING)
@pytest.mark.parametrize("technology", ["crs", "vrs"])
@pytest.mark.parametrize("orientation", ["input", "output"])
def test_slacks(name, technology, orientation):
    data, (inputs, outputs) = table(name), BENCHMARKING[name]
    expected = table(name.replace(".csv", "_slacks.csv"))
    columns = [f"slack_{orientation}_{technology}_{column}" for column in [*inputs, *outputs]]
    size = data[[*inputs, *outputs]].mean().to_numpy()
    for weights in ("ones", "mean"):
        dea = fitted(data, inputs, outputs, technology=technology, orientation=orientation, slack_weights=weights)
        np.testing.assert_allclose(dea.slacks_ / size, expected[columns] / size, atol=1e-6)


@pytest.mark.parametrize("name", BENCHMARKING)
@pytest.mark.parametrize("technology", ["crs", "vrs"])
def test_sums_of_slacks(name, technology):
    data, (inputs, outputs) = table(name), BENCHMARKING[name]
    weights = "mean" if "banks" in name else "ones"
    dea = fitted(data, inputs, outputs, technology=technology, measure="additive", slack_weights=weights)
    assert_scores(dea.scores_, data[f"additive_sum_{technology}"], 1e-8)


ALI_SEIFORD = {
    **{f"ccr_{k[0]}": {"technology": "crs", "orientation": k} for k in ("input", "output")},
    **{f"bcc_{k[0]}": {"technology": "vrs", "orientation": k} for k in ("input", "output")},
    "fdh_i": {"technology": "fdh"},
    "add_fdh": {"technology": "fdh", "measure": "additive"},
    "ddf_fdh": {"technology": "fdh", "orientation": "directional"},
    **{
        f"add_{name}_{technology}": {"technology": technology} | settings
        for technology in ("crs", "vrs")
        for name, settings in {
            "ones": {"measure": "additive"},
            "mip": {"measure": "mip"},
            "normalized": {"measure": "additive", "slack_weights": "sd"},
            "ram": {"measure": "ram"},
            "bam": {"measure": "bam"},
        }.items()
    },
    **{
        f"ddf_{name}_{technology}": {"technology": technology, "orientation": "directional", "direction": direction}
        for technology in ("crs", "vrs")
        for name, direction in {"obs": "observed", "ones": "ones", "mean": "mean"}.items()
    },
}


@pytest.mark.parametrize("column", ALI_SEIFORD)
def test_eleven_units_of_ali_and_seiford(column):
    data = table("fls1993_11dmu.csv")
    assert_scores(fitted(data, ["x1", "x2"], ["y"], **ALI_SEIFORD[column]).scores_, data[column], 5e-9)


@pytest.mark.parametrize("column", ["ccr_i", "ccr_o", "bcc_i", "bcc_o"])
def test_slacks_of_ali_and_seiford(column):
    data = table("fls1993_11dmu.csv")
    dea = fitted(data, ["x1", "x2"], ["y"], **ALI_SEIFORD[column])
    np.testing.assert_allclose(dea.slacks_[:, :2], data[[f"slack_x1_{column}", f"slack_x2_{column}"]], atol=5e-9)


EIGHT = {
    "oriented_input_8dmu.csv": (["x1", "x2"], ["y1"]),
    "oriented_output_8dmu.csv": (["x1"], ["y1", "y2"]),
    "graph_1x1_8dmu.csv": (["x1"], ["y1"]),
}
SETTINGS = {
    "ccr_i": {"technology": "crs"},
    "ccr_o": {"technology": "crs", "orientation": "output"},
    "add_ones_vrs": {"measure": "additive"},
    "erg_sbm_crs": {"technology": "crs", "measure": "sbm"},
    "erg_sbm_vrs": {"measure": "sbm"},
}


@pytest.mark.parametrize("name", EIGHT)
def test_eight_units(name):
    data = table(name)
    for column in set(SETTINGS) & set(data.columns):
        dea = fitted(data, *EIGHT[name], **SETTINGS[column])
        assert_scores(dea.scores_, data[column], 1e-9)


@pytest.mark.parametrize(
    "name, inputs, outputs, column, digits",
    [
        ("CST_hospitals_12.csv", ["doctors", "nurses"], ["outpatients", "inpatients"], "ccr_recalled_3dp", 3),
        ("CST_example_6dmu.csv", ["x1", "x2"], ["y"], "ccr_recalled", 4),
        ("CST_stores_8.csv", ["employees"], ["sales"], "ccr_recalled", 3),
    ],
)
def test_textbook_examples(name, inputs, outputs, column, digits):
    data = table(name)
    dea = fitted(data, inputs, outputs, technology="crs")
    np.testing.assert_array_equal(dea.scores_.round(digits), data[column].round(digits))


def test_a_weakly_efficient_unit_has_its_slack():
    data = table("CST_example_6dmu.csv").set_index("dmu")
    dea = fitted(data, ["x1", "x2"], ["y"], technology="crs")
    f = dea.place_of("F")
    assert dea.efficient_[f] and not dea.strongly_efficient_[f]
    np.testing.assert_allclose(dea.slacks_[f], [2, 0, 0], atol=1e-9)
    assert list(dea.peers("F").index) == ["C"]


def test_a_column_that_is_a_sum_of_others_is_named_and_changes_no_radial_score():
    data = table("MultiplierDEA_Bank_Branch_Operating_Efficiency.csv").set_index("Branch_Code")
    inputs, outputs = ["PH", "OE", "SQM"], ["A", "B", "C", "D"]
    for name in ("ccr_i", "bcc_i", "ccr_o", "bcc_o"):
        with pytest.warns(UserWarning, match="'D' is a sum of other output columns"):
            full = fitted(data, inputs, outputs, **ALI_SEIFORD[name])
        assert_scores(full.scores_, data[f"computed_{name}"], 1e-9)
        assert_scores(fitted(data, inputs, outputs[:3], **ALI_SEIFORD[name]).scores_, full.scores_, 1e-11)


@pytest.mark.parametrize("technology", RETURNS)
@pytest.mark.parametrize("orientation", ["input", "output"])
def test_the_size_of_columns_moves_no_score_of_the_banks(technology, orientation):
    data, (inputs, outputs) = table("Rbenchmarking_banks1.csv"), BENCHMARKING["Rbenchmarking_banks1.csv"]
    plain = fitted(data, inputs, outputs, technology=technology, orientation=orientation).scores_
    rng = np.random.default_rng(0)
    for _ in range(2):
        factor = 10.0 ** rng.uniform(-6, 6, 6)
        scaled = data[[*inputs, *outputs]] * factor
        found = fitted(scaled, inputs, outputs, technology=technology, orientation=orientation).scores_
        np.testing.assert_allclose(found, plain, atol=1e-9)
    if technology == "crs":
        other = {"input": "output", "output": "input"}[orientation]
        np.testing.assert_allclose(
            plain * fitted(data, inputs, outputs, technology="crs", orientation=other).scores_, 1.0, atol=1e-9
        )
