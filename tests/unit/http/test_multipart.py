"""Reading the parts of a form from a body that arrives in pieces."""

import tracemalloc
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInput
from app.http.multipart import MAX_PARTS, MultipartReader, Part

TYPE = "multipart/form-data; boundary=x"
HEAD = b'Content-Disposition: form-data; name="file"; filename="a.csv"'


def parts_of(body: bytes, content_type: str = TYPE, *, size: int = 1_000) -> list[tuple[Part, bytes]]:
    reader = MultipartReader(content_type)
    found: list[tuple[Part, bytes]] = []
    for start in range(0, len(body), size):
        for item in reader.feed(body[start : start + size]):
            if isinstance(item, Part):
                found.append((item, b""))
            else:
                part, content = found[-1]
                found[-1] = part, content + item
    reader.finish()
    return found


@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([b"", b"\r\n", b"\r\n--", b"--x", b"\r\n-"]),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 40),
)
def test_contents_are_read_exactly_whatever_pieces_arrive(contents: list[bytes], size: int) -> None:
    request = httpx.Request(
        "POST",
        "http://localhost",
        files=[("file", (f"{n}.csv", content)) for n, content in enumerate(contents)],
    )
    found = parts_of(request.read(), request.headers["content-type"], size=size)
    assert found == [(Part("file", f"{n}.csv"), content) for n, content in enumerate(contents)]


def test_what_stands_before_the_first_and_behind_the_last_boundary_is_dropped() -> None:
    body = b"a preamble\r\n--x  \r\n" + HEAD + b"\r\n\r\n1\r\n--x--\r\nan epilogue\r\n--x"
    assert parts_of(body) == [(Part("file", "a.csv"), b"1")]


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"content-disposition: form-data; name=a", Part("a", None)),
        (b'Content-Disposition: form-data; name="a"; filename=""', Part("a", "")),
        ('Content-Disposition: form-data; name="a"; filename="ü.csv"'.encode(), Part("a", "ü.csv")),
        (b"Content-Disposition: form-data; name=a; filename*=UTF-8''%C3%BC.csv", Part("a", "ü.csv")),
        (HEAD + b"\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: binary", Part("file", "a.csv")),
    ],
)
def test_names_of_parts(head: bytes, part: Part) -> None:
    assert parts_of(b"--x\r\n" + head + b"\r\n\r\n1\r\n--x--") == [(part, b"1")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "ends before"),
        (b"--x\r\n" + HEAD + b"\r\n\r\n1", "ends before"),
        (b"--x\r\n" + HEAD + b"\r\n\r\n1\r\n--y--", "ends before"),
        (b"--xy\r\n" + HEAD + b"\r\n\r\n1\r\n--x--", "another text"),
        (b"--x" + b" " * 10_000, "another text"),
        (b"--x\r\n\r\n1\r\n--x--", "no name"),
        (b"--x\r\nContent-Type: text/csv\r\n\r\n1\r\n--x--", "no name"),
        (b"--x\r\n" + HEAD + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--x--", "as it is"),
        (b"--x\r\n" + b"a: b\r\n" * 5_000, "more than 8192 bytes"),
        (b"--x\r\n" + HEAD + b';a="' + b";" * 300 + b'"\r\n\r\n1\r\n--x--', "more than 300 semicolons"),
        ((b"--x\r\n" + HEAD + b"\r\n\r\n1\r\n") * (MAX_PARTS + 1) + b"--x--", "more than 20 parts"),
    ],
)
def test_malformed_bodies_are_refused(body: bytes, reason: str) -> None:
    for size in (1, 7, 100_000):
        with pytest.raises(BadInput, match=reason):
            parts_of(body, size=size)


def test_a_name_that_breaks_rfc_2231_is_refused_or_read_as_python_reads_it() -> None:
    body = b"--x\r\ncontent-disposition: form-data; name*=a; name*0*=b\r\n\r\n1\r\n--x--"
    with suppress(BadInput):
        assert parts_of(body) == [(Part("b", None), b"1")]  # since Python 3.13.5


@pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'x' * 71}", '; boundary="\u00fc"'])
def test_a_form_needs_a_boundary(boundary: str) -> None:
    with pytest.raises(BadInput, match="boundary"):
        MultipartReader(f"multipart/form-data{boundary}")


def test_a_long_content_type_is_refused() -> None:
    """Python's parser takes seconds for one of 32 KiB within quotation marks."""
    with pytest.raises(BadInput, match="more than 1024 characters"):
        MultipartReader(f'{TYPE}; a="{";" * 32_000}')


def test_semicolons_are_a_part_of_a_name() -> None:
    name = "a;" * 127
    body = f'--x\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n1\r\n--x--'
    assert parts_of(body.encode()) == [(Part("f", name), b"1")]


def test_what_stands_behind_the_last_boundary_takes_no_memory() -> None:
    reader = MultipartReader(TYPE)
    assert [*reader.feed(b"--x\r\n" + HEAD + b"\r\n\r\na\r\n--x--")]
    tracemalloc.start()
    try:
        for _ in range(1_000):
            assert [*reader.feed(b"e" * 10_000)] == []
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
    reader.finish()
