"""The address of PostgreSQL is shown without secrets, whatever is wrong with it."""

import pytest

from app.db.address import address, each_host

DAMAGED = "the address in DATABASE_URL"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:s3cret@h:5433/db", "h:5433/db"),
        ("postgresql://u:s3cret@h/db?sslmode=require", "h:5432/db"),
        (
            "postgresql://u:s3cret@one:5432,two:5433/db?target_session_attrs=read-write",
            "one:5432,two:5433/db",
        ),
        ("postgresql://u:s3cret@one,two/db", "one:5432,two:5432/db"),
        ("postgresql://u:s3cret@[::1]:5433,[fe80::2]/db", "[::1]:5433,[fe80::2]:5432/db"),
        ("postgresql:///db", "localhost:5432/db"),
        ("postgresql://u:s3cret@/db?host=one,two&port=1,2", "one:1,two:2/db"),
    ],
)
def test_hosts_and_database_are_shown(url: str, shown: str) -> None:
    assert address(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres:s3cret/with#signs@h:1/db",
        "postgresql://postgres:123/s3cret@h/db",
        "postgresql://postgres:s3cret?@h/db",
        "postgresql://postgres:s3cret",
        "postgresql://u:s3cret@[::1/db",
        "postgresql://u:p@/db?host=one,two&port=1,2,3",
    ],
)
def test_of_a_malformed_address_nothing_is_shown(url: str) -> None:
    assert address(url).startswith(DAMAGED)


def test_each_host_keeps_everything_else() -> None:
    assert each_host("postgresql://u:p%40@one:1,two/db?sslmode=require") == [
        "postgresql://u:p%40@one:1/db?sslmode=require",
        "postgresql://u:p%40@two/db?sslmode=require",
    ]
    assert each_host("postgresql://u:p@/db?host=one,two&port=1,2&sslmode=require") == [
        "postgresql://u:p@one:1/db?sslmode=require",
        "postgresql://u:p@two:2/db?sslmode=require",
    ]
    assert each_host("postgresql://u:p@one/db") == ["postgresql://u:p@one/db"]
