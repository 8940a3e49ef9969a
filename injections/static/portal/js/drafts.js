// What was typed when the session ended, or an armed page was loaded anew, comes back: once, to the same person, on
// the same page.
// It stays in this browser window and never leaves it.
(() => {
  const KEY = "draft";
  const LOGIN = "/login/";
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

  function store() {
    sessionStorage.setItem(KEY, JSON.stringify(draft));
  }

  function note(form) {
    draft = { path: location.pathname, form: form.id, who: form.dataset.keep, values: valuesOf(form) };
  }

  for (const type of ["input", "change", "submit"]) {
    document.addEventListener(type, (event) => {
      const form = event.target.closest?.("form[data-keep]");
      if (!form) return;
      note(form);
      // A form that leaves the page may be answered by the log-in; whatever else answers it has taken what was written.
      if (type === "submit" && !form.hasAttribute("hx-post")) store();
    }, true);
  }

  // The answer to a session that has ended: the whole page goes to the log-in.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const target = event.detail.xhr.getResponseHeader("HX-Redirect") || "";
    if (draft && draft.path === location.pathname && target.includes("ended=")) {
      draft.isUnplayed = target.includes("ended=fire");
      store();
    }
  });

  // An armed page that is loaded anew is safe again; what was chosen is still there.
  window.addEventListener("pagehide", () => {
    if (draft && document.getElementById("armed")) store();
  });

  // What was done is no draft any more.
  document.addEventListener("htmx:load", (event) => {
    if (event.detail.elt.querySelector?.("#result")) draft = null;
  });

  function restore() {
    const stored = sessionStorage.getItem(KEY);
    if (!stored || location.pathname === LOGIN) return;
    sessionStorage.removeItem(KEY);
    const kept = JSON.parse(stored);
    const form = document.getElementById(kept.form);
    const isFromLogin = document.referrer !== "" && new URL(document.referrer).pathname === LOGIN;
    const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";
    if (!(isFromLogin || isReload) || location.pathname !== kept.path || form?.dataset.keep !== kept.who) return;
    for (const field of form.elements) {
      if (!(field.name in kept.values) || field.type === "hidden") continue;
      const value = kept.values[field.name];
      if (field.type === "radio") field.checked = field.value === value;
      else if (field.type === "checkbox") field.checked = value;
      else field.value = value;
    }
    note(form);
    form.dispatchEvent(new Event("input", { bubbles: true }));
    window.portal.tell(
      kept.isUnplayed ? "Nothing was played: your session had ended when you pressed Barge now." : "What you had written is back.",
      (kept.isUnplayed ? "What you had chosen is back. " : "") + "Look it over before you go on: meanwhile things may have changed.",
    );
  }

  document.addEventListener("DOMContentLoaded", restore);
})();
