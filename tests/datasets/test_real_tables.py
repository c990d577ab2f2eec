"""The Nile series and tables from a folder."""

import gzip

import numpy as np
import pandas as pd
import pytest

from modpart.datasets import available_tables, load_nile, load_table
from modpart.exceptions import DataNotFoundError, InputDataError, ModpartError, ParameterError


def test_nile_has_its_published_summary():
    X, y = load_nile()
    assert X.shape == (100, 1) and y.shape == (100,) and X.dtype == y.dtype == np.float64
    assert X[:, 0].tolist() == list(range(1871, 1971))
    assert y.mean() == pytest.approx(919.35) and y.min() == 456 and y.max() == 1370
    assert np.arange(100) @ y == 4324613  # so that no two years can be swapped
    assert X[y.argmin(), 0] == 1913 and X[y.argmax(), 0] == 1879


def test_the_best_single_break_of_the_nile_is_after_1898():
    X, y = load_nile()
    losses = {X[k - 1, 0]: y[:k].var() * k + y[k:].var() * (100 - k) for k in range(5, 96)}
    assert min(losses, key=losses.get) == 1898


def test_nile_as_a_frame_has_named_columns_and_the_same_numbers():
    X, y = load_nile(as_frame=True)
    assert isinstance(X, pd.DataFrame) and list(X.columns) == ["year"] and y.name == "flow"
    arrays = load_nile()
    assert np.array_equal(X.to_numpy(), arrays[0]) and np.array_equal(y, arrays[1])


def test_nile_is_a_fresh_copy_each_time():
    load_nile()[1][:] = 0
    assert load_nile()[1].all()


def test_nile_names_a_bad_argument():
    with pytest.raises(ParameterError, match="load_nile: as_frame='yes'"):
        load_nile(as_frame="yes")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two good tables and a stranger, and no folder in the environment."""
    monkeypatch.delenv("MODPART_DATA", raising=False)
    write(tmp_path, "toy", "x0,x1,y\n1,0.1,3\n-4,5e-3,6\n")
    write(tmp_path, "another", "x0,y\n1,2\n")
    (tmp_path / "notes.txt").write_text("not a table")
    return tmp_path


def write(folder, name, text):
    with gzip.open(folder / f"{name}.csv.gz", "wt", encoding="utf-8") as file:
        file.write(text)


def test_a_table_is_read_as_it_stands(folder):
    X, y = load_table("toy", folder)
    assert list(X.columns) == ["x0", "x1"] and y.name == "y"
    assert X.to_numpy().tolist() == [[1, 0.1], [-4, 5e-3]] and y.tolist() == [3, 6]
    assert set(X.dtypes) == {np.dtype("float64")} and y.dtype == np.float64


def test_tables_of_a_folder_are_listed_in_order(folder):
    assert available_tables(folder) == available_tables(str(folder)) == ["another", "toy"]


def test_the_environment_names_the_folder_unless_one_is_given(folder, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MODPART_DATA", str(folder))
    assert available_tables() == ["another", "toy"]
    assert load_table("toy")[1].tolist() == [3, 6]
    assert available_tables(tmp_path_factory.mktemp("empty")) == []


@pytest.mark.parametrize("given", [None, "nowhere"])
@pytest.mark.parametrize("call", [available_tables, lambda folder: load_table("toy", folder)])
def test_a_missing_folder_is_answered_with_how_to_point_to_it(folder, given, call):
    with pytest.raises(DataNotFoundError, match="MODPART_DATA") as caught:
        call(None if given is None else folder / given)
    assert isinstance(caught.value, FileNotFoundError) and isinstance(caught.value, ModpartError)
    assert given is None or given in str(caught.value)


@pytest.mark.parametrize("name", ["tox", "../toy", "toy.csv.gz", 3])
def test_an_unknown_table_is_answered_with_the_known_ones(folder, name):
    with pytest.raises(DataNotFoundError, match=r"Valid names: another, toy\."):
        load_table(name, folder)


def test_an_empty_folder_is_called_empty(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"The folder has no files NAME\.csv\.gz"):
        load_table("toy", tmp_path)


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,b,y\n1,2,3\n", "header 'a,b,y'"),
        ("x0,y,x1\n1,2,3\n", "header 'x0,y,x1'"),
        ("y\n1\n", "header 'y'"),
        ("x0,y\n", "no rows"),
        ("x0,y\nred,1\nblue,2\n", "column 'x0' holds text"),
    ],
)
def test_a_table_of_another_form_is_refused(folder, text, message):
    write(folder, "odd", text)
    with pytest.raises(InputDataError, match=message) as caught:
        load_table("odd", folder)
    assert "odd.csv.gz" in str(caught.value)
