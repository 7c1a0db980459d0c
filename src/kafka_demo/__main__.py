"""Start of `kafka-demo` and of `python -m kafka_demo`."""

import sys

from kafka_demo.stop import Stop, on_signals


def main() -> None:
    """Run the command line. The signals are heard from the first moment on, while all the rest is still loading."""
    with on_signals(Stop()) as stop:
        from kafka_demo.cli import run

        status = run(sys.argv[1:], stop)
    sys.exit(status)


if __name__ == "__main__":
    main()
