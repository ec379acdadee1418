"""Several connections of one kind of CRM: how they are named, and which variables are whose.

A kind (`salesforce`, `hubspot`, `csv`, or a connector of an installed package) is also the name of
its first connection, whose table and variables need no suffix. Every other connection is declared
as `[connectors.<kind>-<suffix>]` with `kind`, and reads the kind's variables with the suffix behind
their first part: `SALESFORCE_EMEA_ACCESS_TOKEN` for `salesforce-emea` (docs/several-orgs.md).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

BUILT_IN: Final = ("salesforce", "hubspot", "csv")
FILE_KIND: Final = "csv"  # a list on disk
LONGEST_NAME: Final = 30  # characters: less than the columns, which hold a word beside it

FORMER: Final = "@"  # before the place of a former account: no name has it

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HOW = "write it with lower-case letters, digits and single hyphens, such as salesforce-emea"


def kinds() -> tuple[str, ...]:
    """Return all kinds of connectors: ours, and those of installed packages."""
    from config.plugins import installed_connectors

    return tuple(dict.fromkeys((*BUILT_IN, *installed_connectors())))


def former_name(name: str, place: int) -> str:
    """Return the name under which we keep what is left of an account that a connection went to
    before. `place`: of the account, from 1 on. It is no name of a connection, so that nothing is
    read or written under it.

    >>> former_name("hubspot", 1)
    'hubspot@1'
    """
    return f"{name}{FORMER}{place}"


def is_former(name: str) -> bool:
    """Return whether this is the name of an account that a connection went to before."""
    return FORMER in name


def present_name(name: str) -> str:
    """Return the connection that went to a former account; any other name as it is.

    >>> present_name("hubspot@1"), present_name("salesforce-emea")
    ('hubspot', 'salesforce-emea')
    """
    return name.partition(FORMER)[0]


def kind_of(name: str) -> str:
    """Return the kind of a connection, which its name begins with.

    A name of no kind, such as that of a package that is no longer installed, is its own kind.

    >>> kind_of("salesforce"), kind_of("salesforce-emea"), kind_of("acme"), kind_of("hubspot@1")
    ('salesforce', 'salesforce', 'acme', 'hubspot')
    """
    name = present_name(name)
    if name in BUILT_IN or "-" not in name:
        return name
    known = kinds()
    if name in known:
        return name
    return max((kind for kind in known if name.startswith(f"{kind}-")), key=len, default=name)


def is_file(name: str) -> bool:
    """Return whether a connection is a list on disk."""
    return kind_of(name) == FILE_KIND


def is_well_formed(name: str) -> bool:
    """Return whether this can be the name of a connection, declared or not."""
    known = kinds()
    if name in known:
        return True
    return len(name) <= LONGEST_NAME and bool(_NAME.fullmatch(name)) and kind_of(name) in known


def prefix(name: str) -> str:
    """
    >>> prefix("salesforce-emea")
    'SALESFORCE_EMEA'
    """
    return name.upper().replace("-", "_")


def variable(name: str, of_kind: str) -> str:
    """Return a connection's own variable, by what it is called for the first one of its kind.

    >>> variable("hubspot", "HUBSPOT_API_URL"), variable("hubspot-emea", "HUBSPOT_API_URL")
    ('HUBSPOT_API_URL', 'HUBSPOT_EMEA_API_URL')
    """
    kind = kind_of(name)
    if name == kind:
        return of_kind
    return f"{prefix(name)}_{of_kind.removeprefix(f'{prefix(kind)}_')}"


def variables(kind: str) -> tuple[str, ...]:
    """Return the variables of the first connection of a kind, by our models: addresses, and secrets
    with their `_FILE` form. Loads the package of a kind that is not ours."""
    from config.credentials import HubSpotCredentials, SalesforceCredentials
    from config.plugins import installed_connectors, load_connector
    from config.section import Section, environment_variable

    names: list[str] = []
    ours: dict[str, type[Section]] = {
        "salesforce": SalesforceCredentials, "hubspot": HubSpotCredentials,
    }  # fmt: skip
    if kind in ours:
        for field, info in ours[kind].model_fields.items():
            names.append(f"{prefix(kind)}_{field.upper()}")
            if not info.repr:
                names.append(f"{names[-1]}_FILE")
    elif kind in installed_connectors() and kind not in BUILT_IN:
        for info in load_connector(kind).settings_type.model_fields.values():
            if own := environment_variable(info):
                names += [own, f"{own}_FILE"]
    return tuple(names)


def in_words_of(name: str, text: str) -> str:
    """Return a message that was written for the first connection of a kind as one about another:
    with the latter's name, table and variables.

    >>> in_words_of("salesforce-emea", "salesforce: HTTP 404; set SALESFORCE_API_VERSION")
    'salesforce-emea: HTTP 404; set SALESFORCE_EMEA_API_VERSION'
    >>> in_words_of("hubspot-eu", "see connectors.hubspot.fields, then: hygiene crm setup hubspot")
    'see connectors.hubspot-eu.fields, then: hygiene crm setup hubspot-eu'
    """
    kind = kind_of(name)
    if name == kind:
        return text
    word = re.escape(kind)
    text = re.sub(rf"^{word}(?=: )", name, text, flags=re.MULTILINE)
    text = re.sub(rf"\bconnectors\.{word}(?![\w-])", f"connectors.{name}", text)
    text = re.sub(rf"(\bhygiene(?: [a-z][a-z-]*)+? ){word}(?![\w-])", rf"\g<1>{name}", text)
    own, first = prefix(name), prefix(kind)
    return re.sub(rf"\b{first}_(?!{own.removeprefix(f'{first}_')}_)(?=[A-Z])", f"{own}_", text)


_current: ContextVar[str] = ContextVar("connection", default="")


@contextmanager
def working_for(name: str) -> Iterator[None]:
    """Let the log lines of connectors within be about this connection (`in_current_words`)."""
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def in_current_words(text: str) -> str:
    """Return a message of a connector as one about the connection that is worked for."""
    name = _current.get()
    return in_words_of(name, text) if name else text


def declared() -> tuple[str, ...]:
    """Return further connections that the TOML file of `HYGIENE_CONFIG` declares: for a command
    line, which is checked before the settings are. A file that cannot be read declares none."""
    path = os.environ.get("HYGIENE_CONFIG")
    if not path:
        return ()
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8-sig")).get("connectors")
    except (OSError, ValueError):
        return ()
    return tuple(name for name in tables or () if is_well_formed(name) and name != kind_of(name))


# -- the tables of the TOML file -------------------------------------------------------------


def take_kinds(tables: dict[str, Any]) -> list[str]:
    """Take `kind` out of the tables of `[connectors]`, in place; return what is wrong with names
    and kinds, a line each. A table that cannot be used is taken out as well."""
    problems: dict[str, str] = {}
    for name, table in tables.items():
        kind = table.pop("kind", None) if isinstance(table, dict) else None
        if problem := _problem(name, kind):
            problems[name] = problem
    for name in problems:
        del tables[name]
    named = [name for name in tables if is_well_formed(name) and name != kind_of(name)]
    for name in named:
        if problem := _collision(name, named):
            problems[name] = problem
            del tables[name]
    return list(problems.values())


def _problem(name: str, kind: object) -> str:
    """Return what is wrong with one name and what its table says of its kind; "" if nothing."""
    where, known = f"connectors.{name}", kinds()
    if name in known:
        if kind in (None, name):
            return ""
        return f"{where}.kind: {name} is already a kind; leave `kind` out here"
    looks_named = name.lower().startswith(tuple(f"{one}-" for one in known))
    if kind is None and not looks_named:
        return ""  # an unknown table, which the model reports
    if kind is None and _NAME.fullmatch(name):
        return f'{where}.kind: missing; write kind = "{kind_of(name)}"'
    if kind is not None and kind not in known:
        return f"{where}.kind: there is no such kind; available: {', '.join(known)}"
    if not _NAME.fullmatch(name):
        return f"{where}: no name of a connection; {_HOW}"
    if len(name) > LONGEST_NAME:
        return f"{where}: longer than {LONGEST_NAME} characters; give the connection a shorter name"
    if kind_of(name) != kind:
        return (
            f"{where}: name a connection of this kind {kind}-SUFFIX, such as {kind}-emea: its "
            f"credentials are in {prefix(str(kind))}_SUFFIX_... variables"
        )
    return ""


def _collision(name: str, named: Iterable[str]) -> str:
    """Return why a name cannot be used beside others; "" if it can.

    It cannot where a variable of another connection could be read as one of its own: where it
    begins with its prefix. The first connections of ours count as if they were connected.
    """
    own = prefix(name)
    for other in dict.fromkeys((kind_of(name), "salesforce", "hubspot", *named)):
        if prefix(other).startswith(f"{own}_") or other == name:
            continue  # its name begins with this one's: so do all of its variables
        for of_kind in variables(kind_of(other)):
            foreign = variable(other, of_kind)
            if foreign == own or foreign.startswith(f"{own}_"):
                return (
                    f"connectors.{name}: this name cannot be used, since {foreign} is a variable "
                    f"of {other}; choose another suffix"
                )
    return ""


# -- variables of no connection ----------------------------------------------------------------


def stray_variables(env: Mapping[str, str], declared: Iterable[str]) -> dict[str, list[str]]:
    """Return variables that begin like those of a CRM of ours and belong to no connection: the name
    of the connection that they would be of ("" where none can be) -> the variables, in order."""
    names = [*declared]
    stray: dict[str, list[str]] = {}
    for kind in ("salesforce", "hubspot"):
        of_kind = variables(kind)
        first = f"{prefix(kind)}_"
        known = {*of_kind}
        for name in names:
            if kind_of(name) == kind:
                known |= {variable(name, one) for one in of_kind}
        for found in sorted(env):
            if found.startswith(first) and found not in known and env[found].strip():
                stray.setdefault(_would_be_of(kind, found, of_kind), []).append(found)
    return stray


def _would_be_of(kind: str, found: str, of_kind: Iterable[str]) -> str:
    first = prefix(kind)
    for one in sorted(of_kind, key=len, reverse=True):
        end = one.removeprefix(first)
        if found.endswith(end) and (suffix := found.removeprefix(first).removesuffix(end)):
            name = f"{kind}{suffix.lower().replace('_', '-')}"
            return name if is_well_formed(name) and not _collision(name, ()) else ""
    return ""


def base_variable(name: str) -> str:
    """Return what a variable of one of our CRMs is called for the first connection of its kind;
    any other variable as it is.

    >>> base_variable("SALESFORCE_EMEA_CLIENT_ID"), base_variable("PORT")
    ('SALESFORCE_CLIENT_ID', 'PORT')
    """
    for kind in ("salesforce", "hubspot"):
        first = prefix(kind)
        if not name.startswith(f"{first}_"):
            continue
        for one in sorted(variables(kind), key=len, reverse=True):
            if name.endswith(one.removeprefix(first)):
                return one
    return name
