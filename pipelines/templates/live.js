"use strict";
// Every text that is shown goes through textContent: what comes from customers stays text.
const get = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const drawn = (tag, attributes) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const count = (number) => whole.format(number);
const few = (number) => (number < 9.95 ? number.toFixed(1) : count(number));
const share = (number) => `${(100 * number).toFixed(number < 0.0995 ? 1 : 0)}%`;
const long = (ms) => (ms < 1000 ? `${count(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`);
const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

// Curves: one polyline for each run of numbers; the last two minutes, the newest on the right.
function curve(id, lines, label) {
  const svg = get(id);
  const length = lines[0].length;
  const top = Math.max(1e-9, ...lines.flat().filter((value) => value !== null)) * 1.05;
  svg.setAttribute("viewBox", `0 0 ${length - 1} 100`);
  svg.setAttribute("aria-label", label);
  const parts = [drawn("line", { x1: 0, x2: length - 1, y1: 100, y2: 100 })];
  lines.forEach((values, which) => {
    let run = [];
    const close = () => {
      if (run.length === 1) run.push(run[0].replace(/^[^,]*/, (x) => String(Number(x) + 0.5)));
      if (run.length) parts.push(drawn("polyline", { points: run.join(" "), class: which ? "second" : "first" }));
      run = [];
    };
    values.forEach((value, x) => {
      if (value === null) close();
      else run.push(`${x},${(100 - (100 * value) / top).toFixed(1)}`);
    });
    close();
  });
  svg.replaceChildren(...parts);
}

// Tables: rows stay where they are and only what has changed is written, so that a reader is not thrown off.
function table(id, rows, key, fill) {
  const body = get(id);
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const wanted = rows.map((row) => {
    const node = known.get(key(row)) || make("tr");
    node.dataset.key = key(row);
    fill(node, row);
    return node;
  });
  wanted.forEach((node, place) => { if (body.rows[place] !== node) body.insertBefore(node, body.rows[place] || null); });
  while (body.rows.length > wanted.length) body.lastElementChild.remove();
}
function cell(row, place, text, className) {
  let node = row.children[place];
  if (!node) {
    node = make(place ? "td" : "th");
    if (!place) node.scope = "row";
    row.append(node);
  }
  if (className !== undefined) node.className = className;
  if (text !== undefined) set(node, text);
  return node;
}
function meter(row, place, part, text) {
  const node = cell(row, place, undefined, "bars");
  if (!node.firstChild) {
    const box = make("div", "meter");
    const track = make("span");
    track.append(make("i"));
    box.append(track, make("b"));
    node.append(box);
  }
  node.querySelector("i").style.width = `${Math.min(100, 100 * part).toFixed(1)}%`;
  set(node.querySelector("b"), text);
}

function cards(state) {
  const { totals, rates, curves, age } = state;
  set(get("signals"), few(rates.signals));
  set(get("signals-was"), `${count(totals.signals)} so far`);
  curve("signals-curve", [curves.signals], `Signals a second over two minutes, now ${few(rates.signals)}`);
  set(get("decided"), few(rates.decisions));
  set(get("decided-was"), `${count(totals.decisions)} so far`);
  curve("decided-curve", [curves.decisions], `Decisions a second over two minutes, now ${few(rates.decisions)}`);
  set(get("age"), age ? `${long(age[0])} · ${long(age[1])}` : "–");
  const worst = Math.max(0, ...curves.ages.map((pair) => (pair ? pair[1] : 0)));
  if (!get("age-was").firstChild) {
    get("age-was").append(make("span", "stroke"), "p50 ", make("span", "stroke second"), "p99, last minute", make("span"));
  }
  set(get("age-was").lastChild, worst ? `; top ${long(worst)}` : "");
  curve("age-curve", [0, 1].map((which) => curves.ages.map((pair) => (pair ? pair[which] : null))),
    age ? `Decision age over two minutes: now p50 ${long(age[0])}, p99 ${long(age[1])}` : "No decision in the last minute");
  set(get("offers"), count(totals.offers));
  set(get("offers-was"), `${count(totals.feedback)} answers to them`);
  set(get("dead"), count(totals.dead_letters));
  set(get("dead-was"), totals.signals ? `${share(totals.dead_letters / totals.signals)} of signals` : "");
}

function plans(state) {
  set(get("plan"), state.plan.slice(0, 12));
  get("plan").title = state.plan;
  const now = state.plans.find((plan) => plan.digest === state.plan);
  const before = state.plans.length - 1;
  set(get("plans"), now ? `in force since ${clock(now.first)}${before > 0 ? `; ${before} before it` : ""}` : "has not decided yet");
}

function decision(told) {
  const item = make("li");
  item.dataset.id = told.id;
  const details = make("details");
  const summary = make("summary");
  summary.append(make("span", "soft", clock(told.at)));
  const what = make("span", told.offers.length ? "what" : "what none");
  what.append(told.offers.length ? told.offers.join(" · ") : "nothing offered");
  what.append(make("span", "soft hidden", ". "));
  what.append(make("div", "soft", `${told.customer}, ${told.brand}, ${told.channel}: ${told.asked}${told.silence ? ` (${told.silence.replaceAll("_", " ")})` : ""}`));
  summary.append(what, make("span", "soft", told.age === null ? "" : long(told.age)));
  details.append(summary);
  const why = make("div", "why-text");
  for (const said of told.why) {
    why.append(make("p", /^[0-9]+\. /.test(said) ? "what" : said.startsWith("- ") ? "other" : "", said.replace(/^- /, "")));
  }
  details.append(why);
  item.append(details);
  return item;
}
// States bring new decisions only; those that cannot be shown yet are kept, the newest first.
const SHOWN = 30;
let waiting = [];
function arrived(state) {
  const known = new Set([...waiting.map((told) => told.id), ...[...get("feed").children].map((item) => item.dataset.id)]);
  waiting = [...state.decisions.filter((told) => !known.has(told.id)), ...waiting].slice(0, SHOWN);
}
function decisions() {
  const feed = get("feed");
  const held = feed.querySelector("details[open]") !== null;
  set(get("waiting"), held && waiting.length
    ? `${waiting.length === SHOWN ? "Many" : waiting.length} new wait until you close the one you read.`
    : "At most two a second. Open one to read why; the list waits meanwhile.");
  if (held || !waiting.length) return;
  feed.prepend(...waiting.map(decision));
  waiting = [];
  while (feed.children.length > SHOWN && !feed.lastElementChild.contains(document.activeElement)) feed.lastElementChild.remove();
}

function funnel(state) {
  const most = Math.max(1e-9, ...state.funnel.map((step) => step.came));
  table("funnel-rows", state.funnel, (step) => step.stage, (row, step) => {
    cell(row, 0, step.stage);
    cell(row, 1, few(step.came), "n");
    cell(row, 2, step.left ? few(step.left) : "", "n");
    meter(row, 3, step.came / most, "");
  });
  const silent = state.silent.map((each) => `${each.reason.replaceAll("_", " ")} ${count(each.decisions)}`);
  set(get("silent"), silent.length ? `Nothing was offered: ${silent.join(", ")}.` : "");
}

function lasting(seconds) {
  const [size, unit] = seconds < 90 ? [1, "seconds"] : seconds < 5400 ? [60, "minutes"] : [3600, "hours"];
  return `${Math.round(seconds / size)} ${unit}`;
}

function limits(state) {
  set(get("limits-of"), state.shown === state.plan ? ""
    : `These are of plan ${state.shown.slice(0, 12)}: this page does not have the one in force, and does not count its contacts.`);
  table("limit-rows", state.limits, (limit) => limit.id, (row, limit) => {
    cell(row, 0, limit.id);
    cell(row, 1, limit.over === null ? "not told" : count(limit.over), limit.over ? "n over" : "n");
    cell(row, 2, limit.rule);
    cell(row, 3, count(limit.contacts), "n");
    meter(row, 4, limit.at_most ? limit.fullest / limit.at_most : 0, `${limit.fullest} of ${limit.at_most}`);
    cell(row, 5, limit.contacts ? share(limit.last_places / limit.contacts) : "", "n");
    cell(row, 6, count(limit.held_back), "n");
  });
}

function acceptance(state) {
  get("acceptance").hidden = state.acceptance === null;
  if (state.acceptance === null) return;
  const rows = state.acceptance.filter((row) => row.offers);
  const seen = rows.filter((row) => row.offers >= 20);
  const top = Math.min(1, Math.max(0.1, ...seen.map((row) => Math.max(row.high, row.truth))) * 1.05);
  set(get("truth"), "The simulated customers’ true chance of saying yes (a tick) beside what they said (a dot, with its 95% interval). "
    + `An offer counts ${lasting(state.answered_after[0])} after it was made, a message after ${lasting(state.answered_after[1])}: answers take that long.`
    + (rows.length ? "" : " None counts yet."));
  set(get("plot-head"), `0 to ${share(top)}`);
  table("truth-rows", rows, (row) => row.name, (node, row) => {
    node.className = row.name === "All offers" ? "whole" : "";
    cell(node, 0, row.name);
    const plot = cell(node, 1, undefined, "plot");
    cell(node, 2, `${share(row.rate)}`, "n");
    cell(node, 3, share(row.truth), "n");
    cell(node, 4, count(row.offers), "n");
    const x = (value) => (100 * Math.min(1, value / top)).toFixed(2);
    const svg = drawn("svg", { viewBox: "0 0 100 20", preserveAspectRatio: "none", role: "img",
      "aria-label": `${share(row.rate)}, between ${share(row.low)} and ${share(row.high)}; truth ${share(row.truth)}` });
    svg.append(
      drawn("line", { class: "span", x1: x(row.low), x2: x(row.high), y1: 10, y2: 10 }),
      drawn("line", { class: "dot", x1: x(row.rate), x2: x(row.rate), y1: 10, y2: 10.01 }),
      drawn("line", { class: "truth", x1: x(row.truth), x2: x(row.truth), y1: 0, y2: 20 }));
    plot.replaceChildren(svg);
  });
}

function letters(state) {
  get("no-letters").hidden = state.dead_letters.length > 0;
  table("letter-rows", state.dead_letters, (letter) => letter.reason, (row, letter) => {
    cell(row, 0, letter.reason.replaceAll("_", " "));
    cell(row, 1, count(letter.letters), "n");
    cell(row, 2, letter.detail, "text");
  });
}

function show(state) {
  for (const part of [cards, plans, decisions, funnel, limits, acceptance, letters]) part(state);
}

let paused = false;
let latest = JSON.parse(get("first").textContent);
let lost = false;
let full = 0;
function link() {
  const away = full ? `${full} pages are open already; waiting for one to close` : "connection lost; trying again";
  set(get("link"), lost ? away : paused ? `paused at ${clock(latest.at)}` : "live");
  get("link").classList.toggle("lost", lost);
  get("link").classList.toggle("on", !lost && !paused);
}
get("pause").addEventListener("click", () => {
  paused = !paused;
  get("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) show(latest);
  link();
});
document.addEventListener("visibilitychange", () => { if (!paused && !document.hidden) show(latest); });
arrived(latest);
show(latest);
function connect() {
  const source = new EventSource("events");
  source.addEventListener("message", (event) => {
    lost = false;
    full = 0;
    const state = JSON.parse(event.data);
    arrived(state);
    if (!paused) latest = state;
    if (!paused && !document.hidden) show(latest);
    link();
  });
  source.addEventListener("full", (event) => { lost = true; full = Number(event.data); link(); });
  source.addEventListener("error", () => {
    lost = true;
    link();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000); // a browser gives up after some errors
  });
}
connect();
