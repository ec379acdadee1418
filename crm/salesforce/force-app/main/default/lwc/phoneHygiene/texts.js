/** What a person reads: a status is told by its words and its icon, never by colour alone. */
export const STATUSES = {
    valid: { label: 'Valid', icon: 'utility:success', variant: 'success' },
    invalid: { label: 'Invalid number', icon: 'utility:error', variant: 'error' },
    unreachable: { label: 'Not in service', icon: 'utility:error', variant: 'error' },
    wrong_number: { label: 'Reaches somebody else', icon: 'utility:error', variant: 'error' },
    do_not_contact: { label: 'Do not contact', icon: 'utility:ban', variant: 'error' },
    unverified: { label: 'Not verified', icon: 'utility:warning', variant: 'warning' },
    '': { label: 'Not checked yet', icon: 'utility:clock', variant: '' }
};

export const LINE_TYPES = {
    mobile: 'mobile',
    landline: 'landline',
    voip: 'internet (VoIP)',
    toll_free: 'toll-free',
    premium: 'premium rate',
    pager: 'pager',
    other: 'other line',
    unknown: ''
};

/** Labels of our fields, where the org's own are not known (yet). */
export const FIELD_LABELS = {
    Wrong_Number__c: 'Wrong number',
    Phone_Do_Not_Contact__c: 'Do not contact',
    Phone_Do_Not_Call__c: 'Do not call',
    Phone_Do_Not_Text__c: 'Do not text'
};
