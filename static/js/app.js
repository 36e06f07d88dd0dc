// The few things HTML cannot do by itself: uploads with progress, drag and drop, the threshold slider, copying, the zone.
document.addEventListener("DOMContentLoaded", () => {
  const zone = document.querySelector("[data-timezone]");
  if (zone) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

  document.querySelectorAll("form[data-upload]").forEach(prepareUpload);
  document.querySelectorAll("[data-show-password]").forEach((button) => {
    button.addEventListener("click", () => {
      const input = button.parentElement.querySelector("input");
      input.type = input.type === "password" ? "text" : "password";
      button.textContent = input.type === "password" ? "Show" : "Hide";
    });
  });
  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = "Copied";
    });
  });
  document.querySelectorAll("select[data-submit]").forEach((select) => {
    select.addEventListener("change", () => select.form.requestSubmit());
  });
  document.querySelectorAll("button[data-fills]").forEach((button) => {
    button.addEventListener("click", () => { document.getElementById(button.dataset.fills).value = button.dataset.value; });
  });
  document.querySelectorAll("input[data-shows]").forEach((input) => {
    const output = input.closest(".field").querySelector("output");
    input.addEventListener("input", () => { output.textContent = String(Number(Number(input.value).toPrecision(4))); });
  });
  document.querySelectorAll("[data-thresholds]").forEach(prepareThresholds);
  document.querySelectorAll("[data-find]").forEach((input) => {
    const items = [...document.querySelectorAll(input.dataset.find)];
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      items.forEach((item) => { item.hidden = !item.dataset.name.toLowerCase().includes(wanted); });
    });
  });
});

// A page whose work has ended asks htmx to load it again. That must not undo a click that is already leading elsewhere,
// nor begin the same loading anew each second when the server is slow. A download leads nowhere, hence the limit.
const LEAVING_MS = 30_000;
let leftAt = -Infinity;
window.addEventListener("beforeunload", () => { leftAt = performance.now(); });
window.addEventListener("pageshow", () => { leftAt = -Infinity; });
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const leaving = performance.now() - leftAt < LEAVING_MS;
  if (leaving && event.detail.xhr.getResponseHeader("HX-Refresh")) event.preventDefault();
});

function prepareUpload(form) {
  const input = form.querySelector("input[type=file]");
  const bar = form.querySelector("progress");
  const words = form.querySelector("[data-words]");
  const drop = form.querySelector(".drop") || form;

  const send = () => {
    if (!input.files.length) return;
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    bar.hidden = false;
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.max = event.total;
      bar.value = event.loaded;
      words.textContent = `Sending ${input.files[0].name}: ${Math.round((event.loaded / event.total) * 100)}%`;
    });
    request.addEventListener("load", () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { answer = {}; }
      if (answer.location) {
        window.location = answer.location;
      } else {
        bar.hidden = true;
        words.textContent = answer.error || "The file could not be sent. Try again.";
        words.className = "field-error";
        input.value = "";
      }
    });
    request.addEventListener("error", () => { words.textContent = "The connection broke. Try again."; bar.hidden = true; });
    request.send(new FormData(form));
  };

  input.addEventListener("change", send);
  ["dragenter", "dragover"].forEach((name) => drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); }));
  ["dragleave", "drop"].forEach((name) => drop.addEventListener(name, () => drop.classList.remove("over")));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    input.files = event.dataTransfer.files;
    send();
  });
}

function prepareThresholds(box) {
  const table = JSON.parse(box.dataset.thresholds);
  const input = box.querySelector("input[type=range]");
  const put = (name, value) => box.querySelectorAll(`[data-count=${name}]`).forEach((element) => { element.textContent = value; });
  const commas = (value) => value.toLocaleString("en-US");
  const show = () => {
    const [percent, caught, vain, missed, spared] = table[Number(input.value) - 1];
    const called = caught + vain;
    put("percent", `${percent}%`);
    put("called", commas(called));
    put("caught", commas(caught));
    put("vain", commas(vain));
    put("missed", commas(missed));
    put("spared", commas(spared));
    put("right", called ? `${Math.round((100 * caught) / called)} of 100` : "none");
    put("reached", caught + missed ? `${Math.round((100 * caught) / (caught + missed))}%` : "0%");
    input.setAttribute("aria-valuetext", `${percent}%, ${commas(called)} picked`);
  };
  input.addEventListener("input", show);
  show();
}
