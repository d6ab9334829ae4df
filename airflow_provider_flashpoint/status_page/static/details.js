// What an open row shows: both plots, gaps, rejected records, recent runs, facts and actions.

import { confirmed } from "./confirm.js";
import { plots } from "./charts.js";
import { airflowLink, count, duration, element, instant, runLink, span } from "./dom.js";
import { act, request } from "./request.js";

const SPANS = [["6 h", 6], ["24 h", 24], ["7 d", 168], ["all", 0]];
const RUNS_OF = { 6: 288, 24: 576, 168: 2016, 0: 2016 };
const RECENT = 8;

const section = (title, ...children) => element("section", {}, element("h3", {}, title), ...children);
const fact = (name, ...value) => (value[0] ? element("div", {}, element("dt", {}, name), element("dd", {}, ...value)) : null);

function facts(stream, pull) {
  const filters = Object.entries(stream.filters || {}).map(([name, value]) => `${name}: ${value}`).join(", ");
  return element("dl", {},
    fact("DAG", airflowLink(["dags", stream.dag_id], stream.dag_id)),
    fact("Destination", stream.destination),
    fact("Flashpoint connection", stream.source),
    fact("API generation", stream.api),
    fact("Filters", filters || "none"),
    fact("Runs", stream.period_s ? `every ${duration(stream.period_s)}${stream.is_paused ? ", paused" : ""}` : "without a schedule"),
    fact("Pull", pull && `${span(pull.window)}, ${Math.floor(100 * pull.share)} % pulled`),
    fact("Columns", stream.columns && count(stream.columns)),
    fact("Checkpoint window", stream.from_checkpoint_time && span({ from: stream.from_checkpoint_time, to: stream.to_checkpoint_time })),
    fact("State", stream.variable));
}

function recentRuns(stream, runs) {
  const noun = stream.is_lookup ? "rows" : "events";
  const items = runs.filter((run) => run.state).slice(-RECENT).reverse().map((run) => element("li", {},
    runLink(stream, run, element("span", { class: `state ${run.state}` }, run.state.replaceAll("_", " "))), " ",
    run.window ? `${span(run.window)}: ${count(run.delivered)} ${noun}` : instant(run.ended_at || run.run_after)));
  return section("Recent runs", items.length ? element("ul", { class: "runs" }, items) : element("p", { class: "quiet" }, "None yet."));
}

function rejectedRecords(found) {
  if (found.problem) return element("p", { class: "problem" }, found.problem);
  if (!found.records.length) return element("p", { class: "quiet" }, "No rejected records are kept.");
  return element("ul", { class: "rejects" }, found.records.map((each) => element("li", {},
    element("strong", {}, each.reason), element("small", {}, instant(each.at)),
    element("pre", {}, each.record))),
  found.more ? element("li", { class: "quiet" }, `The newest ${found.records.length} are shown. All are in ${found.place}.`) : null);
}

/** Return the details of a stream: their row, and a function that brings them up to date. */
export function detailsOf(stream, reload) {
  const base = `api/dags/${encodeURIComponent(stream.dag_id)}/tasks/${encodeURIComponent(stream.task_id)}`;
  const content = element("td", { colspan: 9 }, element("p", { class: "quiet" }, "Loading…"));
  const row = element("tr", { class: "details" }, content);
  let loading = 0;
  const message = element("p", { role: "status", class: "message" });
  let [hours, found, rejected, current] = [24, null, null, stream];

  const perform = async (name, sentence, body = {}) => {
    if (!(await confirmed(sentence))) return;
    try {
      message.textContent = (await act(`${base}/actions/${name}`, body)).done;
      message.className = "message";
      await reload();
    } catch (error) {
      message.textContent = error.message;
      message.className = "message problem";
    }
  };

  const actions = () => (found.actions.length ? element("p", { class: "actions" }, found.actions.map((action) =>
    element("button", { type: "button", onclick: () => perform(action.name, action.sentence) }, action.label))) : null);

  const gapList = () => section("Gaps", found.gaps.length ? element("ul", { class: "gaps" }, found.gaps.map((gap) => element("li", {},
    `${span(gap)} (${duration((Date.parse(gap.to) - Date.parse(gap.from)) / 1000)})`, " ",
    gap.fill ? element("button", { type: "button", onclick: () => perform("fill", gap.fill, { from: gap.from, to: gap.to }) }, "Fill") : null)))
    : element("p", { class: "quiet" }, "None: the windows of these runs follow each other."));

  const showRejected = async () => {
    rejected = await request(`${base}/rejected`).catch((error) => ({ problem: error.message }));
    draw();
  };

  const spans = () => element("p", { class: "spans", role: "group", "aria-label": "Time that is shown" }, SPANS.map(([name, value]) =>
    element("button", { type: "button", "aria-pressed": String(value === hours), onclick: () => { hours = value; update(current); } }, name)));

  function draw() {
    const style = getComputedStyle(content);
    const width = content.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    content.replaceChildren(
      current.problem ? element("p", { class: "problem" }, current.problem) : "",
      actions() || "", message, spans(), plots(current, found, hours, Math.max(260, width)),
      element("div", { class: "columns" }, gapList(), recentRuns(current, found.runs),
        section("Rejected records", rejected ? rejectedRecords(rejected)
          : element("button", { type: "button", onclick: showRejected }, "Show")),
        section("Facts", facts(current, found.pull))));
  }

  async function refresh(next) {
    if (loading) current = next;
    else await update(next);
  }

  async function update(next) {
    current = next;
    loading += 1;
    try {
      found = await request(`${base}/history?runs=${RUNS_OF[hours]}`);
      draw();
    } catch (error) {
      content.replaceChildren(element("p", { class: "problem" }, error.message));
    } finally {
      loading -= 1;
    }
  }

  new ResizeObserver(() => found && content.clientWidth && draw()).observe(row);
  update(stream);
  return { row, update: refresh };
}
