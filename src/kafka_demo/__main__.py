"""Start of `kafka-demo` and of `python -m kafka_demo`."""

import gc
import io
import os
import sys

from kafka_demo.stop import Stop, on_signals


def main() -> None:
    """Run the command line. The signals are heard from the first moment on, while all the rest is still loading."""
    _open_closed_streams()
    # Modules are loaded, and then batches of thousands of records come and go: at the default of 700 the
    # collector would look through them again and again, in vain, for a third of the time.
    gc.set_threshold(50_000)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None if it was closed
            stream.reconfigure(errors="replace")  # a character that the locale lacks is no reason for a traceback
    with on_signals(Stop()) as stop:
        from kafka_demo.cli import run

        # All is said and done then: what is left to clean up could only hang, or be hit by another signal.
        os._exit(run(sys.argv[1:], stop))


def _open_closed_streams() -> None:
    """Keep 0, 1 and 2 what they are: after `<&-` the next file or connection would be taken for standard input."""
    for fd, useless in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, useless)  # the lowest free one, hence fd


if __name__ == "__main__":
    main()
