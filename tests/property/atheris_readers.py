"""Coverage-guided fuzzing of the readers, by hand, where atheris installs; the seeds are one file a format.

    PYTHONPATH=. python tests/property/atheris_readers.py -max_total_time=300

The first byte of an input says which format it is read as; what is promised of a table or an error is
checked as in test_readers_fuzz.py. A broken promise ends the run and leaves the input behind.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["eci.scores"]):
    from hostile_files import ENDINGS, FORMATS, FORMS, build, outcome

FOLDER = Path(tempfile.mkdtemp(prefix="atheris-"))


def read(data):
    """Read an input."""
    if len(data) < 2:
        return
    form = FORMS[data[0] % len(FORMS)]
    path = FOLDER / f"f.{ENDINGS.get(form, 'csv')}"
    path.write_bytes(data[1:])
    outcome(path, FORMATS.get(form, form) if data[0] < 128 else "auto")


def main():
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for at, form in enumerate(FORMS):
        for first in (at, 128 + (at - 128) % len(FORMS)):
            content = build(form, [], "utf-8", None)
            (corpus / f"{form}-{first}").write_bytes(bytes([first]) + content)
    warnings.simplefilter("ignore")
    atheris.Setup([*sys.argv, str(corpus)], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
