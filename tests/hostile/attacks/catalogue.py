"""All attacks: each module adds its own list here."""

from collections.abc import Sequence

from tests.hostile.attack import Attack
from tests.hostile.attacks import budgets, connections

ATTACKS: Sequence[Attack] = [*connections.ATTACKS, *budgets.ATTACKS]
