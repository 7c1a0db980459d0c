"""How numbers, partitions and offsets are written for a person."""

from collections.abc import Iterable


def count(number: int, thing: str) -> str:
    """Write `1 message`, `2 messages`, `3,000 messages`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def listed(partitions: Iterable[int]) -> str:
    """Write `partition 2` or `partitions 0, 1`."""
    numbers = sorted(partitions)
    return f"partition{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def offsets_listed(offsets: dict[int, int]) -> str:
    """Write `partition 0 up to offset 4, 1 up to 9`; of no offsets, nothing."""
    if not offsets:
        return ""
    words = ", ".join(f"{partition} up to {offset}" for partition, offset in sorted(offsets.items()))
    return f"partition {words.replace('up to', 'up to offset', 1)}"
