import { LightningElement, api, wire } from 'lwc';
import { getRecord, updateRecord } from 'lightning/uiRecordApi';
import { getObjectInfo } from 'lightning/uiObjectInfoApi';
import { ShowToastEvent } from 'lightning/platformShowToastEvent';
import changes from '@salesforce/apex/PhoneHygieneHistory.changes';
import {
    BEST_PHONE,
    CHECKED_AT,
    FLAGS,
    IS_PERSON,
    PHONES,
    PROPOSED_PHONE,
    REASON,
    RECHECK,
    RUN,
    fieldsOf,
    historyFieldsOf,
    lineTypeOf,
    statusOf
} from './fields';
import { FIELD_LABELS, LINE_TYPES, STATUSES } from './texts';

/** What is known of the phone numbers of a contact, lead or person account. */
export default class PhoneHygiene extends LightningElement {
    @api recordId;
    @api hideHistory = false;

    fields;
    optionalFields;
    historyFields;
    isAsking = false;

    _objectName;

    /** Set by the record page. Some pages call a person account PersonAccount. */
    @api
    get objectApiName() {
        return this._objectName;
    }
    set objectApiName(value) {
        this._objectName = value === 'PersonAccount' ? 'Account' : value;
        this.fields = [`${this._objectName}.Id`];
        this.optionalFields = fieldsOf(this._objectName).map((name) => `${this._objectName}.${name}`);
        this.historyFields = historyFieldsOf(this._objectName);
    }

    @wire(getRecord, { recordId: '$recordId', fields: '$fields', optionalFields: '$optionalFields' })
    record;

    @wire(getObjectInfo, { objectApiName: '$objectApiName' })
    objectInfo;

    @wire(changes, { recordId: '$recordId', fields: '$historyFields' })
    changes;

    // -- what is there -------------------------------------------------------------------

    get isLoading() {
        return !this.record?.data && !this.record?.error;
    }

    get problem() {
        const error = this.record?.error;
        return error ? `The record could not be read: ${messageOf(error)}` : '';
    }

    get isBusinessAccount() {
        return this._objectName === 'Account' && this.has(IS_PERSON) && !this.valueOf(IS_PERSON);
    }

    get hasFields() {
        const phones = PHONES[this._objectName] ?? [];
        const ours = [...phones.map(statusOf), REASON, CHECKED_AT];
        return !this.isBusinessAccount && ours.some((name) => this.has(name));
    }

    get hint() {
        if (!this.record?.data || this.hasFields) {
            return '';
        }
        return this.isBusinessAccount
            ? 'This account is a company. Phone hygiene looks at people alone.'
            : 'The fields of phone hygiene are not there, or you may not see them. Ask your ' +
                  'administrator for the permission set Phone Hygiene User.';
    }

    has(name) {
        return this.record?.data?.fields?.[name] !== undefined;
    }

    valueOf(name) {
        return this.record?.data?.fields?.[name]?.value ?? null;
    }

    labelOf(name) {
        return this.objectInfo?.data?.fields?.[name]?.label ?? FIELD_LABELS[name] ?? name;
    }

    // -- what is shown -------------------------------------------------------------------

    get phones() {
        return (PHONES[this._objectName] ?? [])
            .filter((phone) => this.valueOf(phone))
            .map((phone) => {
                const known = this.valueOf(statusOf(phone)) ?? '';
                const status = STATUSES[known] ?? { label: known, icon: 'utility:info', variant: '' };
                const line = LINE_TYPES[this.valueOf(lineTypeOf(phone)) ?? ''] ?? '';
                return {
                    field: phone,
                    label: this.labelOf(phone),
                    number: this.valueOf(phone),
                    status: line ? `${status.label}, ${line}` : status.label,
                    icon: status.icon,
                    variant: status.variant
                };
            });
    }

    get flags() {
        return FLAGS.filter((name) => this.valueOf(name) === true).map((name) => ({
            field: name,
            label: this.labelOf(name)
        }));
    }

    get facts() {
        const shown = [
            { name: 'Best phone', value: this.valueOf(BEST_PHONE) },
            { name: 'Proposed by the person', value: this.valueOf(PROPOSED_PHONE) },
            { name: 'Reason', value: this.valueOf(REASON) },
            { name: 'Last checked', value: this.valueOf(CHECKED_AT), isDate: true },
            { name: 'Last run that wrote', value: this.valueOf(RUN) }
        ];
        return shown.filter((fact) => fact.value);
    }

    get showsHistory() {
        return !this.hideHistory;
    }

    get history() {
        return (this.changes?.data ?? []).map((change) => ({
            key: change.key,
            label: this.labelOf(change.field),
            words: `${readable(change.oldValue)} → ${readable(change.newValue)}`,
            by: change.changedBy ? `by ${change.changedBy}` : '',
            changedAt: change.changedAt
        }));
    }

    get historyHint() {
        if (this.changes?.error) {
            return `The history could not be read: ${messageOf(this.changes.error)}`;
        }
        if (!this.changes?.data) {
            return 'Loading…';
        }
        return (
            'No change is recorded. Salesforce records changes of tracked fields alone: Setup › ' +
            `Object Manager › ${this._objectName} › Fields & Relationships › Set History Tracking.`
        );
    }

    // -- re-check ------------------------------------------------------------------------

    get canRecheck() {
        return this.hasFields && this.has(RECHECK);
    }

    get isRecheckRequested() {
        return this.isAsking || this.valueOf(RECHECK) === true;
    }

    get recheckLabel() {
        return this.isRecheckRequested ? 'Re-check requested' : 'Re-check';
    }

    async handleRecheck() {
        this.isAsking = true;
        try {
            await updateRecord({ fields: { Id: this.recordId, [RECHECK]: true } });
            this.tell('success', 'Re-check requested', 'The numbers are verified again; the tick goes away then.');
        } catch (error) {
            this.tell('error', 'The re-check could not be requested', messageOf(error));
        } finally {
            this.isAsking = false;
        }
    }

    tell(variant, title, message) {
        this.dispatchEvent(new ShowToastEvent({ variant, title, message }));
    }
}

function readable(value) {
    const known = STATUSES[value];
    return value ? (known?.label ?? value) : '(empty)';
}

/** An error of a wire adapter, or of updateRecord, in words. */
function messageOf(error) {
    const body = error?.body;
    const details = Array.isArray(body) ? body : [body];
    const said = details.map((one) => one?.output?.errors?.[0]?.message ?? one?.message).filter(Boolean);
    return said.join('; ') || error?.message || 'unknown error';
}
