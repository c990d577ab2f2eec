"""Data with known regimes (``make_*``), controls with none, and small real tables (``load_*``)."""

from modpart.datasets._branches import make_bank_branches
from modpart.datasets._classes import labelled_classes, make_fault_modes, make_quadrant_rules, make_two_rules
from modpart.datasets._devices import (
    make_column_buckling,
    make_hammerstein,
    make_load_unload,
    make_mosfet,
    make_tax_brackets,
)
from modpart.datasets._flow_and_heat import (
    make_flat_plate,
    make_pipe_friction,
    make_standard_atmosphere,
    make_water_enthalpy,
)
from modpart.datasets._frontiers import make_frontier
from modpart.datasets._hard_cases import (
    make_checkerboard,
    make_curved_minority,
    make_disc,
    make_five_pieces,
    make_nuisance_inputs,
    make_oblique_hinge,
    make_rare_corner,
    make_ten_inputs,
)
from modpart.datasets._network_tasks import make_modular_addition, make_sliding_signals, make_symbolic_task
from modpart.datasets._nile import load_nile
from modpart.datasets._one_law import (
    make_exponential,
    make_friedman,
    make_linear,
    make_pure_noise,
    make_smooth_curve,
    make_student_noise,
    make_unequal_noise,
)
from modpart.datasets._published_counts import load_berkeley_admissions, load_kidney_stones
from modpart.datasets._registry import controls, labelled
from modpart.datasets._scm import DiscreteSCM, make_causal_graph
from modpart.datasets._shapes import (
    make_elastoplastic,
    make_four_quadrants,
    make_sine_burst,
    make_three_pieces,
    make_two_planes,
)
from modpart.datasets._tables import available_tables, load_table
from modpart.datasets._units import load_bank_branches, load_follow_through

__all__ = [
    "DiscreteSCM",
    "available_tables",
    "controls",
    "labelled",
    "labelled_classes",
    "load_bank_branches",
    "load_berkeley_admissions",
    "load_follow_through",
    "load_kidney_stones",
    "load_nile",
    "load_table",
    "make_bank_branches",
    "make_causal_graph",
    "make_checkerboard",
    "make_column_buckling",
    "make_curved_minority",
    "make_disc",
    "make_elastoplastic",
    "make_exponential",
    "make_fault_modes",
    "make_five_pieces",
    "make_flat_plate",
    "make_four_quadrants",
    "make_frontier",
    "make_friedman",
    "make_hammerstein",
    "make_linear",
    "make_load_unload",
    "make_modular_addition",
    "make_mosfet",
    "make_nuisance_inputs",
    "make_oblique_hinge",
    "make_pipe_friction",
    "make_pure_noise",
    "make_quadrant_rules",
    "make_rare_corner",
    "make_sine_burst",
    "make_sliding_signals",
    "make_smooth_curve",
    "make_standard_atmosphere",
    "make_student_noise",
    "make_symbolic_task",
    "make_tax_brackets",
    "make_ten_inputs",
    "make_three_pieces",
    "make_two_planes",
    "make_two_rules",
    "make_unequal_noise",
    "make_water_enthalpy",
]
