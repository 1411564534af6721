// The two charts of what came and went, drawn from the API's trends.
import { call, h } from "../desk/desk.js";

const FLOW = [
  { label: "Created", tone: "--accent", of: (day) => day.created },
  { label: "Resolved", tone: "--good", of: (day) => day.resolved },
];
const BACKLOG = [
  { label: "Missed deadlines", tone: "--bad", bars: true, of: (day) => day.breached },
  { label: "Open", tone: "--info", of: (day) => day.backlog },
];
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const drawn = new Map();
let trend = null;

// The library that draws is run when there is something to draw, so that the page is painted before.
let library = null;
const loaded = () => library ??= new Promise((done, failed) => document.head.append(h("script", {
  src: document.getElementById("uplot").href,
  onload: done,
  onerror: () => {
    library = null;
    failed(new Error("The charts could not be loaded."));
  },
})));

const colour = (name) => {
  const probe = h("i", { style: `color:var(${name})`, hidden: true });
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
};
// Bars have a scale of their own, at the right, and the lower half: few of them are seen beside many open tickets.
const scaled = (room) => ({ range: (_, least, most) => [0, Math.max(most, 1) * room] });
const whole = (_, ticks) => ticks.map((tick) => Number.isInteger(tick) ? tick.toLocaleString() : "");
// The legend says the numbers of the day under the pointer, else of the last one.
const tell = (name, series, place = trend.length - 1) => {
  const day = trend[place], when = place === trend.length - 1 ? "today" : new Date(`${day.date}T12:00`).toLocaleDateString([], { day: "numeric", month: "short" });
  document.getElementById(`${name}-legend`).replaceChildren(...series.map(({ label, tone, of }) => h("span", {},
    h("i", { style: `--mark:var(${tone})` }), `${label}: ${of(day).toLocaleString()} ${when}`)));
};
const date = (seconds) => new Date(seconds * 1000).toLocaleDateString([], { day: "numeric", month: "short" });
const draw = (name, series) => {
  const place = document.getElementById(name);
  const data = [trend.map((day) => Date.parse(`${day.date}T00:00:00`) / 1000), ...series.map(({ of }) => trend.map(of))];
  drawn.get(name)?.destroy();
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  drawn.set(name, new uPlot({
    width: place.clientWidth, height: place.clientHeight, cursor: { y: false }, legend: { show: false },
    scales: { y: scaled(1.08), bars: scaled(2) },
    axes: [{ ...axis, grid: { show: false }, values: (_, times) => times.map(date) }, { ...axis, size: 56, values: whole },
      ...series.filter(({ bars }) => bars).map(({ tone }) => ({ ...axis, scale: "bars", side: 1, size: 44, grid: { show: false }, stroke: colour(tone), values: whole }))],
    hooks: { setCursor: [(chart) => tell(name, series, chart.cursor.idx ?? undefined)] },
    series: [{}, ...series.map(({ label, tone, bars }) => ({
      label, stroke: colour(tone), width: 2, points: { show: false },
      ...(bars ? { scale: "bars", fill: colour(tone), paths: uPlot.paths.bars({ size: [0.6] }), width: 0 } : {}),
    }))],
  }, data, place));
  tell(name, series);
};
const redraw = () => {
  if (!trend?.length) return;
  draw("flow", FLOW);
  draw("backlog", BACKLOG);
};

/** Ask for the trend of `days`, maybe of one department only and of another time zone's days, and draw it. */
export const measure = async (days, department = "", tz = zone) => {
  const asked = new URLSearchParams({ days, tz, ...(department && { department }) });
  try {
    const { daily } = await call(`analytics/trends/?${asked}`);
    await loaded();
    trend = daily;
    redraw();
  } catch (error) {
    for (const name of ["flow", "backlog"]) document.getElementById(`${name}-legend`).textContent = error.message;
  }
};

let later;
new ResizeObserver(() => { clearTimeout(later); later = setTimeout(redraw, 150); }).observe(document.querySelector(".charts"));
for (const look of ["(prefers-color-scheme: dark)", "print"]) matchMedia(look).addEventListener("change", redraw);
document.getElementById("theme")?.addEventListener("change", () => setTimeout(redraw));
if (!document.cookie.split("; ").includes(`tz=${zone}`)) document.cookie = `tz=${zone};path=/;max-age=31536000;samesite=lax`;
