// What GraphiQL keeps in the browser: tabs and history without headers, and without operations that have a secret.

const SIGNING_IN = /\b(signIn|changePassword)\b/i;
// The name of an argument, a variable or a key, as in `password: …`, `$apiToken` or `"secret": …`.
const SECRET_NAME = /(password|passwort|passwd|secret|token|credential|api_?key|authorization|cookie)\w*["']?\s*:/i;

/** Whether the operation is left out: it signs in, or has an argument or a variable that is named like a secret. */
export function hasSecret({ query, variables }) {
  return SIGNING_IN.test(query ?? "") || SECRET_NAME.test(query ?? "") || SECRET_NAME.test(variables ?? "");
}

const keep = (operations) =>
  operations.filter((each) => !hasSecret(each)).map((each) => ({ ...each, headers: null, response: null }));

function tabState(state) {
  const active = state.tabs[state.activeTabIndex];
  const tabs = keep(state.tabs);
  const index = tabs.findIndex((tab) => tab.id === active?.id);
  return { ...state, tabs, activeTabIndex: Math.max(index, 0) };
}

// By the key, without its prefix. Keys that are missing here are those of the layout.
const KEPT = {
  tabState,
  queries: ({ queries }) => ({ queries: keep(queries) }),
  favorites: ({ favorites }) => ({ favorites: keep(favorites) }),
};
const NEVER = new Set(["headers", "query", "variables"]);
const PREFIX = "graphiql:";

/** What may be stored under the key: null for nothing. */
export function stored(key, value) {
  const name = key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key;
  if (NEVER.has(name)) return null;
  if (!(name in KEPT)) return value;
  try {
    return JSON.stringify(KEPT[name](JSON.parse(value)));
  } catch {
    return null; // neither JSON nor of that form
  }
}

const own = () => Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));

export const storage = {
  getItem: (key) => localStorage.getItem(key),
  setItem(key, value) {
    const allowed = stored(key, value);
    if (allowed === null) localStorage.removeItem(key);
    else localStorage.setItem(key, allowed);
  },
  removeItem: (key) => localStorage.removeItem(key),
  get length() {
    return own().length;
  },
  clear: () => own().forEach((key) => localStorage.removeItem(key)),
};

/** Applies the rules to what is there from before them. */
export function cleanStorage() {
  for (const key of own()) storage.setItem(key, localStorage.getItem(key));
}
