// Stands in for GraphiQL where it was not built: sends what is in the text field, shows what comes back.

const [examples, query, answer, form] = ["#examples", "#query", "#answer", "form"].map((s) => document.querySelector(s));

// `/graphql?query=…&variables=…` opens that query.
const shared = new URLSearchParams(location.search);

function choose() {
  query.value = examples.value;
}

function variables() {
  return query.value === shared.get("query") ? JSON.parse(shared.get("variables") ?? "{}") : {};
}

async function ask(event) {
  event?.preventDefault();
  answer.textContent = "…";
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json, application/json" },
      body: JSON.stringify({ query: query.value, variables: variables() }),
    });
    answer.textContent = JSON.stringify(await response.json(), null, 2);
  } catch (error) {
    answer.textContent = `No answer: ${error.message}`;
  }
}

examples.addEventListener("change", choose);
form.addEventListener("submit", ask);
query.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(event);
});
choose();
if (shared.has("query")) query.value = shared.get("query");
