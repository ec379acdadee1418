import { LightningElement, api } from 'lwc';
const SIGNS = { success: '✔', error: '✖', ban: '⊘', warning: '▲', clock: '◔', info: 'ℹ' };
export default class Icon extends LightningElement {
    @api iconName = ''; @api variant = ''; @api size; @api alternativeText;
    get sign() { return SIGNS[this.iconName.split(':')[1]] ?? '?'; }
    get look() { return `icon ${this.variant}`; }
}
