"""The roles of our own PostgreSQL: a superuser, and the application's, which owns its database and may nothing else."""

from collections.abc import Sequence
from typing import Final

# A file among the data: the roles are separate.
DONE: Final = "dno-roles"

_RIGHTS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"

# Answers whether the data were made by a version whose application signed in as the superuser.
ARE_ONE: Final = "SELECT rolname FROM pg_authid WHERE oid = 10 AND rolname = 'dno'"
IS_ONE: Final = 'rolname = "dno"'


def create(password: str, admin_password: str | None) -> list[str]:
    """For a new cluster, in its database `postgres`."""
    return [
        f"CREATE ROLE dno {_RIGHTS} PASSWORD {_quoted(password)}",
        "CREATE DATABASE dno OWNER dno",
        _admin(admin_password),
    ]


def rename(password: str, admin_password: str | None) -> list[str]:
    """The superuser gets a name of its own; its former name goes to a new role. In the database `postgres`."""
    return [
        "BEGIN",
        # No session renames its own user.
        "CREATE ROLE dno_renames SUPERUSER",
        "SET SESSION AUTHORIZATION dno_renames",
        "ALTER ROLE dno RENAME TO postgres",
        "SET SESSION AUTHORIZATION postgres",
        "DROP ROLE dno_renames",
        f"CREATE ROLE dno {_RIGHTS} PASSWORD {_quoted(password)}",
        "ALTER DATABASE dno OWNER TO dno",
        _admin(admin_password),
        "COMMIT",
    ]


def _admin(password: str | None) -> str:
    return f"ALTER ROLE postgres PASSWORD {'NULL' if password is None else _quoted(password)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# What was made by the superuser goes to the application, in its own database. Not REASSIGN OWNED, which refuses
# to take anything from the first superuser; what belongs to a table (its indexes, its sequences) goes with it.
HAND_OVER: Final[Sequence[str]] = [
    """
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT format('ALTER %s %s OWNER TO dno', kind, name) FROM (
            SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, c.oid::regclass::text
            FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'c')
                AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
                    AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND relkind = 'S')
            UNION ALL
            SELECT 'ROUTINE', oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION ALL
            SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, oid::regtype::text
            FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e', 'r')
        ) AS made (kind, name)
    LOOP
        EXECUTE command;
    END LOOP;
END $$
""".strip()
]
