// What was typed when the session ended comes back after the log-in: once, to the same person, on the same page.
// It stays in this browser window and never leaves it.
(() => {
  const KEY = "draft";
  let draft = null;

  function valuesOf(form) {
    const values = {};
    for (const field of form.elements) {
      if (!field.name || field.type === "hidden" || field.type === "file" || field.type === "password") continue;
      if (field.type === "radio") {
        if (field.checked) values[field.name] = field.value;
      } else values[field.name] = field.type === "checkbox" ? field.checked : field.value;
    }
    return values;
  }

  function note(form) {
    draft = { path: location.pathname, form: form.id, who: form.dataset.keep, values: valuesOf(form) };
  }

  for (const type of ["input", "change", "submit"]) {
    document.addEventListener(type, (event) => {
      const form = event.target.closest?.("form[data-keep]");
      if (form) note(form);
    }, true);
  }

  // The answer to a session that has ended: the whole page goes to the log-in.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const target = event.detail.xhr.getResponseHeader("HX-Redirect") || "";
    if (draft && draft.path === location.pathname && target.includes("ended=")) {
      sessionStorage.setItem(KEY, JSON.stringify(draft));
    }
  });

  // What was done is no draft any more.
  document.addEventListener("htmx:load", (event) => {
    if (event.detail.elt.querySelector?.("#result")) draft = null;
  });

  function restore() {
    const stored = sessionStorage.getItem(KEY);
    if (!stored) return;
    const kept = JSON.parse(stored);
    const form = document.getElementById(kept.form);
    if (location.pathname !== kept.path || !form) return;
    sessionStorage.removeItem(KEY);
    if (form.dataset.keep !== kept.who) return;
    for (const field of form.elements) {
      if (!(field.name in kept.values) || field.type === "hidden") continue;
      const value = kept.values[field.name];
      if (field.type === "radio") field.checked = field.value === value;
      else if (field.type === "checkbox") field.checked = value;
      else field.value = value;
    }
    note(form);
    form.dispatchEvent(new Event("input", { bubbles: true }));
    window.portal.tell("What you had written is back.", "Look it over before you go on: meanwhile things may have changed.");
  }

  document.addEventListener("DOMContentLoaded", restore);
})();
