// The list of events: any number of rows, but only the visible ones are in the document.

import { visible } from "./detail.js";

const SPARE = 6; // rows above and below the visible ones

function cell(name) {
  const made = document.createElement("span");
  made.className = name;
  return made;
}

function timeOf(milliseconds) {
  const moment = new Date(milliseconds);
  const two = (number) => String(number).padStart(2, "0");
  const rest = String(moment.getMilliseconds()).padStart(3, "0");
  return `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}.${rest}`;
}

export class List {
  // `opened` is called with an event's number and whether it gets the focus, `moved` when the active row or the scroll position changes.
  constructor(place, { opened, moved }) {
    this.place = place;
    this.events = [];
    this.active = null; // number of the row that the arrow keys have reached
    this.selected = null; // number of the row whose detail is open
    this.pressed = false; // a mouse button or a finger is down on a row
    this.last = null; // number of the row that was active before
    this.opened = opened;
    this.moved = moved;
    this.rows = [];
    this.space = document.createElement("div");
    this.space.className = "space";
    this.space.setAttribute("role", "presentation");
    place.append(this.space);
    this.measure();
    place.addEventListener("scroll", () => { this.draw(); this.moved(); }, { passive: true });
    place.addEventListener("keydown", (event) => this.key(event));
    place.addEventListener("pointerdown", (event) => this.press(event));
    addEventListener("pointerup", () => {
      if (this.pressed) setTimeout(() => { this.pressed = false; this.moved(); });
    });
    addEventListener("pointercancel", () => { this.pressed = false; this.moved(); });
    place.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.choose(Number(row.dataset.number));
    });
    new ResizeObserver(() => this.measure()).observe(place);
  }

  measure() {
    this.height = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
    this.drawn = null;
    this.draw();
  }

  // Whether new rows at the top would move what somebody reads.
  get isRead() { return this.pressed || this.active !== null || this.selected !== null || this.place.scrollTop > 1; }

  show(events) {
    this.events = events;
    this.drawn = null;
    this.draw();
  }

  toTop() {
    this.place.scrollTop = 0;
    this.draw();
  }

  press(event) {
    if (event.target.closest(".row")) this.pressed = true;
  }

  choose(number, focus = true) {
    this.active = this.selected = this.last = number;
    this.drawn = null;
    this.draw();
    this.opened(number, focus);
    this.moved();
  }

  // Nothing is active or open any more.
  leave() {
    this.active = this.selected = null;
    this.drawn = null;
    this.draw();
    this.moved();
  }

  placeOf(number) { return number === null ? -1 : this.events.findIndex((event) => event.number === number); }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.events.length) return;
    const page = Math.max(1, Math.floor(this.place.clientHeight / this.height) - 1);
    const at = this.placeOf(this.active);
    const from = at >= 0 ? at : this.placeOf(this.last);
    const none = from < 0 || this.active === null;
    const start = from < 0 ? Math.floor(this.place.scrollTop / this.height) : from;
    const to = {
      ArrowDown: none ? start : start + 1,
      ArrowUp: none ? start : start - 1,
      PageDown: start + page,
      PageUp: start - page,
      Home: 0,
      End: Infinity,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.activate(Math.min(Math.max(to, 0), this.events.length - 1));
      if (this.selected !== null) this.choose(this.active, false); // an open event moves along
    } else if ((event.key === "Enter" || event.key === " ") && this.active !== null) {
      event.preventDefault();
      this.choose(this.active);
    }
  }

  activate(index) {
    this.active = this.last = this.events[index].number;
    const top = index * this.height;
    if (top < this.place.scrollTop) this.place.scrollTop = top;
    else if (top + this.height > this.place.scrollTop + this.place.clientHeight) {
      this.place.scrollTop = top + this.height - this.place.clientHeight;
    }
    this.drawn = null;
    this.draw();
    this.moved();
  }

  draw() {
    const count = Math.ceil(this.place.clientHeight / this.height) + 2 * SPARE;
    const first = Math.max(0, Math.floor(this.place.scrollTop / this.height) - SPARE);
    if (this.drawn === first) return; // scrolled by less than a row
    this.drawn = first;
    this.space.style.height = `${this.events.length * this.height}px`;
    const shown = this.events.slice(first, first + count);
    while (this.rows.length < shown.length) this.rows.push(this.makeRow());
    while (this.rows.length > shown.length) this.rows.pop().remove();
    let active = "";
    shown.forEach((event, index) => {
      this.fill(this.rows[index], event, first + index);
      if (event.number === this.active) active = this.rows[index].id;
    });
    if (active) this.place.setAttribute("aria-activedescendant", active);
    else this.place.removeAttribute("aria-activedescendant");
  }

  makeRow() {
    const row = document.createElement("div");
    row.className = "row";
    row.id = `row-${this.rows.length}`;
    row.setAttribute("role", "option");
    row.append(...["time", "call", "name", "place", "who", "flag"].map(cell));
    this.space.append(row);
    return row;
  }

  fill(row, event, index) {
    const [time, call, name, place, who, flag] = row.children;
    row.dataset.number = event.number;
    row.style.transform = `translateY(${index * this.height}px)`;
    row.setAttribute("aria-posinset", index + 1);
    row.setAttribute("aria-setsize", this.events.length);
    row.setAttribute("aria-selected", String(event.number === this.selected));
    row.classList.toggle("active", event.number === this.active);
    time.textContent = timeOf(event.time);
    call.textContent = event.call;
    name.textContent = visible(event.name);
    place.textContent = visible(event.place);
    row.title = event.place ? `${event.name}, ${event.place}` : "";
    who.textContent = visible(event.who);
    flag.textContent = event.warnings ? `⚠ ${event.warnings}` : "";
    if (event.warnings) {
      flag.setAttribute("role", "img");
      flag.setAttribute("aria-label", event.warnings === 1 ? "1 warning" : `${event.warnings} warnings`);
    } else {
      flag.removeAttribute("role");
      flag.removeAttribute("aria-label");
    }
  }
}
