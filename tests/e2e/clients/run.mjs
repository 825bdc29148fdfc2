// Runs the code of docs/clients.md, which the test has written beside this file, and prints what the clients received.
import relayRuntime from "relay-runtime";
import WebSocket from "ws";

globalThis.WebSocket ??= WebSocket; // Node.js has one from version 22 on

const [, , url] = process.argv;
const slug = "n-ergie-netz";
const found = {};

found.fetch = (await import("./fetch.mjs")).data;

const { client: apollo, socket, BY_SLUG, CHANGES } = await import("./apollo.mjs");
const { gql } = await import("@apollo/client");
const first = (await apollo.query({ query: BY_SLUG, variables: { slug } })).data.dno;
// Another query of the same operator, and one by its id that the cache answers.
await apollo.query({ query: gql`query City($id: ID!) { node(id: $id) { id ... on Dno { city } } }`, variables: { id: first.id } });
const merged = apollo.cache.extract()[first.id];
const cached = await apollo.query({
  query: gql`query Name($id: ID!) { node(id: $id) { id ... on Dno { name } } }`,
  variables: { id: first.id },
  fetchPolicy: "cache-only",
});
found.apollo = { merged: [merged.name, merged.city], cached: cached.data.node.name };

const { client: urql, events, ...urqlDocuments } = await import("./urql.mjs");
found.urql = (await urql.query(urqlDocuments.BY_SLUG, { slug }).toPromise()).data.dno;

const { environment } = await import("./relay.mjs");
const query = (await import("./src/__generated__/operatorQuery.graphql.js")).default;
const refetch = (await import("./src/__generated__/operatorAgainQuery.graphql.js")).default;
const { fetchQuery } = relayRuntime;
const relay = await fetchQuery(environment, query, { slug }).toPromise();
await fetchQuery(environment, refetch, { id: relay.dno.id }).toPromise();
const record = environment.getStore().getSource().get(relay.dno.id);
found.relay = [record.name, record.city];

// Beside the set-ups of the page: Apollo's own transport, and all operations over one event stream.
const { ApolloClient, HttpLink, InMemoryCache } = await import("@apollo/client");
const { createClient } = await import("graphql-sse");
const { print } = await import("graphql");
const parts = new ApolloClient({ link: new HttpLink({ uri: url }), cache: new InMemoryCache() });
const single = createClient({ url, singleConnection: true });
const firstOf = (query) =>
  new Promise((next, error) => single.subscribe({ query }, { next, error, complete: () => {} }));
found.single = (await firstOf("{ __typename }")).data;

// The test changes the tariff once all subscriptions are active.
const changes = await Promise.all([
  new Promise((resolve, reject) => apollo.subscribe({ query: CHANGES }).subscribe({ next: resolve, error: reject })),
  new Promise((resolve) => urql.subscription(urqlDocuments.CHANGES, {}).subscribe(resolve)),
  new Promise((resolve, reject) => parts.subscribe({ query: CHANGES }).subscribe({ next: resolve, error: reject })),
  firstOf(print(CHANGES)),
]);
const [overWebSocket, overEvents, inParts, overOneStream] = changes.map(({ data, error }) => data?.dataChanged ?? String(error));
// The cache of Apollo has merged the changed tariff into its record.
found.further = [inParts, overOneStream];
found.changes = [overWebSocket, overEvents, apollo.cache.extract()[overWebSocket.entry.id].leistung];
console.log(JSON.stringify(found));
socket.dispose();
events.dispose();
single.dispose();
process.exit(0);
