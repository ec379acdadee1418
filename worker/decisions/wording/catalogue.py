"""What a catalogue of wordings holds: one text for each key, in one language.

Each language is a module of this package with one `Wording`; mypy refuses one that lacks a key, and
a test checks that each text has the parameters of the English one. `{...}` are filled in by
`worker.decisions.wording.render`. What is said of a field goes on from its name and a colon, so
that no text has to agree with a field's name in gender or case; that colon is the only one.
Countries and dates come in their basic form, for the same reason.

How to write: short, active, for a salesperson who looks at the record. Formal but warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The texts of one language. `locale`: how it writes dates, lists and countries (CLDR)."""

    locale: str

    # -- the sentence
    item: str  # {field} {what}
    separator: str  # between what is said of one field and of the next
    same: str  # what was said of the field before
    valid_numbers: Mapping[str, str]  # by CLDR's plural category: {fields} {count}
    this_person: str

    # -- names of phone fields, as they stand within a sentence
    phone: str
    mobile_phone: str
    home_phone: str
    other_phone: str
    work_phone: str
    assistant_phone: str
    fax: str

    # -- what to do, as a sentence
    do_fix: str
    do_try_another: str
    do_ask_new: str
    do_not_use: str
    do_add_country: str
    do_check_first: str
    do_wait: str

    # -- a field that holds something else than a phone number
    placeholder: str
    email_address: str
    web_address: str
    a_date: str
    coordinates: str
    personal_id: str
    bank_account: str
    payment_card: str
    words: str
    no_digits: str
    one_digit_repeated: str
    zeros: str
    made_up_sequence: str
    unreadable: str
    cut_by_spreadsheet: str
    decimals: str
    masked: str
    too_many_digits: str
    too_few_digits: str
    no_phone_number: str
    emergency_number: str
    short_code: str
    negative_number: str
    no_text: str

    # -- a number that cannot be right, or that nobody has
    no_country: str
    no_such_country_code: str
    no_such_country_code_of: str  # {code}
    one_digit_too_short: str  # {place}
    one_digit_too_long: str  # {place}
    too_short_for: str  # {place}
    too_long_for: str  # {place}
    too_short: str
    too_long: str
    wrong_length: str
    not_in_plan: str  # {place}
    reserved: str
    unassigned: str
    not_existing: str
    not_valid: str
    not_in_service: str
    unreachable: str
    north_america: str

    # -- who said no, or that it is wrong: {source} {date}
    wrong: str
    wrong_by: str
    replaced_by: str
    stopped: str
    stopped_by: str
    no_texts_by: str
    held_by: str
    not_called_by: str
    unreachable_by: str
    reassigned: str  # {since} {checked}

    # -- where that comes from
    page_not_me: str
    page_stop: str
    page_new_number: str
    opted_out_by_reply: str
    opted_out_code: str  # {code}
    erased: str
    replied: str  # {text}
    reply_read_by: str  # {by}
    reply_waits: str
    agent_logged: str  # {text}
    flag_ticked: str  # {flag} {crm}
    flag_at_first: str  # {flag} {crm}
    flag_late: str  # {flag} {crm}
    flag_wrong_number: str
    flag_do_not_contact: str
    flag_do_not_call: str
    flag_do_not_text: str
    on_list: str  # {text}
    on_merged_record: str  # {source}
    of_merged_record: str  # {source} {record}
    of_earlier_reading: str  # {source} {number} {field} {date}
    of_erased_reading: str  # {source} {field} {date}
    message_failed: str  # {failure} {code}
    delivery_unknown: str
    delivery_handset: str
    delivery_premium: str
    delivery_not_mobile: str
    delivery_landline: str
    delivery_carrier: str
    delivery_blocked: str

    # -- how a number was read
    joined: str  # {first} {second}
    foreign: str  # {place} {home}
    medium_confidence: str  # {basis}
    low_confidence: str  # {basis}
    read_like_other_number: str  # {place}
    read_after_email: str  # {place}
    read_after_website: str  # {place}
    basis_extension: str
    basis_range: str
    basis_length: str
    basis_short_form: str
    basis_plan_changed: str
    basis_code_twice: str
    basis_beside_word: str
    basis_other_sense: str
    basis_no_plus: str
    basis_old_prefix: str
    basis_plus_before: str
    basis_zero_behind: str
    basis_code_missing: str
    basis_dialled_there: str
    basis_default_country: str
    basis_other_number: str
    basis_email: str
    basis_website: str

    # -- what providers say
    said_by: str  # {what} {provider}
    said_by_though: str  # {what} {provider} {others}
    valid_but: str  # {provider} {others}
    says_valid: str  # {provider}
    says_invalid: str  # {provider}
    says_unreachable: str  # {provider}
    both: str  # {first} {second}
    numbering_plan: str  # as a provider
    delivery_reports: str  # as a provider

    # -- what could not be checked, and why
    not_checked: str
    not_checked_because: str  # {why}
    not_rechecked: str
    not_rechecked_because: str  # {why}
    hidden: str
    why_day_budget: str
    why_month_budget: str
    why_run_budget: str
    why_day_budget_of: str  # {provider}
    why_month_budget_of: str  # {provider}
    why_run_budget_of: str  # {provider}
    why_not_paid: str
    why_no_answer: str  # {provider}
    why_unreadable: str  # {provider}
    why_slow_down: str  # {provider} {code}
    why_fault: str  # {provider} {code}
    why_no_credit: str  # {provider}
    why_key_refused: str  # {provider} {code}
    why_file: str  # {provider}
