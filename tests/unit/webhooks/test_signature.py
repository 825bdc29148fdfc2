"""Signatures are those of the Standard Webhooks specification."""

import base64

from app.webhooks.signature import new_secret, show_secret, signed_headers


def test_a_signature_is_the_one_of_the_specification() -> None:
    """Secret, id, timestamp and body are those of its documentation."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_has_256_bits_behind_its_prefix() -> None:
    shown = show_secret(new_secret())
    assert shown.startswith("whsec_")
    assert len(base64.b64decode(shown.removeprefix("whsec_"), validate=True)) == 32
