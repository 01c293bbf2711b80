// The inspector's page: receives events, filters them, and holds new ones back while somebody reads.

import { Detail } from "./detail.js";
import { List } from "./list.js";
import { Totals } from "./totals.js";

const MOST = 10000; // events that the page keeps, as the server does
const FIELDS = ["search", "call", "event", "user"];
const SEARCH_PAUSE = 20; // ms between two searches
const ADDRESS = /^#event\/(.+)$/;
const find = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");

let all = []; // oldest first
let shown = []; // those that pass the filters, newest first
let waiting = 0; // the number of events that came while the list was held
let paused = false;
let connected = false;
let run = "";
let clears = 0;
let found = null; // numbers of the events in which the server found the text; null: no search
let searched = ""; // the text in `found`'s search
let searchedTo = 0;
let searching = false;
let frame = 0;

const totals = new Totals({ choose: chooseEvent });
const detail = new Detail(find("detail"), { close: () => closeDetail(), open: (chosen) => list.choose(chosen), say });
const list = new List(find("list"), { opened: openDetail, moved: listMoved });

function say(text) {
  find("said").textContent = ""; // so that a screen reader says the same text twice
  setTimeout(() => { find("said").textContent = text; }, 50);
}

// ---- receiving

function connect() {
  const source = new EventSource("/inspector/stream");
  source.onopen = () => { connected = true; showState(); };
  source.onerror = () => {
    connected = false;
    showState();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  };
  source.onmessage = (message) => take(JSON.parse(message.data));
  source.addEventListener("totals", (message) => totals.show(JSON.parse(message.data)));
}

function take(data) {
  if (run !== data.run || clears !== data.clears) {
    if (run) forget();
    run = data.run;
    clears = data.clears;
  }
  const newest = all.length ? all.at(-1).number : 0;
  const fresh = data.events.filter(([known]) => known > newest).map((row) => {
    const [known, arrived, call, name, who, uuid, size, warnings, said, place] = row;
    const text = `${name}\n${who}\n${uuid}\n${place}`.toLowerCase();
    const time = Date.parse(said) || arrived * 1000; // of the call, if the event says so
    return { number: known, time, call, name, who, uuid, size, warnings, place, text };
  });
  all.push(...fresh);
  const gone = Math.max(all.findIndex((event) => event.number >= data.first), all.length - MOST);
  if (gone > 0) all = all.slice(gone);
  if (!fresh.length) { drawSoon(); return; }
  const passing = fresh.filter(passes);
  if (isHeld()) waiting = Math.min(waiting + passing.length, MOST);
  else shown = passing.reverse().concat(shown).slice(0, MOST);
  if (found) search();
  drawSoon();
  openByAddress();
}

function forget() {
  all = [];
  shown = [];
  waiting = 0;
  searchedTo = 0;
  if (found) found = new Set();
  find("event").replaceChildren(find("event").firstElementChild);
  if (detail.number !== null || list.active !== null) closeDetail();
}

// ---- filters

function passes(event) {
  const text = find("search").value.trim().toLowerCase();
  const words = text.split(/\s+/);
  const user = find("user").value.trim().toLowerCase();
  const call = find("call").value;
  const name = find("event").value;
  return (!call || event.call === call)
    && (!name || event.name === name)
    && (!user || event.who.toLowerCase().includes(user))
    && (!find("warned").checked || event.warnings > 0)
    && (!text || words.every((word) => event.text.includes(word)) || Boolean(found?.has(event.number)));
}

function refilter() {
  keepFilters();
  shown = all.filter(passes).reverse();
  waiting = 0;
  drawSoon();
}

// A reload keeps the filters; another tab has its own.
function keepFilters() {
  const kept = Object.fromEntries(FIELDS.map((id) => [id, find(id).value]));
  sessionStorage.setItem("filters", JSON.stringify({ ...kept, warned: find("warned").checked }));
}

function restoreFilters() {
  const kept = JSON.parse(sessionStorage.getItem("filters") ?? "{}");
  find("warned").checked = Boolean(kept.warned);
  if (kept.event) totals.addName(kept.event);
  for (const id of FIELDS) find(id).value = kept[id] ?? "";
  searchChanged();
}

function chooseEvent(call, name) {
  totals.addName(name);
  find("call").value = call;
  find("event").value = name;
  list.toTop();
  refilter();
  list.place.focus();
}

// Asks the server to search whole events: first all of them, then those that came later.
async function search() {
  const text = find("search").value.trim();
  if (searching || !text) return;
  searching = true;
  const mine = found; // each search has its own set, also for the same text
  try {
    const answer = await fetch(`/inspector/search?after=${searchedTo}&text=${encodeURIComponent(text)}`);
    const result = await answer.json();
    if (mine === found) {
      searchedTo = result.last;
      const isNew = result.found.filter((known) => !found.has(known));
      isNew.forEach((known) => found.add(known));
      if (isNew.length) addFound(isNew);
    }
  } catch {
    // the connection is lost, and the page already says so
  }
  setTimeout(() => {
    searching = false;
    if (mine !== found || (found && all.length && all.at(-1).number > searchedTo)) search();
  }, SEARCH_PAUSE);
}

function addFound(numbers) {
  const there = new Set(shown.map((event) => event.number));
  const newest = shown.length ? shown[0].number : 0;
  if (!isHeld()) { refilter(); return; }
  waiting += numbers.filter((known) => known > newest && !there.has(known)).length;
  drawSoon();
}

function searchChanged() {
  const text = find("search").value.trim();
  if (text === searched) return;
  searched = text;
  found = text ? new Set() : null;
  searchedTo = 0;
  list.toTop();
  refilter();
  search();
}

// ---- holding

function isHeld() { return paused || list.isRead; }

function listMoved() {
  if (!isHeld() && waiting) refilter();
  showState();
}

function showWaiting() {
  refilter();
  list.toTop();
  list.place.focus();
}

function togglePause() {
  paused = !paused;
  find("pause").setAttribute("aria-pressed", String(paused));
  say(paused ? "Paused" : "Live");
  if (!isHeld()) refilter();
  showState();
}

// ---- detail

// An open event has an address; Back closes it.
function openDetail(chosen, focus) {
  const address = `#event/${encodeURIComponent(all.find((event) => event.number === chosen)?.uuid ?? "")}`;
  if (location.hash !== address) {
    if (ADDRESS.test(location.hash)) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  }
  detail.open(chosen).then(() => {
    if (detail.number !== chosen) return;
    find("panes").classList.add("open");
    if (focus) detail.focus();
  });
}

// Opens the event that the address names, if it is here and not open yet.
function openByAddress() {
  const uuid = decodeURIComponent(ADDRESS.exec(location.hash)?.[1] ?? "");
  const named = uuid ? all.find((event) => event.uuid === uuid) : undefined;
  if (named && named.number !== detail.number) list.choose(named.number);
  else if (!uuid && detail.number !== null) closeDetail();
}

function closeDetail() {
  const focused = document.activeElement; // the body if nothing has the focus
  const hadFocus = find("detail").contains(focused) || (detail.number !== null && focused === document.body);
  detail.hide();
  if (location.hash) history.replaceState(null, "", location.pathname);
  find("panes").classList.remove("open");
  list.leave();
  if (hadFocus) list.place.focus();
}

// ---- drawing

function drawSoon() {
  if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); });
}

function draw() {
  list.show(shown);
  const isFiltered = shown.length + waiting < all.length;
  find("shown").textContent = isFiltered ? `${number(shown.length)} of ${number(all.length)}` : number(shown.length);
  find("new").hidden = !waiting;
  find("new").textContent = `${number(waiting)} new`;
  showEmpty();
  showState();
}

function showEmpty() {
  const kind = shown.length ? "" : all.length ? "filtered" : "none";
  const place = find("empty");
  if (place.dataset.kind === kind) return;
  place.dataset.kind = kind;
  place.replaceChildren();
  if (kind === "filtered") place.append("No event passes the filters.");
  if (kind === "none") {
    const code = document.createElement("code");
    code.textContent = `analytics.host = "${location.origin}"`;
    place.append("No event yet. In the app, before its first call:", code);
    place.append("The key may be anything. It is neither shown nor kept.");
  }
}

function showState() {
  const state = !connected ? "lost" : paused ? "paused" : list.isRead ? "held" : "live";
  const place = find("state");
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.textContent = { lost: "No connection", paused: "Paused", held: "Held while you read", live: "Live" }[state];
}

// ---- mouse and keyboard

for (const kind of ["input", "change"]) find("search").addEventListener(kind, searchChanged);
for (const id of ["call", "event", "user", "warned"]) {
  for (const kind of ["input", "change"]) find(id).addEventListener(kind, () => { list.toTop(); refilter(); });
}
find("pause").addEventListener("click", togglePause);
find("new").addEventListener("click", showWaiting);
find("clear").addEventListener("click", async () => {
  await fetch("/inspector/clear", { method: "POST", headers: { "X-Inspector": "page" } });
  say("Cleared");
});
addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    find("search").focus();
  } else if (event.key === "Escape") {
    event.preventDefault(); // a browser may empty the field without changing the filter
    if (isTyping) list.place.focus();
    else closeDetail();
  }
});

addEventListener("popstate", openByAddress);

restoreFilters();
connect();
draw();
