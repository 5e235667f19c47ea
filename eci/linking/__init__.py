"""Linking: two indices on one scale, with a standard error; vintages of one index compared."""

from eci.linking.result import Link
from eci.linking.run import leave_one_out, link
from eci.linking.series import read_index
from eci.linking.vintages import VintageChange, compare_vintages

__all__ = ["Link", "VintageChange", "compare_vintages", "leave_one_out", "link", "read_index"]
