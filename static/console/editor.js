// The editor of rules: fields that a choice makes meaningless are hidden, and the words beside the form follow what is typed.
// Without this file everything works by its buttons.
const rules = document.getElementById("rules");

function fit() {
  for (const part of rules.querySelectorAll("[data-needs]")) {
    const choice = document.getElementById(part.dataset.needs);
    part.hidden = !part.dataset.values.split(" ").includes(choice.value);
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
  rules.addEventListener("input", () => {
    fit();
    clearTimeout(timer);
    timer = setTimeout(follow, 600);
  });
}
