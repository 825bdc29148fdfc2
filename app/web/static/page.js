// Makes pages livelier: the results of a form follow what is typed. Without it, the form's button does the same.

for (const form of document.querySelectorAll("form[data-live]")) {
  let timer;
  let request;

  const show = async () => {
    const parameters = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
    const address = new URL(form.action);
    address.search = parameters;
    request?.abort();
    request = new AbortController();
    try {
      const response = await fetch(address, { signal: request.signal, headers: { accept: "text/html" } });
      if (!response.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      document.querySelector("[data-live-results]").replaceWith(page.querySelector("[data-live-results]"));
      for (const link of document.querySelectorAll(".languages a")) {
        link.href = page.querySelector(`.languages a[hreflang="${link.hreflang}"]`).getAttribute("href");
      }
      history.replaceState(null, "", address);
    } catch (error) {
      if (error.name !== "AbortError") form.requestSubmit();
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 200);
  });
}
