// Names of operators for what is typed. Without it, the server offers those that are similar.

const QUERY = "query names($typed: String!) { searchDnos(query: $typed, first: 8) { dno { name city } } }";

for (const field of document.querySelectorAll("input[data-suggest]")) {
  const list = document.getElementById(field.dataset.suggest);
  let timer;
  let request;

  const suggest = async () => {
    const typed = field.value.trim();
    if (typed.length < 2 || [...list.options].some((option) => option.value === typed)) return;
    request?.abort();
    request = new AbortController();
    try {
      const response = await fetch("/graphql", {
        method: "POST",
        signal: request.signal,
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify({ query: QUERY, operationName: "names", variables: { typed } }),
      });
      const found = (await response.json()).data?.searchDnos ?? [];
      list.replaceChildren(
        ...found.map(({ dno }) => {
          const option = document.createElement("option");
          option.value = dno.name;
          option.label = dno.city ? `${dno.name}, ${dno.city}` : dno.name;
          return option;
        }),
      );
    } catch {
      // The form's button does the same.
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, 200);
  });
}
