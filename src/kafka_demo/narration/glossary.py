"""What Kafka's terms mean. The texts are in glossary.txt, beside this file, in learning order."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Term:
    """One entry: `meaning` is a single sentence, `text` the rest; `source` is a KIP or a chapter of Kafka's docs."""

    name: str
    also: tuple[str, ...]  # other names and forms; a line of narration may contain them
    asked: tuple[str, ...]  # what people may look up instead; too common to recognize in narration
    see: tuple[str, ...]
    source: str
    part: str
    meaning: str
    text: str


@cache
def terms() -> dict[str, Term]:
    """Return all terms by name.

    In glossary.txt, a line with `==` begins a part. An entry is a line `name | also, ~asked | see also | source`, its
    meaning on the next line, and its text up to the next empty line.
    """
    found, part = dict[str, Term](), ""
    for block in Path(__file__).with_name("glossary.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        if block.startswith("== "):
            part = block[3:]
            continue
        head, meaning, text = block.split("\n", 2)
        name, names, see, source = (field.strip() for field in head.split("|"))
        also = tuple(word for word in _names(names) if word[0] != "~")
        asked = tuple(word[1:] for word in _names(names) if word[0] == "~")
        found[name] = Term(name, also, asked, _names(see), source, part, meaning, text.replace("\n", " "))
    return found


def find(word: str) -> Term | None:
    """Return the term, ignoring case, hyphens, spaces and a plural `s`; None if there is none."""
    return _spellings().get(_squeezed(word)) or _spellings().get(_squeezed(word).removesuffix("s"))


def nearest(word: str) -> Term | None:
    """Return the term whose spelling is closest to `word`, if any is close."""
    close = get_close_matches(_squeezed(word), _spellings(), n=1, cutoff=0.75)
    return _spellings()[close[0]] if close else None


def first_uses(line: str, known: set[str]) -> list[tuple[str, str]]:
    """Return the terms in a line of narration that are not in `known`, with their meanings; add them to `known`."""
    used = [term for match in _pattern().finditer(line) if (term := find(match[0]))]
    new = {term.name: term.meaning for term in used if term.name not in known}
    known.update(new)
    return list(new.items())


@cache
def _spellings() -> dict[str, Term]:
    return {_squeezed(word): term for term in terms().values() for word in (term.name, *term.also, *term.asked)}


@cache
def _pattern() -> re.Pattern[str]:
    # Longest first: `group coordinator` is one term. Part of a name, as in `message-created`, is not a term.
    words = sorted((word for term in terms().values() for word in (term.name, *term.also)), key=len, reverse=True)
    any_word = "|".join(re.sub(r"\\[ -]", "[ -]", re.escape(word)) for word in words)
    return re.compile(rf"(?<![\w.:/=@-])(?ai:(?:{any_word})s?)(?![\w-]|[.:/=@]\w)")


def _squeezed(word: str) -> str:
    return re.sub(r"[\W_]", "", word.lower())


def _names(field: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in field.split(",") if word.strip())
