// GraphiQL with a tab for each example; everything it needs comes from this server.

import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { buildSchema } from "graphql";
import { createClient } from "graphql-ws";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";

import examples from "./examples.js";
import { Layout } from "./layout.jsx";
import { ReadOnlyQuery, byName, documentsPlugin, enforced, registered } from "./registered.jsx";
import { cleanStorage, storage } from "./storage.js";

globalThis.MonacoEnvironment = {
  getWorker(_, label) {
    const name = { json: "json.worker.js", graphql: "graphql.worker.js" }[label] ?? "editor.worker.js";
    return new Worker(new URL(WORKERS[name], import.meta.url));
  },
};

const endpoint = new URL("/graphql", location.href);
const fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  wsClient: createClient({ url: endpoint.href.replace(/^http/, "ws"), lazy: true }),
});

// `/graphql?query=…&variables=…` opens a tab with that query: a further one, or the first of a new browser.
const shared = new URLSearchParams(location.search);
const query = shared.get("query") ?? undefined;
const variables = shared.get("variables") ?? undefined;
const linked = query === undefined ? [] : [{ query, variables }];

const usual = { fetcher, storage, defaultTabs: [...linked, ...examples] };

/** Of a server that executes registered documents only: the query for the schema would be refused, too. */
async function restricted() {
  const response = await fetch("/schema.graphql");
  return {
    fetcher: byName(fetcher),
    // Documents are chosen from the list; what was typed on this address before cannot be executed.
    storage: null,
    schema: response.ok ? buildSchema(await response.text(), { assumeValid: true }) : null,
    dangerouslyAssumeSchemaIsValid: true,
    defaultTabs: linked.length > 0 ? linked : [{ query: "" }],
    visiblePlugin: documentsPlugin,
  };
}

const plugins = registered.length > 0 ? [documentsPlugin, HISTORY_PLUGIN] : [HISTORY_PLUGIN];

cleanStorage();
createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    {...(enforced ? await restricted() : usual)}
    initialQuery={query}
    initialVariables={variables}
    referencePlugin={DOC_EXPLORER_PLUGIN}
    plugins={plugins}
    defaultEditorToolsVisibility={enforced || variables !== undefined}
    shouldPersistHeaders={false}
  >
    <GraphiQL.Logo>
      <nav className="own-links" aria-label="dno-api">
        <a href="/">dno-api</a>
        <a href="/work/sign-in?next=/graphql">Sign in</a>
      </nav>
    </GraphiQL.Logo>
    <Layout />
    {enforced && <ReadOnlyQuery />}
  </GraphiQL>,
);
