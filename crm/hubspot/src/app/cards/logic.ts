/** What the card shows, worked out from a contact's properties and from what the worker says. */
import {
  BEST_PHONE,
  CHECKED_AT,
  FLAGS,
  PHONES,
  PROPOSED_PHONE,
  REASON,
  lineTypeOf,
  statusOf,
} from './properties.ts';

export type Properties = Record<string, string | null | undefined>;
export type Variant = 'danger' | 'warning' | 'success' | 'default';

/** A status is told by its words, and not by colour alone. */
export const STATUSES: Record<string, { label: string; variant: Variant }> = {
  valid: { label: 'Valid', variant: 'success' },
  invalid: { label: 'Invalid number', variant: 'danger' },
  unreachable: { label: 'Not in service', variant: 'danger' },
  wrong_number: { label: 'Reaches somebody else', variant: 'danger' },
  do_not_contact: { label: 'Do not contact', variant: 'danger' },
  unverified: { label: 'Not verified', variant: 'warning' },
  '': { label: 'Not checked yet', variant: 'default' },
};

const LINE_TYPES: Record<string, string> = {
  mobile: 'Mobile',
  landline: 'Landline',
  voip: 'Internet (VoIP)',
  toll_free: 'Toll-free',
  premium: 'Premium rate',
  pager: 'Pager',
  other: 'Other line',
};

export interface Phone {
  name: string;
  label: string;
  number: string;
  status: { label: string; variant: Variant };
  line: string;
}

export interface Change {
  key: string;
  from: string | boolean | null;
  to: string | boolean | null;
}

export interface Entry {
  at: string;
  kind: string;
  text: string;
  changes: Change[];
}

/** What the worker answers to the card. */
export interface Answer {
  known: boolean;
  waiting: boolean;
  recheckedAt: string | null;
  problem: string | null;
  history: Entry[];
}

export interface Line {
  at: string;
  text: string;
  changes: string[];
}

/** Whether the account has our properties, and the person may see any of them. */
export function isSetUp(properties: Properties): boolean {
  const ours = [REASON, CHECKED_AT, ...Object.keys(PHONES).map(statusOf)];
  return ours.some((name) => properties[name] !== undefined);
}

/** The phone properties that hold something. */
export function phonesOf(properties: Properties): Phone[] {
  return Object.entries(PHONES)
    .filter(([name]) => properties[name])
    .map(([name, label]) => {
      const status = properties[statusOf(name)] ?? '';
      return {
        name,
        label,
        number: properties[name] ?? '',
        status: STATUSES[status] ?? { label: status, variant: 'default' },
        line: LINE_TYPES[properties[lineTypeOf(name)] ?? ''] ?? '',
      };
    });
}

/** The flags that are set. HubSpot gives a checkbox as text. */
export function flagsOf(properties: Properties): string[] {
  return Object.values(FLAGS)
    .filter((flag) => properties[flag.property] === 'true')
    .map((flag) => flag.label);
}

/** What else there is to say, each under its name. */
export function factsOf(properties: Properties, timezone?: string): [string, string][] {
  const facts: [string, string][] = [
    ['Reason', properties[REASON] ?? ''],
    ['Best phone', properties[BEST_PHONE] ?? ''],
    ['Proposed by the person', properties[PROPOSED_PHONE] ?? ''],
    ['Last checked', momentOf(properties[CHECKED_AT], timezone)],
  ];
  return facts.filter(([, value]) => value);
}

/** A moment as a person reads it; HubSpot gives milliseconds, or a date in text. */
export function momentOf(value: string | null | undefined, timezone?: string): string {
  if (!value) {
    return '';
  }
  const moment = new Date(/^\d+$/.test(value) ? Number(value) : value);
  if (Number.isNaN(moment.getTime())) {
    return value;
  }
  const options = { dateStyle: 'medium', timeStyle: 'short' } as const;
  try {
    return moment.toLocaleString('en-US', { ...options, timeZone: timezone || 'UTC' });
  } catch {
    return moment.toLocaleString('en-US', { ...options, timeZone: 'UTC' });
  }
}

/** The history, without changes of properties that the person may not see. */
export function historyOf(entries: Entry[], properties: Properties, timezone?: string): Line[] {
  return entries
    .map((entry) => ({
      at: momentOf(entry.at, timezone),
      text: entry.kind === 'failed' ? `Could not be written: ${entry.text}` : entry.text,
      changes: entry.changes
        .filter((change) => properties[propertyOf(change.key)] !== undefined)
        .map((change) => `${labelOf(change.key)}: ${wordsOf(change.from)} → ${wordsOf(change.to)}`),
      isFailure: entry.kind === 'failed',
    }))
    .filter((line) => line.changes.length > 0 || line.isFailure)
    .map(({ at, text, changes }) => ({ at, text, changes }));
}

function propertyOf(key: string): string {
  const [name, phone = ''] = key.split('/');
  if (name === 'status') {
    return statusOf(phone);
  }
  return name === 'line_type' ? lineTypeOf(phone) : (FLAGS[key]?.property ?? key);
}

function labelOf(key: string): string {
  const [name, phone = ''] = key.split('/');
  const label = PHONES[phone] ?? phone;
  if (name === 'status') {
    return label;
  }
  return name === 'line_type' ? `${label}, kind of line` : (FLAGS[key]?.label ?? key);
}

function wordsOf(value: string | boolean | null): string {
  if (typeof value === 'boolean') {
    return value ? 'yes' : 'no';
  }
  return value ? (STATUSES[value]?.label ?? LINE_TYPES[value] ?? value) : '(empty)';
}
