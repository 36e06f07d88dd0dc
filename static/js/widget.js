// Einstein's embeddable score. Usage:
//   <script src="https://einstein.example/widget/v1/widget.js" defer></script>
//   <einstein-score token="..."></einstein-score>
(() => {
  const base = new URL(document.currentScript.src).origin;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`__CSS__`);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const arrow = (direction) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", direction === "raises" ? "M12 19V5m-7 7 7-7 7 7" : "M12 5v14m7-7-7 7-7-7");
    path.setAttribute("fill", "none");
    path.setAttribute("stroke", "currentColor");
    path.setAttribute("stroke-width", "2");
    svg.append(path);
    return svg;
  };

  class EinsteinScore extends HTMLElement {
    static observedAttributes = ["token"];

    constructor() {
      super();
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    }

    connectedCallback() { this.load(); }

    attributeChangedCallback(_, before, after) { if (before !== null && before !== after) this.load(); }

    async load() {
      let card = null;
      try {
        const answer = await fetch(`${base}/widget/v1/score`, {
          headers: { "X-Einstein-Token": this.getAttribute("token") || "" }, credentials: "omit", cache: "no-store",
        });
        if (answer.ok) card = await answer.json();
      } catch { card = null; }
      this.shadowRoot.replaceChildren(card ? this.draw(card) : this.empty());
    }

    empty() {
      const section = make("section", "w");
      section.setAttribute("aria-label", "Score");
      section.append(make("p", "none", "No score can be shown here."));
      return section;
    }

    draw(card) {
      const section = make("section", "w");
      section.setAttribute("aria-label", `${card.name} score`);
      const top = make("div", "top");
      top.append(make("b", "", card.name));
      if (card.as_of) top.append(make("span", "", card.as_of));
      section.append(top);
      if (card.none) {
        section.append(make("p", "none", card.none));
        return section;
      }
      const score = make("div", "score");
      score.append(make("strong", "", card.score), make("span", `band ${card.band}`, card.band[0].toUpperCase() + card.band.slice(1)));
      if (card.stale) score.append(make("span", "", "old score"));
      const list = make("ul");
      card.reasons.forEach((reason) => {
        const item = make("li", reason.direction);
        const words = make("span", "", reason.words);
        words.append(make("span", "vh", `, ${reason.direction} the score`));
        item.append(arrow(reason.direction), words);
        list.append(item);
      });
      const foot = make("div", "foot");
      foot.append(make("span", "", "Score by Einstein"));
      section.append(score, make("p", "say", card.say), list, foot);
      return section;
    }
  }
  customElements.define("einstein-score", EinsteinScore);
})();
