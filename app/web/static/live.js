// A module (`type="module"`): keeps an open page current. It subscribes to the changes of what the page shows, and requests the same address again after one.
// Where the subscription is refused, the page stays as it was when it was opened.
//
//   <main id="content" data-live-subject="netze-bw">     changes of this operator; of all operators where it is empty
//   data-live-until="2026-11-29T16:00:00+00:00"          the page also changes at this moment

const content = document.querySelector("[data-live-subject]");

const QUIET = 300; // ms without a change before the page is requested again
const LONGEST = 5000; // ms from the first of many changes to the request
const SPREAD = 1500; // ms over which open pages spread their requests
const SETTLE = 2000; // ms for which a page is seen before it subscribes: who leafs through pages needs no subscription
const RESERVE = 15; // requests of the rate limit that are left to the reader
const SILENCE = 90000; // ms without a keep-alive after which a stream counts as broken
const LASTING = 30000; // ms after which an open stream counts as one that works
const LONGEST_BACK_OFF = 300000;
const LONGEST_TIMER = 2147483647;
const QUERY = "subscription pageChanged($dno: String) { dataChanged(dno: $dno) { kind } }";

const random = (most) => Math.random() * most;
const backOff = (times) => Math.min(1000 * 2 ** Math.min(times, 20), LONGEST_BACK_OFF) * (0.5 + random(1));
const retryAfter = (response) => 1000 * Number(response.headers.get("retry-after") ?? 0) || 0;
const temporary = (response) => response.status === 429 || response.status >= 500;

// The page.

let etag;
let timer;
let firstChange = 0;
let notBefore = 0;
let failedRequests = 0;
let requesting = false;
let changedMeanwhile = false;
let gone = false; // the address no longer has a page

function refreshSoon(delay = QUIET + random(SPREAD)) {
  if (gone) return;
  const now = Date.now();
  firstChange ||= now;
  const due = Math.max(Math.min(now + delay, firstChange + LONGEST), notBefore);
  clearTimeout(timer);
  timer = setTimeout(refresh, due - now);
}

async function refresh() {
  if (requesting) {
    changedMeanwhile = true;
    return;
  }
  firstChange = 0;
  requesting = true;
  try {
    const headers = { accept: "text/html" };
    const response = await fetch(location.href, { cache: "no-cache", headers, signal: AbortSignal.timeout(30000) });
    saveRequests(response);
    if (response.ok) await replace(response);
    else if (temporary(response)) refreshLater(retryAfter(response));
    else end();
  } catch {
    refreshLater(0);
  } finally {
    requesting = false;
    if (changedMeanwhile) refreshSoon();
    changedMeanwhile = false;
  }
}

// Requests of open pages do not use up what the reader needs for the next pages.
function saveRequests(response) {
  const [, left, seconds] = /;r=(\d+);t=(\d+)/.exec(response.headers.get("ratelimit") ?? "") ?? [];
  if (Number(left) < RESERVE) notBefore = Math.max(notBefore, Date.now() + 1000 * (RESERVE - left) * Math.max(seconds, 1));
}

function refreshLater(least) {
  failedRequests += 1;
  notBefore = Date.now() + Math.max(least, backOff(failedRequests));
  if (!document.hidden) refreshSoon();
}

async function replace(response) {
  failedRequests = 0;
  const served = Date.parse(response.headers.get("date")) || Date.now();
  const current = response.headers.get("etag");
  if (!current || current !== etag) {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const update = page.getElementById(content.id);
    if (update) show(page.title, update);
    etag = current;
  }
  scheduleChange(served);
}

function show(title, update) {
  for (const each of content.querySelectorAll("[data-changed]")) each.removeAttribute("data-changed");
  const focused = document.activeElement;
  if (!morph(content, update)) return;
  document.title = title;
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  document.dispatchEvent(new Event("page:updated"));
  announce();
}

// Changes one tree of nodes into another and leaves alone what is equal, so that scrolling, focus, open details and what has been
// typed stay. Children with an id are recognised by it, others by their place. Returns whether anything differed.
function morph(present, update) {
  let differs = morphAttributes(present, update);
  let place = present.firstChild;
  for (const node of update.childNodes) {
    const same = matching(present, place, node);
    if (!same) {
      present.insertBefore(document.importNode(node, true), place);
      differs = true;
      continue;
    }
    if (same === place) place = place.nextSibling;
    else present.insertBefore(same, place);
    if (same.nodeType === Node.ELEMENT_NODE) differs = morph(same, node) || differs;
    else differs = morphText(same, node) || differs;
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
    differs = true;
  }
  return differs;
}

function matching(present, place, node) {
  if (node.id) return [...present.children].find((child) => child.id === node.id && child.nodeName === node.nodeName);
  return place && !place.id && place.nodeName === node.nodeName ? place : undefined;
}

const KEPT = new Set(["open", "tabindex", "data-marked", "data-changed"]); // set by readers, or by scripts

function morphAttributes(present, update) {
  let differs = false;
  for (const { name } of [...present.attributes]) {
    if (KEPT.has(name) || update.hasAttribute(name)) continue;
    present.removeAttribute(name);
    differs = true;
  }
  for (const { name, value } of update.attributes) {
    if (KEPT.has(name) || present.getAttribute(name) === value) continue;
    present.setAttribute(name, value);
    differs = true;
  }
  return differs;
}

function morphText(present, update) {
  if (present.data === update.data) return false;
  present.data = update.data;
  present.parentElement.setAttribute("data-changed", "");
  return true;
}

const notice = document.createElement("p");
let noticeTimer;

function announce() {
  const german = document.documentElement.lang === "de";
  const time = new Date().toLocaleTimeString(german ? "de" : "en-GB", { hour: "2-digit", minute: "2-digit" });
  notice.textContent = german ? `Aktualisiert um ${time}` : `Updated at ${time}`;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (notice.textContent = ""), 8000);
}

let changeTimer;

// `now` by the clock of the server, where it is known.
function scheduleChange(now = Date.now()) {
  clearTimeout(changeTimer);
  if (!content.dataset.liveUntil) return;
  const left = Date.parse(content.dataset.liveUntil) - now;
  // One that has passed: by the clock of the server it has not.
  const wait = (left > 0 ? left : 5000) + random(SPREAD);
  changeTimer = setTimeout(refreshSoon, Math.min(wait, LONGEST_TIMER), 0);
}

// The stream.

let stream; // the AbortController of the open one
let failedStreams = 0;
let refused = false;
let reconnectTimer;

async function connect() {
  clearTimeout(reconnectTimer);
  if (refused || gone || stream || document.hidden) return;
  const own = (stream = new AbortController());
  const began = Date.now();
  let least = 0;
  try {
    least = await listen(own);
  } catch {
    // Without a network or a server it is as with a stream that ends.
  }
  if (stream !== own) return;
  stream = undefined;
  failedStreams = Date.now() - began > LASTING ? 1 : failedStreams + 1;
  reconnectTimer = setTimeout(connect, Math.max(least, backOff(failedStreams)));
}

// Returns, when the stream has ended, how many ms the server asks to wait before the next.
async function listen(own) {
  const variables = content.dataset.liveSubject ? { dno: content.dataset.liveSubject } : {};
  const parameters = new URLSearchParams({ query: QUERY, variables: JSON.stringify(variables) });
  // A refusal is then JSON, and recognised by its type; if only a stream were accepted, it would be a stream, too.
  const headers = { accept: "text/event-stream, application/json;q=0.1" };
  const response = await fetch(`/graphql?${parameters}`, { headers, signal: own.signal, cache: "no-store" });
  saveRequests(response);
  if (!response.ok || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
    own.abort();
    refused = !temporary(response);
    if (refused) refreshSoon();
    return retryAfter(response);
  }
  // What was changed before the stream was open is not delivered.
  refreshSoon(random(SPREAD));
  await read(response.body.pipeThrough(new TextDecoderStream()).getReader(), own);
  return 0;
}

async function read(reader, own) {
  let rest = "";
  let silence;
  try {
    for (;;) {
      silence = setTimeout(() => own.abort(), SILENCE);
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      if (events.some((event) => event.startsWith("event: next"))) refreshSoon();
    }
  } finally {
    clearTimeout(silence);
  }
}

function pause() {
  for (const each of [timer, changeTimer, reconnectTimer]) clearTimeout(each);
  firstChange = 0;
  stream?.abort();
  stream = undefined;
}

function end() {
  gone = true;
  pause();
}

function resume() {
  if (document.hidden || gone) return;
  scheduleChange();
  if (refused) refreshSoon();
  failedStreams = 0;
  clearTimeout(reconnectTimer);
  reconnectTimer = setTimeout(connect, SETTLE);
}

if (content) {
  notice.className = "updated";
  notice.setAttribute("role", "status");
  document.body.append(notice);
  document.addEventListener("visibilitychange", () => (document.hidden ? pause() : resume()));
  addEventListener("pagehide", pause);
  addEventListener("pageshow", (event) => event.persisted && resume());
  addEventListener("online", () => {
    pause();
    resume();
  });
  // After everything that the first view needs.
  if (document.readyState === "complete") resume();
  else addEventListener("load", resume);
}
