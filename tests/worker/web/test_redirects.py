"""No redirect leads to another host, and no foreign name is answered."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests
from constants import NUMBER, PASSWORD, PUBLIC_URL
from fastapi.responses import RedirectResponse
from fixture_types import Serve
from hypothesis import example, given
from hypothesis import strategies as st
from idp import Idp

from worker.feedback.sources.twilio import twilio_signature
from worker.web.redirects import FIRST_PAGE, safe_path

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OURS = "http://127.0.0.1:8000/login"

ELSEWHERE = [
    "https://evil.example", "//evil.example", "///evil.example", "////evil.example",
    "/\\evil.example", "\\\\evil.example", "/\\/evil.example", "\\/evil.example",
    "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example",
    "\x00//evil.example", "/%2f%2fevil.example", "/%2F/evil.example", "/%5cevil.example",
    "/%255c%252fevil.example", "/%09/evil.example", "/.//evil.example", "/x/..//evil.example",
    "/%2e%2e//evil.example", "http:evil.example", "https:/evil.example", "https:\\evil.example",
    "javascript:alert(1)", "data:text/html,x", "//user:pw@evil.example", "@evil.example",
    "/@/evil.example/..//evil.example", "／／evil.example", "/／evil.example", "/＼evil.example",
    "//evil。example", "//[::1]", "//%65vil.example", "\ud800//evil.example", "",
    "evil.example", "?//evil.example", "#//evil.example", "/\u2028/evil.example", "\\evil",
    "/\r\nLocation: //evil.example", "/%0d%0aLocation:%20//evil.example", "/" * 2000,
]  # fmt: skip
PAGES = ["/", "/runs", "/runs?kind=full&before=2", "/contacts/hubspot/contacts/12",
         "/numbers/gAAAAABm-_x", "/segments?by=campaign"]  # fmt: skip
AWKWARD = st.text(st.sampled_from("/\\.:@?#%\t\n\r 2fFeE5cC09evil。／＼"), max_size=30)


def target_host(location: str) -> str:
    """The host to which a browser goes, by the steps of https://url.spec.whatwg.org/#url-parsing
    for an address that is read beside one of ours with the scheme http."""
    text = re.sub(r"^[\x00-\x20]+|[\x00-\x20]+$|[\t\n\r]", "", location)
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)
    if scheme and scheme.group().lower() != "http:":
        return "elsewhere: " + scheme.group()
    rest = text[scheme.end() :] if scheme else text
    if re.match(r"[/\\]{2}", rest) or (scheme and rest[:1] not in ("", "?", "#")):
        return re.split(r"[/\\?#]", rest.lstrip("/\\"))[0].rpartition("@")[2]
    return urlsplit(OURS).netloc


def location_of(to: str) -> str:
    return RedirectResponse(safe_path(to), 303).headers["Location"]


@given(st.text(max_size=60) | AWKWARD | AWKWARD.map(lambda text: "/" + text))
@example("/%2f/evil")
def test_whatever_is_asked_for_leads_to_our_host(to: str) -> None:
    location = location_of(to)
    assert target_host(location) == "127.0.0.1:8000"
    assert location.startswith("/")
    assert location[1:2] not in ("/", "\\")


@pytest.mark.parametrize("to", ELSEWHERE)
def test_what_looks_elsewhere_leads_to_the_first_page(to: str) -> None:
    assert safe_path(to) == FIRST_PAGE


@pytest.mark.parametrize("to", PAGES)
def test_a_page_of_ours_stays_what_it_is(to: str) -> None:
    assert location_of(to) == to


def test_a_browser_agrees(chromium: Browser) -> None:
    begins = ("", "/", "\\", "/.", "/x", "%2f", " /", "\t", "／")
    between = ("/", "//", "\\", "/\\", "\t/", "%2f", "%5c/", "./", "../", "@", ":", "。")
    awkward = [a + b + "evil.example" for a in begins for b in between]
    locations = [location_of(to) for to in [*ELSEWHERE, *awkward, *PAGES]]
    page = chromium.new_page()
    script = "([ours, all]) => all.map(one => new URL(one, ours).host)"
    hosts = page.evaluate(script, [OURS, locations])
    page.close()
    assert set(hosts) == {"127.0.0.1:8000"}


class TestOverHttp:
    def test_a_login_leads_to_our_pages_alone(self, serve: Serve) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        for to in [address for address in ELSEWHERE if address.isprintable()]:
            shown = requests.get(f"{url}/login", params={"to": to}).text
            assert 'name="to" value="/"' in shown
            form = {"password": PASSWORD, "to": to}
            answer = requests.post(f"{url}/login", data=form, allow_redirects=False)
            assert (answer.status_code, answer.headers["Location"]) == (303, "/")

    def test_a_login_by_the_identity_provider_does_so_too(self, serve: Serve) -> None:
        idp = Idp()
        toml = '[access]\noidc_admins = ["kim@example.com"]\n'
        try:
            url = serve(toml, **idp.env())
            for to in ("///evil.example", "/\\evil.example", "/%2f%2fevil.example", "\t//x"):
                session = requests.Session()
                session.headers["Accept"] = "text/html"
                landed = session.get(f"{url}/oidc/login", params={"to": to, "next": to})
                assert landed.url == f"{url}/"
        finally:
            idp.stop()

    def test_the_identity_provider_sends_nobody_to_a_name_that_a_stranger_wrote(
        self, serve: Serve
    ) -> None:
        idp = Idp()
        try:
            url = serve(**idp.env())
            answer = requests.get(
                f"{url}/oidc/login", headers={"Host": "evil.example"}, allow_redirects=False
            )
            assert answer.status_code == 403
            assert "Set PUBLIC_URL" in answer.text
        finally:
            idp.stop()

    @pytest.mark.parametrize("public", ["", PUBLIC_URL])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("path", [
        "/runs/", "/login/", "/api/runs/?limit=1", "/api/feedback/", "/confirm/abc/",
        "/webhooks/hubspot/", "//evil.example/", "//evil.example/%2e%2e/runs/", "/static/",
        "/runs//", "/%2fevil.example/", "/numbers/",
    ])  # fmt: skip
    def test_a_slash_too_many_leads_to_no_foreign_host(
        self, serve: Serve, path: str, method: str, public: str
    ) -> None:
        url = serve(PUBLIC_URL=public, ADMIN_PASSWORD=PASSWORD, ADMIN_TOKEN="t" * 30)
        answer = raw_response(url, f"{method} {path} HTTP/1.1\r\nHost: evil.example\r\n")
        location = re.search(r"(?im)^location: *(.*?)\r?$", answer)
        assert location is None or target_host(location.group(1)) == "127.0.0.1:8000", answer

    def test_a_slash_too_many_still_leads_to_the_page(self, serve: Serve) -> None:
        url = serve(ADMIN_PASSWORD=PASSWORD)
        answer = requests.get(f"{url}/segments/?by=list", auth=("admin", PASSWORD))
        assert (answer.status_code, answer.url) == (200, f"{url}/segments?by=list")


def raw_response(url: str, head: str) -> str:
    """What is answered to a request as it is written here."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer.decode("utf-8", "replace")


class TestNames:
    """Under which this process may be called."""

    PAGES = ("/", "/runs", "/login", "/access", "/numbers", "/openapi.json")
    FOR_ALL = ("/healthz", "/readyz", "/metrics")

    @pytest.mark.parametrize("host", [
        "Host: evil.example", "Host: hygiene.example.com.evil.example", "Host: 10.0.0.8:8000",
        "Host: xhygiene.example.com", "Host: a@hygiene.example.com", "Host: hygiene.example.com/x",
        "Host: hygiene.example.com\r\nHost: evil.example",
        "Host: evil.example\r\nX-Forwarded-Host: hygiene.example.com",
        "Host: [", "Host: ", "X-None: 1",
    ])  # fmt: skip
    def test_pages_are_for_no_other(self, serve: Serve, host: str) -> None:
        url = serve(PUBLIC_URL=PUBLIC_URL, ADMIN_PASSWORD=PASSWORD)
        for path in self.PAGES:
            for version in ("1.0", "1.1"):
                answer = raw_response(url, f"GET {path} HTTP/{version}\r\n{host}\r\n")
                assert " 400 " in answer.splitlines()[0], (path, answer)
                assert "password" not in answer

    @pytest.mark.parametrize("host", [
        "hygiene.example.com", "HYGIENE.example.com:443", "127.0.0.1:8000", "localhost", "[::1]:80",
    ])  # fmt: skip
    def test_pages_answer_to_ours(self, serve: Serve, host: str) -> None:
        url = serve(PUBLIC_URL=PUBLIC_URL, ADMIN_PASSWORD=PASSWORD)
        answer = requests.get(f"{url}/runs", auth=("admin", PASSWORD), headers={"Host": host})
        assert answer.status_code == 200

    @pytest.mark.parametrize("host", ["Host: 10.0.0.8:8000", "Host: web", "X-None: 1"])
    def test_a_platform_may_ask_for_our_health_by_any(self, serve: Serve, host: str) -> None:
        url = serve(PUBLIC_URL=PUBLIC_URL, ADMIN_PASSWORD=PASSWORD)
        for path in self.FOR_ALL:
            answer = raw_response(url, f"GET {path} HTTP/1.0\r\n{host}\r\n")
            assert answer.split()[1] in ("200", "503"), answer

    def test_no_report_is_lost_behind_a_proxy_that_writes_another(self, serve: Serve) -> None:
        keys = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "twilio-auth-token"}
        url = serve(PUBLIC_URL=PUBLIC_URL, **keys, ADMIN_TOKEN="t" * 30)
        session = requests.Session()
        session.headers["Host"] = "web:8000"
        form = {"MessageSid": "SM" + "1" * 32, "From": NUMBER, "Body": "STOP"}
        path = "/webhooks/twilio/sms"
        signed = twilio_signature("twilio-auth-token", PUBLIC_URL + path, list(form.items()))
        headers = {"X-Twilio-Signature": signed}
        assert session.post(url + path, data=form, headers=headers).status_code == 200
        assert session.get(f"{url}/confirm/none").status_code == 404  # it is ours that answers
        answer = session.get(f"{url}/api/runs", headers={"Authorization": "Bearer " + "t" * 30})
        assert answer.status_code == 200

    def test_one_line_says_what_to_set(self, serve: Serve) -> None:
        url = serve(PUBLIC_URL=PUBLIC_URL, ADMIN_PASSWORD=PASSWORD)
        answer = requests.get(f"{url}/runs", headers={"Host": "web:8000"})
        assert len(answer.text.splitlines()) == 1
        assert "proxy_set_header Host" in answer.text
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
