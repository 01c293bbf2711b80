// The figures of all events: how many, how fast, and of which names; a name chooses what the list shows.

import { visible } from "./detail.js";
import { Plot } from "./plot.js";

const MOST_NAMES = 300; // in the list of choices
const LONGEST = 60; // characters of a name there
const find = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");

function counted(record, words) {
  return Object.entries(record).map(([kind, count]) => words(number(count), kind));
}

function shortened(name) { return visible(name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name); }

export class Totals {
  // `choose` is called with the call and the name of an event that the list shall show.
  constructor({ choose }) {
    this.choose = choose;
    this.plot = new Plot(find("rate"));
  }

  show({ total, kept, bytes, counts, rate, forwarded, refused }) {
    const on = counted(forwarded, (count, status) => `${count} forwarded (${status})`);
    const faults = counted(refused, (count, words) => `⚠ ${count} ${words}`);
    const size = bytes < 1048576 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`;
    const parts = [`${number(total)} events`, `${number(kept)} kept (${size})`, ...on, ...faults];
    find("totals").textContent = parts.join(", ");
    this.plot.show(rate);
    this.showCounts(counts);
  }

  showCounts(counts) {
    const rows = find("count-rows");
    while (rows.children.length > counts.length) rows.lastElementChild.remove();
    counts.forEach((count, index) => this.fill(rows.children[index] ?? rows.appendChild(this.makeRow()), count));
    for (const [call, name] of counts) if (call) this.addName(name);
  }

  makeRow() {
    const row = document.createElement("tr");
    for (let place = 0; place < 3; place += 1) row.append(document.createElement("td"));
    row.children[2].className = "number";
    const button = document.createElement("button");
    button.type = "button";
    row.children[0].append(button);
    return row;
  }

  fill(row, [call, name, count]) {
    const button = row.children[0].firstElementChild;
    button.onclick = () => this.choose(call, name);
    button.disabled = !call; // all the other names
    [[button, visible(name)], [row.children[1], call], [row.children[2], number(count)]].forEach(([cell, text]) => {
      if (cell.textContent !== text) cell.textContent = text;
    });
  }

  // Adds a name to the choices of the filter.
  addName(name) {
    const { options } = find("event");
    if (options.length > MOST_NAMES || [...options].some((option) => option.value === name)) return;
    find("event").append(new Option(shortened(name), name));
  }
}
