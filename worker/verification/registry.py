"""The available providers, and the chain that the settings make of them.

A provider is a line in `BUILT_IN`, or an entry point of the group `phone_hygiene.providers` in any
installed package: a function that takes a `ProviderFactoryContext` and returns a `Provider`, or
None if its credentials are missing. A provider of another package is asked if a step of the
settings names it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint

from config.plugins import installed
from config.section import SettingsError
from config.settings import Settings
from config.verification import CheckLevel, ProviderTuning, Step
from connectors.http.pacing import Pace
from worker.verification import circuit_breaker
from worker.verification.http_client import ProviderClient, with_path
from worker.verification.protocol import ChainStep, Provider
from worker.verification.providers.clearoutphone import ClearoutPhoneProvider
from worker.verification.providers.numverify import NumVerifyProvider, base_url
from worker.verification.providers.offline import OfflineProvider
from worker.verification.providers.rnd import RndProvider
from worker.verification.providers.twilio import TwilioProvider
from worker.verification.rate_limit import fitting

log = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "phone_hygiene.providers"


@dataclass(frozen=True)
class ProviderFactoryContext:
    """What a provider is made with: its tuning, and a client for its service."""

    settings: Settings
    pace: Pace

    def tuning(self, name: str) -> ProviderTuning:
        return self.settings.verification.providers.get(name, ProviderTuning())

    def client(self, name: str, url: str) -> ProviderClient:
        return ProviderClient(name, url, self.tuning(name), self.pace, self.settings.http)


ProviderFactory = Callable[[ProviderFactoryContext], Provider | None]


def _offline(_context: ProviderFactoryContext) -> Provider | None:
    return OfflineProvider()


def _twilio(context: ProviderFactoryContext) -> Provider | None:
    credentials = context.settings.twilio
    if credentials is None:
        return None
    client = context.client("twilio", credentials.url)
    tuning = context.tuning("twilio")
    return TwilioProvider(credentials, client, fitting(tuning.per_second, tuning.batch))


def _numverify(context: ProviderFactoryContext) -> Provider | None:
    credentials = context.settings.numverify
    if credentials is None:
        return None
    url = base_url(credentials.url)
    return NumVerifyProvider(
        credentials.model_copy(update={"url": url}), context.client("numverify", url)
    )


def _clearoutphone(context: ProviderFactoryContext) -> Provider | None:
    credentials = context.settings.clearoutphone
    if credentials is None:
        return None
    client = context.client("clearoutphone", with_path(credentials.url, "/v1"))
    bulk_from = context.tuning("clearoutphone").bulk_from
    return ClearoutPhoneProvider(credentials, client, bulk_from)


def _rnd(context: ProviderFactoryContext) -> Provider | None:
    credentials = context.settings.rnd
    if credentials is None:
        return None
    tuning = context.tuning("rnd")
    client = context.client("rnd", credentials.url)
    batch = fitting(tuning.per_second, tuning.batch)
    return RndProvider(credentials, client, batch, tuning.bulk_from)


# In the order in which they are asked where the settings say nothing else.
BUILT_IN: dict[str, ProviderFactory] = {
    "offline": _offline,
    "twilio": _twilio,
    "numverify": _numverify,
    "clearoutphone": _clearoutphone,
    "rnd": _rnd,
}
KEYS = {
    "twilio": "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and TWILIO_API_SECRET)",
    "numverify": "NUMVERIFY_ACCESS_KEY",
    "clearoutphone": "CLEAROUTPHONE_API_TOKEN",
    "rnd": "RND_REFRESH_TOKEN and RND_COMPANY_ID",
}


@cache
def entry_point_providers() -> tuple[EntryPoint, ...]:
    """Return the providers of other packages."""
    return installed(ENTRY_POINT_GROUP)


def provider_factories() -> dict[str, ProviderFactory]:
    """Return all providers by name: ours, and those of installed packages."""
    factories: dict[str, ProviderFactory] = dict(BUILT_IN)
    for point in entry_point_providers():
        if point.name in factories:
            log.warning("provider %s of %s has a name that is already taken; it is left out",
                        point.name, point.value)  # fmt: skip
        else:
            factories[point.name] = point.load()
    return factories


@dataclass(frozen=True)
class ChainPlan:
    """The chain that the settings make, and a line for each step that is left out."""

    steps: tuple[ChainStep, ...]
    left_out: tuple[str, ...] = ()

    @property
    def providers(self) -> tuple[Provider, ...]:
        return tuple({id(step.provider): step.provider for step in self.steps}.values())

    @property
    def labels(self) -> dict[str, str]:
        """What to call the provider of each step, by the step's name."""
        return {step.name: step.provider.label for step in self.steps}


def plan_chain(settings: Settings, pace: Pace) -> ChainPlan:
    """Build the chain. Raises `SettingsError` for a step that makes no sense."""
    known = provider_factories()
    verification = settings.verification
    context = ProviderFactoryContext(settings, pace)
    problems = [
        f"verification.providers.{name}: there is no such provider; available: {', '.join(known)}"
        for name in verification.providers
        if name not in known
    ]
    on = {n: m for n, m in known.items() if context.tuning(n).enabled}
    configured = verification.steps or _default_steps(on)
    providers: dict[str, Provider | None] = {}
    steps: list[ChainStep] = []
    left_out: list[str] = []
    for place, step in enumerate(configured):
        where = f"verification.steps[{place}]" if verification.steps else "verification.steps"
        if step.provider not in known:
            problems.append(
                f"{where}.provider: there is no {step.provider!r}; available: {', '.join(known)}"
            )
            continue
        if step.provider not in on:
            left_out.append(f"{where}: {step.provider} is turned off, the step is left out")
            continue
        if step.provider not in providers:
            providers[step.provider] = known[step.provider](context)
        provider = providers[step.provider]
        if provider is None:
            if verification.steps:
                keys = KEYS.get(step.provider, "its credentials")
                left_out.append(f"{where}: set {keys} for {step.provider}; the step is left out")
            continue
        _add(steps, problems, settings, where, step, provider)
    if problems:
        raise SettingsError(*problems)
    return ChainPlan(tuple(steps), tuple(left_out))


def _add(
    steps: list[ChainStep],
    problems: list[str],
    settings: Settings,
    where: str,
    step: Step,
    provider: Provider,
) -> None:
    product = provider.product(step.check_level)
    if product is None:
        kinds = [d for d in ("format", "line_type", "live", "reassigned") if provider.product(d)]
        problems.append(
            f"{where}.check_level: {step.provider} does not check {step.check_level}, only "
            f"{' and '.join(kinds)}"
        )
        return
    currency = settings.verification.budget.currency
    if step.cost is None and product.price and currency != "USD":
        problems.append(
            f"{where}.cost: set the price of {step.provider} in {currency}; list prices are in USD"
        )
        return
    price = product.price if step.cost is None else step.cost
    steps.append(ChainStep(step, provider, product, price))


def _default_steps(on: Mapping[str, ProviderFactory]) -> tuple[Step, ...]:
    """Return the default steps: the numbering plan, then one provider after the other, each if
    those before gave no answer."""
    levels: dict[str, CheckLevel] = {"offline": "format", "rnd": "reassigned"}
    steps = []
    for name in BUILT_IN:
        if name not in on:
            continue
        check_level = levels.get(name, "line_type")
        steps.append(Step(provider=name, check_level=check_level, only_undecided=name != "offline"))
    return tuple(steps)


def credentials_hash(settings: Settings, name: str) -> str:
    """Return a hash that tells one key of a provider from another."""
    credentials = getattr(settings, name, None)
    tuning = settings.verification.providers.get(name)
    known = credentials.model_dump_json() if credentials else repr(tuning and tuning.options)
    return circuit_breaker.short_hash(known)
