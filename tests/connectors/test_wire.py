"""What happens between a CRM and us: TLS that is cut, statuses of an edge, web pages of a proxy,
answers that come byte by byte. Each passes by itself or is said in one line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crms import Crm
from tls import Ca, TlsFront, Trouble

from config.settings import Settings
from connectors import build
from connectors.base import AuthError, Connector, ConnectorError, UnavailableError
from connectors.statuses import web_page
from sandbox.run import Sandbox

READS = r"/contacts\?|GET .*/query"
ALL = r"/(crm|services/data)/"
LOGIN = r"/services/oauth2/token"
PAGE = b"<html><head><title>Attention Required!</title></head><body>%s</body></html>" % (b"x" * 999)
Open = Callable[..., Connector]


@pytest.fixture
def opened(make_settings: Callable[..., Settings]) -> Iterator[Open]:
    made: list[Connector] = []

    def opening(name: str, toml: str = "", **env: str) -> Connector:
        made.append(build(name, make_settings(toml, **env)))
        return made[-1]

    yield opening
    for one in made:
        one.close()


def read(connector: Connector) -> int:
    connector.use(connector.describe())
    return sum(len(page.contacts) for page in connector.pull(connector.objects[0]))


@pytest.fixture
def front(
    crm: Crm, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TlsFront]:
    ca = Ca(tmp_path)
    made = TlsFront(ca, sandbox.ports[crm.name])
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(ca.path))
    crm.fault(LOGIN, "alter", how='"http://', body='"https://', times=99)
    yield made
    made.close()


def by_tls(front: TlsFront) -> dict[str, str]:
    return {"HUBSPOT_API_URL": front.url, "SALESFORCE_LOGIN_URL": front.url}


class TestTls:
    @pytest.mark.parametrize("trouble", ["cut", "reset", "alert"])
    def test_a_handshake_that_is_cut_is_tried_again(
        self, crm: Crm, front: TlsFront, opened: Open, trouble: Trouble
    ) -> None:
        """Also the one of the login."""
        front.trouble, front.times = trouble, 3
        assert read(opened(crm.name, **by_tls(front))) > 0
        assert front.met == 3

    def test_one_that_is_always_cut_is_no_untrusted_certificate(
        self, crm: Crm, front: TlsFront, opened: Open
    ) -> None:
        front.times = 10**6
        with pytest.raises(UnavailableError, match=r"TLS connection to .* broke") as told:
            read(opened(crm.name, **by_tls(front)))
        assert "trusted" not in str(told.value)

    def test_a_certificate_that_is_not_trusted_is_not_tried_again(
        self, crm: Crm, front: TlsFront, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        connector = opened(crm.name, **by_tls(front))
        with pytest.raises(ConnectorError, match=r"not trusted.*REQUESTS_CA_BUNDLE") as told:
            read(connector)
        assert not isinstance(told.value, UnavailableError)
        assert sum(connector.calls.values()) == 1  # type: ignore[attr-defined]

    def test_a_port_that_speaks_no_tls_is_said_to_be_one(
        self, crm: Crm, front: TlsFront, opened: Open
    ) -> None:
        front.trouble, front.times = "plain", 10**6
        with pytest.raises(ConnectorError, match="does not use TLS"):
            read(opened(crm.name, **by_tls(front)))


class TestStatusesOfAnEdge:
    @pytest.mark.parametrize(
        "status", [406, 408, 421, 423, 425, 429, 499, 500, 502, 503, 504, 520, 524, 529, 530]
    )
    def test_one_that_passes_is_tried_again(self, crm: Crm, opened: Open, status: int) -> None:
        fault = crm.fault(ALL, "status", status=status, body=b"", times=2)
        assert read(opened(crm.name)) > 0
        assert fault.hits == 2

    @pytest.mark.parametrize("status", [406, 408, 421, 425, 429, 500, 503, 520])
    def test_also_at_the_login(self, sandbox: Sandbox, opened: Open, status: int) -> None:
        fault = Crm.all(sandbox)["salesforce"].fault(LOGIN, "status", status=status, times=2)
        assert read(opened("salesforce")) > 0
        assert fault.hits == 2

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 410, 451])
    @pytest.mark.parametrize(
        ("name", "where"), [("salesforce", ALL), ("salesforce", LOGIN), ("hubspot", ALL)]
    )
    def test_a_web_page_says_what_it_is_and_blames_nobody(
        self, sandbox: Sandbox, opened: Open, status: int, name: str, where: str
    ) -> None:
        headers = {"Content-Type": "text/html", "Server": "cloudflare"}
        crm = Crm.all(sandbox)[name]
        crm.fault(where, "status", status=status, body=PAGE, headers=headers, times=10**6)
        with pytest.raises(ConnectorError) as told:
            read(opened(name))
        assert not isinstance(told.value, AuthError)
        if status == 407:
            assert "HTTPS_PROXY" in str(told.value)
            return
        assert isinstance(told.value, UnavailableError)
        assert f"HTTP {status}" in str(told.value)
        assert '"Attention Required!" (server: cloudflare)' in str(told.value)
        assert "xxx" not in str(told.value)

    @pytest.mark.parametrize("where", [ALL, LOGIN])
    @pytest.mark.parametrize("status", [200, 503])
    def test_a_web_page_that_passes_costs_nothing(
        self, crm: Crm, opened: Open, where: str, status: int
    ) -> None:
        crm.fault(where, "status", status=status, body=PAGE, times=2)
        assert read(opened(crm.name)) > 0

    def test_one_that_stays_is_named(self, crm: Crm, opened: Open) -> None:
        crm.fault(ALL, "status", status=200, body=PAGE, times=10**6)
        with pytest.raises(UnavailableError, match=r"Attention Required.*not an answer of .*tried"):
            read(opened(crm.name))

    def test_a_page_without_a_title_is_not_quoted(self) -> None:
        assert web_page({}, b"<p>secret text</p>") == "a web page without a title"
        assert web_page({"Content-Type": "text/html"}, b"") == ""


class TestDeadlines:
    """A drip of a byte now and then is within every time-out of a read."""

    @pytest.fixture
    def slow(self, make_settings: Callable[..., Settings]) -> Open:
        def opening(name: str) -> Connector:
            settings = make_settings()
            http = settings.http.model_copy(
                update={"call_timeout": 0.6, "read_timeout": 0.4, "attempts": 2}
            )
            return build(name, settings.model_copy(update={"http": http}))

        return opening

    @pytest.mark.parametrize("how", ["", "body"], ids=["from its first line", "the body"])
    def test_a_crm_that_drips_is_given_up_in_time(self, crm: Crm, slow: Open, how: str) -> None:
        crm.fault(ALL, "drip", seconds=0.05, how=how, times=10**6)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=r"no answer from .* in time \(tried 2 times"):
            read(slow(crm.name))
        assert time.monotonic() - started < 3

    def test_so_is_a_login(self, sandbox: Sandbox, slow: Open) -> None:
        Crm.all(sandbox)["salesforce"].fault(LOGIN, "drip", seconds=0.05, times=10**6)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="in time"):
            read(slow("salesforce"))
        assert time.monotonic() - started < 3

    def test_one_that_drips_once_costs_a_try(self, crm: Crm, slow: Open) -> None:
        crm.fault(READS, "drip", seconds=0.05, times=1)
        assert read(slow(crm.name)) > 0

    def test_a_result_that_keeps_coming_has_its_time(
        self, sandbox: Sandbox, slow: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Longer than a call may take, with enough in each second."""
        from connectors import deadline

        monkeypatch.setattr(deadline, "SLOWEST", 100)
        crm = Crm.all(sandbox)["salesforce"]
        connector = slow("salesforce")
        connector.use(connector.describe())
        sandbox.salesforce.page_limit = 1
        started = time.monotonic()
        crm.fault(READS, "drip", seconds=0.0005, times=1)
        page: Any = next(iter(connector.pull("Contact")))
        assert page.contacts
        assert time.monotonic() - started > 0.6
