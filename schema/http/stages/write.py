"""Stage "write": converts answers into HTTP responses. app/http/conditional_requests.py writes cached ones."""

from collections.abc import Sequence

from graphql import GraphQLError

from app.errors import AppError
from app.http.buffered_response import BufferedResponse
from app.http.conditional_requests import not_stored
from schema.execution.operation import Answer, write_errors
from schema.http.framings import Framing


def write_answer(answer: Answer, status: int, media_type: str) -> BufferedResponse:
    """A response that must not be cached."""
    response = not_stored(answer.body, media_type, status)
    if answer.cookies:
        cookies = ((b"set-cookie", cookie.encode()) for cookie in answer.cookies)
        return BufferedResponse(status, [*response.headers, *cookies], answer.body)
    return response


def write_batch(answers: Sequence[Answer], media_type: str) -> BufferedResponse:
    """One response with the answers of a batch, in request order."""
    whole = Answer(b"[" + b",".join(answer.body for answer in answers) + b"]")
    whole.cookies = [cookie for answer in answers for cookie in answer.cookies]
    return write_answer(whole, 200, media_type)


def write_in_stream(body: bytes, framing: Framing) -> BufferedResponse:
    """A stream with this one result."""
    media_type = framing.content_type
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"  # as of streams that stay open
    return not_stored(framing.opening + framing.result(body) + framing.end, media_type)


def write_error(error: AppError, request_id: str) -> Answer:
    return write_errors([GraphQLError(error.message, original_error=error)], request_id, error.code)
