// Notices that come and go. Problems stay until they are closed or have been there long enough to read.

import { h } from "../dom.js";
import { icon } from "../icons.js";

const NOTICE_MS = 4000;
const PROBLEM_MS = 12000;
const MOST = 3;

/** Shows notices in `place`. */
export function toasts(place) {
  function show(kind, ms, ...content) {
    const close = h("button", { class: "icon-button", type: "button", "aria-label": "Close this notice" }, icon("close"));
    const toast = h("div", { class: `toast ${kind}` }, h("div", { class: "toast-text" }, ...content), close);
    const remove = () => toast.remove();
    close.addEventListener("click", remove);
    setTimeout(remove, ms);
    place.append(toast);
    while (place.children.length > MOST) place.firstElementChild.remove();
  }
  return {
    notice: (text) => show("notice", NOTICE_MS, h("p", null, text)),
    /** A Problem in its own words. */
    problem: (problem) => show("bad", PROBLEM_MS, ...problemText(problem)),
  };
}

/** What a problem document says: title, what to do, each fault, and the id that stands in the log. */
export function problemText(problem) {
  const faults = problem.faults ?? [];
  return [
    h("p", { class: "toast-title" }, problem.title ?? "Something went wrong"),
    h("p", null, problem.detail || problem.message),
    faults.length > 0 && h("ul", null, faults.map(({ pointer, detail }) => h("li", null, h("code", null, pointer || "/"), ` ${detail}`))),
    problem.requestId && h("p", { class: "quiet" }, "Request ", h("code", null, problem.requestId)),
  ];
}
