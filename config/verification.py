"""Settings of `[verification]`: the chain's steps, how long answers count, budgets and rates."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from config.section import Duration, Section

# What a step checks: the numbering plan; the carriers' databases (line type, carrier); the network
# (is the line in service); who has the number now.
CheckLevel = Literal["format", "line_type", "live", "reassigned"]
LineType = Literal[
    "mobile", "landline", "voip", "toll_free", "premium", "pager", "other", "unknown"
]


def _cap(value: object) -> object:
    """Turn "none", which means no cap, into None: TOML has no null."""
    return None if value == "none" else value


Money = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]
MoneyCap = Annotated[Money | None, BeforeValidator(_cap)]
LookupCap = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_cap)]


class Step(Section):
    """One provider in the chain: what it checks, when it is asked, and what that costs.

    `only_undecided`: only if no earlier step has answered this question. `also_invalid`: also for
    numbers that an earlier step found invalid. `at_most_every`: never sooner than this after its
    last answer, even if forced. `also_low_confidence`: also for numbers that were read with low
    confidence. `min_value`: only for numbers of contacts whose `contact_value` is
    at least this.
    """

    provider: str
    check_level: CheckLevel = "line_type"
    only_undecided: bool = False
    also_invalid: bool = False
    also_low_confidence: bool = False
    line_types: tuple[LineType, ...] = ()
    countries: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    only_audited: bool = False
    at_most_every: Duration | None = None
    min_value: float | None = None
    cost: Money | None = None


class CountsFor(Section):
    """How long an answer counts.

    The defaults follow how numbers live. A mobile number that is given up goes back into service
    after 45 to 90 days (47 CFR 52.15(f)(1)(ii)); landlines change hands less, VoIP numbers more
    often. Numbering plans change a few times a year. Whether a line is in service, and whether
    a number was reassigned (published once a month), are soon old.
    """

    plan_valid: Duration = timedelta(days=180)
    plan_invalid: Duration = timedelta(days=90)
    valid_mobile: Duration = timedelta(days=90)
    valid_landline: Duration = timedelta(days=180)
    valid_voip: Duration = timedelta(days=60)
    valid_other: Duration = timedelta(days=90)
    invalid: Duration = timedelta(days=90)
    unreachable: Duration = timedelta(days=30)
    unknown: Duration = timedelta(days=7)
    live: Duration = timedelta(days=30)
    reassigned: Duration = timedelta(days=30)


class Caps(Section):
    """The most that may be spent, in money and in lookups. Days and months are UTC's."""

    day: MoneyCap = None
    month: MoneyCap = None
    run: MoneyCap = None
    day_lookups: LookupCap = None
    month_lookups: LookupCap = None
    run_lookups: LookupCap = None


class Budget(Caps):
    """Caps for all providers together. There are caps by default, so that a first mistake stays
    cheap."""

    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    day: MoneyCap = Decimal(50)
    month: MoneyCap = Decimal(500)


class ProviderTuning(Section):
    """How one provider is asked.

    `per_second`: lookups, by all workers together. `at_once`: parallel calls of one worker.
    `batch`: numbers in one call, if the provider can. `bulk_from`: from how many numbers of a page
    on its file upload is used; 0 = never. `budget`: caps of its own. `options`: whatever else a
    provider from another package needs.
    """

    enabled: bool = True
    per_second: float = Field(10.0, gt=0)
    at_once: int = Field(8, ge=1, le=64)
    batch: int = Field(1, ge=1, le=1000)
    bulk_from: int = Field(0, ge=0)
    connect_timeout: float = Field(5.0, gt=0)
    read_timeout: float = Field(15.0, gt=0)
    attempts: int = Field(3, ge=1, le=10)
    budget: Caps = Caps()
    options: dict[str, str] = Field(default_factory=dict)


def _tunings() -> dict[str, ProviderTuning]:
    return {
        "twilio": ProviderTuning(per_second=50.0, at_once=8, batch=20),
        "numverify": ProviderTuning(per_second=5.0, at_once=4),
        "clearoutphone": ProviderTuning(per_second=10.0, bulk_from=1000),
        "rnd": ProviderTuning(per_second=1000.0, at_once=2, batch=1000),
    }


class Verification(Section):
    """The chain. Without `steps`: the offline check, then every provider with credentials."""

    steps: tuple[Step, ...] = ()
    ttl_jitter: float = Field(0.2, ge=0, le=0.5)
    audit: tuple[Annotated[str, Field(pattern=r"^(source|campaign|country)=.+$")], ...] = ()
    # Whether a paid step is asked about a number that only a changed reading of a field brought.
    pay_for_changed_readings: bool = False
    retry_after: Duration = timedelta(hours=1)
    breaker_failures: int = Field(5, ge=1)
    breaker_cooldown: Duration = timedelta(seconds=30)
    counts_for: CountsFor = CountsFor()
    budget: Budget = Budget()
    providers: dict[str, ProviderTuning] = Field(default_factory=_tunings)

    @field_validator("providers", mode="before")
    @classmethod
    def _over_the_defaults(cls, tables: Any) -> Any:
        """Let a provider's table name only what differs from its defaults."""
        if not isinstance(tables, dict):
            return tables
        defaults = {name: tuning.model_dump() for name, tuning in _tunings().items()}
        return {
            **defaults,
            **{
                name: {**defaults.get(name, {}), **table} if isinstance(table, dict) else table
                for name, table in tables.items()
            },
        }
