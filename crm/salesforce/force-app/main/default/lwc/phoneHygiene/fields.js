/**
 * The fields of phone hygiene, as `hygiene crm setup salesforce` creates them. A name that is
 * changed in the settings of the worker must be changed here too. All of them are asked for as
 * optional: one that is missing, or hidden from the user, is left out and breaks nothing.
 */
export const PHONES = {
    Contact: ['Phone', 'MobilePhone', 'HomePhone', 'OtherPhone'],
    Lead: ['Phone', 'MobilePhone'],
    Account: ['Phone', 'PersonMobilePhone', 'PersonHomePhone', 'PersonOtherPhone']
};
export const statusOf = (phone) => `${phone}_Status__c`;
export const lineTypeOf = (phone) => `${phone}_Line_Type__c`;

export const BEST_PHONE = 'Best_Phone__c';
export const PROPOSED_PHONE = 'Proposed_Phone__c';
export const REASON = 'Phone_Hygiene_Reason__c';
export const CHECKED_AT = 'Phone_Checked_At__c';
export const RUN = 'Phone_Hygiene_Run__c';
export const RECHECK = 'Recheck_Phone__c';
export const FLAGS = [
    'Wrong_Number__c',
    'Phone_Do_Not_Contact__c',
    'Phone_Do_Not_Call__c',
    'Phone_Do_Not_Text__c'
];
export const IS_PERSON = 'IsPersonAccount';

const OF_THE_RECORD = [BEST_PHONE, PROPOSED_PHONE, REASON, CHECKED_AT, RUN, RECHECK, ...FLAGS];

/** Every field that the component reads of an object. */
export function fieldsOf(objectName) {
    const phones = PHONES[objectName] ?? [];
    return [
        ...phones,
        ...phones.map(statusOf),
        ...phones.map(lineTypeOf),
        ...OF_THE_RECORD,
        ...(objectName === 'Account' ? [IS_PERSON] : [])
    ];
}

/** Those whose history is worth showing. */
export function historyFieldsOf(objectName) {
    const phones = PHONES[objectName] ?? [];
    return [...phones, ...phones.map(statusOf), BEST_PHONE, REASON, ...FLAGS];
}
