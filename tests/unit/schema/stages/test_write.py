"""Stage "write"."""

import json

from app.errors import AppError, Code
from schema.execution.operation import Answer
from schema.http.stages.write import write_answer, write_batch, write_error


def test_an_answer_that_is_not_cached_may_not_be_kept_by_others() -> None:
    response = write_answer(Answer(b"{}", cookies=["a=b", "c=d"]), 294, "application/json")
    assert (response.status, response.body) == (294, b"{}")
    assert (b"cache-control", b"no-store") in response.headers
    assert [value for name, value in response.headers if name == b"set-cookie"] == [b"a=b", b"c=d"]


def test_a_batch_keeps_the_order_of_its_answers_and_all_cookies() -> None:
    response = write_batch([Answer(b"1", cookies=["a=1"]), Answer(b"2", cookies=["b=2"])], "application/json")
    assert response.body == b"[1,2]"
    assert [value for name, value in response.headers if name == b"set-cookie"] == [b"a=1", b"b=2"]


def test_a_refusal_becomes_errors_without_data() -> None:
    answer = write_error(AppError("There is none.", Code.NOT_FOUND, limit=3), "request-1")
    assert json.loads(answer.body) == {
        "errors": [{"message": "There is none.", "extensions": {"code": "NOT_FOUND", "limit": 3}}]
    }
    assert (answer.errors, answer.data) == (1, False)
