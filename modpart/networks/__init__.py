"""Neural networks that fall into modules: trained for it, cut apart, put together again."""

from typing import TYPE_CHECKING, Any

from modpart.networks._bimt import Bimt
from modpart.networks._blocks import HardBlocks
from modpart.networks._circuits import ClassCircuits, class_circuits
from modpart.networks._class_module import ClassModule
from modpart.networks._classifier import ModularNetClassifier
from modpart.networks._clusterable import Clusterable
from modpart.networks._compose import ComposedClassifier, PatchedClassifier, compose, patch
from modpart.networks._distiller import ModuleDistiller
from modpart.networks._fuse import fuse
from modpart.networks._gates import MwT, NeMo
from modpart.networks._incubated import IncubatedClassifier, IncubatedRegressor
from modpart.networks._local import LocalModuleClassifier
from modpart.networks._moda import Moda
from modpart.networks._partition import UnitPartition
from modpart.networks._regressor import ModularNetRegressor
from modpart.networks._report import ModularityReport, modularity_report
from modpart.networks._schedule.chains import ConvChain, DenseChain, ResidualChain, TransformerChain
from modpart.networks._schedule.module import ChainModule
from modpart.networks._schedule.phase import Phase
from modpart.networks._scheduled import ScheduledClassifier
from modpart.networks._splitter import GradSplitter
from modpart.networks._transfer import transfer_score

if TYPE_CHECKING:
    from modpart._torch.plans import Residual

__all__ = [
    "Bimt",
    "ChainModule",
    "ClassCircuits",
    "ClassModule",
    "Clusterable",
    "ComposedClassifier",
    "ConvChain",
    "DenseChain",
    "GradSplitter",
    "HardBlocks",
    "IncubatedClassifier",
    "IncubatedRegressor",
    "LocalModuleClassifier",
    "Moda",
    "ModularNetClassifier",
    "ModularNetRegressor",
    "ModularityReport",
    "ModuleDistiller",
    "MwT",
    "NeMo",
    "PatchedClassifier",
    "Phase",
    "Residual",
    "ResidualChain",
    "ScheduledClassifier",
    "TransformerChain",
    "UnitPartition",
    "class_circuits",
    "compose",
    "fuse",
    "modularity_report",
    "patch",
    "transfer_score",
]


def __getattr__(name: str) -> Any:
    if name == "Residual":  # a torch module: loaded when it is asked for
        from modpart._torch.plans import Residual

        return Residual
    raise AttributeError(f"module 'modpart.networks' has no attribute {name!r}")
