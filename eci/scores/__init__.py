"""Raw files to a coded score matrix."""

from eci.scores.faults import Fault, FaultyTableError
from eci.scores.load import bundled_data, load_scores
from eci.scores.matrix import ScoreMatrix
from eci.scores.names import suggest
from eci.scores.rules import Dropped, NothingLeftError, Rules
from eci.scores.summary import Summary, summarise

__all__ = [
    "Dropped",
    "Fault",
    "FaultyTableError",
    "NothingLeftError",
    "Rules",
    "ScoreMatrix",
    "Summary",
    "bundled_data",
    "load_scores",
    "suggest",
    "summarise",
]
