"""The rules of the house, read off the source."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.public import PACKAGE, ROOT

METHOD_PACKAGES = ("causal", "efficiency", "networks", "partition")
SOURCES = sorted(PACKAGE.rglob("*.py"))
ALL_FILES = SOURCES + sorted(
    path for folder in ("tests", "examples", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")
)


def name_of(path):
    return str(path.relative_to(ROOT))


def imports(tree, *, module_level=False):
    """Every (module, names) that a tree imports; at module level only, functions are passed over."""
    nodes = list(top_level(tree)) if module_level else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "importlib.import_module", "__import__"):
            yield from ((argument.value, ()) for argument in node.args[:1] if isinstance(argument, ast.Constant))


def top_level(node):
    """The nodes that run when the module is imported; what runs for type checkers alone is left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            continue
        yield child
        yield from top_level(child)


def called(node):
    return ast.unparse(node.func)


def cross_imports(tree, own):
    for module, names in imports(tree):
        reached = {module} | {f"{module}.{name}" for name in names}
        for other in METHOD_PACKAGES:
            if other != own and any(f"{full}.".startswith(f"modpart.{other}.") for full in reached):
                yield other


def heavy_imports(tree):
    roots = {module.partition(".")[0] for module, _ in imports(tree, module_level=True)}
    return roots & {"torch", "skorch"}


def private_sklearn_imports(tree):
    for module, names in imports(tree):
        for full in [module, *(f"{module}.{name}" for name in names)]:
            if full.startswith("sklearn.") and any(part.startswith("_") for part in full.split(".")):
                yield full


def inside_with(tree, words):
    """The nodes of all with statements whose items contain these words."""
    return {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.With) and any(words in ast.unparse(item) for item in node.items)
        for child in ast.walk(node)
    }


def global_random_use(tree):
    """Calls on the global generators of numpy, torch and the standard library, unless put back by torch's fork_rng."""
    forked = inside_with(tree, "torch.random.fork_rng")
    own = {"default_rng", "Generator", "RandomState", "SeedSequence", "PCG64", "BitGenerator"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            if text.startswith(("np.random.", "numpy.random.")) and text.split(".")[2].partition("(")[0] not in own:
                yield text
            seeds = text in ("torch.manual_seed", "torch.seed", "torch.random", "torch.cuda.manual_seed_all")
            if seeds and id(node) not in forked:
                yield text
    for module, names in imports(tree):
        if module == "random" or (module == "numpy.random" and not set(names) <= own):
            yield module


def loose_filters(tree):
    """Warning filters that are set for the whole process."""
    inside = inside_with(tree, "catch_warnings")
    for node in ast.walk(tree):
        setters = ("simplefilter", "filterwarnings", "resetwarnings")
        if isinstance(node, ast.Call) and id(node) not in inside and called(node).split(".")[-1] in setters:
            yield ast.unparse(node)


def relative_imports(tree):
    return [module for module, _ in imports(tree) if module.startswith(".")]


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_source_file_keeps_the_rules(path):
    tree = parsed(path)
    part = path.relative_to(PACKAGE).parts[0]
    if part in METHOD_PACKAGES:
        assert not set(cross_imports(tree, part)), "method packages do not import one another"
    if part == "_utils":
        assert not {m for m, _ in imports(tree) if m.partition(".")[0] in ("torch", "skorch")}, "_utils knows no torch"
    if part != "_torch":
        assert not heavy_imports(tree), "only _torch imports torch or skorch when it is loaded"
    assert not list(global_random_use(tree)), "every draw comes from a generator of its own"
    assert not list(loose_filters(tree)), "warning filters are set inside catch_warnings"
    assert not relative_imports(tree), "imports say the full name"
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)], "raise errors, do not assert"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_says_what_it_is_and_offers(path):
    tree = parsed(path)
    assert ast.get_docstring(tree), "a module opens with a docstring"
    declared = [node.value for node in tree.body if is_all(node)]
    defined = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    if path.name == "__main__.py":
        return
    if defined or path.parent == PACKAGE:
        assert len(declared) == 1, "__all__ lists what the module offers"
    for node in declared:
        names = [element.value for element in node.elts if isinstance(element, ast.Constant)]
        assert set(defined) <= set(names), "a public name stands in __all__ or begins with an underscore"
        assert len(set(names)) == len(names)


def is_all(node):
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_no_file_is_long_or_leans_on_private_scikit_learn_or_global_generators(path):
    tree = parsed(path)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 600
    assert not list(private_sklearn_imports(tree))
    assert set(global_random_use(tree)) <= {"np.random.get_state"}, "tests may look whether the global state has moved"


@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        (lambda tree: list(cross_imports(tree, "causal")), "from modpart import partition", "import modpart.causal.a"),
        (
            lambda tree: list(cross_imports(tree, "causal")),
            "import modpart.partition._gate.gates",
            "import modpart.metrics",
        ),
        (heavy_imports, "class A:\n    import torch.nn", "def f():\n    import torch"),
        (heavy_imports, "try:\n    from skorch import Net\nexcept ImportError: pass", "import skorchlike"),
        (
            lambda tree: list(private_sklearn_imports(tree)),
            "from sklearn.utils import _param_validation",
            "import sklearn",
        ),
        (lambda tree: list(private_sklearn_imports(tree)), "import sklearn.tree._tree", "from sklearn.tree import A"),
        (lambda tree: list(private_sklearn_imports(tree)), "import_module('sklearn._loss')", "import_module('a._b')"),
        (lambda tree: list(global_random_use(tree)), "np.random.rand(3)", "np.random.default_rng(0).random(3)"),
        (lambda tree: list(global_random_use(tree)), "torch.manual_seed(0)", "torch.Generator().manual_seed(0)"),
        (
            lambda tree: list(global_random_use(tree)),
            "with one_thread():\n    torch.manual_seed(0)",
            "with torch.random.fork_rng():\n    torch.manual_seed(0)",
        ),
        (
            lambda tree: list(global_random_use(tree)),
            "from numpy.random import randn",
            "from numpy.random import Generator",
        ),
        (
            lambda tree: list(loose_filters(tree)),
            "warnings.simplefilter('ignore')",
            "with warnings.catch_warnings():\n    warnings.simplefilter('ignore')",
        ),
        (relative_imports, "from ._a import b", "from a import b"),
    ],
)
def test_a_rule_tells_wrong_from_right(rule, wrong, right):
    assert rule(ast.parse(wrong))
    assert not rule(ast.parse(right))


CHILD = textwrap.dedent(
    """
    import sys, time
    start = time.process_time()
    import modpart
    seconds = time.process_time() - start
    heavy = {"torch", "skorch", "sklearn", "pandas", "matplotlib", "scipy", "numpy", "networkx"} & set(sys.modules)
    print(seconds, *sorted(heavy))
    """
)


def test_importing_modpart_is_light():
    seconds = []
    for _ in range(5):
        command = [sys.executable, "-c", CHILD]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        assert answer[1:] == []
        seconds.append(float(answer[0]))
    assert min(seconds) < 0.05  # processor time; 2 ms when the machine is idle


def test_every_promised_name_can_be_had():
    import modpart

    assert [name for name in modpart.__all__ if not hasattr(modpart, name)] == []
    assert dir(modpart) == sorted(modpart.__all__)
    with pytest.raises(AttributeError, match="no attribute 'partitions'"):
        _ = modpart.partitions


def test_every_public_module_is_promised():
    import modpart
    from tests.public import public_modules

    assert {name.partition(".")[2] for name in public_modules()} == set(modpart.__all__) - {"__version__"}


def test_the_sources_were_found():
    assert Path(PACKAGE / "__init__.py") in SOURCES
