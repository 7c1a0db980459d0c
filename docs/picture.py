"""Draws docs/demo.svg from a real run of `kafka-demo demo`: `.venv/bin/python docs/picture.py`."""

import re
import sys
from html import escape
from pathlib import Path

import pexpect

COLUMNS, ROWS = 110, 38
WIDTH, HEIGHT, MARGIN = 7.25, 17, 16  # pixels: width of a character, height of a line, margin
OFTEN = re.compile(r"messageId|delivered to|  partition \d: from|connected to|joining|committed: |sending")
ENOUGH = 3  # of these lines in a row are shown
# How a dark terminal shows the codes that kafka-demo uses.
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


def shown() -> list[str]:
    """Run the demo in a terminal, and return the lines that it shows, colors included."""
    command = str(Path(sys.executable).parent / "kafka-demo")
    environment = {"TERM": "xterm", "PATH": "/usr/bin:/bin"}
    environment["KAFKA_BOOTSTRAP_SERVERS"] = "localhost:9099"  # nobody listens there: the demo uses its own broker
    found = pexpect.run(
        f"{command} demo",
        timeout=60,
        encoding="utf-8",
        env={"TERM": "xterm", "PATH": "/usr/bin:/bin", "KAFKA_BOOTSTRAP_SERVERS": "localhost:9099"},
        dimensions=(ROWS, COLUMNS),
    )
    return ["$ kafka-demo demo", *str(found).replace("\r", "").rstrip("\n").split("\n")]


def shortened(lines: list[str]) -> list[str]:
    """Replace all but the first of many similar lines in a row by `…`."""
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
    """Turn a line with color codes into SVG spans."""
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


def picture(lines: list[str]) -> str:
    """Draw the lines as a terminal."""
    width, height = COLUMNS * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    rows = (
        f'<text x="{MARGIN}" y="{MARGIN + HEIGHT * (number + 0.75):g}">{drawn(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width:g} {height:g}" role="img" '
        'aria-label="A run of kafka-demo demo in a terminal">\n'
        "<style>text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#e6edf3;white-space:pre}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{chr(10).join(rows)}\n</svg>\n'
    )


if __name__ == "__main__":
    Path(__file__).with_name("demo.svg").write_text(picture(shortened(shown())))
