"""Settings of `[connectors]`: where each CRM keeps what we read, and what we write to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from config.section import Duration, Section

# Whose the numbers of an object are: a person's, or an organisation's (its switchboard).
Owner = Literal["person", "organisation"]


MAX_NAME = 80  # characters of an object or phone field, as the columns of our index have them
_Indexed = Annotated[str, StringConstraints(max_length=MAX_NAME)]


class ObjectMap(Section):
    """Where a CRM object keeps what we read. A field that the org does not have is left out and
    reported. `owner`: of the numbers; "" = as `config.owners` says for the object."""

    phones: tuple[_Indexed, ...]
    country: tuple[str, ...] = ()  # the first one that holds something wins
    # The same country as an ISO code, in a field of its own. Where the two contradict each other
    # the record tells no country.
    country_code: str = ""
    state: str = ""
    email: str = ""
    website: str = ""
    source: str = ""
    campaign: str = ""
    contact_value: str = ""  # a number: what the contact is worth
    consent_date: str = ""  # a date: last contact or consent, when the number was surely theirs
    created: str = ""  # when the record was made
    owner: Literal["", "person", "organisation"] = ""


# What a reason can be written in: `worker.decisions.wording`.
ReasonLanguage = Literal["en", "es", "fr", "de", "pt", "it", "pl", "ru", "uk"]


class FieldNames(Section):
    """CRM names of the fields that we write. `{phone}` stands for the phone field; "" leaves a
    field out."""

    status: str = ""
    e164: str = ""
    line_type: str = ""
    wrong_number: str = ""
    do_not_contact: str = ""
    do_not_call: str = ""
    do_not_text: str = ""
    run: str = ""
    reason: str = ""
    checked_at: str = ""
    best_phone: str = ""
    recheck: str = ""
    confirm_link: str = ""
    calling_hours: str = ""
    proposed_phone: str = ""
    isolated: str = ""


# What a checkbox of the CRM's own closes: any = calls and texts.
OptOutChannel = Literal["call", "text", "any"]


class OwnerTaskSettings(Section):
    """A task for the owner of a record when a number of it goes bad."""

    enabled: bool = False
    per_run: int = Field(200, ge=0)  # tasks that a run makes at most; the rest is counted
    due_after: Duration = timedelta(days=3)
    # Also for records that are read for the first time: those of a first sync were bad before.
    first_reading: bool = False


class ConnectionSync(Section):
    """What of `[sync]` is different for one connection; 0: as it is there."""

    every: Duration = timedelta(0)
    full_every: Duration = timedelta(0)
    pages_in_flight: int = Field(0, ge=0, le=64)
    page_contacts: int = Field(0, ge=0, le=5000)


class ConnectorSettings(Section):
    enabled: bool = True
    sync: ConnectionSync = ConnectionSync()
    # Checkboxes of the CRM's own that hold opt-outs, and for what: hygiene crm opt-outs.
    opt_out_fields: dict[str, OptOutChannel] = Field({})
    default_country: str = ""
    reason_language: ReasonLanguage = "en"  # of the sentence that says what is wrong
    api_reserve: float = Field(0.2, ge=0, lt=1)  # of the day's API calls, for the CRM's other users
    owner_tasks: OwnerTaskSettings = OwnerTaskSettings()
    objects: dict[_Indexed, ObjectMap]
    fields: FieldNames


_SALESFORCE_FIELDS = FieldNames(
    status="{phone}_Status__c",
    e164="{phone}_E164__c",
    line_type="{phone}_Line_Type__c",
    wrong_number="Wrong_Number__c",
    do_not_contact="Phone_Do_Not_Contact__c",
    do_not_call="Phone_Do_Not_Call__c",
    do_not_text="Phone_Do_Not_Text__c",
    run="Phone_Hygiene_Run__c",
    reason="Phone_Hygiene_Reason__c",
    checked_at="Phone_Checked_At__c",
    best_phone="Best_Phone__c",
    recheck="Recheck_Phone__c",
    proposed_phone="Proposed_Phone__c",
)


_SALESFORCE_OBJECTS = {
    "Contact": ObjectMap(
        phones=("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
        country=("MailingCountry", "OtherCountry"),
        state="MailingState",
        email="Email",
        source="LeadSource",
        created="CreatedDate",
    ),
    "Lead": ObjectMap(
        phones=("Phone", "MobilePhone"),
        country=("Country",),
        state="State",
        email="Email",
        website="Website",
        source="LeadSource",
        created="CreatedDate",
    ),
}


_HUBSPOT_FIELDS = FieldNames(
    status="hygiene_{phone}_status",
    e164="hygiene_{phone}_e164",
    line_type="hygiene_{phone}_line_type",
    wrong_number="hygiene_wrong_number",
    do_not_contact="hygiene_do_not_contact",
    do_not_call="hygiene_do_not_call",
    do_not_text="hygiene_do_not_text",
    run="hygiene_run",
    reason="hygiene_reason",
    checked_at="hygiene_checked_at",
    best_phone="hygiene_best_phone",
    recheck="hygiene_recheck",
    proposed_phone="hygiene_proposed_phone",
)


_HUBSPOT_OBJECTS = {
    "contacts": ObjectMap(
        phones=("phone", "mobilephone"),
        country=("country",),
        country_code="hs_country_region_code",
        state="state",
        email="email",
        website="website",
        source="hs_analytics_source",
        campaign="hs_analytics_source_data_1",
        created="createdate",
    )
}


class ConsentRecordSettings(Section):
    """Consent records that a CRM keeps beside its contacts: opt-outs in them count as reports."""

    enabled: bool = False
    every: Duration = timedelta(minutes=15)
    # Checkboxes of Salesforce's Individual that count as opt-outs, and for what.
    individual_fields: dict[str, OptOutChannel] = Field({})
    # Write the opt-outs that stand here, and their lifts, as consent records of our own.
    write: bool = False
    source: str = Field("Phone hygiene", min_length=1, max_length=200)  # CaptureSource of ours
    data_use_purpose: str = Field("", max_length=18)  # id of the DataUsePurpose of ours; "" = none


class StreamingSettings(Section):
    """Change events of Salesforce, which `hygiene stream` takes as they happen."""

    enabled: bool = False
    # Channels such as "/data/ContactChangeEvent"; (): that of each object.
    channels: tuple[str, ...] = ()


class SalesforceSettings(ConnectorSettings):
    streaming: StreamingSettings = StreamingSettings()
    consent_records: ConsentRecordSettings = ConsentRecordSettings()
    # Of Contact and Lead (Object Reference); of a person account PersonDoNotCall is read instead.
    opt_out_fields: dict[str, OptOutChannel] = Field({"DoNotCall": "call"})
    bulk_from: int = Field(20_000, ge=0)  # records left from which Bulk API 2.0 reads; 0 = never
    batch_size: int = Field(200, ge=1, le=200)  # records in a writing REST call
    bulk_batch_size: int = Field(10_000, ge=200, le=100_000)  # records in a writing Bulk job
    allow_duplicates: bool = False  # write also where a duplicate rule would only warn
    objects: dict[_Indexed, ObjectMap] = _SALESFORCE_OBJECTS
    fields: FieldNames = _SALESFORCE_FIELDS


class HubSpotSettings(ConnectorSettings):
    # How long it may take until HubSpot's searches find a change; they are read again for so long.
    search_lag: Duration = timedelta(hours=1)
    # The subscription type that our questions by email belong to, by name or id; "" = an opt-out of
    # any type counts.
    email_subscription_type: str = Field("", max_length=200)
    objects: dict[_Indexed, ObjectMap] = _HUBSPOT_OBJECTS
    fields: FieldNames = _HUBSPOT_FIELDS


class CsvSettings(Section):
    """A list on disk that is treated like a CRM. Columns that are not named are recognised by their
    names."""

    enabled: bool = True
    sync: ConnectionSync = ConnectionSync()
    path: str = ""
    encoding: str = ""
    delimiter: str = ""
    default_country: str = ""
    reason_language: ReasonLanguage = "en"
    id_column: str = ""
    phone_columns: tuple[str, ...] = ()
    country_column: str = ""
    source_column: str = ""
    fields: FieldNames = FieldNames(
        status="{phone} status",
        e164="{phone} e164",
        line_type="{phone} line type",
        wrong_number="wrong number",
        do_not_contact="do not contact",
        run="hygiene run",
        reason="hygiene reason",
        checked_at="hygiene checked at",
        best_phone="best phone",
    )


class Connectors(Section):
    salesforce: SalesforceSettings = SalesforceSettings()
    hubspot: HubSpotSettings = HubSpotSettings()
    csv: CsvSettings = CsvSettings()
