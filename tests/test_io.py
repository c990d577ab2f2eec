"""Files hold data, never code: round trips, refusals, and proof that nothing ran."""

import json
import pickle
import sys
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import modpart
from modpart.datasets import make_elastoplastic
from modpart.exceptions import ModpartError, UntrustedFileError
from modpart.io import load, save
from modpart.partition import ActivePartitioner, PartitionedClassifier
from modpart.partition._classes import RegimeClassifier
from tests.public import estimator_classes, quick, target_for

pytest.importorskip("skops")


def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    return X, X @ [1.0, 2.0, 3.0]


COMPOSITIONS = {
    "line": LinearRegression(),
    "pipeline": make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), Ridge()),
    "target": TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    "forest": make_pipeline(StandardScaler(), RandomForestRegressor(3, random_state=0)),
    "boosted": GradientBoostingRegressor(n_estimators=3, random_state=0),
    "perceptron": MLPRegressor(hidden_layer_sizes=(4,), max_iter=200, tol=1.0, random_state=0),
    "process": GaussianProcessRegressor(2.0 * RBF(1.0), optimizer=None),
    "generator": MLPRegressor(hidden_layer_sizes=(4,), max_iter=200, tol=1.0, random_state=np.random.RandomState(0)),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_a_model_comes_back_bit_by_bit(name, tmp_path):
    X, y = table()
    X = np.abs(X)
    model = COMPOSITIONS[name].fit(X, y)
    save(model, tmp_path / "model.skops")
    loaded = load(str(tmp_path / "model.skops"))
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "cls", [cls for cls in estimator_classes() if hasattr(cls, "predict")], ids=lambda c: c.__name__
)
def test_our_own_estimators_come_back_in_a_pipeline(cls, tmp_path):
    X, y = table()
    y = target_for(cls, y)
    model = make_pipeline(StandardScaler(), quick(cls)).fit(X, y)
    save(model, tmp_path / "model.skops")
    loaded = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded[-1].get_params().keys() == model[-1].get_params().keys()
    loaded[-1].fit(X, y)


@pytest.mark.parametrize("gate", ["logistic", "tree", "quadratic", "quartic", "kernel", "neighbours"])
def test_a_partition_comes_back_with_its_gate(gate, tmp_path):
    X, y, _ = make_elastoplastic(120, random_state=0)
    partitioner = ActivePartitioner(gate=gate, random_state=0).fit(X, y)
    save(partitioner, tmp_path / "partition.skops")
    np.testing.assert_array_equal(load(tmp_path / "partition.skops").predict_proba(X), partitioner.predict_proba(X))


def test_experts_that_lack_a_class_come_back(tmp_path):
    X = np.random.default_rng(0).uniform(-1, 1, size=(80, 2))
    y = np.where(X[:, 0] < 0, "rest", np.where(X[:, 1] < 0, "left", "right"))
    estimator = LogisticRegression()
    model = PartitionedClassifier(
        ActivePartitioner(estimator, n_experts=2), routing="hard", fallback=False, random_state=0
    ).fit(X, y)
    assert any(type(expert) is RegimeClassifier for expert in model.experts_)
    save(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(tmp_path / "model.skops").predict_proba(X), model.predict_proba(X))


def test_a_table_with_named_columns_comes_back(tmp_path):
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "colour": ["red", "blue", "red", "blue"]})
    encode = ColumnTransformer([("colour", OneHotEncoder(), ["colour"])], remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(frame, ["low", "low", "high", "high"])
    save(model, tmp_path / "model.skops")
    loaded = load(tmp_path / "model.skops")
    assert list(loaded.feature_names_in_) == ["size", "colour"]
    np.testing.assert_array_equal(loaded.predict_proba(frame), model.predict_proba(frame))


class Homemade(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self


def own_function(X):
    return X


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (Homemade(), "Homemade"),
        (FunctionTransformer(own_function), "own_function"),
        (make_pipeline(KNeighborsRegressor(algorithm="kd_tree")), "sklearn.neighbors._kd_tree.KDTree"),
    ],
)
def test_what_could_not_be_loaded_is_refused_when_saving(model, named, tmp_path):
    with pytest.raises(UntrustedFileError, match=rf"{named}.*skops or joblib"):
        save(model.fit(*table()), tmp_path / "model.skops")
    assert not (tmp_path / "model.skops").exists()


def forged(path, **changes):
    """Save a scaler, then change the first node of its file."""
    save(StandardScaler(), path)
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"]) | changes
    with ZipFile(path, "w") as archive:
        for name, data in (members | {"schema.json": json.dumps(schema).encode()}).items():
            archive.writestr(name, data)


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module that leaves a mark when it is imported, and again when its function or class is called."""
    mark = tmp_path / "mark"
    (tmp_path / "trapmodule.py").write_text(
        f"from pathlib import Path\nfrom sklearn.base import BaseEstimator\n"
        f"def spring(*args):\n    Path({str(mark)!r}).touch()\n"
        "class Trap(BaseEstimator):\n    __init__ = __new__ = __setstate__ = spring\nspring()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield mark
    sys.modules.pop("trapmodule", None)


@pytest.mark.parametrize("loader", ["ObjectNode", "FunctionNode", "TypeNode", "ConstructorFromReduceNode"])
@pytest.mark.parametrize("name", ["spring", "Trap"])
def test_a_forged_file_is_refused_and_runs_nothing(loader, name, trap, tmp_path):
    path = tmp_path / "model.skops"
    content = {
        "__class__": "tuple",
        "__module__": "builtins",
        "__loader__": "TupleNode",
        "__id__": 1,
        "content": [],
    }
    if loader in ("FunctionNode", "TypeNode"):
        content = {"module_path": "trapmodule", "function": name}
    forged(path, __class__=name, __module__="trapmodule", __loader__=loader, content=content)
    with pytest.raises(UntrustedFileError, match=rf"trapmodule\.{name}"):
        load(path)
    assert not trap.exists()
    assert "trapmodule" not in sys.modules


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("modpart.io", "Path"),  # a foreign class that one of our modules happens to import
        ("modpart.io", "save"),
        ("modpart", "io.save"),
        ("modpart.no_such_module", "Model"),
        ("sklearn.utils", "shuffle"),
        ("sklearn.datasets", "fetch_openml"),
        ("numpy.lib.npyio", "DataSource"),  # removes a folder of the file's choice when it is thrown away
        ("modpartner", "Model"),
    ],
)
def test_only_classes_in_their_own_module_are_trusted(module, name, tmp_path):
    path = tmp_path / "model.skops"
    forged(path, __class__=name, __module__=module)
    with pytest.raises(UntrustedFileError, match=rf"{module}\.{name}.*Nothing was loaded"):
        load(path)


class Bomb:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def test_a_pickle_is_refused_unread(tmp_path):
    path, mark = tmp_path / "model.pkl", tmp_path / "mark"
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(UntrustedFileError, match="not a file that modpart"):
        load(path)
    assert not mark.exists()


def test_an_object_with_its_own_way_of_coming_back_is_refused(tmp_path):
    model = LinearRegression().fit(*table())
    model.extra_ = Bomb(tmp_path / "mark")
    with pytest.raises(UntrustedFileError, match="Bomb"):
        save(model, tmp_path / "model.skops")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 0), ("left_child", 99), ("right_child", -7), ("feature", 3), ("feature", -5), ("node_count", 3)],
)
def test_a_tree_that_points_outside_itself_is_refused(field, value, tmp_path):
    path, model = tmp_path / "model.skops", DecisionTreeRegressor(max_leaf_nodes=4).fit(*table())
    state = model.tree_.__getstate__()
    nodes = state["nodes"].copy()
    if field != "node_count":
        nodes[field][0] = value
    bad = type(model.tree_)(3, np.array([1]), 1)
    bad.__setstate__(state | {"nodes": nodes})
    model.tree_ = bad
    save(make_pipeline(StandardScaler(), model), path)
    if field == "node_count":
        with ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        schema = members["schema.json"].decode()
        count = state["node_count"]
        start = schema.index('"node_count"')
        members["schema.json"] = (schema[:start] + schema[start:].replace(f'"{count}"', f'"{value}"', 1)).encode()
        with ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    with pytest.raises(UntrustedFileError, match="points outside itself"):
        load(path)


@pytest.mark.parametrize("metadata", [None, "", "[]", "{}", '{"modpart": 3}', '{"modpart": "x"}'])
def test_a_file_without_proper_metadata_is_refused(metadata, tmp_path):
    path = tmp_path / "model.skops"
    with ZipFile(path, "w") as archive:
        archive.writestr("schema.json", "{}")
        if metadata is not None:
            archive.writestr("modpart.json", metadata)
    with pytest.raises(UntrustedFileError, match="not a file that modpart"):
        load(path)


@pytest.mark.parametrize("schema", ["", "{}", '{"protocol": 10000}', "[1]"])
def test_a_file_with_a_broken_model_is_refused(schema, tmp_path):
    path = tmp_path / "model.skops"
    with ZipFile(path, "w") as archive:
        archive.writestr("schema.json", schema)
        archive.writestr("modpart.json", json.dumps({"modpart": modpart.__version__}))
    with pytest.raises(UntrustedFileError, match="does not hold a model that can be read"):
        load(path)


def test_a_file_of_a_later_major_version_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model.skops"
    model = LinearRegression().fit(*table())
    monkeypatch.setattr("modpart.io.__version__", "9.1.0")
    save(model, path)
    monkeypatch.undo()
    with pytest.raises(ModpartError, match=rf"written by modpart 9.1.0, and this is modpart {modpart.__version__}"):
        load(path)
    monkeypatch.setattr("modpart.io.__version__", "9.0.0")
    np.testing.assert_array_equal(load(path).coef_, model.coef_)


def test_wrong_paths_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file '.*absent.skops'"):
        load(tmp_path / "absent.skops")
    with pytest.raises(FileNotFoundError, match="no file"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"folder '.*nowhere' does not exist"):
        save(LinearRegression(), tmp_path / "nowhere" / "model.skops")


def test_a_missing_skops_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(modpart.exceptions.MissingDependencyError, match=r"modpart\[io\]"):
        save(LinearRegression(), tmp_path / "model.skops")
