"""How often P(so many benchmarks between) is small in simulations: the table of docs/compare.md.

python -m bench.between      # from docs/evidence/between.json, which tests/statistical/test_between.py makes
"""

from __future__ import annotations

import json
from pathlib import Path

EVIDENCE = Path(__file__).resolve().parents[1] / "docs/evidence/between.json"


def main() -> None:
    record = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    rates = record["numbers"]["rates"]
    levels = list(next(iter(rates.values()))["independent"])
    print(f"{'scores drawn as':<16}{'reading':<14}" + "".join(f"{f'P <= {level}':>12}" for level in levels))
    for truth, readings in rates.items():
        for reading, shares in readings.items():
            print(f"{truth:<16}{reading:<14}" + "".join(f"{shares[level]:>12.3f}" for level in levels))


if __name__ == "__main__":
    main()
