"""Lets the files here import one another: hostile inputs are shared."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
