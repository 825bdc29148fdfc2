"""A language model behind an endpoint that speaks OpenAI's chat completions."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from app.errors import CannotStart
from app.language_model.budget import AT_ONCE
from app.language_model.opinion import LanguageModel, NoOpinion
from app.settings import Settings, check_token

if TYPE_CHECKING:
    import httpx

MAX_RESPONSE_BYTES: Final = 2**16  # bytes that are read of an answer
TOKENS: Final = 200


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Completion(msgspec.Struct):
    choices: list[_Choice]


_decode = msgspec.json.Decoder(_Completion).decode


@asynccontextmanager
async def open_language_model(settings: Settings) -> AsyncIterator[LanguageModel | None]:
    """None where no endpoint is set."""
    if not settings.language_model_url:
        yield None
        return
    check_token(settings, "language_model_key")
    try:
        import httpx
    except ImportError:
        raise CannotStart(
            "LANGUAGE_MODEL_URL needs an HTTP client: install dno-api[language-model]."
        ) from None
    logging.getLogger("httpx").setLevel(logging.WARNING)  # each request is worth no line
    # Neither proxies nor keys of the environment: it is asked what is set, where it is set.
    async with httpx.AsyncClient(
        limits=httpx.Limits(max_connections=AT_ONCE), timeout=settings.language_model_timeout, trust_env=False
    ) as client:
        yield ChatModel(client, settings)


class ChatModel:
    def __init__(self, client: "httpx.AsyncClient", settings: Settings) -> None:
        self._client = client
        self._url = f"{settings.language_model_url.rstrip('/')}/chat/completions"
        self._headers = {"content-type": "application/json"}
        if settings.language_model_key:
            self._headers["authorization"] = f"Bearer {settings.language_model_key}"
        self._model = settings.language_model_name
        self._timeout = settings.language_model_timeout

    async def complete(self, instruction: str, sentence: str) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                return _decode(await self._post(instruction, sentence)).choices[0].message.content
        except NoOpinion:
            raise
        except Exception as error:
            # Only its kind: the message of an HTTP error may contain the URL.
            raise NoOpinion(type(error).__name__) from None

    async def _post(self, instruction: str, sentence: str) -> bytes:
        question = {
            "model": self._model,
            "temperature": 0,
            "max_tokens": TOKENS,
            "messages": [
                {"role": "system", "content": instruction},
                {"role": "user", "content": sentence},
            ],
        }
        body = bytearray()
        async with self._client.stream(
            "POST", self._url, content=msgspec.json.encode(question), headers=self._headers
        ) as response:
            if response.status_code != 200:
                raise NoOpinion(f"status {response.status_code}")
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_RESPONSE_BYTES:
                    raise NoOpinion("its answer is too long")
        return bytes(body)
