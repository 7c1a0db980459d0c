"""Draw docs/demo.svg and docs/status.svg from real runs: `.venv/bin/python docs/picture.py`, with Kafka in Docker."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from subprocess import DEVNULL

import pexpect

COLUMNS, ROWS = 110, 38
WIDTH, HEIGHT, MARGIN = 7.25, 17, 16  # pixels: character width, line height, margin
OFTEN = re.compile(r"messageId|delivered to|  partition \d: from|connected to|joining|committed: |sending")
ENOUGH = 3  # lines matching OFTEN to show in a row
# Styles for the color codes that kafka-demo uses, on a dark background.
STYLES = {
    "0": "",
    "1": "font-weight:bold",
    "2": "opacity:.6",
    "31": "fill:#ff7b72",
    "32": "fill:#7ee787",
    "33": "fill:#e3b341",
    "34": "fill:#79c0ff",
    "35": "fill:#d2a8ff",
    "36": "fill:#76e3ea",
}


def tour() -> list[str]:
    """Run the demo in a terminal, and return the lines it prints, including colors."""
    nobody = "localhost:9099"  # nothing listens there, so the demo uses its own in-memory broker
    with terminal("demo", "-b", nobody) as demo:
        demo.expect(pexpect.EOF)
        return shortened(["$ kafka-demo demo", *str(demo.before).rstrip().splitlines()])


def room() -> list[str]:
    """Let two members of a group read, one of them slowly, and return what `status --watch` shows."""
    topic = "orders"
    with (
        unread("produce", "-t", topic, "--sample", "--interval", "0.02"),
        unread("consume", "-t", topic, "-g", "shop", "--slow", "0.1"),
        unread("consume", "-t", topic, "-g", "shop"),
        terminal("status", "-t", topic, "--watch") as watch,
    ):
        watch.expect(": lag .* 2 members")
        for _ in range(8):
            watch.expect("out/s")
            watch.expect("Ctrl-C to stop")
        watch.expect_exact("\x1b[H")  # where the next board begins; it stays on the screen
        watch.sendintr()
        watch.expect(pexpect.EOF)
        board = str(watch.before).replace("\x1b[K", "").replace("\x1b[J", "")
        return [f"$ kafka-demo status -t {topic} --watch", *board.strip().removesuffix("^C").rstrip().splitlines()]


@contextmanager
def unread(*arguments: str) -> Iterator[None]:
    """Run kafka-demo until the block ends; in a terminal that nobody reads, it would soon wait."""
    with subprocess.Popen([sys.executable, "-m", "kafka_demo", *arguments], stdout=DEVNULL, stderr=DEVNULL) as child:
        try:
            yield
        finally:
            child.terminate()


@contextmanager
def terminal(*arguments: str) -> Iterator[pexpect.spawn]:
    """Run kafka-demo in a terminal until the block ends."""
    command = str(Path(sys.executable).parent / "kafka-demo")
    environment = {"TERM": "xterm", "PATH": "/usr/bin:/bin"}
    size = (ROWS, COLUMNS)
    child = pexpect.spawn(command, [*arguments], timeout=60, encoding="utf-8", env=environment, dimensions=size)
    try:
        yield child
    finally:
        child.close(force=True)


def shortened(lines: list[str]) -> list[str]:
    """Replace the rest of a long run of similar lines with `…`."""
    kept: list[str] = []
    run = 0
    for line in lines:
        run = run + 1 if OFTEN.search(line) else 0
        if run <= ENOUGH:
            kept.append(line)
        elif run == ENOUGH + 1:
            kept.append("\x1b[2m…\x1b[0m")
    return kept


def drawn(line: str) -> str:
    """Turn a line with color codes into SVG spans, cut to COLUMNS."""
    spans, style, column = [], "", 0
    for part in re.split(r"(\x1b\[[\d;]*m)", line):
        if code := re.fullmatch(r"\x1b\[([\d;]*)m", part):
            style = ";".join(STYLES.get(number, "") for number in (code[1] or "0").split(";"))
            continue
        text = part[: COLUMNS - column]
        column += len(text)
        if text:
            spans.append(f'<tspan style="{style}">{escape(text)}</tspan>' if style else escape(text))
    return "".join(spans)


def picture(title: str, lines: list[str]) -> str:
    """Return an SVG picture of a terminal with these lines."""
    width, height = COLUMNS * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    rows = (
        f'<text x="{MARGIN}" y="{MARGIN + HEIGHT * (number + 0.75):g}">{drawn(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{title} in a terminal">\n'
        "<style>text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#e6edf3;white-space:pre}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{chr(10).join(rows)}\n</svg>\n'
    )


if __name__ == "__main__":
    Path(__file__).with_name("demo.svg").write_text(picture("A run of kafka-demo demo", tour()))
    Path(__file__).with_name("status.svg").write_text(picture("kafka-demo status --watch", room()))
