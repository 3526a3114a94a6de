"""Whatever the bytes: reading ends in a tree or in mistakes with a place, never in another exception or a hang."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autocompress.config.diagnostic import ConfigError, Diagnostic
from autocompress.config.document import MOST_BYTES, parsed, read
from autocompress.config.load import check, load_device
from autocompress.config.shipped import root

HERE = Path("x.yaml")
SHIPPED = [path for folder in ("search_spaces", "studies") for path in sorted((root() / folder).rglob("*.yaml"))]
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


def refused(raw: bytes | str) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(raw, "x.yaml", HERE)
    assert len(caught.value.diagnostics) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", "x.yaml:1:1: error[yaml-syntax]: the file is empty"),
        ("# nothing\n", "x.yaml:1:1: error[yaml-syntax]: the file is empty"),
        ("a: 1\nb: \x00", "x.yaml:2:4: error[yaml-syntax]: the control character U+0000 is not allowed"),
        ("a: \x1b[31m", "x.yaml:1:4: error[yaml-syntax]: the control character U+001B is not allowed"),
        ("a: b\u2028c", "x.yaml:1:5: error[yaml-syntax]: the control character U+2028 is not allowed"),
        (b"a: 1\nb: \xff\xfe", "x.yaml:2:4: error[yaml-syntax]: the file is not UTF-8 text from here on"),
        ("[" * 500 + "]" * 500, "x.yaml:1:66: error[yaml-limit]: 0.0.0: nested more than 64 deep"),
        ("a: " + "x" * 2**20, "x.yaml:1:1: error[yaml-limit]: the file is larger than 256 KiB"),
        (BOMB, "x.yaml:6:8: error[yaml-limit]: f.0.3: more than 100000 values, aliases counted"),
        ("a: &a [*a]", "x.yaml:1:8: error[yaml-limit]: a.0: the alias '*a' contains itself"),
        ("? {a: 1}\n: 2", "x.yaml:1:3: error[yaml-syntax]: a key must be a plain word"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: error[yaml-syntax]: a file holds one document, here a second begins"),
    ],
    ids=range(12),
)
def test_one_clear_mistake(raw: bytes | str, text: str) -> None:
    assert refused(raw) == text


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "no.yaml", "no such file"),
        (tmp_path, "this is a folder"),
        (Path("\0"), "cannot be"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            read(path)
        assert caught.value.diagnostics[0].code == "not-found"


def test_yaml_1_2_and_nothing_more() -> None:
    written = (
        "1e-3",
        "no",
        "010",
        "12:30",
        "0x1F",
        "~",
        "'true'",
        "True",
        "2025-09-16",
        ".5",
        "",
        "1_000",
        "0o17",
        "-3",
    )
    node, mistakes = parsed("".join(f"k{i}: {text}\n" for i, text in enumerate(written)), "x.yaml", HERE)
    assert not mistakes
    assert list(node.data.values()) == [
        *(0.001, "no", 10, "12:30", 31, None, "true", True, "2025-09-16", 0.5, None, "1_000", 15, -3),
    ]


def test_places_of_keys_and_values() -> None:
    node, _ = parsed("a:\r\n  b: [1, {c: 2}]\r\n", "x.yaml", HERE)
    c = node.find(("a", "b", 1, "c"))
    assert (c.place.line, c.place.col, c.key.line, c.key.col) == (2, 14, 2, 11)
    assert c.path == ("a", "b", 1, "c")


def test_what_one_can_read_past_is_said_together() -> None:
    _, mistakes = parsed("a: !!str 1\na: 2\nb: {<<: 3}\nc: .nan\nd: 99999999999999999999999\n", "x.yaml", HERE)
    assert [d.code for d in mistakes] == ["yaml-tag", "duplicate-key", "yaml-tag", "bad-value", "bad-value"]


def test_aliases_are_copies() -> None:
    node, mistakes = parsed("a: &x {b: 1}\nc: *x\n", "x.yaml", HERE)
    assert not mistakes
    assert node.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert node.find(("c", "b")).path == ("c", "b")


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200), st.text("{}[]:,-&*!|>'\"#%@`? \nab1.", max_size=60)))
@settings(max_examples=400, deadline=None)
def test_any_bytes(raw: bytes | str) -> None:
    try:
        node, mistakes = parsed(raw, "x.yaml", HERE)
        assert node.place.line >= 1
    except ConfigError as error:
        mistakes = list(error.diagnostics)
        assert mistakes
    assert all(d.line >= 1 and d.col >= 1 and d.text for d in mistakes)


def mutations() -> st.SearchStrategy[tuple[int, int, int, str]]:
    pieces = [
        "",
        "\t",
        "  ",
        "null",
        "auto",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "'",
        "&a",
        "*a",
        "!!x ",
        "\x00",
        "-1",
        "1e9",
        "KB",
    ]
    return st.tuples(
        st.integers(0, 10),
        st.integers(0, 4000),
        st.integers(0, 12),
        st.sampled_from([*pieces, "choice", "{int: [1, 2]}", "{order: [1, 2]}", "\n"]),
    )


@given(st.lists(mutations(), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_files_give_places_or_values(edits: list[tuple[int, int, int, str]]) -> None:
    path = SHIPPED[edits[0][0] % len(SHIPPED)]
    text = path.read_text(encoding="utf-8")
    for _, at, length, piece in edits:
        at %= len(text) + 1
        text = text[:at] + piece + text[at + length :]
    found: tuple[Diagnostic, ...] = ()
    try:
        check(path, source=text)
    except ConfigError as error:
        found = error.diagnostics
    assert all(d.line >= 1 and d.col >= 1 and d.text for d in found)


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    raw = b"a: 1\n" + b"# x\n" * ((MOST_BYTES - 5) // 4)
    assert parsed(raw, "x.yaml", HERE)[0].data == {"a": 1}


def test_not_a_mapping() -> None:
    with pytest.raises(ConfigError, match="wants a mapping, got a list"):
        load_device("x.yaml", source="- a\n")
    with pytest.raises(ConfigError, match="the key 'schema' is missing"):
        check("x.yaml", source="- a\n")
