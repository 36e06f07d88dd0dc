// Einstein's embeddable score. Usage:
//   <script src="https://einstein.example/widget/v1/widget.js" defer></script>
//   <einstein-score token="..."></einstein-score>
// Attributes: token; form = card (default), badge, list or what-if; renew = an address of your own page that answers {"token": "..."}.
// Looks: --einstein-accent, --einstein-text, --einstein-muted, --einstein-surface, --einstein-line, --einstein-radius, --einstein-font.
(() => {
  const script = document.currentScript;
  const base = new URL(script.src).origin;
  const frame = script.dataset.frame || "";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`__CSS__`);
  const RENEW_AT = 0.8; // of a token's life
  const LONGEST_LIFE = 300;
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
  const capital = (word) => word[0].toUpperCase() + word.slice(1);
  const pill = (band) => make("span", `band ${band}`, capital(band));

  class EinsteinScore extends HTMLElement {
    static observedAttributes = ["token", "form"];

    constructor() {
      super();
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
      this.turn = 0;
    }

    connectedCallback() { this.load(); }

    disconnectedCallback() { clearTimeout(this.timer); }

    attributeChangedCallback(_, before, after) { if (this.turn && before !== after) this.load(); }

    get form() { return this.getAttribute("form") || "card"; }

    async ask(path, changes) {
      const headers = { "X-Einstein-Token": this.getAttribute("token") || "" };
      if (frame) headers["X-Einstein-Frame"] = frame;
      if (changes) headers["Content-Type"] = "application/json";
      try {
        const answer = await fetch(`${base}/widget/v1/${path}`, {
          method: changes ? "POST" : "GET", headers, body: changes && JSON.stringify({ changes }), credentials: "omit", cache: "no-store",
        });
        return answer.ok ? await answer.json() : null;
      } catch { return null; }
    }

    async load() {
      const turn = ++this.turn;
      clearTimeout(this.timer);
      const card = await this.ask(this.form === "what-if" ? "score?what-if=1" : "score");
      if (turn !== this.turn) return; // a newer token was set meanwhile
      this.shadowRoot.replaceChildren(card ? this.draw(card) : this.empty());
      if (card && card.ends) this.plan(card.ends * 1000 - Date.now());
    }

    // Before the token ends, a fresh one is fetched; when that fails, the card is emptied with the old one.
    plan(left) {
      const life = Math.min(Math.max(left, 5000), LONGEST_LIFE * 1000);
      this.timer = setTimeout(() => this.renew(life * (1 - RENEW_AT)), this.getAttribute("renew") ? life * RENEW_AT : life);
    }

    async renew(rest) {
      const address = this.getAttribute("renew");
      if (address) {
        try {
          const answer = await fetch(address, { cache: "no-store" });
          const { token } = await answer.json();
          if (answer.ok && token) { this.setAttribute("token", token); return; }
        } catch { /* the card is emptied below, when the old token ends */ }
        this.timer = setTimeout(() => this.shadowRoot.replaceChildren(this.empty()), rest);
        return;
      }
      this.dispatchEvent(new CustomEvent("einstein-renew", { bubbles: true }));
      this.timer = setTimeout(() => this.shadowRoot.replaceChildren(this.empty()), 1000);
    }

    box(label) {
      const section = make("section", `w ${this.form}`);
      section.setAttribute("aria-label", label);
      section.setAttribute("role", "region");
      return section;
    }

    empty() {
      const section = this.box("Score");
      section.append(make("p", "none", "No score can be shown here."));
      return section;
    }

    draw(card) {
      const section = this.box(`${card.name} score`);
      if (card.none) {
        section.append(this.top(card), make("p", "none", card.none));
      } else if (card.list) {
        section.append(this.top(card), card.list.length ? this.rows(card.list) : make("p", "none", "No scores yet."), this.foot());
      } else if (this.form === "badge") {
        section.append(make("b", "", card.name), make("strong", "", card.score), pill(card.band));
        if (card.stale) section.append(make("span", "", "old score"));
      } else {
        section.append(this.top(card), this.figure(card), make("p", "say", card.say), this.reasons(card.reasons));
        if (this.form === "what-if" && card.knobs) section.append(this.knobs(card.knobs));
        section.append(this.foot());
      }
      return section;
    }

    top(card) {
      const top = make("div", "top");
      top.append(make("b", "", card.name));
      if (card.as_of) top.append(make("span", "", card.as_of));
      return top;
    }

    figure(card) {
      const score = make("div", "score");
      score.append(make("strong", "", card.score), pill(card.band));
      if (card.stale) {
        score.classList.add("old");
        score.append(make("span", "", "old score"));
      }
      return score;
    }

    reasons(found) {
      const list = make("ul");
      found.forEach((reason) => {
        const item = make("li", reason.direction);
        const words = make("span", "", reason.words);
        words.append(make("span", "vh", `, ${reason.direction} the score`));
        item.append(arrow(reason.direction), words);
        list.append(item);
      });
      return list;
    }

    rows(found) {
      const list = make("ol");
      found.forEach((row) => {
        const item = make("li");
        const words = make("span", "", row.key);
        words.append(make("small", "", row.why));
        item.append(make("strong", "", row.score), words, pill(row.band));
        list.append(item);
      });
      return list;
    }

    knobs(found) {
      const form = make("form", "knobs");
      const out = make("p", "say", "Turn something to see the score it would have. Not a promise.");
      out.setAttribute("aria-live", "polite");
      found.forEach((knob) => {
        const label = make("label", "", knob.field);
        const input = make(knob.kind === "number" ? "input" : "select");
        input.name = knob.field;
        if (knob.kind === "number") {
          Object.assign(input, { type: "range", min: knob.low, max: knob.high, step: knob.step, value: knob.at });
        } else {
          knob.levels.forEach((level) => input.append(new Option(level, level, false, level === knob.value)));
        }
        label.append(input);
        form.append(label);
      });
      form.addEventListener("input", () => {
        clearTimeout(this.trying);
        this.trying = setTimeout(async () => {
          const tried = await this.ask("what-if", Object.fromEntries(new FormData(form)));
          out.textContent = tried && tried.score ? [`${tried.score} instead of ${tried.before}. Not a promise.`, ...tried.warnings].join(" ") : "This cannot be tried now.";
        }, 200);
      });
      form.addEventListener("submit", (event) => event.preventDefault());
      form.append(out);
      return form;
    }

    foot() {
      const foot = make("div", "foot");
      foot.append(make("span", "", "Score by Einstein"));
      return foot;
    }
  }
  customElements.define("einstein-score", EinsteinScore);

  // In a frame of its own the token comes behind #, which no server sees, or by message from the page around it.
  if (frame) {
    const own = document.createElement("einstein-score");
    const set = (text) => {
      const asked = new URLSearchParams(text);
      if (asked.get("form")) own.setAttribute("form", asked.get("form"));
      own.setAttribute("token", asked.get("token") || "");
    };
    set(location.hash.slice(1));
    addEventListener("hashchange", () => set(location.hash.slice(1)));
    addEventListener("message", (event) => { if (event.source === parent && typeof event.data?.token === "string") own.setAttribute("token", event.data.token); });
    document.body.append(own);
  }
})();
