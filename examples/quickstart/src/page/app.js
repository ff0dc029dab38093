"use strict";

// Sends requests and draws the steps that the application reports. Content from the wire is added as text, never as
// markup.

const MAX_EXCHANGES = 12;
const byId = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const showStatus = (text) => { byId("status").textContent = text; };

/* ---- figures ---- */

function time(micros) {
  if (micros < 1000) return `${micros} µs`;
  return micros < 1e7 ? `${(micros / 1000).toFixed(micros < 1e5 ? 2 : 0)} ms` : `${(micros / 1e6).toFixed(1)} s`;
}

const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

/* ---- a step, as a row of a diagram ---- */

const PEERS = { "web-server": "web server to application", "application": "application to web server" };

/** Returns a step's name, its facts, and a summary of its content. */
function label(step) {
  if (step.what === "closed") return { kind: "close", facts: "", gist: "closes the connection" };
  if (step.what === "omitted") {
    return { kind: step.kind, facts: "", gist: `${count(step.records, "more record")}, ${count(step.bytes, "byte")}` };
  }
  return { kind: step.kind, facts: `id ${step.id} · ${count(step.bytes, "byte")}`, gist: gist(step.content) };
}

function gist(content) {
  switch (content.is) {
    case "endOfStream": return "end of stream";
    case "begin": return `${content.role}${content.keepConn ? ", KEEP_CONN" : ", no KEEP_CONN"}`;
    case "params": return count(content.pairs.length, "pair");
    case "end": return `${content.protocolStatus}, ${content.appStatus}`;
    case "text": return content.text.trim().split("\n")[0].slice(0, 60);
    default: return "";
  }
}

/** Returns the content to unfold, or null. */
function detail(content) {
  if (!content) return null;
  if (content.is === "params") {
    const list = element("dl");
    for (const [name, value] of content.pairs) list.append(element("dt", "", name), element("dd", "", value || "(empty)"));
    return list;
  }
  if (content.is !== "text" && content.is !== "bytes") return null;
  const box = element("div");
  const text = element("pre", "", content.text ?? content.hex);
  text.tabIndex = 0;
  box.append(text);
  if (content.more) box.append(element("p", "", count(content.more, "more byte")));
  return box;
}

function row(step) {
  const { kind, facts, gist } = label(step);
  const row = element("li", "step");
  row.dataset.from = step.from;
  row.dataset.kind = kind;
  if (step.what === "omitted") row.classList.add("omitted");
  const title = element("span", "title");
  title.append(element("span", "kind", kind));
  if (facts) title.append(element("span", "facts", facts));
  if (gist) title.append(element("span", "gist", gist));
  const inside = detail(step.content);
  const lane = element("div", "lane");
  if (inside) {
    const details = element("details");
    const summary = element("summary");
    summary.append(title);
    details.append(summary, inside);
    lane.append(details);
  } else {
    lane.append(title);
  }
  const arrow = element("div", "arrow");
  arrow.setAttribute("aria-hidden", "true");
  lane.append(arrow);
  row.append(element("span", "time", time(step.micros)), element("span", "unseen", `${PEERS[step.from]}: `), lane);
  return row;
}

function diagram(caption) {
  const made = byId("diagram").content.firstElementChild.cloneNode(true);
  if (caption) {
    made.firstElementChild.hidden = false;
    made.firstElementChild.textContent = caption;
  }
  return made;
}

/* ---- a request with its records and its response ---- */

/** Texts for requests without a response. */
const NO_RESPONSE = {
  "aborted": "None: the browser closed its connection; the web server aborted the request.",
  "failed": "None: the connection was lost.",
};

const short = (text) => (text.length > 600 ? `${text.slice(0, 600)} …` : text);

let exchangeNumber = 0;
const exchanges = new Map();

class Exchange {
  /** `body`: the text to show for the request's body. */
  constructor(title, body) {
    this.number = String(++exchangeNumber);
    this.title = title;
    this.body = body;
    this.records = 0;
    this.bytes = 0;
    this.last = 0;
    this.element = byId("exchange").content.firstElementChild.cloneNode(true);
    this.element.querySelector("h3").textContent = title;
    exchanges.set(this.number, this);
    byId("exchanges").prepend(this.element);
    show(this.element);
    for (const [number, old] of exchanges) {
      if (exchanges.size <= MAX_EXCHANGES) break;
      old.element.remove();
      exchanges.delete(number);
    }
  }

  draw(step) {
    if (!this.list) {
      const made = diagram();
      this.element.querySelector(".diagrams").append(made);
      this.list = made.querySelector("ol");
    }
    const made = row(step);
    // The page's first PARAMS are open, to show that records can be unfolded.
    if (this.number === "1" && step.kind === "PARAMS" && !this.element.querySelector("details")) {
      made.querySelector("details").open = true;
    }
    this.list.append(made);
    this.last = step.micros;
    if (step.what === "record") {
      this.records += 1;
      this.bytes += 8 + step.bytes + step.padding;
    } else if (step.what === "omitted") {
      this.records += step.records;
      this.bytes += step.bytes + 8 * step.records;
    }
    this.sum();
    if (step.kind === "END_REQUEST") showStatus(`${this.title}: ${count(this.records, "record")} in ${time(this.last)}`);
  }

  sum() {
    const parts = [count(this.records, "record"), count(this.bytes, "byte"), time(this.last)];
    this.element.querySelector(".sum").textContent = parts.join(" · ");
  }

  /** Shows the request as the web server received it. */
  request(head) {
    const place = this.element.querySelector(".request");
    place.hidden = false;
    place.querySelector("pre").textContent = this.body ? `${head}\n${this.body}` : head.trimEnd();
  }

  response(status, text) {
    const badge = element("span", `status ${/^[23]/.test(status) ? "good" : "bad"}`, status);
    this.element.querySelector("h3").append(" ", badge);
    // A new status text above it may have moved it.
    const { top } = this.element.getBoundingClientRect();
    if (top > -120) show(this.element);
    this.element.querySelector(".response pre").textContent = short(text) || NO_RESPONSE[status] || "(empty)";
  }
}

/* ---- the records, live ---- */

let viewer;
/** Steps of requests whose exchange is unknown until their PARAMS arrive. */
const early = new Map();
const known = new Map();

function take(step) {
  const exchange = known.get(step.request);
  if (exchange) return exchange.draw(step);
  const held = early.get(step.request) ?? [];
  early.set(step.request, held);
  held.push(step);
  const pair = step.content?.pairs?.find(([name]) => name === "HTTP_X_EXCHANGE");
  if (!pair) return;
  early.delete(step.request);
  const found = exchanges.get(pair[1]);
  if (!found) return;
  known.set(step.request, found);
  held.forEach((step) => found.draw(step));
  while (known.size > 2 * MAX_EXCHANGES) known.delete(known.keys().next().value);
}

function watch() {
  const records = new EventSource("records");
  records.addEventListener("viewer", (event) => {
    const first = viewer === undefined;
    viewer = event.data;
    showStatus("Connected");
    document.body.dataset.ready = "yes";
    if (first) run("get");
  });
  records.addEventListener("http", (event) => {
    const { exchange, head } = JSON.parse(event.data);
    exchanges.get(exchange)?.request(head);
  });
  records.addEventListener("step", (event) => take(JSON.parse(event.data)));
  records.addEventListener("error", () => showStatus("Connection lost. Is the program still running?"));
}

/* ---- the buttons ---- */

async function send(method, target, options = {}) {
  const { body } = options;
  const exchange = new Exchange(`${method} ${target}`, typeof body === "string" ? short(body) : body && count(body.size ?? body.length, "byte"));
  const headers = { ...options.headers, "X-Viewer": viewer ?? "", "X-Exchange": exchange.number };
  try {
    const response = await fetch(target.slice(1), { method, cache: "no-store", ...options, headers });
    exchange.response(String(response.status), await response.text());
  } catch {
    exchange.response(options.signal?.aborted ? "aborted" : "failed", "");
  }
}

async function replay() {
  const exchange = new Exchange("Replay: a POST that is answered before its body arrives");
  const verdicts = exchange.element.querySelector(".response");
  const waiting = "The first driver takes a second …";
  verdicts.replaceChildren(element("p", "", waiting));
  showStatus(`Replaying. ${waiting}`);
  const { closeTimeoutMillis, forgetful, ours } = await (await fetch("replay", { cache: "no-store" })).json();
  const place = exchange.element.querySelector(".diagrams");
  place.classList.add("two");
  verdicts.replaceChildren();
  const outcomes = [
    ["A driver that forgets", forgetful, `no close. After ${closeTimeoutMillis} ms the web server gave up; nginx waits 60 s.`],
    ["tower-fcgi", ours, `closed after ${time(ours.closedAfterMicros)}.`],
  ];
  for (const [caption, run, outcome] of outcomes) {
    const made = diagram(caption);
    const closed = run.closedAfterMicros !== null;
    made.querySelector("ol").append(...run.steps.map(row));
    place.append(made);
    verdicts.append(element("p", `outcome ${closed ? "good" : "bad"}`, `${caption}: ${outcome}`));
  }
  show(exchange.element);
  showStatus(`Replayed: no close in ${closeTimeoutMillis} ms, and a close after ${time(ours.closedAfterMicros)}.`);
}

const ACTIONS = {
  get: () => send("GET", `/hello?name=${encodeURIComponent(byId("name").value)}`),
  post: () => send("POST", "/echo", { body: byId("text").value, headers: { "Content-Type": "text/plain" } }),
  upload: () => send("POST", "/upload", { body: byId("file").files[0] ?? new Uint8Array(200_000) }),
  events: () => send("GET", "/events"),
  abort: () => send("GET", "/wait", { signal: AbortSignal.timeout(800) }),
  panic: () => send("GET", "/panic"),
  replay,
};

/** Whether a button was pressed. Before that the page does not scroll. */
let pressed = false;

/** Scrolls to an element if it is above or far below the top of the screen. */
function show(place) {
  if (!pressed) return;
  const { top } = place.getBoundingClientRect();
  if (top < 0 || top > 0.4 * innerHeight) {
    const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;
    place.scrollIntoView({ behavior: reducedMotion ? "auto" : "smooth", block: "start" });
  }
}

async function run(name) {
  try {
    await ACTIONS[name]();
  } catch {
    showStatus("No response. Is the program still running?");
  }
}

for (const form of document.querySelectorAll("form[data-do]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    pressed = true;
    await run(form.dataset.do);
  });
}

byId("live").hidden = false;
watch();
