// Stand-ins for what HubSpot gives a card: its components, the record's properties, hubspot.fetch.
// `window.portal`: { context, properties, propertiesError, permitted, answers, calls, alerts, refreshes }.
const { React, ReactDOM } = globalThis;
const e = React.createElement;
const portal = globalThis.portal;
const GAPS = { flush: 0, xs: 4, sm: 8, md: 16, lg: 24 };

const tag = (name, className) => ({ children }) => e(name, { className }, children);
export const Alert = ({ title, variant, children }) =>
  e('div', { role: 'alert', className: `alert ${variant}` }, e('b', null, title), e('p', null, children));
export const Button = ({ onClick, disabled, variant = 'secondary', children }) =>
  e('button', { type: 'button', className: variant, disabled, onClick }, children);
export const Divider = () => e('hr');
export const Flex = ({ direction = 'row', gap = 'flush', align, wrap, children }) =>
  e('div', { className: 'flex', style: {
    flexDirection: direction, gap: GAPS[gap], alignItems: align, flexWrap: wrap ? 'wrap' : 'nowrap',
  } }, children);
export const Heading = tag('h2');
export const LoadingSpinner = ({ label }) => e('p', { role: 'status' }, label);
export const StatusTag = ({ variant = 'default', children }) => e('span', { className: `tag ${variant}` }, children);
export const Table = tag('table');
export const TableHead = tag('thead');
export const TableBody = tag('tbody');
export const TableRow = tag('tr');
export const TableHeader = ({ children }) => e('th', { scope: 'col' }, children);
export const TableCell = tag('td');
export const Text = ({ inline, variant = 'bodytext', format = {}, children }) =>
  e(inline ? 'span' : 'div', { className: `${variant} ${format.fontWeight ?? ''}` }, children);

/** The properties that the person may see; `refetch` asks for them anew. */
export function useCrmProperties(names) {
  const pick = () => Object.fromEntries(
    names.filter((name) => name in portal.properties).map((name) => [name, portal.properties[name]]),
  );
  const [properties, setProperties] = React.useState(pick);
  const refetch = React.useCallback(async () => setProperties(pick()), []);
  const error = portal.propertiesError ? new Error(portal.propertiesError) : null;
  return { properties, error, isLoading: false, isRefetching: false, refetch };
}

const actions = {
  addAlert: (alert) => portal.alerts.push(alert),
  refreshObjectProperties: () => { portal.refreshes += 1; },
};
export const hubspot = {
  extend: (make) => {
    const root = ReactDOM.createRoot(document.getElementById('card'));
    root.render(make({ context: portal.context, actions }));
  },
  /** Refuses what HubSpot refuses: http, addresses that the app does not list, other headers. */
  fetch: async (url, { method = 'GET', timeout, body, headers = {} } = {}) => {
    const allowed = portal.permitted.some((prefix) => url.startsWith(prefix));
    const others = Object.keys(headers).filter((name) => name.toLowerCase() !== 'authorization');
    if (!url.startsWith('https://') || !allowed || others.length || timeout > 15_000) {
      throw new Error(`hubspot.fetch refuses ${url}`);
    }
    portal.calls.push({ url, method, body });
    if (globalThis.sendAsHubSpot) { // to a real worker, signed
      const { status, text } = await globalThis.sendAsHubSpot(url, JSON.stringify(body));
      return { ok: status < 400, status, json: async () => JSON.parse(text) };
    }
    const answers = portal.answers[new URL(url).pathname];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    if (answer.error) throw new Error(answer.error);
    const status = answer.status ?? 200;
    if (answer.properties) Object.assign(portal.properties, answer.properties);
    return { ok: status < 400, status, json: async () => structuredClone(answer.body) };
  },
};
