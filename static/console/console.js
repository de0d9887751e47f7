// "/" goes to the search box, from anywhere but a field; Escape leaves it.
document.addEventListener("keydown", (event) => {
  const search = document.getElementById("search");
  if (!search || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !event.target.closest("input, select, textarea")) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && event.target === search) {
    document.getElementById("main").focus();
  }
});
// A person in clear: the seconds run down, then the page is left; one that comes back out of the browser's memory is asked for anew.
const left = document.querySelector("[data-seconds]");
if (left) {
  const end = performance.now() + 1000 * Number(left.dataset.seconds);
  const ticking = setInterval(() => {
    const seconds = Math.ceil((end - performance.now()) / 1000);
    left.textContent = Math.max(seconds, 0);
    if (seconds > 0) return;
    clearInterval(ticking);
    window.location.replace(left.dataset.then);
  }, 250);
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
}
