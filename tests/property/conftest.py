"""Lets the files here import one another, and gives every run the same examples."""

import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# What lands is what was tested; ECI_RANDOM=1 looks for new examples.
settings.register_profile("repeatable", derandomize=not os.environ.get("ECI_RANDOM"))
settings.load_profile("repeatable")
