"""The struct of each GraphQL type, and the types whose objects are cached as fragments."""

from app.domain.account import ApiKey, User
from app.domain.dno import Dno
from app.domain.families import FAMILIES
from app.domain.revision import Revision

# Members of interfaces and unions: an object's class decides its type.
STRUCTS: dict[str, type] = {
    "Dno": Dno,
    **{family.graphql_type: family.struct for family in FAMILIES},
    "Revision": Revision,
    "User": User,
    "ApiKey": ApiKey,
}

# Types whose objects have a tag of their own and are loaded by their key.
TAGGED = frozenset({"Dno"})
