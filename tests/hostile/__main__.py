"""`python -m tests.hostile [--url http://127.0.0.1:8000] [--only connections]`: exit status 1 if an attack costs too much."""

import argparse
import asyncio
import sys
from urllib.parse import urlsplit

from tests.hostile.attack import Target
from tests.hostile.attacks.catalogue import ATTACKS
from tests.hostile.run import run_all, table
from tests.hostile.server import own_server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument(
        "--url", help="a server of this machine without a limit of requests; without it one is started"
    )
    parser.add_argument("--only", default="", help="a part of a kind or a name")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies what attacks send")
    parser.add_argument("--seconds", type=float, default=20.0, help="the most that one attack takes")
    given = parser.parse_args()
    if given.url:
        return _attack(given.url, given)
    with own_server() as instance:
        return _attack(instance.url, given)


def _attack(url: str, given: argparse.Namespace) -> int:
    parts = urlsplit(url)
    target = Target(parts.hostname or "127.0.0.1", parts.port or 80, given.scale, given.seconds)
    chosen = [attack for attack in ATTACKS if given.only in f"{attack.kind} {attack.name}"]
    costs = asyncio.run(run_all(chosen, target))
    sys.stdout.write(f"{table(costs)}\n")
    return 1 if any(cost.faults for cost in costs) else 0


if __name__ == "__main__":
    sys.exit(main())
