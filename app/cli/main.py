"""`dno`: parses the command line and calls the module of the command."""

import errno
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from app.cli import console, standard_streams
from app.cli.atypical_use import atypical_use_command
from app.cli.check import check_command
from app.cli.export_data import export_command
from app.cli.follow import follow_command
from app.cli.import_data import import_command
from app.cli.starter import starter_command
from app.domain.account import Role
from app.domain.email import check_email
from app.errors import AppError, CannotStart
from app.settings import Settings, read_settings

app = typer.Typer(
    name="dno",
    help=(
        "The open GraphQL API for German electricity grid data."
        "\n\nStart with **dno serve**: it needs nothing installed and nothing set."
        " Settings come from the environment; docs/configuration.md lists them."
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
users_app = typer.Typer(help="The people who may sign in.", no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(users_app, name="user")
keys_app = typer.Typer(help="The API keys of programs.", no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(keys_app, name="key")

Email = Annotated[str, typer.Argument(help="The address to sign in with.")]
_UNLIMITED = 500
# The disk or the quota.
_FULL = (errno.ENOSPC, errno.EDQUOT)
ROLES = "VIEWER reads, EDITOR also corrects, ADMIN may everything."


def run() -> None:
    """An expected error is one sentence and exit status 1, without a traceback."""
    standard_streams.prepare()
    try:
        app()
    except (CannotStart, AppError) as error:
        console.print_error(str(error))
        sys.exit(1)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        where = error.filename or "The output or a temporary file"
        console.print_error(f"{where} cannot be written: {error.strerror}.")
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.out.print(f"dno {version('dno-api')}", markup=False, highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every network. [127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free. [8000]")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that share the port. [1]")] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Renew the server whenever the code changes.")
    ] = False,
) -> None:
    """Start the server, and everything it needs.

    Without DATABASE_URL it starts a PostgreSQL of its own, without REDIS_URL a Valkey; both keep their
    data in .local/ and answer this machine only. A new database is made ready and gets the starter data.

    Stops on Ctrl-C. With several workers, SIGHUP renews them one by one without failing a request.
    """
    from app.cli import serve

    serve.run(_settings(host=host, port=port, workers=workers), reload=reload)


@app.command()
def migrate() -> None:
    """Bring the database up to date.

    **dno serve** does so by itself; this is for doing it earlier, for instance before a release.
    """
    from app.cli.migrate import run

    for sentence in run(_settings()):
        console.out.print(sentence, markup=False)


app.command("import")(import_command)
app.command("export")(export_command)
app.command("starter")(starter_command)
app.command("follow")(follow_command)
app.command("check")(check_command)
app.command("atypical-use")(atypical_use_command)


@app.command()
def warm() -> None:
    """Read the most frequent queries into Redis (cache warming).

    The server does so itself, at its start and every hour; this is for doing it by hand, for instance
    after Redis was emptied.
    """
    from app.cli import warm
    from app.cli.databases import with_databases

    console.out.print(with_databases(_settings(), warm.run), markup=False)


@app.command("purge-edges")
def purge_edges() -> None:
    """Purge all responses at the caches at the edge.

    Changes are purged without it. Run it after an upgrade, once no instance of the former release runs any more.
    """
    from app.cli import purge_edges
    from app.cli.databases import with_databases

    console.out.print(with_databases(_settings(), purge_edges.run), markup=False)


@app.command("export-schema")
def export_schema(
    file: Annotated[Path | None, typer.Argument(help="Where to write it; by default it is printed.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if FILE is not current.")
    ] = False,
) -> None:
    """Print the schema of the API in the GraphQL schema language."""
    from app.cli import export_schema

    export_schema.run(file, check=check)


@users_app.command("add")
def add_user(
    email: Email, role: Annotated[Role, typer.Option(help=ROLES, case_sensitive=False)] = Role.VIEWER
) -> None:
    """Add a user.

    The password is asked for, or read from the first line of standard input.
    """
    from app.cli import users
    from app.cli.databases import with_databases

    check_email(email)
    user = with_databases(_settings(), lambda settings: users.add(settings, email, role, users.ask_password))
    console.out.print(f"{user.email} may sign in now, as {user.role}.", markup=False)


@users_app.command("role")
def set_role(email: Email, role: Annotated[Role, typer.Argument(help=ROLES, case_sensitive=False)]) -> None:
    """Change the role of a user.

    It holds at once, for open sessions and for the API keys that they have made.
    """
    from app.cli import users
    from app.cli.databases import with_databases

    user = with_databases(_settings(), lambda settings: users.set_role(settings, email, role))
    console.out.print(f"{user.email} is {user.role} now.", markup=False)


@users_app.command("password")
def set_password(email: Email) -> None:
    """Set the password of a user, and end all their sessions.

    It is asked for, or read from the first line of standard input.
    """
    from app.cli import users
    from app.cli.databases import with_databases

    user = with_databases(
        _settings(), lambda settings: users.set_password(settings, email, users.ask_password)
    )
    console.out.print(f"{user.email} has another password now, and no open session.", markup=False)


@users_app.command("sign-out")
def sign_out(email: Email) -> None:
    """End all sessions of a user."""
    from app.cli import users
    from app.cli.databases import with_databases

    user, ended = with_databases(_settings(), lambda settings: users.sign_out(settings, email))
    sessions = "1 session" if ended == 1 else f"{ended} sessions"
    console.out.print(f"{user.email} had {sessions} open, and has none now.", markup=False)


@users_app.command("delete")
def delete_user(email: Email) -> None:
    """Remove a user.

    Their API keys end, and their address is forgotten; what they changed stays, with its history.
    """
    from app.cli import users
    from app.cli.databases import with_databases

    with_databases(_settings(), lambda settings: users.delete(settings, email))
    console.out.print(f"{email} is deleted.", markup=False)


@users_app.command("list")
def list_users() -> None:
    """Show who may sign in."""
    from app.cli import users
    from app.cli.databases import with_databases

    console.out.print(users.table(with_databases(_settings(), users.fetch)))


@keys_app.command("list")
def list_keys() -> None:
    """Show the keys that are not revoked. Secrets are stored nowhere, and cannot be shown."""
    from app.cli import keys
    from app.cli.databases import with_databases

    table = keys.table(with_databases(_settings(), keys.fetch))
    # Programs that read it get each key on one line.
    console.out.print(table, width=None if console.out.is_terminal else _UNLIMITED)


@keys_app.command("revoke")
def revoke_key(
    id: Annotated[str, typer.Argument(help="The key's id, as **dno key list** shows it.")],
) -> None:
    """End a key, at once on all running servers."""
    from app.cli import keys
    from app.cli.databases import with_databases

    key_id = keys.read_key_id(id)
    key = with_databases(_settings(), lambda settings: keys.revoke(settings, key_id))
    console.out.print(f"{key.name} is revoked.", markup=False)


def _settings(**options: object) -> Settings:
    return read_settings(os.environ, options)


if __name__ == "__main__":
    run()
