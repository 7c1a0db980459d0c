"""Entry point of `kafka-demo` and `python -m kafka_demo`."""

# The C module: `signal` imports others, which takes milliseconds.
import _signal as signal  # type: ignore[import-not-found]

# Until our handlers are set, Ctrl-C ends the process without the traceback of Python's own handler.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import gc  # noqa: E402
import io  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

from kafka_demo.cli import run  # noqa: E402
from kafka_demo.narration.text import forced_to_stop  # noqa: E402
from kafka_demo.shutdown import Stop, handle_signals  # noqa: E402


def main() -> None:
    """Run the command line and end the process with its exit status."""
    for fd, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(fd)
        except OSError:  # after `<&-` or `>&-`, the next file or connection would get this number
            os.open(os.devnull, mode)  # takes the lowest free number, fd; reading 0 or writing 1 then fails
    # Otherwise bytes that the locale cannot decode, or text that it cannot encode, would raise an error.
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace"), (sys.stderr, "replace")):
        if isinstance(stream, io.TextIOWrapper):  # None if it was closed
            stream.reconfigure(errors=errors)
    # With Python's low default, a third of the run time would go into searching batches for cycles.
    gc.set_threshold(50_000)
    with handle_signals(Stop(), forced_to_stop) as stop:
        # Everything is flushed and closed; Python's own cleanup could only block or be hit by another signal.
        os._exit(run(sys.argv[1:], stop))


if __name__ == "__main__":
    main()
