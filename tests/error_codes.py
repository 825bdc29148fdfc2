"""Expects an AppError by its code."""

import pytest

from app.errors import AppError, Code


def raises_code(code: Code, match: str | None = None) -> pytest.RaisesExc[AppError]:
    return pytest.raises(AppError, match=match, check=lambda error: error.code is code)
