"""What is running: `dno_build_info`."""

import platform
from importlib.metadata import distribution

import msgspec

from app.observability.metrics import BUILD_INFO
from app.settings import Settings


class _Repository(msgspec.Struct):
    commit_id: str = ""


class _Origin(msgspec.Struct):
    """Written by pip for a package that was installed from a repository (PEP 610)."""

    vcs_info: _Repository = msgspec.field(default_factory=_Repository)


def set_build_info(settings: Settings) -> None:
    """The revision is that of the setting, else the one that pip has installed; empty for a checkout, which may be modified."""
    package = distribution("dno-api")
    origin = msgspec.json.decode(package.read_text("direct_url.json") or "{}", type=_Origin)
    revision = settings.revision or origin.vcs_info.commit_id
    BUILD_INFO.labels(package.version, revision, platform.python_version()).set(1)
