// The editor of rules: fields that a choice makes meaningless are hidden, and the words beside the form follow what is typed.
// Without this file everything works by its buttons.
const rules = document.getElementById("rules");

function fit() {
  for (const part of rules.querySelectorAll("[data-needs]")) {
    const choice = document.getElementById(part.dataset.needs);
    part.hidden = !part.dataset.values.split(" ").includes(choice.value);
  }
}

// A list of codes has a search field above it, which needs this file and is hidden without.
function seek() {
  for (const picks of rules.querySelectorAll(".picks")) {
    const search = picks.querySelector("[data-search]");
    search.hidden = false;
    search.querySelector("input").addEventListener("input", (event) => {
      event.stopPropagation();
      const sought = event.target.value.trim().toLowerCase();
      for (const item of picks.querySelectorAll("li")) item.hidden = !item.textContent.toLowerCase().includes(sought);
    });
    search.querySelector("input").addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
  }
}

if (rules) {
  const words = document.getElementById("words");
  const state = document.getElementById("state");
  let timer, asked;

  async function follow() {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(rules.dataset.preview, { method: "POST", body: new FormData(rules), signal: asked.signal });
      if (!answer.ok) throw new Error(answer.status);
      words.innerHTML = await answer.text();
      state.textContent = words.dataset.typed;
    } catch (error) {
      if (error.name !== "AbortError") state.textContent = words.dataset.away;
    }
  }

  fit();
  seek();
  rules.addEventListener("input", () => {
    fit();
    clearTimeout(timer);
    timer = setTimeout(follow, 600);
  });
}
