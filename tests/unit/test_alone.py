"""Fits in two threads of a process end: see `eci.inference.alone`."""

import subprocess
import sys

PROGRAM = """
import threading
import eci

matrix = eci.ScoreMatrix.from_table(eci.load_scores())  # large enough for LAPACK to use the pool of threads
fits = []

def fit_twice():
    for _ in range(2):
        fits.append(eci.fit(matrix, method=eci.Map(), likelihood="normal"))

threads = [threading.Thread(target=fit_twice) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(fits) == 4
"""


def test_two_threads_fit():
    """Without the lock two cores were dead within a few fits."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=240)
