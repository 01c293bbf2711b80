// A small plot of the events in each second of the last minutes, and the same in words.

const BARS = 60; // each for some seconds
const NAMESPACE = "http://www.w3.org/2000/svg";

function element(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Plot {
  // Draws into an element.
  constructor(place) {
    const look = { viewBox: `0 0 ${BARS} 1`, preserveAspectRatio: "none", role: "img" };
    this.drawing = element("svg", { ...look, "aria-label": "No events yet" });
    const bar = (_, number) => element("rect", { x: number + 0.1, y: 1, width: 0.8, height: 0 });
    this.bars = Array.from({ length: BARS }, bar);
    this.drawing.append(...this.bars);
    this.words = document.createElement("span");
    place.append(this.drawing, this.words);
  }

  // `rate` has a number for each second, oldest first.
  show(rate) {
    const each = rate.length / BARS;
    const highest = this.bars.map((_, number) => Math.max(...rate.slice(number * each, (number + 1) * each)));
    const most = Math.max(...highest);
    highest.forEach((height, number) => {
      const part = most ? height / most : 0;
      this.bars[number].setAttribute("y", 1 - part);
      this.bars[number].setAttribute("height", part);
    });
    const now = rate.at(-1);
    this.words.textContent = `${now}/s, most ${most}/s`;
    const text = `Events a second in the last ${rate.length / 60} minutes: ${now} now, ${most} at most`;
    this.drawing.setAttribute("aria-label", text);
  }
}
