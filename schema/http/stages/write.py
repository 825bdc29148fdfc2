"""Stage "write": converts answers into HTTP responses. app/http/conditional_requests.py writes cached ones."""

from collections.abc import Sequence

from graphql import GraphQLError

from app.errors import AppError
from app.http.buffered_response import BufferedResponse
from app.http.conditional_requests import VARY, VARY_OF_POST, for_post
from schema.execution.operation import Answer, write_errors
from schema.http.framings import Framing


def write_answer(answer: Answer, status: int, media_type: str, method: str = "POST") -> BufferedResponse:
    """A response that must not be cached.

    That to a GET varies as one that may be, because the fast path gives later answers to the same head this header.
    """
    vary = VARY_OF_POST if method == "POST" else VARY
    response = for_post(answer.body, media_type, status, vary=vary)
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
    return for_post(framing.opening + framing.result(body) + framing.end, media_type)


def write_error(error: AppError, request_id: str) -> Answer:
    return write_errors([GraphQLError(error.message, original_error=error)], request_id, error.code)
