"""What the words of Kafka mean: one sentence at a word's first use in the narration, more for `kafka-demo explain`."""

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WIDTH = 80  # of a text that is read, however wide the terminal is

# Prose is kept as prose. `==` begins a part; then come the words in the order in which they are learnt, each as
#   its name | what else it is called or how a line puts it | what to read next | where Kafka's documentation has it
# (a KIP, or a chapter of https://kafka.apache.org/documentation), one sentence, and the text.
_PROSE = Path(__file__).with_name("glossary.txt")


@dataclass(frozen=True)
class Term:
    """A word, and what there is to say about it."""

    name: str
    also: tuple[str, ...]
    see: tuple[str, ...]
    source: str
    part: str
    meaning: str
    text: str


# What people ask for beside these, and where they find it.
_ASKED = {
    "at least once": "commit",
    "at most once": "commit",
    "acks": "producer",
    "acknowledgement": "producer",
    "idempotence": "producer",
    "log": "partition",
    "partition key": "key",
    "end offset": "offset",
    "lock": "share group",
    "min.insync.replicas": "in-sync replica",
}


class UnknownTermError(LookupError):
    """The glossary lacks a word; `nearest` has those that are spelt much like it, the best first."""

    def __init__(self, term: str, nearest: list[str]) -> None:
        super().__init__(f"no such word in the glossary: {term}")
        self.nearest = nearest


@cache
def terms() -> dict[str, Term]:
    """Return all terms by name, in the order in which they are learnt."""
    found = {}
    part = ""
    for block in _PROSE.read_text(encoding="utf-8").strip().split("\n\n"):
        if block.startswith("== "):
            part = block.removeprefix("== ")
            continue
        head, meaning, text = block.split("\n", 2)
        name, also, see, source = (field.strip() for field in head.split("|"))
        found[name] = Term(name, _listed(also), _listed(see), source, part, meaning, text.replace("\n", " "))
    return found


def explain(word: str, width: int = WIDTH) -> str:
    """Return the text about a word, in lines of at most `width` columns; raise UnknownTermError if there is none."""
    term = _find(word)
    where = term.source if term.source.startswith("KIP-") else f"kafka.apache.org/documentation, {term.source}"
    notes = {"also": ", ".join(term.also), "see also": ", ".join(term.see), "source": where}
    lines = [f"{label}: {note}" for label, note in notes.items() if note]
    return "\n".join(_wrapped(line, width) for line in (term.name, term.meaning, "", term.text, "", *lines))


def overview(width: int = WIDTH) -> str:
    """Return all words by part, each with its sentence, in lines of at most `width` columns."""
    column = max(map(len, terms())) if width >= 60 else 0  # noqa: PLR2004 (a narrower table is hard to read)
    lines = []
    part = ""
    for term in terms().values():
        if term.part != part:
            part = term.part
            lines += ["", part]
        lines.append(_wrapped(f"{term.name.ljust(column)}  {term.meaning}", width, "  ", " " * (column + 4)))
    return "\n".join(lines[1:])


def first_uses(line: str, known: set[str]) -> list[tuple[str, str]]:
    """Find the terms in a line of narration that are not in `known`, and add them to it.

    Returns the name and the sentence of each. A part of a name, as in `message-created`, is not one of our words.
    """
    used = (_find(match[0]) for match in _in_a_line().finditer(line))
    new = {term.name: term.meaning for term in used if term.name not in known}
    known.update(new)
    return list(new.items())


@cache
def _spellings() -> dict[str, Term]:
    found = {_squeezed(word): term for term in terms().values() for word in (term.name, *term.also)}
    return found | {_squeezed(word): terms()[name] for word, name in _ASKED.items()}


@cache
def _in_a_line() -> re.Pattern[str]:
    # The longest first, so that the coordinator in `group coordinator` belongs to the group.
    words = sorted((word for term in terms().values() for word in (term.name, *term.also)), key=len, reverse=True)
    any_word = "|".join(re.escape(word).replace(r"\ ", "[ -]").replace(r"\-", "[ -]") for word in words)
    return re.compile(rf"(?<![\w.:/=@-])(?ai:(?:{any_word})s?)(?![\w-]|[.:/=@]\w)")


def _find(word: str) -> Term:
    spelling = _squeezed(word)
    for candidate in (spelling, spelling.removesuffix("s")):
        if candidate in _spellings():
            return _spellings()[candidate]

    from difflib import get_close_matches

    near = get_close_matches(spelling, _spellings(), cutoff=0.75)
    raise UnknownTermError(word, list(dict.fromkeys(_spellings()[each].name for each in near)))


def _squeezed(word: str) -> str:
    return re.sub(r"[\W_]", "", word.lower())


def _listed(field: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in field.split(",") if word.strip())


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> str:
    whole = re.sub(r"`[^`]*`", lambda command: command[0].replace(" ", "\xa0"), text)  # a command stays on one line
    width = max(20, min(width, WIDTH))  # a terminal that does not know its width says 0
    lines = textwrap.wrap(whole, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ")
