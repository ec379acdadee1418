"""What to do about records that a CRM would not take, by the kind of failure."""

REMEDIES = {
    "locked": "somebody else held the record; the next run tries again",
    "validation": "a rule of the CRM refuses the write; exempt the integration user from it",
    "required_property": "a rule of the CRM wants a value that the record lacks: fill it in, or "
    "leave the integration out of the rule",
    "duplicate": "a duplicate rule refuses the write; leave the integration user out of the rule, "
    "or set allow_duplicates of the connection",
    "approval": "an approval process has locked the record; a later run writes when it is approved "
    "or recalled, or let the integration user edit locked records",
    "security_policy": "a transaction security policy stops our user; exempt the integration user",
    "suppression_refused": "these people must not be contacted, and the CRM refuses the flags "
    "that say so: contact none of them, and exempt the integration user from the rule; each run "
    "tries again",
    "picklist_value": "add the value to the picklist, or run: hygiene crm setup",
    "unwritable_field": "give the integration user edit access to the field",
    "too_long": "lengthen the field in the CRM",
    "gone": "the record has since been deleted; nothing to do",
    "merged": "the record lives on in another one; nothing to do",
    "not_visible": "our user does not see the record: give it View All, or share the record",
    "access": "give the integration user edit access to the record",
    "page": "a whole page failed, and the log says why; the next runs try its records again",
    "other": "the next run tries again",
}
