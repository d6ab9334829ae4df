// The page: a row for each stream, and the details of the open ones.

import { detailsOf } from "./details.js";
import { count, duration, element, instant, runLink } from "./dom.js";
import { request } from "./request.js";

const REFRESH_MS = 30_000;
const open = new Set();
let newest = null;
let loading = 0;

const at = (id) => document.getElementById(id);
const keyOf = (stream) => `${stream.dag_id} ${stream.task_id}`;

const cell = (label, attributes, ...children) => element("td", { "data-label": label, ...attributes }, ...children);

const FRESHNESS = { fresh: "on time", late: "late", old: "too old", unknown: "not known" };

function statusText(stream) {
  if (stream.problem) return "problem";
  return stream.status || (stream.to_checkpoint_time ? "–" : "no run yet");
}

function lagCell(stream) {
  const text = FRESHNESS[stream.freshness];
  const periods = stream.age_s !== null && stream.period_s ? ` of ${duration(stream.period_s)}` : "";
  return cell("Lag", {}, element("span", { class: `chip ${stream.freshness}`, title: text },
    stream.age_s === null ? text : duration(stream.age_s)), element("small", {}, periods));
}

function runCell(stream) {
  const run = stream.last_run;
  if (!run) return cell("Last run", {}, "–");
  const state = element("span", { class: `state ${run.state}` }, run.state.replaceAll("_", " "));
  return cell("Last run", {}, runLink(stream, run, state), element("small", {}, instant(run.ended_at || run.run_after)));
}

function sourceCell(stream) {
  const filters = Object.entries(stream.filters || {}).map(([name, value]) => `${name}: ${value}`).join(", ");
  return cell("Source", {}, stream.api || "–", element("small", {}, filters || "no filters"));
}

function rowOf(stream) {
  const isOpen = open.has(keyOf(stream));
  const button = element("button", { class: "toggle", type: "button", "aria-expanded": String(isOpen), onclick: () => toggle(stream) },
    element("span", { class: `dot ${stream.freshness}`, "aria-hidden": "true" }), stream.title);
  return element("tr", { class: isOpen ? "open" : "" },
    element("th", { scope: "row" }, button, element("small", {}, stream.content, stream.is_paused ? " · paused" : "")),
    cell("Status", { class: stream.problem ? "bad" : "" }, statusText(stream)),
    cell("Complete to (UTC)", {}, instant(stream.to_checkpoint_time)),
    lagCell(stream),
    cell(stream.is_lookup ? "Rows, last run" : "Events, last run", { class: "number" }, count(stream.delivered)),
    cell("Last day", { class: "number", title: `in ${count(stream.total.runs)} runs` }, count(stream.total.delivered)),
    cell("Rejected", { class: stream.rejected ? "number bad" : "number" }, count(stream.rejected),
      stream.total.rejected ? element("small", {}, `${count(stream.total.rejected)} in the last day`) : null),
    runCell(stream), sourceCell(stream));
}

function toggle(stream) {
  const key = keyOf(stream);
  if (!open.delete(key)) open.add(key);
  show();
}

function show() {
  const table = at("streams");
  const kept = new Map([...table.tBodies].map((body) => [body.dataset.key, body]));
  const bodies = newest.streams.map((stream) => {
    const key = keyOf(stream);
    const before = kept.get(key);
    const details = open.has(key) ? (before && before.details) || detailsOf(stream, load) : null;
    if (details && before && before.details) details.update(stream);
    const body = element("tbody", { "data-key": key }, rowOf(stream), details && details.row);
    body.details = details;
    return body;
  });
  const focused = document.activeElement && document.activeElement.closest("tbody");
  table.querySelectorAll("tbody").forEach((body) => body.remove());
  table.append(...bodies);
  if (focused) bodies.find((body) => body.dataset.key === focused.dataset.key)?.querySelector("button.toggle")?.focus();
  table.hidden = !bodies.length;
  at("empty").hidden = Boolean(bodies.length);
  const numbers = ["fresh", "late", "old", "unknown"].map((name) => [name, newest.streams.filter((each) => each.freshness === name).length]);
  at("summary").replaceChildren(...numbers.filter(([, number]) => number)
    .map(([name, number]) => element("span", { class: `chip ${name}` }, `${number} ${FRESHNESS[name]}`)));
  at("updated").textContent = `as of ${instant(newest.now)} UTC`;
}

async function load() {
  loading += 1;
  try {
    newest = await request("api/streams");
    at("problem").hidden = true;
    show();
  } catch (error) {
    at("problem").hidden = false;
    at("problem").textContent = error.message;
    if (!newest) at("summary").textContent = "";
  } finally {
    loading -= 1;
  }
}

/** Airflow marks its document as dark; without Airflow around, the browser's preference counts. */
function followTheme() {
  const preference = matchMedia("(prefers-color-scheme: dark)");
  let outside = null;
  try {
    if (window.parent !== window) outside = window.parent.document.documentElement;
  } catch { /* a foreign document */ }
  const apply = () => {
    const marked = outside && /\b(dark|light)\b/.exec(outside.className);
    document.documentElement.dataset.theme = marked ? marked[1] : preference.matches ? "dark" : "light";
  };
  preference.addEventListener("change", apply);
  if (outside) new MutationObserver(apply).observe(outside, { attributeFilter: ["class"] });
  apply();
}

followTheme();
await load();
// A slow answer must not be asked for again and again.
setInterval(() => document.hidden || loading || load(), REFRESH_MS);
