"""Where a contact is, when its country field does not say: states, and internet country domains."""

from __future__ import annotations

from functools import cache

from phonenumbers import SUPPORTED_REGIONS

_STATES = {
    "US": "AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,"
    "DE Delaware,DC District of Columbia,FL Florida,GA Georgia,HI Hawaii,ID Idaho,IL Illinois,"
    "IN Indiana,IA Iowa,KS Kansas,KY Kentucky,LA Louisiana,ME Maine,MD Maryland,MA Massachusetts,"
    "MI Michigan,MN Minnesota,MS Mississippi,MO Missouri,MT Montana,NE Nebraska,NV Nevada,"
    "NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,NC North Carolina,ND North Dakota,"
    "OH Ohio,OK Oklahoma,OR Oregon,PA Pennsylvania,RI Rhode Island,SC South Carolina,"
    "SD South Dakota,TN Tennessee,TX Texas,UT Utah,VT Vermont,VA Virginia,WA Washington,"
    "WV West Virginia,WI Wisconsin,WY Wyoming",
    "CA": "AB Alberta,BC British Columbia,MB Manitoba,NB New Brunswick,"
    "NL Newfoundland and Labrador,NS Nova Scotia,NU Nunavut,ON Ontario,"
    "PE Prince Edward Island,QC Quebec,QC Québec,"
    "SK Saskatchewan,YT Yukon",
    "AU": "NSW New South Wales,VIC Victoria,QLD Queensland,TAS Tasmania,"
    "ACT Australian Capital Territory",
}
# Sold to the whole world: they tell no country.
_WORLDWIDE = frozenset(
    "io co me tv ai cc ws fm to ly gg sh ac la nu st sc vc gl im is am pw".split()
)


@cache
def _states() -> dict[str, str]:
    regions = {}
    for region, listed in _STATES.items():
        for entry in listed.split(","):
            code, _, name = entry.partition(" ")
            regions[code.casefold()] = regions[name.casefold()] = region
    return regions


def region_of_state(state: str) -> str | None:
    """Return the country of a state or province by name or code, where that is unambiguous.

    >>> region_of_state("TX"), region_of_state("Ontario"), region_of_state("Bavaria")
    ('US', 'CA', None)
    """
    return _states().get(state.strip().strip(".").casefold())


def region_of_domain(address: str) -> str | None:
    """Return the country of an email's or website's domain.

    >>> region_of_domain("kim@example.co.uk"), region_of_domain("https://example.de/contact")
    ('GB', 'DE')
    >>> region_of_domain("kim@example.io") is None
    True
    """
    host = address.strip().rpartition("@")[2].partition("://")[2] or address.rpartition("@")[2]
    top = host.strip().split("/")[0].split(":")[0].rpartition(".")[2].casefold()
    if top == "uk":
        return "GB"
    if len(top) != 2 or top in _WORLDWIDE or top.upper() not in SUPPORTED_REGIONS:
        return None
    return top.upper()
