// Theme, keys, menus, copy, forms and what the server says. A page reads and its one-step forms work without it.
const root = document.documentElement;
const body = document.body;

// Theme: a cookie, so that the server renders data-bs-theme; without one the system decides.
const isDark = () => (root.dataset.bsTheme ? root.dataset.bsTheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-theme-form]");
  if (!form) return;
  event.preventDefault();
  const wanted = event.submitter?.value || "toggle";
  const theme = wanted === "toggle" ? (isDark() ? "light" : "dark") : wanted;
  if (theme === "system") delete root.dataset.bsTheme;
  else root.dataset.bsTheme = theme;
  const age = theme === "system" ? 0 : 31536000;
  document.cookie = `theme=${theme}; path=/; max-age=${age}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  for (const act of document.querySelectorAll("[data-theme-form] [aria-pressed]")) act.setAttribute("aria-pressed", act.value === theme);
  document.dispatchEvent(new CustomEvent("theme"));
});

// Keys: Ctrl-K finds; in a list j and k move and x marks; a key with data-key only puts the focus there, Enter decides.
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    document.querySelector("#find")?.focus();
    return;
  }
  if (event.key === "Escape") closeMenus(null);
  if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const picks = [...document.querySelectorAll(".pick")];
  const row = (pick) => pick?.closest(".pick-row");
  const held = picks.findIndex((pick) => row(pick)?.contains(document.activeElement) || pick === document.activeElement);
  const at = held < 0 ? picks.findIndex((pick) => pick.hasAttribute("aria-current")) : held;
  if (event.key === "j") picks[Math.min(at + 1, picks.length - 1)]?.focus();
  if (event.key === "k") picks[Math.max(at - 1, 0)]?.focus();
  if (event.key === "x") row(picks[at])?.querySelector("input[type=checkbox]")?.click();
  if (/^[a-z]$/.test(event.key)) document.querySelector(`[data-key="${event.key}"]`)?.focus();
});

// Menus are <details>; one closes when another opens, on a click elsewhere and on Escape.
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu.contains(except)) continue;
    const held = menu.contains(document.activeElement);
    menu.open = false;
    if (held && except === null) menu.querySelector("summary").focus();
  }
}

document.addEventListener("click", (event) => {
  closeMenus(event.target);
  const copy = event.target.closest("[data-copy]");
  if (copy) copyFrom(copy);
  if (event.target.closest("[data-close]")) event.target.closest("[data-says]")?.remove();
});

// Copy: the text of the element named, or its value; the button's own words say that it worked.
async function copyFrom(button) {
  const source = document.querySelector(button.dataset.copy);
  try {
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
  } catch {
    getSelection().selectAllChildren(source);
    return;
  }
  const said = button.querySelector("[data-copied]");
  if (!said) return;
  const before = said.textContent;
  said.textContent = said.dataset.copied;
  setTimeout(() => { said.textContent = before; }, 2000);
}

// Sent: the button is disabled at the next tick, so that its own name and value still travel.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "get" || form.target === "_blank" || form.hasAttribute("data-again")) return;
  setTimeout(() => setBusy(form, true));
});
function setBusy(form, busy) {
  for (const button of form.querySelectorAll("button:not([type=button]), input[type=submit]")) {
    button.disabled = busy;
    if (busy) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  }
}
window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.forms) setBusy(form, false);
});

// Fragments: the old content stays while the new one is asked for. A refusal is said in one line (the server
// retargets it to #says); whatever else goes wrong gets the line that waits in the page.
const isForm = (element) => element instanceof HTMLFormElement;
body.addEventListener("htmx:beforeRequest", (event) => {
  event.detail.target?.setAttribute("aria-busy", "true");
  if (isForm(event.detail.elt) && event.detail.requestConfig.verb !== "get") setBusy(event.detail.elt, true);
});
body.addEventListener("htmx:afterRequest", (event) => {
  event.detail.target?.removeAttribute("aria-busy");
  if (isForm(event.detail.elt)) setBusy(event.detail.elt, false);
});
body.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (body.dataset.signin && xhr.responseURL && new URL(xhr.responseURL).pathname === body.dataset.signin) {
    event.detail.shouldSwap = false;  // signed out meanwhile: the whole page asks her to sign in
    location.reload();
  } else if (xhr.status >= 400 && xhr.status !== 422 && !xhr.getResponseHeader("HX-Retarget")) {
    event.detail.shouldSwap = false;
    say("#says-failed");
  }
});
body.addEventListener("htmx:sendError", () => say("#says-offline"));
body.addEventListener("htmx:timeout", () => say("#says-offline"));
function say(id) {
  const line = document.querySelector(id);
  if (line) document.querySelector("#says")?.replaceChildren(line.content.cloneNode(true));
}

// A form that is drawn anew keeps what she wrote after the request had left.
const sent = new WeakMap();
let late = [];
const written = (form) => new Map([...form.elements].filter((field) => field.id && !/hidden|radio|checkbox|submit/.test(field.type)).map((field) => [field.id, field.value]));
body.addEventListener("htmx:beforeRequest", ({ detail: { target } }) => { if (isForm(target)) sent.set(target, written(target)); });
body.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  if (isForm(target) && sent.has(target)) late = [...written(target)].filter(([id, value]) => sent.get(target).get(id) !== value);
});
body.addEventListener("htmx:load", () => {
  for (const [id, value] of late.splice(0)) {
    const field = document.getElementById(id);
    if (!field || (field.options && ![...field.options].some((option) => option.value === value))) continue;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

// Long choices get a field to search in.
function enhance(part) {
  if (!window.TomSelect) return;
  for (const select of part.querySelectorAll("select[data-search]:not(.tomselected)")) {
    new window.TomSelect(select, { maxOptions: 200, plugins: select.multiple ? ["remove_button"] : ["dropdown_input"] });
  }
}
enhance(document);
body.addEventListener("htmx:load", (event) => enhance(event.detail.elt));
