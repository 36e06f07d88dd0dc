// Draws every chart on the page from its data-figure. Colours are named by token ("--chart-1") and resolved here,
// so that a change of theme redraws with the other theme's colours.
(() => {
  // Chart tokens are registered with @property, so the computed value is a colour of the theme in use.
  const resolve = (token) => getComputedStyle(document.documentElement).getPropertyValue(token).trim();

  const coloured = (value) => {
    if (typeof value === "string" && /^--[a-z0-9-]+$/.test(value)) return resolve(value);
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
    return value;
  };

  const draw = (element) => {
    const figure = coloured(JSON.parse(element.dataset.figure));
    const narrow = element.clientWidth < 400;
    const layout = Object.assign({ autosize: true }, figure.layout);
    if (narrow && figure.narrow) {
      Object.assign(layout, figure.narrow.layout);
      (figure.narrow.data || []).forEach((trace, place) => Object.assign(figure.data[place], trace));
    }
    layout.font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: resolve("--chart-ink") };
    window.Plotly.react(element, figure.data, layout, { displayModeBar: false, responsive: true, staticPlot: narrow });
  };

  const drawAll = (root) => {
    if (!window.Plotly) return;
    root.querySelectorAll("[data-figure]").forEach(draw);
  };

  document.addEventListener("DOMContentLoaded", () => {
    drawAll(document);
    document.body.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  });
})();
