import { LightningElement, api } from 'lwc';
export default class FormattedDateTime extends LightningElement {
    @api value; @api year; @api month; @api day; @api hour; @api minute;
    get text() {
        const { year, month, day, hour, minute } = this;
        const form = { year, month, day, hour, minute, timeZone: 'UTC' };
        return new Intl.DateTimeFormat('en-US', form).format(new Date(this.value));
    }
}
