// The two plots of a stream over one axis of time: what each interval delivered, and the lag at the end of each run.

import { count, drawn, duration, element, instant, span as spanText } from "./dom.js";

const LEFT = 52;
const RIGHT = 8;
const ROWS_HEIGHT = 110;
const LAG_HEIGHT = 90;
const AXIS = 18;
const NARROWEST = 2;
const LATE_PERIODS = 2;
const OLD_PERIODS = 6;

const time = (text) => Date.parse(text);

/** The span that is shown: the last hours, or less where there is less to see. */
function spanOf(runs, hours, now, period) {
  const ends = runs.map((run) => time(run.window.to));
  const first = Math.min(...ends) - period;
  const last = Math.max(now, ...ends);
  return { from: hours ? Math.max(first, last - hours * 3600e3) : first, to: last };
}

/** Windows overlap by the lag of reading. A bar is as wide as what is new in its window. */
function barsOf(runs) {
  let end = -Infinity;
  return [...runs].sort((a, b) => time(a.window.to) - time(b.window.to)).map((run) => {
    const from = time(run.window.from);
    const to = time(run.window.to);
    const again = to <= end;
    const bar = { run, from: again ? from : Math.max(from, end), to, again };
    end = Math.max(end, to);
    return bar;
  });
}

/** A build delivers far more than an interval: the scale is that of the others, and its bar shows its number. */
function topOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const largest = sorted.at(-1) || 1;
  const usual = sorted[Math.floor(0.8 * (sorted.length - 1))] || 0;
  return sorted.length > 3 && usual > 0 && largest > 6 * usual ? 2 * usual : largest;
}

function frame(width, height, label, ...children) {
  return drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...children);
}

function yAxis(height, top, format) {
  return [0, 0.5, 1].map((share) => {
    const y = 6 + (1 - share) * (height - 6);
    return drawn("g", { class: "axis" },
      drawn("line", { x1: LEFT, x2: "100%", y1: y, y2: y }),
      drawn("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, format(share * top)));
  });
}

function xAxis(width, y, span) {
  const ticks = Math.max(2, Math.min(6, Math.floor(width / 150)));
  const days = span.to - span.from > 2 * 86400e3;
  return Array.from({ length: ticks + 1 }, (_, at) => {
    const text = instant(new Date(span.from + (at / ticks) * (span.to - span.from)).toISOString());
    const x = LEFT + (at / ticks) * (width - LEFT - RIGHT);
    const anchor = at === 0 ? "start" : at === ticks ? "end" : "middle";
    return drawn("text", { class: "tick", x, y, "text-anchor": anchor }, days ? text.slice(5, 10) : text.slice(11, 16));
  });
}

function gapMarks(gaps, span, x, height) {
  return gaps.map((gap) => ({ gap, from: Math.max(time(gap.from), span.from), to: Math.min(time(gap.to), span.to) }))
    .filter(({ from, to }) => from < to)
    .map(({ gap, from, to }) => drawn("rect", {
      class: "gap", x: x(from), y: 0, width: Math.max(NARROWEST, x(to) - x(from)), height, fill: "url(#gap)",
    }, drawn("title", {}, `Gap: no run has read ${spanText(gap)}`)));
}

function rowsPlot(stream, bars, gaps, span, width) {
  const x = (at) => LEFT + ((at - span.from) / (span.to - span.from)) * (width - LEFT - RIGHT);
  const shown = bars.filter((bar) => bar.to > span.from);
  const top = topOf(shown.map((bar) => bar.run.delivered));
  const marks = shown.map(({ run, from, to, again }) => {
    const share = Math.min(1, run.delivered / top);
    const left = x(Math.max(from, span.from));
    const height = run.delivered ? Math.max(1, share * (ROWS_HEIGHT - 6)) : 0;
    const size = { x: left, y: ROWS_HEIGHT - height, width: Math.max(NARROWEST, x(to) - left - 1), height };
    const noun = stream.is_lookup ? "rows" : "events";
    const text = `${spanText(run.window)}: ${count(run.delivered)} ${noun}`;
    return drawn("g", {},
      drawn("rect", { ...size, class: again ? "bar again" : "bar" }, drawn("title", {}, text)),
      run.rejected ? drawn("circle", { class: "rejected", cx: left + 3, cy: 5, r: 3 },
        drawn("title", {}, `${count(run.rejected)} rejected`)) : null,
      run.delivered > top ? drawn("text", { class: "above", x: left + size.width / 2 + 4, y: 16 }, count(run.delivered)) : null);
  });
  const hatch = drawn("pattern", { id: "gap", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
    drawn("path", { d: "M0 6 L6 0", class: "hatch" }));
  return frame(width, ROWS_HEIGHT + 6, `Delivered in each interval of ${stream.title}`, drawn("defs", {}, hatch),
    yAxis(ROWS_HEIGHT, top, (value) => count(Math.round(value))), gapMarks(gaps, span, x, ROWS_HEIGHT), marks);
}

function lagPlot(stream, runs, gaps, span, width) {
  const x = (at) => LEFT + ((at - span.from) / (span.to - span.from)) * (width - LEFT - RIGHT);
  const points = runs.filter((run) => run.lag_s !== null && time(run.ended_at) >= span.from)
    .map((run) => ({ run, at: time(run.ended_at), lag: Math.max(0, run.lag_s) })).sort((a, b) => a.at - b.at);
  const period = stream.period_s || 0;
  const top = Math.max(1, 2.5 * period, topOf(points.map((point) => point.lag)) * 1.1);
  const y = (lag) => 6 + (1 - Math.min(1, lag / top)) * (LAG_HEIGHT - 6);
  const level = (periods, name) => (period && periods * period < top ? drawn("line", {
    class: `level ${name}`, x1: LEFT, x2: width - RIGHT, y1: y(periods * period), y2: y(periods * period),
  }, drawn("title", {}, `${periods} periods`)) : null);
  const path = points.map(({ at, lag }, number) => `${number ? "L" : "M"}${x(at).toFixed(1)} ${y(lag).toFixed(1)}`);
  return frame(width, LAG_HEIGHT + AXIS, `Lag at the end of each run of ${stream.title}`,
    yAxis(LAG_HEIGHT, top, duration), level(LATE_PERIODS, "late"), level(OLD_PERIODS, "old"),
    drawn("path", { class: "lag", d: path.join(" ") }),
    points.map(({ run, at, lag }) => drawn("circle", { class: "point", cx: x(at), cy: y(lag), r: points.length > 80 ? 1.2 : 2.5 },
      drawn("title", {}, `${instant(run.ended_at)}: ${duration(lag)}`))),
    xAxis(width, LAG_HEIGHT + AXIS - 4, span));
}

/** Return both plots; `hours` limits the time that is shown, 0 for all. */
export function plots(stream, found, hours, width) {
  const runs = found.runs.filter((run) => run.window && run.delivered !== null);
  if (!runs.length) return element("p", { class: "quiet" }, "No run has delivered anything yet, so there is nothing to plot.");
  const lengths = runs.map((run) => time(run.window.to) - time(run.window.from)).sort((a, b) => a - b);
  const period = stream.period_s ? 1000 * stream.period_s : lengths[Math.floor(lengths.length / 2)];
  const span = spanOf(runs, hours, Date.now(), period);
  const noun = stream.is_lookup ? "Rows" : "Events";
  return element("div", { class: "plots" },
    element("h3", {}, `${noun} delivered in each interval`), rowsPlot(stream, barsOf(runs), found.gaps, span, width),
    element("h3", {}, "Lag at the end of each run"), lagPlot(stream, runs, found.gaps, span, width));
}
