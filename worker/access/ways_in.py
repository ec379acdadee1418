"""Say how people log in to the pages: by which settings, and what to do if there are none."""

from __future__ import annotations

from config.settings import Settings
from worker.access import users
from worker.store import Store

NO_PASSWORD = (
    "No password is set here. Log in with a one-time link (in a terminal on this machine: hygiene "
    "users login-link), or set ADMIN_PASSWORD."
)


def needs_link(settings: Settings, store: Store) -> bool:
    """Return whether nobody has a password or an identity provider, so that a one-time link is
    needed."""
    return not (settings.admin_password or settings.oidc or users.has_users(store))


def described(settings: Settings, store: Store) -> str:
    """Describe to an operator how users log in."""
    if needs_link(settings, store):
        return (
            "no ADMIN_PASSWORD, people or identity provider: the pages need a one-time login link "
            "(hygiene users login-link, in a terminal)"
        )
    ways = {
        "ADMIN_PASSWORD": bool(settings.admin_password),
        "passwords of people": users.has_users(store),
        "the identity provider": settings.oidc is not None,
    }
    return f"people log in by {', '.join(way for way, there in ways.items() if there)}"
