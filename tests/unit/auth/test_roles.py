"""What each role permits."""

from uuid import uuid4

import pytest

from app.auth.roles import lower, require, require_reader
from app.domain.account import ANONYMOUS, Principal, Role
from app.errors import Code, Unauthenticated
from tests.error_codes import raises_code

EDITOR = Principal(role=Role.EDITOR, user_id=uuid4())


def test_a_role_includes_those_below_it():
    require(EDITOR, Role.VIEWER)
    require(EDITOR, Role.EDITOR)
    with raises_code(Code.FORBIDDEN):
        require(EDITOR, Role.ADMIN)


def test_an_anonymous_caller_is_asked_to_sign_in():
    with pytest.raises(Unauthenticated):
        require(ANONYMOUS, Role.VIEWER)


def test_anonymous_reading_can_be_switched_off():
    require_reader(ANONYMOUS, anonymous_reading=True)
    require_reader(EDITOR, anonymous_reading=False)
    with pytest.raises(Unauthenticated):
        require_reader(ANONYMOUS, anonymous_reading=False)


@pytest.mark.parametrize("one", Role)
@pytest.mark.parametrize("other", Role)
def test_the_lower_of_two_roles_is_included_in_both(one, other):
    assert one.includes(lower(one, other))
    assert other.includes(lower(one, other))


def test_a_rejection_names_the_required_role():
    sign_in = "Please sign in, or send an API key."
    with pytest.raises(Unauthenticated) as unknown:
        require(ANONYMOUS, Role.VIEWER)
    assert unknown.value.message == sign_in
    with pytest.raises(Unauthenticated) as reader:
        require_reader(ANONYMOUS, anonymous_reading=False)
    assert reader.value.message == sign_in
    with raises_code(Code.FORBIDDEN) as forbidden:
        require(EDITOR, Role.ADMIN)
    assert forbidden.value.message == "This needs the role ADMIN; yours is EDITOR."
