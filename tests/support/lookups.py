"""Providers connected to their stand-ins, with one set of names for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from config.settings import load
from config.verification import CheckLevel
from connectors.http.pacing import LocalPace
from sandbox.providers.meter import LookupService
from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.verification.models import Question
from worker.verification.protocol import Provider
from worker.verification.registry import ProviderFactoryContext, provider_factories

IMPOSSIBLE = "+1415555"
SINCE = date(2024, 3, 1)

# Waits and time-outs that are seconds in production.
QUICK = """
[http]
backoff_initial = 0.01
attempts = 3
call_timeout = 1.0
"""


def tuned(name: str, extra: str = "") -> str:
    return (
        f"{QUICK}\n[verification.providers.{name}]\nper_second = 10000\nread_timeout = 0.5\n"
        f"attempts = 3\n{extra}"
    )


@dataclass
class ProviderCase:
    """A provider and its stand-in. `calls`: a regular expression of its lookups, for faults."""

    name: str
    provider: Provider
    service: LookupService | None
    check_level: CheckLevel
    calls: str = ""
    break_key: Callable[[], None] = lambda: None
    use_up: Callable[[], None] = lambda: None
    slow_down: Callable[[], None] = lambda: None

    def question(self, number: str) -> Question:
        return Question(number, SINCE if self.check_level == "reassigned" else None)

    def ask(self, *numbers: str) -> Mapping[str, Any]:
        """Return answers by number, asked in calls of the provider's size."""
        answers = {}
        questions = [self.question(number) for number in numbers]
        for start in range(0, len(questions), self.provider.batch):
            batch = questions[start : start + self.provider.batch]
            answers.update(
                {answer.number: answer for answer in self.provider.ask(batch, self.check_level)}
            )
        return answers

    def fault(self, kind: str, **options: Any) -> Fault:
        assert self.service is not None
        fault = Fault(self.calls, kind, **options)
        self.service.faults.append(fault)
        return fault

    @property
    def charges(self) -> int:
        return self.service.charges if self.service else 0


def connect_provider(
    sandbox: Sandbox, name: str, tmp_path: Path, toml: str = "", **env: str
) -> Provider:
    """Connect a provider to its stand-in, by settings as an operator would give them."""
    path = tmp_path / f"{name}.toml"
    path.write_text(toml or tuned(name), encoding="utf-8")
    services = (name,) if name in sandbox.ports else ()
    settings = load({**sandbox.env(*services), "HYGIENE_HOME": str(tmp_path), **env,
                     "HYGIENE_CONFIG": str(path)})  # fmt: skip
    provider = provider_factories()[name](ProviderFactoryContext(settings, LocalPace()))
    assert provider is not None
    return provider


def provider_case(sandbox: Sandbox, kind: str, tmp_path: Path) -> ProviderCase:
    """Return one of `PROVIDER_CASES`: a provider, or a way to ask it."""
    if kind == "offline":
        return ProviderCase(
            "offline", connect_provider(sandbox, "offline", tmp_path, QUICK), None, "format"
        )
    name = kind.split(":")[0]
    toml, env = tuned(name), {}
    if kind == "twilio:singly":
        toml = tuned(name, "batch = 1")
    if kind == "numverify:third":
        env["NUMVERIFY_URL"] = sandbox.url("numverify") + "/numverify"
    if kind == "numverify:header":
        env["NUMVERIFY_URL"] = sandbox.url("numverify") + "/number_verification"
    provider = connect_provider(sandbox, name, tmp_path, toml, **env)
    twilio, numverify, clearout, rnd = (
        sandbox.twilio, sandbox.numverify, sandbox.clearoutphone, sandbox.rnd
    )  # fmt: skip

    def forget_tokens() -> None:
        rnd.refresh_tokens.clear()
        rnd.tokens.clear()

    def setting(service: Any, what: str, value: Any) -> Callable[[], None]:
        return lambda: setattr(service, what, value)

    known = {
        "twilio": ProviderCase(
            name, provider, twilio, "line_type", r"/v2/",
            twilio.logins.clear, setting(twilio, "suspended", True),
        ),
        "numverify": ProviderCase(
            name, provider, numverify, "line_type", r"/validate\?",
            numverify.keys.clear, setting(numverify, "left", 0),
        ),
        "clearoutphone": ProviderCase(
            name, provider, clearout, "line_type", r"/phonenumber/validate",
            clearout.tokens.clear, setting(clearout, "credits", 0),
        ),
        "rnd": ProviderCase(
            name, provider, rnd, "reassigned", r"/api/tn", forget_tokens, setting(rnd, "left", 0)
        ),
    }  # fmt: skip
    return known[name]


PROVIDER_CASES = (
    "offline", "twilio:batch", "twilio:singly", "numverify:query", "numverify:third",
    "numverify:header", "clearoutphone", "rnd",
)  # fmt: skip
