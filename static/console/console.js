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
// Control or Command and K: the palette. What is typed narrows the menu's doors; Enter goes through the first, or else finds a member.
const palette = document.getElementById("palette");
if (palette) {
  const typed = palette.querySelector("input[name=text]"), list = palette.querySelector("ul");
  const doors = [...document.querySelectorAll("#menu a")].map((door) => [door.textContent.trim(), door.href]);
  const narrow = () => {
    const wanted = typed.value.trim().toLowerCase();
    const fitting = wanted ? doors.filter(([name]) => name.toLowerCase().includes(wanted)).slice(0, 8) : [];
    list.replaceChildren(...fitting.map(([name, href]) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.textContent = name;
      link.href = href;
      item.append(link);
      return item;
    }));
  };
  typed.addEventListener("input", narrow);
  typed.addEventListener("keydown", (event) => {
    const first = list.querySelector("a");
    if (event.key !== "Enter" || event.isComposing) return;
    if (first) {
      event.preventDefault();
      window.location.assign(first.href);
    } else if (!palette.querySelector("button")) {
      event.preventDefault();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    typed.value = "";
    narrow();
    palette.showModal();
  });
}
