// Stands in for GraphiQL where it was not built: sends what is in the text fields, shows what comes back. It stores nothing.

const [examples, operations, operation, query, variables, answer, form] = [
  "#examples",
  "#operations",
  "#operation",
  "#query",
  "#variables",
  "#answer",
  "form",
].map((selector) => document.querySelector(selector));

const { documents, enforced } = JSON.parse(document.querySelector("#registered-documents").textContent);

// `/graphql?query=…&variables=…` opens that query.
const shared = new URLSearchParams(location.search);

/** The names of the operations, outside of comments. */
function operationNames() {
  const text = query.value.replace(/#.*/g, "");
  return [...text.matchAll(/^\s*(?:query|mutation)\s+(\w+)/gm)].map(([, name]) => name);
}

function offerOperations() {
  const names = operationNames();
  operations.hidden = names.length < 2;
  if (names.join() !== [...operation.options].map(({ value }) => value).join()) {
    operation.replaceChildren(...names.map((name) => new Option(name, name)));
  }
}

function show(text, values) {
  query.value = text;
  variables.value = values;
  offerOperations();
}

function choose() {
  const chosen = examples.selectedOptions[0];
  if (chosen) show(chosen.value, chosen.dataset.variables ?? "");
}

/** The registered document with this text is executed by its name. */
function documentOf() {
  const name = Object.keys(documents).find((each) => documents[each] === query.value);
  return name === undefined ? { query: query.value } : { documentId: name };
}

function body() {
  const values = variables.value.trim();
  return JSON.stringify({
    ...documentOf(),
    variables: values ? JSON.parse(values) : {},
    ...(operations.hidden ? {} : { operationName: operation.value }),
  });
}

async function execute(event) {
  event?.preventDefault();
  answer.textContent = "…";
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json, application/json" },
      body: body(),
    });
    answer.textContent = JSON.stringify(await response.json(), null, 2);
  } catch (error) {
    answer.textContent = `No result: ${error.message}`;
  }
}

function listRegistered() {
  const options = Object.entries(documents).map(([name, text]) => {
    const title = /^\s*(?:query|mutation|subscription)\s+(\w+)/m.exec(text)?.[1] ?? "document";
    return new Option(`${title} (${name.slice(0, 12)})`, text);
  });
  if (enforced) examples.replaceChildren(...options);
  else examples.append(...options);
  query.readOnly = enforced;
  document.querySelector("#only").hidden = !enforced;
}

for (const field of [query, variables]) {
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) execute(event);
  });
}
examples.addEventListener("change", choose);
form.addEventListener("submit", execute);
query.addEventListener("input", offerOperations);
listRegistered();
choose();
if (shared.has("query")) show(shared.get("query"), shared.get("variables") ?? "");
