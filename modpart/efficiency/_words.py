"""A fitted frontier in plain words, and as files for those who do not program."""

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Reporting"]


class Reporting:
    """Reports of a fitted frontier."""
