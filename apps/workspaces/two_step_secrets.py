"""How allauth's second step meets our installation: sealed secrets, a code that is dark on light in every theme, our words."""

from __future__ import annotations

import logging
from io import BytesIO

import qrcode
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from qrcode.image.svg import SvgPathFillImage

from einstein.sealed import CannotOpen, seal, unseal

logger = logging.getLogger("einstein.workspaces")
PEOPLE = 0  # what is sealed for people and not for a workspace; those are numbered from 1


class TwoStepAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code does not fit. A code works once and for 30 seconds; take the one your app shows now.",
        "cannot_generate_recovery_codes": "Set up two-step log-in first.",
    }

    def encrypt(self, text: str) -> str:
        return seal(PEOPLE, {"text": text})

    def decrypt(self, encrypted_text: str) -> str:
        """What was sealed; once its key is gone, a secret that nobody knows, so that no code fits until an operator resets it."""
        try:
            return unseal(PEOPLE, encrypted_text)["text"]
        except CannotOpen:
            logger.error("the secret of a two-step log-in cannot be opened with the keys that are set")
            return generate_totp_secret()

    def build_totp_svg(self, url: str) -> str:
        drawn = BytesIO()
        qrcode.make(url, image_factory=SvgPathFillImage).save(drawn)
        return drawn.getvalue().decode()
