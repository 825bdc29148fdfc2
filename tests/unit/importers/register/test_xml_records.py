"""Records of one XML file of the register: encodings, what is refused, and the memory that is used."""

import io
import tracemalloc

import pytest

from app.importers.register.xml_records import ForbiddenCharacter, UnreadableXml, read_records

UTF_16 = '<?xml version="1.0" encoding="utf-16"?>'


def units(*cities: str) -> str:
    body = "".join(f"<E>\r\n  <Nr>{n}</Nr>\r\n  <Ort>{city}</Ort>\r\n</E>" for n, city in enumerate(cities))
    return f"<Units>{body}</Units>"


def read(data: bytes, **options: bool) -> list[list[str]]:
    return list(read_records(io.BytesIO(data), "E", ("Ort", "Nr"), **options))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_with_and_without_byte_order_mark(encoding: str) -> None:
    assert read((UTF_16 + units("Köln", "Bad Homburg")).encode(encoding)) == [
        ["Köln", "0"],
        ["Bad Homburg", "1"],
    ]


def test_utf_8_is_read() -> None:
    assert read(units("Köln").encode()) == [["Köln", "0"]]


def test_missing_fields_are_empty_and_unknown_ones_are_ignored() -> None:
    assert read(b"<Units><E><Other>x</Other><Nr> 7 </Nr><Other>y</Other></E><E/></Units>") == [
        ["", "7"],
        ["", ""],
    ]


def test_predefined_entities_and_character_sections_are_text() -> None:
    assert read(units("A &amp; B &#xE4; <![CDATA[<C>]]>").encode()) == [["A & B ä <C>", "0"]]


def test_fields_of_both_spellings_are_read() -> None:
    data = b"<Units><E><LokationMastrNummer>1</LokationMastrNummer></E><E><LokationMaStRNummer>2</LokationMaStRNummer></E></Units>"
    assert list(read_records(io.BytesIO(data), "E", ("LokationMaStRNummer",))) == [["1"], ["2"]]


def test_values_are_whole_wherever_a_chunk_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [[f"Bad Köln {n}", f"{n}"] for n in range(20)]
    data = (UTF_16 + units(*(city for city, _ in expected))).encode("utf-16")
    for size in (2, 6, 14, 101, 998):
        monkeypatch.setattr("app.importers.register.xml_records._BYTES_PER_CHUNK", size)
        assert read(data) == expected
        assert read(data, without_forbidden_characters=True) == expected


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/x"> %x;]>',
        "<!DOCTYPE a>",
    ],
)
def test_document_type_declarations_are_refused(declaration: str) -> None:
    for options in ({}, {"without_forbidden_characters": True}):
        with pytest.raises(UnreadableXml, match="line 1: a document type declaration"):
            read((declaration + units("x")).encode(), **options)


@pytest.mark.parametrize(
    "text", ["<Units><E>", "<Units></E></Units>", "", "no XML", "<Units><E>&x;</E></Units>"]
)
def test_what_is_no_xml_is_refused_with_the_line(text: str) -> None:
    with pytest.raises(UnreadableXml, match="line 1: "):
        read(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Service unavailable</body></html>",
        "<Units><F><Nr>1</Nr></F></Units>",
        '<m:Units xmlns:m="urn:x"><m:E><m:Nr>1</m:Nr></m:E></m:Units>',
    ],
)
def test_a_file_without_records_of_the_table_is_refused_unless_it_is_empty(text: str) -> None:
    with pytest.raises(UnreadableXml, match="no element is named E, so it is another table"):
        read(text.encode())
    assert read(b"<Units></Units>") == []


@pytest.mark.parametrize("city", ["A\x02B", "A&#x1F;B", "A&#31;B", "A&#xFFFF;B", "A&#xD800;B"])
def test_forbidden_characters_can_be_left_out(city: str) -> None:
    data = (UTF_16 + units(city, "Köln &#x41;&amp;")).encode("utf-16")
    with pytest.raises(ForbiddenCharacter):
        read(data)
    assert read(data, without_forbidden_characters=True) == [["AB", "0"], ["Köln A&", "1"]]


def test_a_long_field_is_refused() -> None:
    with pytest.raises(UnreadableXml, match="more than 10,000 characters"):
        read(units("x" * 10_001).encode())


class Endless(io.RawIOBase):
    """A start, and then the same bytes again and again."""

    def __init__(self, start: bytes, repeated: bytes, total: int) -> None:
        self._start = start
        self._repeated = repeated * (65_536 // len(repeated))
        self.left = total

    def read(self, size: int = -1) -> bytes:
        chunk, self._start = self._start or self._repeated, b""
        self.left -= len(chunk)
        return chunk if self.left > 0 else b""


@pytest.mark.parametrize("start", ["<Units><!--", '<Units><E x="', "<Units><", "<?"])
def test_an_endless_tag_or_comment_is_refused_before_it_fills_the_memory(start: str) -> None:
    stream = Endless(start.encode(), b"x", 10**9)
    with pytest.raises(UnreadableXml, match="has no end"):
        list(read_records(stream, "E", ("Ort",)))
    assert stream.left > 10**9 - 8 * 2**20


class Growing(io.RawIOBase):
    """Tags with names that never repeat."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        chunk = "".join(self._tag.format(self.count + n) for n in range(1000))
        chunk, self.count = chunk if self.count else f"<Units>{chunk}", self.count + 1000
        return chunk.encode()


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("<E>", "more than 20 elements within each other"),
        ("<x>", "more than 20 elements within each other"),
        ("<E/><x{}/>", "more than 1,000 names"),
        ('<E x{}="1"/>', "more than 1,000 names"),
    ],
)
def test_what_the_parser_would_keep_for_ever_is_bounded(tag: str, reason: str) -> None:
    stream = Growing(tag)
    with pytest.raises(UnreadableXml, match=reason):
        list(read_records(stream, "E", ("Ort",)))
    assert stream.count <= 2000


def test_memory_does_not_grow_with_the_file() -> None:
    record = b"<E><Nr>1</Nr><Ort>" + b"x" * 200 + b"</Ort></E>"
    tracemalloc.start()
    try:
        stream = Endless(b"<Units>", record, 6_000_000)
        with pytest.raises(UnreadableXml, match=r"no element found|unclosed token"):
            for _ in read_records(stream, "E", ("Ort", "Nr")):
                pass
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
