// The documents that the server registers: choose one, fill in its variables, execute it by its name.

import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { parse } from "graphql";
import { useEffect, useState } from "react";

import { NARROW } from "./layout.jsx";

const ONLY = "This server executes registered documents only. Choose one from the list; its variables can be changed.";

const data = JSON.parse(document.getElementById("registered-documents")?.textContent || '{"documents": {}}');

/** Whether the server refuses all others. */
export const enforced = data.enforced === true;
export const registered = Object.entries(data.documents).map(([name, text]) => ({ name, text, ...described(text) }));

// The editor has one kind of line break.
const plain = (text) => text.replace(/\r\n?/g, "\n");
const names = new Map(registered.map(({ name, text }) => [plain(text), name]));

function described(text) {
  try {
    const operations = parse(text).definitions.filter(({ kind }) => kind === "OperationDefinition");
    const variables = operations.flatMap(({ variableDefinitions }) => variableDefinitions ?? []);
    return {
      title: operations.map(({ name, operation }) => name?.value ?? operation).join(", "),
      variables: Object.fromEntries(variables.map(({ variable }) => [variable.name.value, null])),
    };
  } catch {
    return { title: text.slice(0, 40), variables: {} };
  }
}

/** A fetcher that sends names in place of texts. */
export function byName(fetcher) {
  return ({ query, ...rest }, options) => {
    const documentId = names.get(plain(query));
    if (documentId === undefined) throw new Error(ONLY);
    return fetcher({ documentId, ...rest }, options);
  };
}

function Documents() {
  const { queryEditor, variableEditor } = useGraphiQL(pick("queryEditor", "variableEditor"));
  const { setVisiblePlugin } = useGraphiQLActions();
  const [filter, setFilter] = useState("");
  const wanted = filter.trim().toLowerCase();
  const choose = ({ text, variables }) => {
    queryEditor.setValue(text);
    variableEditor.setValue(Object.keys(variables).length > 0 ? JSON.stringify(variables, null, 2) : "");
    // There, the list covers the editors.
    if (NARROW.matches) setVisiblePlugin(null);
  };
  return (
    <section className="own-documents" aria-label="Registered documents">
      <h2>Registered documents</h2>
      <p>{enforced ? ONLY : "Others are executed as well, and logged."}</p>
      <input type="search" aria-label="Filter" placeholder="Filter" value={filter} onChange={(event) => setFilter(event.target.value)} />
      <ul>
        {registered
          .filter(({ name, title }) => `${title} ${name}`.toLowerCase().includes(wanted))
          .map((each) => (
            <li key={each.name}>
              <button type="button" disabled={!queryEditor || !variableEditor} onClick={() => choose(each)}>
                {each.title} <code>{each.name.slice(0, 12)}</code>
              </button>
            </li>
          ))}
      </ul>
    </section>
  );
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01" strokeLinecap="round" />
    </svg>
  );
}

export const documentsPlugin = { title: "Registered documents", icon: Icon, content: Documents };

/** The text of a document is its identity: it is shown, and changed by choosing another. */
export function ReadOnlyQuery() {
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => {
    queryEditor?.updateOptions({ readOnly: true, readOnlyMessage: { value: ONLY } });
  }, [queryEditor]);
  return null;
}
