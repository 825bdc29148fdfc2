"""The struct of each GraphQL type, and the types whose objects are cached as fragments."""

from app.domain.account import ApiKey, User
from app.domain.dno import Dno
from app.domain.hlzf import Hlzf
from app.domain.revision import Revision
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff

# Members of interfaces and unions: an object's class decides its type.
STRUCTS: dict[str, type] = {
    "Dno": Dno,
    "Tariff": Tariff,
    "Hlzf": Hlzf,
    "TimeOfUseTariff": TimeOfUseTariff,
    "Revision": Revision,
    "User": User,
    "ApiKey": ApiKey,
}

# Types whose objects have a tag of their own and are loaded by their key.
TAGGED = frozenset({"Dno"})
