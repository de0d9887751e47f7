/* What a page that changes in place owes to keyboards and screen readers: focus on what is new, and a word about it. */
"use strict";

const announcer = document.getElementById("announcer");

document.body.addEventListener("htmx:beforeRequest", (event) => event.detail.target.setAttribute("aria-busy", "true"));

document.body.addEventListener("htmx:afterSwap", (event) => {
  const arrived = event.detail.elt.querySelector?.("[data-arrived]") ?? document.querySelector("[data-arrived]:not([data-seen])");
  if (!arrived) return;
  arrived.dataset.seen = "";
  announcer.textContent = arrived.dataset.arrived;
  arrived.querySelector("a")?.focus();
});

document.body.addEventListener("htmx:beforeSwap", (event) => {
  // A session that ended answers with the sign-in page; that is a page of its own, not a part of this one.
  if (!new URL(event.detail.xhr.responseURL).pathname.startsWith("/accounts/")) return;
  event.detail.shouldSwap = false;
  window.location.reload();
});

for (const failure of ["htmx:sendError", "htmx:responseError"]) {
  document.body.addEventListener(failure, (event) => {
    // The plain link still works: the browser then says itself what is wrong with the connection.
    const link = event.detail.elt.closest("a[href]");
    if (link) window.location.assign(link.href);
  });
}
