// Plots of the last hour and the last day.
import { el, say } from "./dom.js";
import { get, linkPath, sinkPath } from "./api.js";
import { bytes, clock, count } from "./words.js";

const pace = { "1h": 5_000, "24h": 60_000 }; // milliseconds

const binary = Array.from({ length: 50 }, (_, power) => 2 ** power); // so that the axis has round KiB and MiB

const sinkKinds = [
  { key: "sent", incs: binary, title: "Sent", of: (p, step) => rated(p.delivered_bytes, step), words: (v) => `${bytes(v)}/s`, sum: (v, step) => `${bytes(total(v, step))} in all` },
  { key: "queue", incs: binary, title: "Queue", of: (p) => p.queue_bytes, words: bytes, sum: (v) => `at most ${bytes(Math.max(0, ...v.filter(known)))}` },
  { key: "records", title: "Records delivered", of: (p, step) => rated(p.delivered_records, step), words: (v) => `${brief(v)}/s`, sum: (v, step) => `${count(Math.round(total(v, step)))} in all` },
];

const linkKinds = [
  { key: "rate", incs: binary, title: "Sent over the link", of: (p, step) => rated(p.up_bytes, step), words: (v) => `${bytes(v)}/s`, sum: (v, step) => `${bytes(total(v, step))} in all` },
];

export function sinkPlots(sink, open) {
  return plots(sinkPath(sink, "history"), open, sinkKinds);
}

export function linkPlots(link, open) {
  return plots(linkPath(link, "history"), open, linkKinds);
}

function plots(path, open, kinds) {
  let range = "1h";
  let timer = 0;
  let gone = false;
  const trouble = el("p", { class: "quiet", role: "status" });
  const figures = kinds.map((kind) => figure(kind));
  const choice = el("div", { class: "choice", role: "group", "aria-label": "Time shown in the plots" },
    ...[["1h", "Last hour"], ["24h", "Last day"]].map(([value, label]) => el("button", {
      type: "button", "aria-pressed": String(value === range), "data-testid": `range-${value}`,
      onclick: (event) => {
        range = value;
        for (const b of choice.children) b.setAttribute("aria-pressed", String(b === event.currentTarget));
        refresh();
      },
    }, label)));
  const node = el("details", { class: "plots", open, "data-testid": "plots", ontoggle: () => refresh() },
    el("summary", {}, "Plots"), choice, el("div", { class: "figures" }, figures.map((f) => f.node)), trouble);

  async function refresh() {
    clearTimeout(timer);
    if (gone) return;
    const asked = range;
    if (node.open && !document.hidden) {
      try {
        const series = await get(path, { range: asked });
        if (asked !== range || gone) return;
        figures.forEach((f) => f.update(series, asked));
        say(trouble, "");
      } catch (failure) {
        say(trouble, `The plots cannot be brought up to date. ${failure.message}`);
      }
    }
    clearTimeout(timer);
    if (!gone) timer = setTimeout(refresh, pace[range]);
  }

  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const recolour = () => { figures.forEach((f) => f.forget()); refresh(); };
  scheme.addEventListener("change", recolour);
  const sized = new ResizeObserver(() => figures.forEach((f) => f.resize()));
  figures.forEach((f) => sized.observe(f.node));
  refresh();
  return {
    node,
    leave() {
      gone = true;
      clearTimeout(timer);
      sized.disconnect();
      scheme.removeEventListener("change", recolour);
      figures.forEach((f) => f.forget());
    },
  };
}

function figure(kind) {
  const place = el("div", { class: "plot", "aria-hidden": "true" });
  const summary = el("span", { class: "quiet", "data-testid": `plot-${kind.key}-summary` });
  const node = el("figure", { "data-testid": `plot-${kind.key}` }, el("figcaption", {}, el("strong", {}, kind.title), " ", summary), place);
  let plot = null;

  function update(series, range) {
    const points = series.points ?? [];
    const step = series.step_seconds || 1;
    const times = points.map((p) => (Date.parse(p.at) - clock.ahead) / 1000);
    const values = points.map((p) => kind.of(p, step));
    const now = Date.now() / 1000;
    const window = { min: now - (range === "1h" ? 3600 : 86400), max: now };
    say(summary, values.some(known) ? kind.sum(values, step) : "nothing has been measured yet");
    if (plot === null) plot = new uPlot(options(kind, place.clientWidth), [times, values], place);
    else plot.setData([times, values], false);
    plot.batch(() => {
      plot.setScale("x", window);
      plot.setScale("y", { min: 0, max: ceiling(values) });
    });
  }

  return {
    node, update,
    resize() { if (plot && place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: 150 }); },
    forget() { plot?.destroy(); plot = null; },
  };
}

function options(kind, width) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "13px system-ui, sans-serif" };
  return {
    width: Math.max(width, 100), height: 150, legend: { show: false }, cursor: { show: false },
    scales: { x: { time: true, auto: false }, y: { auto: false } },
    axes: [
      { ...axis, size: 28, space: 70, values: (u, ticks) => ticks.map(clockFace) },
      { ...axis, size: 84, space: 40, incs: kind.incs, values: (u, ticks) => ticks.map(kind.words) },
    ],
    series: [{}, { stroke: colour("--accent"), fill: colour("--accent-faint"), width: 2, points: { show: false }, spanGaps: false }],
  };
}

function clockFace(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function known(value) {
  return value !== null && value !== undefined;
}

function rated(value, step) {
  return known(value) ? value / step : null;
}

function total(values, step) {
  return values.filter(known).reduce((sum, v) => sum + v * step, 0);
}

function brief(value) {
  return value >= 1000 ? `${(value / 1000).toFixed(1)} k` : String(Math.round(value * 10) / 10);
}

function ceiling(values) {
  const most = Math.max(0, ...values.filter(known));
  return most > 0 ? most * 1.1 : 1;
}
