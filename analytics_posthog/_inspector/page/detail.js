// One event in full: its Segment message, its properties and their origins. All of it is shown as text only.

const LONGEST = 2000; // characters of one value; copying gives all of them
const WHOLE = 100000; // characters of a message
const MOST = 300; // properties
const ORIGINS = {
  call: ["●", "the call"],
  context: ["◆", "the context"],
  mapping: ["→", "the mapping"],
  client: ["■", "PostHog's client"],
  posthog: ["○", "PostHog's own"],
};
// Characters that are invisible, or change the direction of the text around them.
const TAGS = "\\udb40[\\udc00-\\udc7f]";
const OTHERS = "\\u007f-\\u009f\\u00ad\\u061c\\u115f\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e"
  + "\\u2060-\\u2069\\u3164\\ufeff\\ufff9-\\ufffb";
const UNSEEN = new RegExp(`[\\u0000-\\u001f${OTHERS}]|${TAGS}`, "g");
const UNSEEN_BUT_BREAKS = new RegExp(`[\\u0000-\\u0009\\u000b-\\u001f${OTHERS}]|${TAGS}`, "g");

const escapedUnit = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
const escaped = (character) => character.split("").map(escapedUnit).join("");

// A text with its unseen characters as escapes.
export function visible(text) { return text.replace(UNSEEN, escaped); }

function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function cut(text, most) {
  if (text.length <= most) return text;
  return `${text.slice(0, most)} … (${(text.length - most).toLocaleString("en")} more characters; copy it to have all)`;
}

function shortened(key, value) { return typeof value === "string" ? cut(value, LONGEST) : value; }

function written(value, indent) { return JSON.stringify(value, shortened, indent).replace(UNSEEN_BUT_BREAKS, escaped); }

function originMark(kind, source) {
  const [sign, words] = ORIGINS[kind];
  const mark = made("span", `origin ${kind}-origin`);
  const symbol = made("span", "", `${sign} `);
  symbol.setAttribute("aria-hidden", "true");
  mark.append(symbol, source ? `${words}: ${visible(source)}` : words);
  return mark;
}

function warningList(warnings) {
  const list = made("ul", "warnings");
  for (const { level, text } of warnings) {
    const item = made("li", level);
    item.append(made("b", "", level === "warning" ? "⚠ Warning:" : "Note:"), text);
    list.append(item);
  }
  return list;
}

function messageSide(detail) {
  const side = made("section", "message");
  side.append(made("h3", "", "Segment message (reconstructed)"));
  if (!detail.message) {
    side.append(made("p", "hint", "None: PostHog's own client captured this event (it has no segment_library)."));
    return side;
  }
  side.append(made("pre", "", cut(written(detail.message, 2), WHOLE)));
  const settings = Object.entries(detail.settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  if (settings.length) side.append(made("p", "hint", visible(`With the settings ${settings.join(", ")}`)));
  if (detail.changed.length) {
    const changed = `Changed after the conversion (by before_send?): ${cut(detail.changed.join(", "), LONGEST)}`;
    side.append(made("p", "hint", visible(changed)));
  }
  side.append(made("p", "hint", "What the event can't tell:"));
  const unknown = made("ul", "hint");
  unknown.append(...detail.unknown.map((text) => made("li", "", text)));
  side.append(unknown);
  return side;
}

function eventSide(detail) {
  const side = made("section", "event");
  side.append(made("h3", "", "PostHog event"));
  const legend = made("p", "legend");
  for (const kind of new Set(detail.origins.map((row) => row.kind))) legend.append(originMark(kind));
  const rows = made("ul", "rows");
  for (const { name, value, kind, source } of detail.origins.slice(0, MOST)) {
    const row = made("li");
    const shown = cut(written(value, 1), 2 * LONGEST);
    row.append(made("span", "name", cut(visible(name), LONGEST)), originMark(kind, cut(source, LONGEST)));
    row.append(made("code", "", shown));
    rows.append(row);
  }
  side.append(legend, rows);
  const more = detail.origins.length - MOST;
  if (more > 0) side.append(made("p", "hint", `and ${more} more; copy the event to have all`));
  return side;
}

async function toClipboard(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = made("textarea"); // without TLS, only a page on loopback has navigator.clipboard
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("refused");
}

export class Detail {
  // The button calls `close`. `open` is called with the number of another event, `say` with a text for screen readers.
  constructor(place, { close, open, say }) {
    this.place = place;
    this.close = close;
    this.openOther = open;
    this.say = say;
    this.number = null;
  }

  hide() {
    this.number = null;
    this.place.hidden = true;
    this.place.replaceChildren();
  }

  // Shows the event of this number. Resolves when it is shown, or when another event was opened meanwhile.
  async open(number) {
    this.number = number;
    let detail;
    try {
      const answer = await fetch(`/inspector/events/${number}`);
      detail = answer.ok ? await answer.json() : null;
    } catch {
      detail = null;
    }
    if (this.number !== number) return;
    this.place.hidden = false;
    if (detail) this.show(detail);
    else this.place.replaceChildren(this.bar("This event is no longer kept", []));
  }

  show(detail) {
    const { event, message } = detail;
    const scroll = made("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", "The event");
    const call = detail.call === "posthog" ? "PostHog's own" : `${detail.call} call`;
    const name = detail.name === event.event ? "" : `, ${visible(event.event)}`; // a page's own name is the title
    scroll.append(made("p", "facts", `${call}${name}, ${(detail.size / 1024).toFixed(1)} KiB`));
    if (detail.place) scroll.append(made("p", "facts place", `Called at ${visible(detail.place)}`));
    scroll.append(warningList(detail.warnings));
    const sides = made("div", "sides");
    sides.append(messageSide(detail), eventSide(detail));
    scroll.append(sides);
    const buttons = [this.copyButton("Copy JSON", event)];
    if (message) buttons.push(this.copyButton("Copy message", message));
    if (event.uuid) buttons.push(this.copyButton("Copy address", `${location.origin}/#event/${encodeURIComponent(event.uuid)}`));
    buttons.push(this.personButton(event.distinct_id ?? event.properties?.distinct_id));
    this.place.replaceChildren(this.bar(cut(visible(detail.name), 300), buttons), scroll);
  }

  bar(name, buttons) {
    const bar = made("div", "bar");
    const title = made("h2", "", name);
    title.id = "detail-name";
    title.tabIndex = -1;
    const close = made("button", "", "Close");
    close.type = "button";
    close.addEventListener("click", this.close);
    bar.append(title, ...buttons, close);
    return bar;
  }

  copyButton(words, value) {
    const button = made("button", "copy", words);
    button.type = "button";
    button.addEventListener("click", async () => {
      try {
        await toClipboard(typeof value === "string" ? value : JSON.stringify(value, null, 2));
        this.say("Copied");
        button.textContent = "Copied";
      } catch {
        this.say("The browser didn't allow it");
        button.textContent = "Not allowed";
      }
      setTimeout(() => { button.textContent = words; }, 1500);
    });
    return button;
  }

  personButton(id) {
    const button = made("button", "person", "Person");
    button.type = "button";
    button.addEventListener("click", () => this.showPerson(String(id)));
    return button;
  }

  // Shows all that is kept of a person: the ids that are merged, the events in order, and the properties at the end.
  async showPerson(id) {
    const answer = await fetch(`/inspector/person?id=${encodeURIComponent(id)}`);
    const person = answer.ok ? await answer.json() : { ids: [id], properties: {}, events: [] };
    const scroll = made("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", "The person");
    const ids = person.ids.map((each) => cut(visible(each), LONGEST)).join(", ");
    scroll.append(made("p", "facts", `Ids: ${ids}`), made("h3", "", "Events, in order"));
    const rows = made("ol", "rows");
    for (const { number, name, call, time } of person.events.slice(-MOST)) {
      const row = made("li");
      const button = made("button", "", cut(visible(name), LONGEST));
      button.type = "button";
      button.addEventListener("click", () => this.openOther(number));
      row.append(button, made("span", "origin", `${call}${time ? `, ${visible(String(time))}` : ""}`));
      rows.append(row);
    }
    scroll.append(rows, made("h3", "", "Properties at the end"));
    scroll.append(made("pre", "", cut(written(person.properties, 2), WHOLE)));
    this.place.replaceChildren(this.bar(`Person ${cut(visible(id), 300)}`, []), scroll);
    this.focus();
  }

  focus() { document.getElementById("detail-name")?.focus(); }
}
