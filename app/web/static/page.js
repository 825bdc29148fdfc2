// Makes pages livelier: the results of a form follow what is typed. Without it, the form's button does the same.

for (const form of document.querySelectorAll("form[data-live]")) {
  let timer;
  let request;

  const show = async (remember) => {
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
      showCounts(form, page);
      for (const link of document.querySelectorAll(".languages a")) {
        link.href = page.querySelector(`.languages a[hreflang="${link.hreflang}"]`).getAttribute("href");
      }
      document.title = page.title;
      if (address.href !== location.href) history[remember](null, "", address);
    } catch (error) {
      if (error.name !== "AbortError") form.requestSubmit();
    }
  };
  // A choice is a step that the back button returns from; the letters of a word are not.
  form.addEventListener("input", (event) => {
    const typed = event.target.type === "search";
    clearTimeout(timer);
    timer = setTimeout(show, typed ? 200 : 0, typed ? "replaceState" : "pushState");
  });
  addEventListener("popstate", () => location.reload());
}

// The element of the status stays, since screen readers announce changes of an element that was there before.
function showCounts(form, page) {
  const status = document.querySelector("[data-live-status]");
  const now = page.querySelector("[data-live-status]").textContent;
  if (status.textContent !== now) status.textContent = now;
  for (const option of form.querySelectorAll("option")) {
    const select = page.querySelector(`select[name="${option.parentElement.name}"]`);
    option.textContent = [...select.options].find((each) => each.value === option.value)?.textContent ?? option.textContent;
  }
  for (const count of form.querySelectorAll("[data-live-count]")) {
    count.textContent = page.querySelector(`[data-live-count="${count.dataset.liveCount}"]`).textContent;
  }
}
