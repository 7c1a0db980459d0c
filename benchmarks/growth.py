"""Measure how kafka-demo's time grows compared with kcat's, with more records, more partitions and longer records.

docs/performance.md says how to run it.
"""

import tempfile
from pathlib import Path

from measure import CONSUME, PRODUCE, READ_BACK, SAME, about, arguments, full_topic, measure, write_lines

# for each table, the rows: number of records, bytes per record (newline included), number of partitions
TABLES = {
    "records": [(10_000, 100, 4), (100_000, 100, 4), (1_000_000, 100, 4), (10_000_000, 100, 4)],
    "partitions": [(1_000_000, 100, 1), (1_000_000, 100, 4), (1_000_000, 100, 16), (1_000_000, 100, 64)],
    "bytes": [(1_000_000, 10, 4), (1_000_000, 100, 4), (1_000_000, 1_000, 4), (10_000, 100_000, 4)],
}
COLUMNS = (
    "records",
    "bytes each",
    "partitions",
    *("produce", "kcat", "ratio"),
    *("consume in a group", "kcat", "ratio"),
)


def cells(times: dict[str, float]) -> str:
    """Return the table cells for both times and their ratio."""
    ours, kcat = times["kafka-demo"], times["kcat"]
    return f"{ours:.2f} s | {kcat:.2f} s | **{ours / kcat:.2f}**"


def main() -> None:
    """Print the tables."""
    given = arguments(__doc__, TABLES, rounds=5, lines=10_000_000)
    print(f"{about()}.\n\nMedians of {given.rounds} rounds; the ratio is kafka-demo's time divided by kcat's.")
    with tempfile.TemporaryDirectory() as folder:
        for table in given.parts:
            print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
            for records, length, partitions in TABLES[table]:
                lines = min(records, given.lines)
                file = write_lines(Path(folder) / "lines", lines, length)
                produced = measure(PRODUCE, given.rounds, READ_BACK, partitions, file=file)
                with full_topic(file, partitions) as full:
                    consumed = measure(CONSUME, given.rounds, SAME, file=file, full=full, lines=lines)
                print(f"| {lines:,} | {length:,} | {partitions} | {cells(produced)} | {cells(consumed)} |", flush=True)


if __name__ == "__main__":
    main()
