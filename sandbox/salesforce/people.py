"""People as records of a Salesforce org."""

from __future__ import annotations

from sandbox.population import Person
from sandbox.table import Record


def account_of(someone: Person) -> Record:
    work, mobile, home, _other = someone.phones
    return {
        "FirstName": someone.first,
        "LastName": someone.last,
        "Phone": work,
        "PersonMobilePhone": mobile,
        "PersonHomePhone": home,
        "PersonEmail": someone.email,
        "PersonMailingCountry": someone.country,
        "PersonLeadSource": someone.source,
        "IsPersonAccount": True,
    }


def contact_of(someone: Person) -> Record:
    work, mobile, home, other = someone.phones
    return {
        "FirstName": someone.first,
        "LastName": someone.last,
        "Email": someone.email,
        "Phone": work,
        "MobilePhone": mobile,
        "HomePhone": home,
        "OtherPhone": other,
        "MailingCountry": someone.country,
        "LeadSource": someone.source,
    }


def lead_of(someone: Person) -> Record:
    work, mobile, _home, _other = someone.phones
    return {
        "FirstName": someone.first,
        "LastName": someone.last,
        "Company": someone.company,
        "Email": someone.email,
        "Phone": work,
        "MobilePhone": mobile,
        "Country": someone.country,
        "LeadSource": someone.source,
        "Status": "Open",
    }
