// A module (`type="module"`): tooltips of charts, the value next to the pointer, or chosen by the arrow keys. Values are the elements of a chart that have
// a <title>, which browsers show by themselves where this script is not loaded.

const tooltip = document.createElement("div");
tooltip.className = "tooltip";
tooltip.setAttribute("role", "status");
document.body.append(tooltip);

let marked;

const pointsOf = (chart) => [...chart.querySelectorAll(":scope :not(svg) > title")].map((title) => title.parentElement);
const chartOf = (element) => element?.closest?.("figure svg");
const textOf = (point) => point.querySelector("title").textContent;

function distance(point, x, y) {
  const box = point.getBoundingClientRect();
  const dx = Math.max(box.left - x, 0, x - box.right);
  const dy = Math.max(box.top - y, 0, y - box.bottom);
  // Of elements that lie over one another, the smaller.
  return dx * dx + dy * dy + Math.min(box.width * box.height, 1e6) / 1e9;
}

function nearest(chart, x, y) {
  let best;
  for (const point of pointsOf(chart)) {
    const away = distance(point, x, y);
    if (!best || away < best.away) best = { point, away };
  }
  return best?.point;
}

function show(point) {
  if (point !== marked) {
    hide();
    marked = point;
    marked.setAttribute("data-marked", "");
    tooltip.textContent = textOf(point);
  }
  const box = point.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  const left = Math.min(Math.max(box.left + box.width / 2 - width / 2, 4), innerWidth - width - 4);
  const above = box.top - height - 8;
  tooltip.style.transform = `translate(${Math.round(left)}px, ${Math.round(above < 4 ? box.bottom + 8 : above)}px)`;
}

function hide() {
  marked?.removeAttribute("data-marked");
  marked = undefined;
  tooltip.textContent = "";
}

function follow(event) {
  const chart = chartOf(event.target);
  const point = chart && nearest(chart, event.clientX, event.clientY);
  if (point) show(point);
  else if (event.pointerType !== "touch" || event.type === "pointerdown") hide();
}

document.addEventListener("pointermove", follow);
document.addEventListener("pointerdown", follow);
document.documentElement.addEventListener("pointerleave", (event) => {
  if (event.pointerType !== "touch") hide(); // a finger that is lifted leaves the value to be read
});
addEventListener("scroll", hide, { passive: true, capture: true });

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return hide();
  const chart = chartOf(document.activeElement);
  if (!chart || !(event.key in STEPS)) return;
  event.preventDefault();
  const points = pointsOf(chart);
  const at = points.indexOf(marked);
  const next = at < 0 ? (STEPS[event.key] > 0 ? 0 : points.length - 1) : at + STEPS[event.key];
  show(points[Math.min(Math.max(next, 0), points.length - 1)]);
});
document.addEventListener("focusout", (event) => {
  if (chartOf(event.target)) hide();
});

// Charts can be reached by keyboard only where the keys do something.
function prepare() {
  if (marked && !marked.isConnected) hide();
  for (const chart of document.querySelectorAll("figure svg")) {
    if (pointsOf(chart).length) chart.setAttribute("tabindex", "0");
  }
}

// charts.css: the browser's own tooltip would be a second one.
document.documentElement.classList.add("tooltips");
prepare();
document.addEventListener("page:updated", prepare);
