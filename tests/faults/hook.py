"""Run `eci`, trace its file operations below a folder, and kill it right before the one whose turn it is.

The arguments are the folder, the file for the trace, the number of the operation (0 for none), and the
command line of `eci`. An audit hook sees an operation before it is done.
"""

import itertools
import os
import signal
import sys


def run(folder, trace, turn, arguments):
    """Watch this process from now on, and run the command in it."""
    from eci.cli.main import main

    lines = os.open(trace, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    turns = itertools.count(1)

    def watch(event, args):
        words = [os.fsdecode(a) if isinstance(a, bytes) else str(a) for a in args]
        if any(word.startswith(folder) or word == "renameat2" for word in words):
            if next(turns) == turn:
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(lines, (" ".join([event, *words]) + "\n").encode())

    sys.addaudithook(watch)
    main(arguments)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
