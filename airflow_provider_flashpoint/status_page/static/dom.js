// Builds elements and formats values. Texts become text nodes, so no value can become markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const element = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

export const drawn = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

export const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));

/** "2026-01-02 03:04:05", in UTC as everywhere in this provider. */
export const instant = (text) => (text ? new Date(text).toISOString().slice(0, 19).replace("T", " ") : "–");

/** "2026-01-02 03:00:00 to 03:05:00", with both days only where they differ. */
export function span(window) {
  const [from, to] = [instant(window.from), instant(window.to)];
  return `${from} to ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0) return `-${duration(-seconds)}`;
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}

const AIRFLOW = new URL("..", location.href);

/** A link into Airflow's UI. Airflow's frame may not navigate, so there the UI's own document opens the link. */
export function airflowLink(path, ...children) {
  const href = new URL(path.map(encodeURIComponent).join("/"), AIRFLOW).href;
  const open = (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      window.parent.open(href);
      return;
    }
    const outside = window.parent.document.createElement("a");
    outside.href = href;
    window.parent.document.body.append(outside);
    outside.click();
    outside.remove();
  };
  return element("a", { href, onclick: open }, ...children);
}

export const runLink = (stream, run, ...children) =>
  airflowLink(["dags", stream.dag_id, "runs", run.run_id, "tasks", stream.task_id], ...children);
