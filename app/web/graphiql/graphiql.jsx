// GraphiQL with a tab for each example; everything it needs comes from this server.

import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";

import examples from "./examples.js";

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

// `/graphql?query=…&variables=…` opens a tab with that query.
const shared = new URLSearchParams(location.search);

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={fetcher}
    initialQuery={shared.get("query") ?? undefined}
    initialVariables={shared.get("variables") ?? undefined}
    defaultTabs={examples.map((query) => ({ query }))}
    defaultEditorToolsVisibility={false}
    shouldPersistHeaders={false}
  />,
);
