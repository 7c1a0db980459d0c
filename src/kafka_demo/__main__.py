"""Start of `kafka-demo` and of `python -m kafka_demo`."""

import sys

from kafka_demo.stop import die_quietly


def main() -> None:
    """Run the command line; Ctrl-C works from the first moment on, and never shows a traceback."""
    die_quietly()
    from kafka_demo.cli import run  # only now: it takes a while

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
