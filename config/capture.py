"""Settings of `[capture]`: numbers that are verified while somebody fills in a form."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from config.events import Network
from config.section import Section
from config.verification import Caps

# Loopback, private and link-local networks: where a proxy of one's own, or a platform's router, is.
# A visitor from the internet has none of these addresses, so their own header is not believed.
_PRIVATE = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip


class CaptureSettings(Section):
    """`budget`: of all captures together, inside `verification.budget`; a capture key has a budget
    of its own inside this one. `proxies`: networks whose X-Forwarded-For is believed, to tell one
    visitor from another. `token_per_minute`: numbers that one API token may have verified in any
    minute."""

    budget: Caps = Caps(day=Decimal(5), month=Decimal(50))
    token_per_minute: int = Field(600, ge=1, le=1_000_000)
    proxies: tuple[Network, ...] = Field(_PRIVATE, validate_default=True)
