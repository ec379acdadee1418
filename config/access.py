"""Settings of `[access]`: who may log in through OpenID Connect."""

from __future__ import annotations

from config.section import Section


class AccessSettings(Section):
    """Who may log in through OpenID Connect: emails (`kim@example.com`) or whole domains
    (`@example.com`), as the identity provider has verified them."""

    oidc_admins: tuple[str, ...] = ()
    oidc_viewers: tuple[str, ...] = ()
