"""The command `dno`, as installed (decision 85): finds the packages `app`, `loaders` and `schema` before any others of these names."""

import sys
from pathlib import Path
from typing import Final

# Only in a wheel; a checkout has them at its top.
PACKAGES: Final = Path(__file__).with_name("packages")


def run() -> None:
    if PACKAGES.is_dir():
        sys.path.insert(0, str(PACKAGES))
    from app.cli.main import run

    run()
