// The report of one experiment, as it moves: by polls, and at once when the server says that something happened.

import { get, listen } from "./wires.js";

const EVERY = 2000;
const SVG = "http://www.w3.org/2000/svg";
/** The axis of lifts begins here and ends there, unless an interval needs more. */
const NARROWEST = 0.5;
const WIDEST = 3;

const at = (id) => document.getElementById(id);
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const signed = (lift) => `${lift < 0 ? "−" : "+"}${Math.abs(100 * lift).toFixed(1)} %`;

let running = [];
let tag = null;
let shown = null;
let drawn = "";
let busy = null;
let again = false;

/** Shows the present state; whoever asks meanwhile gets a fresh one afterwards. */
export function refresh() {
  if (busy) {
    again = true;
    return busy;
  }
  busy = (async () => {
    do {
      again = false;
      await update();
    } while (again);
  })().finally(() => (busy = null));
  return busy;
}

/** Begins to follow. */
export function begin() {
  at("origin").textContent = location.origin;
  at("experiment").addEventListener("change", () => {
    tag = null;
    refresh();
  });
  listen((name) => {
    if (name !== "epoch") shown = null;
    refresh();
  });
  setInterval(() => {
    if (!document.hidden) refresh();
  }, EVERY);
}

async function update() {
  try {
    if (!shown) await list();
    const key = at("experiment").value;
    if (!key) {
      shown = null;
    } else {
      const [report, allocation] = await Promise.all([
        get(`experiments/${key}/report`), get(`experiments/${key}/allocation`, shown === key ? tag : null),
      ]);
      shown = key;
      if (allocation) allocated(allocation);
      draw(report.body);
    }
    live("live", true);
  } catch (error) {
    const asked = error.status === 401 || error.status === 403;
    live(asked ? "needs a key with the scope read" : "no answer", false);
  }
}

function live(text, is) {
  if (at("live").textContent !== text) at("live").textContent = text;
  at("live").classList.toggle("on", is);
}

/** The running experiments; the choice stays where it can. */
async function list() {
  const { body } = await get("experiments");
  running = body.experiments.filter(({ status, archived }) => status === "running" && !archived);
  const select = at("experiment");
  const chosen = select.value;
  select.replaceChildren(...running.map(({ key, name }) => new Option(name ?? key, key)));
  if (running.some(({ key }) => key === chosen)) select.value = chosen;
  at("none").hidden = running.length > 0;
  at("shown").hidden = running.length === 0;
}

function allocated({ body, tag: fresh }) {
  tag = fresh;
  at("epoch").textContent = body.epoch ?? "–";
  at("receipt").textContent = body.receipt ?? "";
}

/** Draws what has changed, so that nothing is read aloud twice. */
function draw({ as_of: _, ...report }) {
  const text = JSON.stringify(report);
  if (text === drawn) return;
  drawn = text;
  const goal = report.metrics.find(({ role }) => role === "goal");
  const counted = goal.kind === "conversion";
  at("hypothesis").textContent = report.experiment.hypothesis ?? "";
  const verdict = at("verdict");
  if (verdict.textContent !== report.verdict.headline) verdict.textContent = report.verdict.headline;
  verdict.dataset.decision = report.verdict.decision;
  at("visitors").textContent = report.visitors;
  const total = goal.variants.reduce((sum, { sum: own }) => sum + (own ?? 0), 0);
  at("conversions").textContent = figure(total, counted);
  at("goal").textContent = goal.key;
  at("goal-column").textContent = counted ? "Converted" : "Sum";
  at("variants").replaceChildren(...report.variants.map((variant) => row(variant, goal, report.weights)));
  at("weighed").hidden = !report.adaptive;
  const [first] = goal.comparisons;
  at("baseline").textContent = first?.baseline ?? "control";
  at("lifts").replaceChildren(...lifts(goal.comparisons));
  at("shown-promise").textContent = report.shown?.promise ?? "";
}

const figure = (sum, counted) => (counted ? String(Math.round(sum)) : sum.toFixed(2));

function row(variant, goal, weights) {
  const counted = goal.kind === "conversion";
  const own = goal.variants.find((of) => of.variant === variant.variant && of.holdout === variant.holdout) ?? {};
  const made = document.createElement("tr");
  made.dataset.variant = variant.holdout ? `${variant.variant} (held out)` : variant.variant;
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = made.dataset.variant;
  const mean = own.mean === undefined ? "–" : counted ? percent(own.mean) : own.mean.toFixed(2);
  const cells = [variant.visitors, own.sum === undefined ? "0" : figure(own.sum, counted), mean].map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  });
  const weight = variant.holdout ? undefined : weights?.[variant.variant];
  made.append(name, ...cells, traffic(weight));
  return made;
}

function traffic(weight) {
  const cell = document.createElement("td");
  if (weight === undefined) {
    cell.textContent = "–";
    return cell;
  }
  const bar = svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: "share", "aria-hidden": "true" });
  bar.append(svg("rect", { class: "all", width: 100, height: 8 }), svg("rect", { class: "part", width: 100 * weight, height: 8 }));
  cell.append(percent(weight, 0), bar);
  return cell;
}

function svg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

/** One bar for each comparison, all on one axis. */
function lifts(comparisons) {
  const known = comparisons.map((of) => of.headline?.relative ?? {});
  const ends = known.flatMap(({ low, high }) => [low, high]).filter(Number.isFinite).map(Math.abs);
  const reach = Math.min(WIDEST, Math.max(NARROWEST, ...ends));
  return comparisons.map((of, place) => {
    const item = document.createElement("li");
    const [name, says] = [document.createElement("b"), document.createElement("span")];
    name.textContent = of.variant;
    const { estimate, low, high } = known[place];
    says.textContent = estimate === undefined
      ? "not known yet"
      : `${signed(estimate)} (${bound(low, "below")} to ${bound(high, "above")})`;
    item.append(name, says, interval({ estimate, low, high }, reach));
    item.dataset.lift = of.variant;
    return item;
  });
}

const bound = (lift, open) => (Number.isFinite(lift) ? signed(lift) : open === "below" ? "any loss" : "any gain");

function interval({ estimate, low, high }, reach) {
  const x = (lift) => 100 + 98 * Math.max(-1, Math.min(1, lift / reach));
  const bar = svg("svg", { viewBox: "0 0 200 16", class: "interval", "aria-hidden": "true" });
  bar.append(svg("line", { class: "axis", x1: 2, x2: 198, y1: 8, y2: 8 }), svg("line", { class: "zero", x1: 100, x2: 100, y1: 0, y2: 16 }));
  if (estimate === undefined) return bar;
  const [from, to] = [x(low ?? -reach), x(high ?? reach)];
  const sure = low > 0 ? "gain" : high < 0 ? "loss" : "open";
  bar.append(svg("rect", { class: sure, x: from, width: Math.max(1, to - from), y: 5, height: 6, rx: 3 }), svg("circle", { class: sure, cx: x(estimate), cy: 8, r: 4.5 }));
  return bar;
}
