"""The explain command: prints the glossary, or one term of it."""

import re
import shutil
import textwrap
from itertools import groupby
from operator import attrgetter

import click

from kafka_demo.narration.glossary import Term, find, nearest, terms
from kafka_demo.narration.text import error, tell

_TABLE = 60  # columns; at this width or more, the overview is a table


@click.command()
@click.argument("term", nargs=-1)
def explain(term: tuple[str, ...]) -> int:
    """Explain a Kafka term, or list all terms.

    \b
    kafka-demo explain                 all terms, the basics first
    kafka-demo explain consumer group  one term
    """
    word, width = " ".join(term), shutil.get_terminal_size().columns
    if not word:
        click.echo(overview(width))
        return 0
    found = find(word) or nearest(word)
    if not found:
        error(f"the glossary has no term {word!r}", "run `kafka-demo explain` to list all terms")
        return 2
    if not find(word):
        tell(f"the glossary has no term {word!r}; the nearest is {found.name}")
    click.echo(article(found, width))
    return 0


def article(term: Term, width: int) -> str:
    """Format a term's whole entry, in lines of at most `width` columns."""
    source = term.source if term.source.startswith("KIP-") else f"kafka.apache.org/documentation, {term.source}"
    notes = {"also covers": ", ".join(term.also), "see also": ", ".join(term.see), "source": source}
    lines = [f"{label}: {note}" for label, note in notes.items() if note]
    return "\n".join(_wrap(line, width) for line in (term.name, term.meaning, "", term.text, "", *lines))


def overview(width: int) -> str:
    """Format all terms by part, each with its meaning, in lines of at most `width` columns."""
    column = max(map(len, terms())) if width >= _TABLE else 0
    lines = []
    for part, group in groupby(terms().values(), attrgetter("part")):
        lines += ["", part]
        lines += [_wrap(f"{it.name.ljust(column)}  {it.meaning}", width, "  ", " " * (column + 4)) for it in group]
    return "\n".join(lines[1:])


def _wrap(text: str, width: int, first: str = "", rest: str = "") -> str:
    whole = re.sub(r"`[^`]*`", lambda command: command[0].replace(" ", "\xa0"), text)  # keep a command on one line
    lines = textwrap.wrap(whole, min(width, 80), initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ")
