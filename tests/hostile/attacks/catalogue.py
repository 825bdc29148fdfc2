"""All attacks: each module adds its own list here."""

from collections.abc import Sequence

from tests.hostile.attack import Attack
from tests.hostile.attacks import budgets, connections, memory, work

ATTACKS: Sequence[Attack] = [*connections.ATTACKS, *budgets.ATTACKS, *memory.ATTACKS, *work.ATTACKS]
