"""The strict loader: YAML 1.2 scalars, positions, and refused input."""

import pytest

from animator.errors import SceneError
from animator.scene.parse import MAX_BYTES, parse_document, parse_value, read_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16:9", "16:9"),
        ("1:30", "1:30"),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.", 1.0),
        ("010", 10),
        ("-7", -7),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("~", None),
        ("", None),
        ("2s", "2s"),
        ("'7'", "7"),
        ("2026-11-20", "2026-11-20"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text, value):
    found = parse_document(f"a: {text}", "f").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_stay_as_they_were_written():
    assert parse_document("{0: a, 02: b, 2s: c, 50%: d, on: e, 4.0: f}", "f").data == {
        "0": "a", "02": "b", "2s": "c", "50%": "d", "on": "e", "4.0": "f",
    }  # fmt: skip


def test_every_value_and_name_has_its_place():
    document = parse_document("motion:\n  zoom: {0: 1, 2s: 1.5}\n", "film.yaml")
    assert str(document.value_place(("motion", "zoom"))) == "film.yaml:2:9"
    assert str(document.value_place(("motion", "zoom", "2s"))) == "film.yaml:2:20"
    assert str(document.key_place(("motion", "zoom"))) == "film.yaml:2:3"


def test_a_missing_value_has_the_place_of_the_section_around_it():
    document = parse_document("motion:\n  zoom: 1\n", "film.yaml")
    assert document.value_place(("motion", "angle")) == document.value_place(("motion",))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\na: 2", "f:2:1: a: written twice; first in line 1"),
        ("a: {b: 1, b: 2}", "f:1:11: a.b: written twice; first in line 1"),
        ("a: &x 1\nb: *x", "f:1:4: b: anchors and aliases"),
        ("a: !!python/name:os.system", "f:1:4: a: tag "),
        ("a: !!int x", "f:1:4: a: 'x' is not a number"),
        ("- 1", "f:1:1: expected settings"),
        ("text", "f:1:1: expected settings"),
        ("{a: 1", "f:1:6: "),
        ("a: [1, 2", "f:1:9: "),
        ("zoom: 0: (1.0), 30: (1.04)", "f:1:8: a value that holds ': ' needs quotes"),
        ("a: %b", "f:1:4: "),
        ("? [1]\n: 2", "f:1:3: a name must be plain text"),
        ("a: \x07", "f:1:4: the character '\\x07' is not allowed"),
        ("a: " + "9" * 5000, "f:1:4: a: "),
        ('a: "\\ud800"', "f:1:4: a: half of a surrogate pair"),
    ],
)
def test_a_refused_value_is_reported_with_its_place(text, line):
    try:
        found = "\n".join(map(str, parse_document(text, "f").problems))
    except SceneError as error:
        found = str(error)
    assert found.startswith(line)


def test_refused_values_are_left_out_and_the_rest_is_read():
    document = parse_document("a: {b: 1, b: 2, c: !!tag x}\nd: 3\n", "f")
    assert document.data == {"a": {"b": 1}, "d": 3}
    assert len(document.problems) == 2


@pytest.mark.parametrize("text", ["[" * 1_000_000, "{a: " * 500_000, "- " * 100_000, "a: " + "(" * 1_000_000])
def test_many_brackets_are_refused_or_read_quickly(text):
    try:
        parse_document(text, "f")
    except SceneError as error:
        assert str(error).startswith("f:1:")


def test_an_alias_bomb_is_refused():
    lines = ["a: &a [x, x]"] + [
        f"{b}: &{b} [*{a}, *{a}, *{a}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)
    ]
    assert "anchors and aliases" in str(parse_document("\n".join(lines), "f").problems[0])


def test_a_binary_or_too_large_or_missing_file_is_one_line(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    for name, words in {"a.yaml": "UTF-8", "b.yaml": "at most 500,000", "c.yaml": "No such file"}.items():
        with pytest.raises(SceneError, match=words) as caught:
            read_document(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("a: b", "a: b"),
        ("{0: 1, 2s: 3}", {"0": 1, "2s": 3}),
        ("electric scooter", "electric scooter"),
    ],
)
def test_the_right_side_of_a_set_option_is_yaml_or_text(text, value):
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("at: #ff8800 mug", 'f:1:5: at: YAML takes \'#ff8800 mug\' for a comment, and nothing is left; put quotes round the whole text: "#ff8800 mug"'),
        ("a:\n  at: mug in #ff8800 orange", 'f:2:14: a.at: YAML takes \'#ff8800 orange\' for a comment, and only \'mug in\' is left; put quotes round the whole text: "mug in #ff8800 orange"'),
        ("at:\n  0: red #fff\n", "f:2:10: at.0: YAML takes '#fff' for a comment"),
        ("{at: {0: mug #ff8800, 20: x}, no: a}\nb: 1\n", "f:1:14: YAML takes '#ff8800, 20: x}, no: a}' for a comment, brackets and all; put quotes"),
    ],
)  # fmt: skip
def test_an_unquoted_colour_is_reported_before_yaml_drops_it(text, line):
    try:
        found = "\n".join(map(str, parse_document(text, "f").problems))
    except SceneError as error:
        found = str(error)
    assert found.startswith(line)


@pytest.mark.parametrize(
    "text",
    ["at: mug # red", "at: '#ff8800 mug'", "zoom: 1.02 #add", "at: mug #1 of 3", "at: C#fff", "#fff\nat: a"],
)
def test_comments_and_quoted_colours_are_not_reported(text):
    assert not parse_document(text, "f").problems


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zoom: 0: (1.0), 30: (1.04)", 'f:1:8: a value that holds \': \' needs quotes round it, as in zoom: "0: (1.0), 30: (1.04)"'),
        ("{zoom: 0: (1.0), 30: (1.04)}", "f:1:9: a value that holds ': ' needs quotes round it, as in zoom:"),
        ("at: a kettle: matte", 'f:1:13: a value that holds \': \' needs quotes round it, as in at: "a kettle: matte"'),
        ("at:\n  0: [red|blue] kettle", "f:2:17: text after a closing bracket; a value that starts with [ or {"),
        ("a:\n\tb: 1", "f:2:1: a tab; indent lines with spaces"),
    ],
)  # fmt: skip
def test_the_message_repeats_a_text_that_needs_quotes_with_quotes(text, words):
    with pytest.raises(SceneError) as caught:
        parse_document(text, "f")
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * 400, "f:1:101"),
        ("a: " + "{" * 400, "f:1:104"),
        ("- " * 400, "f:1:2"),
        ('a: "\\UFFFFFFFF"', "f:1:"),
    ],
)
def test_an_unreadable_file_is_reported_with_a_place(text, place):
    with pytest.raises(SceneError) as caught:
        parse_document(text, "f")
    assert str(caught.value).startswith(place)


@pytest.mark.slow
def test_a_file_with_too_many_values_is_refused_before_all_of_it_is_read():
    with pytest.raises(SceneError, match="more than 70,000 names and values"):
        parse_document("[" + "[]," * 100_000 + "]", "f")
