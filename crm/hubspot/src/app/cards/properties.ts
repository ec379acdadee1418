/**
 * The properties of phone hygiene, as `hygiene crm setup hubspot` creates them. A name that is
 * changed in the settings of the worker must be changed here too, and in the webhooks and the
 * workflow action. One that is missing, or hidden from the person, is left out and breaks nothing.
 */
export const PHONES: Record<string, string> = {
  phone: 'Phone number',
  mobilephone: 'Mobile phone number',
};

export const FLAGS: Record<string, { property: string; label: string }> = {
  wrong_number: { property: 'hygiene_wrong_number', label: 'Wrong number' },
  do_not_contact: { property: 'hygiene_do_not_contact', label: 'Do not contact' },
  do_not_call: { property: 'hygiene_do_not_call', label: 'Do not call' },
  do_not_text: { property: 'hygiene_do_not_text', label: 'Do not text' },
};

export const REASON = 'hygiene_reason';
export const CHECKED_AT = 'hygiene_checked_at';
export const BEST_PHONE = 'hygiene_best_phone';
export const PROPOSED_PHONE = 'hygiene_proposed_phone';

export const statusOf = (phone: string) => `hygiene_${phone}_status`;
export const lineTypeOf = (phone: string) => `hygiene_${phone}_line_type`;

/** Every property that the card reads. */
export const ALL = [
  ...Object.keys(PHONES).flatMap((phone) => [phone, statusOf(phone), lineTypeOf(phone)]),
  ...Object.values(FLAGS).map((flag) => flag.property),
  REASON,
  CHECKED_AT,
  BEST_PHONE,
  PROPOSED_PHONE,
];
