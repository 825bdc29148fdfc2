"""The names of metrics before they had a prefix, written beside the current ones for one release."""

import re
from typing import Final

from app.observability.metrics import PREFIX

# Metrics that have had the prefix from their beginning.
WITHOUT_OLD_NAME: Final = (b"build_", b"database_incomplete", b"edge_", b"http_compressions")
_FAMILY: Final = re.compile(
    rb"^# HELP " + PREFIX.encode() + rb"(\S+)[^\n]*\n((?:(?!# HELP)[^\n]*\n)*)", re.MULTILINE
)
_PREFIX_OF_LINE: Final = re.compile(rb"^(# TYPE |)" + PREFIX.encode(), re.MULTILINE)
# The label was called like the one that Prometheus adds to each series.
_RENAMED_LABELS: Final = {b"job_failures_total": (b'{task="', b'{job="')}


def with_deprecated_names(text: bytes) -> bytes:
    """The exposition followed by the same values under their former names."""
    return text + b"".join(_under_old_name(*found.groups()) for found in _FAMILY.finditer(text))


def _under_old_name(name: bytes, lines: bytes) -> bytes:
    if name.startswith(WITHOUT_OLD_NAME):
        return b""
    old = _PREFIX_OF_LINE.sub(rb"\1", lines)
    if name in _RENAMED_LABELS:
        old = old.replace(*_RENAMED_LABELS[name])
    return b"# HELP %b Deprecated, use %b%b.\n%b" % (name, PREFIX.encode(), name, old)
