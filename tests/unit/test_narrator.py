import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from confluent_kafka import KafkaError, Message

from kafka_demo.narrator import Narrator
from kafka_demo.problems import START_ONE, Problem
from kafka_demo.producer import Receipt
from kafka_demo.words import count, listed, offsets_listed

ERROR = KafkaError(KafkaError._TRANSPORT, "cable")
CLASSIC = (
    "(still none: if nobody else is in the group, the broker may be older than Kafka 4.0: -X group.protocol=classic)"
)
Tell = Callable[[Narrator], None]


def explain(error: KafkaError) -> Problem:
    return Problem(f"trouble with the {error.str()}", "plug it in")


def narrator(*, quiet: bool = False, group: str = "g1", start: str = "beginning", unit: str = "line") -> Narrator:
    return Narrator("news", explain, quiet=quiet, group=group, start=start, unit=unit)


NARRATION: list[tuple[Tell, list[str]]] = [
    (lambda n: n.say("hello"), ["hello"]),
    (lambda n: n.stopping("leaving", typed=False), ["stopping: leaving"]),
    (lambda n: n.stopping("leaving", typed=True), ["stopping: leaving"]),
    (lambda n: n.stopping("", typed=False), ["stopping"]),
    (lambda n: n.waiting("a:1", "timed out"), ["waiting up to 10 s for a broker at a:1: timed out", START_ONE]),
    (lambda n: n.topic_missing(), ["waiting up to 10 s for topic news to be created"]),
    (lambda n: n.connected("a:1", 1), ["connected to a:1 (1 broker)"]),
    (lambda n: n.connected("a:1", 3), ["connected to a:1 (3 brokers)"]),
    (lambda n: n.lost("a:1", "it hung up"), ["broker a:1 is lost: it hung up; waiting for it to come back"]),
    (lambda n: n.back("a:1"), ["broker a:1 is back"]),
    (
        lambda n: n.delivered(Message("news", 2, 17, b"ada\x1b")),
        [r"delivered to news: partition 2  offset 17  key ada\x1b"],
    ),
    (lambda n: n.delivered(Message("news", 2, 17)), ["delivered to news: partition 2  offset 17  no key"]),
    (lambda n: n.delivered(Message("news", 2, 17, b"")), ["delivered to news: partition 2  offset 17  key "]),
    (lambda n: n.sent(Receipt()), ["delivered 0 messages"]),
    (lambda n: n.sent(Receipt(read=1, queued=1)), ["delivered 1 message"]),
    (lambda n: n.sent(Receipt(read=4000, queued=4000)), ["delivered 4,000 messages"]),
    (lambda n: n.joining(), ["joining group g1"]),
    (
        lambda n: n.assigned([0, 2], {0: 17}),
        [
            "assigned partitions 0, 2 of news",
            "  partition 0 from offset 17: g1 committed it last time",
            "  partition 2 from the beginning: g1 has committed nothing here yet",
        ],
    ),
    (
        lambda n: n.assigned([1], {}),
        ["assigned partition 1 of news", "  partition 1 from the beginning: g1 has committed nothing here yet"],
    ),
    (
        lambda n: n.assigned([1], {1: 0}),
        ["assigned partition 1 of news", "  partition 1 from offset 0: g1 committed it last time"],
    ),
    (lambda n: n.assigned([1, 0], None), ["assigned partitions 0, 1 of news"]),
    (lambda n: n.revoked([2]), ["rebalance: partition 2 goes to another member"]),
    (lambda n: n.revoked([3, 2]), ["rebalance: partitions 2, 3 go to another member"]),
    (
        lambda n: n.expelled([2]),
        [
            (
                "the group does not count this member in any more, and has taken partition 2 away: "
                "what is not committed will be read again"
            )
        ],
    ),
    (lambda n: n.committed({2: 18}), ["committed: partition 2 up to offset 18"]),
    (
        lambda n: n.idle(),
        [
            (
                "no partition so far: the broker has only just started, or other members hold them all. One that died "
                "keeps its own for some seconds, and of more members than news has partitions some wait"
            ),
        ],
    ),
    (lambda n: n.still_idle(), [CLASSIC]),
    (lambda n: n.left("group g1", heard=True), ["left group g1"]),
    (lambda n: n.left("group g1", heard=False), ["no broker hears this: group g1 notices after its session timeout"]),
    (lambda n: n.reading(2, 17, 20), ["reading partition 2 of news from offset 17: 3 messages there"]),
    (lambda n: n.reading(2, 17, 18), ["reading partition 2 of news from offset 17: 1 message there"]),
    (lambda n: n.reading(2, 17, 17), ["reading partition 2 of news from offset 17: nothing there yet"]),
    (lambda n: n.received(0, {}), ["read 0 messages; committed nothing"]),
    (lambda n: n.received(12, {0: 4, 1: 9}), ["read 12 messages; committed partition 0 up to offset 4, 1 up to 9"]),
]

PROBLEMS: list[tuple[Tell, list[str]]] = [
    (lambda n: n.problem(Problem("it rains", "take an umbrella")), ["it rains", "take an umbrella"]),
    (lambda n: n.problem(Problem("it rains")), ["it rains"]),
    (lambda n: n.broken(ERROR), ["trouble with the cable", "plug it in"]),
    (lambda n: n.not_delivered(ERROR, 7), ["line 7 was not delivered: trouble with the cable", "plug it in"]),
    (lambda n: n.not_delivered(ERROR, None), ["a message was not delivered: trouble with the cable", "plug it in"]),
    (lambda n: n.refused(3, "not JSON"), ["line 3 was not delivered: not JSON"]),
    (
        lambda n: n.commit_failed(ERROR, [1]),
        ["not committed: partition 1: trouble with the cable; it is tried again, or read again"],
    ),
    (
        lambda n: n.sent(Receipt(read=5009, queued=5004, refused=2, reported=1, waiting=2)),
        ["delivered 5,001 of 5,009 messages: 3 failed, 2 not acknowledged, 3 unsent"],
    ),
    (lambda n: n.sent(Receipt(read=1, refused=1)), ["delivered 0 of 1 message: 1 failed"]),
    (lambda n: n.sent(Receipt(read=1, queued=1, waiting=1)), ["delivered 0 of 1 message: 1 not acknowledged"]),
    (lambda n: n.sent(Receipt(read=2000)), ["delivered 0 of 2,000 messages: 2,000 unsent"]),
]


@pytest.mark.parametrize(("tell", "lines"), NARRATION + PROBLEMS)
def test_what_is_said(tell: Tell, lines: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    tell(narrator())
    assert capfd.readouterr() == ("", "".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("tell", [tell for tell, _ in NARRATION])
def test_quiet_says_nothing(tell: Tell, capfd: pytest.CaptureFixture[str]) -> None:
    tell(narrator(quiet=True))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("tell", "lines"), PROBLEMS)
def test_quiet_still_says_what_went_wrong(tell: Tell, lines: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    tell(narrator(quiet=True))
    assert capfd.readouterr().err.splitlines() == lines


def test_who_has_had_a_partition_is_not_sent_to_look_for_an_old_broker(capfd: pytest.CaptureFixture[str]) -> None:
    told = narrator()
    told.assigned([1], None)
    capfd.readouterr()
    told.still_idle()
    assert capfd.readouterr().err == ""


def test_a_group_may_start_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    narrator(start="end").assigned([1], {})
    assert capfd.readouterr().err.endswith("  partition 1 from the end: g1 has committed nothing here yet\n")


def test_the_receipt_of_who_reads_alone_is_silent_on_commits(capfd: pytest.CaptureFixture[str]) -> None:
    narrator(group="").received(1, {})
    assert capfd.readouterr().err == "read 1 message\n"


def test_an_argument_is_not_called_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    narrator(unit="argument").refused(2, "too large")
    assert capfd.readouterr().err == "argument 2 was not delivered: too large\n"


def test_why_a_commit_failed_is_told_once_until_one_succeeds_or_the_reason_changes(
    capfd: pytest.CaptureFixture[str],
) -> None:
    told, other = narrator(), KafkaError(KafkaError.NOT_COORDINATOR, "plug")
    for error in (ERROR, ERROR, other, other, ERROR):
        told.commit_failed(error, [1])
    told.committed({1: 5})
    told.commit_failed(ERROR, [1])
    words = "not committed: partition 1: trouble with the {}; it is tried again, or read again"
    cable, plug = words.format("cable"), words.format("plug")
    lines = capfd.readouterr().err.splitlines()
    assert lines == [cable, plug, cable, "committed: partition 1 up to offset 5", cable]


def test_a_hint_is_given_once(capfd: pytest.CaptureFixture[str]) -> None:
    told = narrator()
    for number in (1, 2):
        told.not_delivered(ERROR, number)
    told.broken(ERROR)
    told.waiting("a:1", "timed out")
    told.waiting("b:1", "timed out")
    lines = capfd.readouterr().err.splitlines()
    assert lines.count("plug it in") == 1
    assert lines.count(START_ONE) == 1
    assert len(lines) == 7


def test_one_reason_for_failures_is_told_ten_times_and_then_once_that_there_are_more(
    capfd: pytest.CaptureFixture[str],
) -> None:
    told = narrator(quiet=True)
    for number in range(1, 21):
        told.refused(number, "not JSON")
    told.refused(21, "too large", "make it smaller")
    assert capfd.readouterr().err.splitlines() == [
        *(f"line {number} was not delivered: not JSON" for number in range(1, 11)),
        "more were not delivered for the same reason; they are counted below",
        "line 21 was not delivered: too large",
        "make it smaller",
    ]


def test_words_from_elsewhere_cannot_control_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    narrator().problem(Problem("a\x1b[2J\nb", "c\u202e"))
    assert capfd.readouterr().err == "a\\x1b[2J\\nb\nc\\u202e\n"


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 messages"), (1, "1 message"), (2, "2 messages"), (1_234_567, "1,234,567 messages")]
)
def test_a_number_of_things(number: int, words: str) -> None:
    assert count(number, "message") == words


@pytest.mark.parametrize(("partitions", "words"), [([2], "partition 2"), ({10, 9, 1}, "partitions 1, 9, 10")])
def test_a_list_of_partitions(partitions: list[int], words: str) -> None:
    assert listed(partitions) == words


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ({}, ""),
        ({2: 18}, "partition 2 up to offset 18"),
        ({10: 3, 9: 1, 1: 2}, "partition 1 up to offset 2, 9 up to 1, 10 up to 3"),
    ],
)
def test_a_list_of_offsets(offsets: dict[int, int], words: str) -> None:
    assert offsets_listed(offsets) == words


@contextmanager
def standard_error(fd: int) -> Iterator[None]:
    """Let a descriptor be standard error, and close it afterwards."""
    saved = os.dup(2)
    os.dup2(fd, 2)
    os.close(fd)
    yield
    os.dup2(saved, 2)
    os.close(saved)


def on_a_terminal(*tells: Tell) -> str:
    """Tell it on a terminal, and return what the terminal shows."""
    controller, terminal = os.openpty()
    with standard_error(terminal):
        told = narrator()
        for tell in tells:
            tell(told)
    shown = b""
    with suppress(OSError):  # the end of a terminal
        while data := os.read(controller, 1000):
            shown += data
    os.close(controller)
    return shown.decode()


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_on_a_terminal_narration_is_dim_problems_are_red_and_hints_are_plain() -> None:
    shown = on_a_terminal(lambda n: n.say("hello"), lambda n: n.problem(Problem("it rains", "take an umbrella")))
    assert shown == "\x1b[2mhello\x1b[0m\r\n\x1b[31mit rains\x1b[0m\r\ntake an umbrella\r\n"


@pytest.mark.parametrize(
    "tell",
    [
        lambda n: n.refused(1, "not JSON"),
        lambda n: n.commit_failed(ERROR, [1]),
        lambda n: n.sent(Receipt(read=1)),
    ],
)
def test_on_a_terminal_what_went_wrong_is_red(tell: Tell) -> None:
    assert on_a_terminal(tell).startswith("\x1b[31m")


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    assert on_a_terminal(lambda n: n.say("hello")) == "hello\r\n"


def test_an_empty_no_color_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert on_a_terminal(lambda n: n.say("hello")).startswith("\x1b[2m")


@pytest.mark.parametrize(("typed", "shown"), [(True, " stopping: leaving"), (False, "stopping: leaving")])
def test_a_blank_parts_the_words_from_what_the_terminal_shows_of_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, typed: bool, shown: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert on_a_terminal(lambda n: n.stopping("leaving", typed)) == f"{shown}\r\n"


def test_if_nobody_can_be_told_the_work_goes_on() -> None:
    with standard_error(os.open("/dev/full", os.O_WRONLY)):
        told = narrator()
        told.say("hello")
        told.problem(Problem("it rains", "take an umbrella"))


def test_a_name_of_one_letter_hides_no_word(capfd: pytest.CaptureFixture[str]) -> None:
    Narrator("t", explain, quiet=False, group="g", explaining=True).say("joining share group g of topic t")
    explained = [line.split(":")[0] for line in capfd.readouterr().err.splitlines()[1:]]
    assert explained == ["    share group", "    topic"]


def test_each_word_is_explained_once(capfd: pytest.CaptureFixture[str]) -> None:
    told = Narrator("topic", explain, quiet=False, group="my-lag", explaining=True)
    told.joining()
    told.assigned([0], {0: 3})
    told.assigned([1], {})
    said = capfd.readouterr().err.splitlines()
    explained = [line.split(":")[0] for line in said if line.startswith("    ")]
    # Not the topic, which is called topic here, nor the lag in the group's name.
    assert explained == ["    consumer group", "    assignment", "    partition", "    offset", "    commit"]
    assert said[1].startswith("    consumer group: Consumers that share a topic")
