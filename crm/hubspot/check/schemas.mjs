// What HubSpot's documents say of the parts of a project, as JSON Schemas. HubSpot keeps its own
// schemas on its servers and gives them to `hs project validate`, which needs an account; these are
// written from the documents and are narrower where we use less. Where they leave a key out that
// HubSpot knows, we do not use it.
//
// Sources: App configuration; Configure webhooks; Custom workflow actions; App cards reference
// (developers.hubspot.com/docs/apps/developer-platform/...), the templates of 2026.03 and 2026.09-beta
// in github.com/HubSpot/hubspot-project-components, and HubSpot's API documents of 2026-09: Actions V4
// (field types, labels) and Webhooks (event types).
const text = (maxLength) => ({ type: 'string', minLength: 1, maxLength });
const object = (properties, required = Object.keys(properties)) => ({
  type: 'object', properties, required, additionalProperties: false,
});
const list = (items, more = {}) => ({ type: 'array', items, uniqueItems: true, ...more });

// An address that HubSpot calls, or lets a card call: https, and no path behind a permitted origin.
const address = { type: 'string', pattern: '^https://[^\\s/?#]+(/[^\\s?#]*)?$', format: 'uri' };
const origin = { type: 'string', pattern: '^https://[^\\s/?#]+$', format: 'uri' };

const app = object({
  name: { ...text(200), pattern: '^\\S(.*\\S)?$' },
  description: text(8192),
  distribution: { const: 'private' }, // static authentication knows no other
  auth: object({
    type: { const: 'static' },
    requiredScopes: list({ type: 'string', pattern: '^[a-z][a-z0-9_.-]*$' }, { contains: { const: 'oauth' } }),
    optionalScopes: list({ type: 'string' }),
    conditionallyRequiredScopes: list({ type: 'string' }),
  }),
  permittedUrls: object({ fetch: list(origin), iframe: list(origin), img: list(origin) }),
  support: object({
    supportEmail: { type: 'string', format: 'email' }, supportUrl: address, documentationUrl: address,
    supportPhone: { type: 'string', pattern: '^\\+\\d+$' },
  }, []),
});

const LOCATIONS = ['crm.record.tab', 'crm.record.sidebar', 'crm.preview', 'helpdesk.sidebar'];
const card = object({
  name: text(50),
  description: text(500),
  location: { enum: LOCATIONS },
  entrypoint: { type: 'string', pattern: '^/app/cards/[^/]+\\.(jsx|tsx)$' },
  objectTypes: list({ enum: ['contacts', 'companies', 'deals', 'tickets', 'CONTACT'] }, { minItems: 1 }),
}, ['name', 'location', 'entrypoint', 'objectTypes']);

const changes = (kind) => ({
  if: { properties: { subscriptionType: { const: `${kind}.propertyChange` } } },
  then: { required: ['propertyName'] },
  else: { not: { required: ['propertyName'] } },
});
const subscription = (types, more = {}) => object(
  { subscriptionType: { enum: types }, active: { type: 'boolean' }, propertyName: text(100), ...more },
  ['subscriptionType', 'active', ...Object.keys(more)],
);
const of = (kind) => ['creation', 'deletion', 'merge', 'restore', 'propertyChange', 'associationChange']
  .map((what) => `${kind}.${what}`);
const webhooks = object({
  settings: object({
    targetUrl: address,
    maxConcurrentRequests: { type: 'integer', minimum: 6 }, // "must be a number greater than five"
  }),
  subscriptions: object({
    crmObjects: list({
      allOf: [subscription(of('object'), { objectType: { const: 'contact' } }), changes('object')],
    }),
    legacyCrmObjects: list({ allOf: [subscription(of('contact')), changes('contact')] }),
    hubEvents: list(object({
      subscriptionType: { enum: ['contact.privacyDeletion'] }, active: { type: 'boolean' },
    })),
  }),
});

const TYPES = ['string', 'number', 'bool', 'datetime', 'enumeration', 'date', 'phone_number', 'object'];
const FIELDS = ['booleancheckbox', 'checkbox', 'date', 'file', 'html', 'number', 'phonenumber', 'radio',
  'select', 'text', 'textarea'];
const field = object({
  name: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_]*$' },
  type: { enum: TYPES },
  fieldType: { enum: FIELDS },
  options: list(object({ value: text(100), label: text(100) }), { minItems: 1 }),
}, ['name', 'type', 'fieldType']);
const chosen = {
  if: { properties: { type: { const: 'enumeration' } } },
  then: { required: ['options'], properties: { fieldType: { enum: ['select', 'radio', 'checkbox'] } } },
};
const texts = { type: 'object', additionalProperties: { type: 'string', minLength: 1 } };
const labels = object({
  actionName: text(100), actionDescription: text(500), actionCardContent: text(200),
  appDisplayName: text(100), inputFieldLabels: texts, inputFieldDescriptions: texts,
  outputFieldLabels: texts,
}, ['actionName']);
const action = object({
  actionUrl: address,
  isPublished: { type: 'boolean' },
  supportedClients: list(object({ client: { enum: ['WORKFLOWS', 'AGENTS'] } }), { minItems: 1 }),
  objectTypes: list({ enum: ['CONTACT', 'COMPANY', 'DEAL', 'TICKET'] }),
  inputFields: list(object({
    typeDefinition: { allOf: [field, chosen] },
    supportedValueTypes: list({ enum: ['STATIC_VALUE', 'OBJECT_PROPERTY'] }, { minItems: 1 }),
    isRequired: { type: 'boolean' },
  })),
  outputFields: list(object({ typeDefinition: { allOf: [field, chosen] } })),
  labels: { type: 'object', properties: { en: labels }, required: ['en'], additionalProperties: labels },
});

// By the names that HubSpot's parser gives to the types of parts.
export const schemas = { APPLICATION: app, CARD: card, WEBHOOKS: webhooks, WORKFLOW_ACTION: action };
