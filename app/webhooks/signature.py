"""Secrets and signatures of messages, as the Standard Webhooks specification defines them (standardwebhooks.com)."""

import base64
import hmac
import secrets
from hashlib import sha256
from typing import Final

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def show_secret(secret: bytes) -> str:
    return _PREFIX + base64.b64encode(secret).decode()


def signed_headers(secret: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`timestamp`: seconds since 1970; that of the attempt, so that a receiver can reject old copies."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(secret, signed, sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
