// What Lightning gives a component, in a few lines: records, their labels, toasts. `window.org` is
// set by the test before the component is made.
const listeners = new Set();

function adapter(read) {
    return class {
        constructor(tell) { this.tell = tell; this.again = () => this.config && this.emit(); }
        emit() {
            const given = Object.values(this.config);
            if (given.every((value) => value !== undefined)) this.tell(read(this.config));
        }
        connect() { listeners.add(this.again); }
        disconnect() { listeners.delete(this.again); }
        update(config) { this.config = config; this.emit(); }
    };
}

export const getRecord = adapter(({ fields, optionalFields }) => {
    const { record, recordError } = window.org;
    if (recordError) return { data: undefined, error: { body: { message: recordError } } };
    const asked = [...fields, ...optionalFields].map((name) => name.split('.')[1]);
    const there = asked.filter((name) => name in record).map((name) => [name, { value: record[name] }]);
    return { data: { fields: Object.fromEntries(there) }, error: undefined };
});

export const getObjectInfo = adapter(() => {
    const fields = Object.entries(window.org.labels ?? {}).map(([name, label]) => [name, { label }]);
    return { data: { fields: Object.fromEntries(fields) }, error: undefined };
});

export const changes = adapter(({ fields }) => {
    const { history = [], historyError } = window.org;
    if (historyError) return { data: undefined, error: { body: { message: historyError } } };
    return { data: history.filter((one) => fields.includes(one.field)), error: undefined };
});

export async function updateRecord({ fields }) {
    window.org.updates.push(fields);
    if (window.org.updateError) {
        throw { body: { message: 'An error occurred', output: { errors: [{ message: window.org.updateError }] } } };
    }
    Object.assign(window.org.record, fields);
    listeners.forEach((again) => again());
}

export class ShowToastEvent extends CustomEvent {
    constructor(detail) { super('lightning__showtoast', { detail, bubbles: true, composed: true }); }
}
export default changes;
