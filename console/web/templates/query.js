// Sends what was typed to /graphql, and shows the answer.
"use strict";
(() => {
  const form = document.getElementById("ask"), answer = document.getElementById("answer");
  const send = async (event) => {
    event.preventDefault();
    try {
      const variables = JSON.parse(form.variables.value || "{}");
      const reply = await fetch("/graphql", {
        method: "POST",
        headers: { "content-type": "application/json", "x-csrf-token": form.dataset.csrf },
        body: JSON.stringify({ query: form.query.value, variables }),
      });
      answer.textContent = JSON.stringify(await reply.json(), null, 2);
    } catch (error) {
      answer.textContent = String(error);
    }
  };
  form.addEventListener("submit", send);
  form.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.key === "Enter") send(event);
  });
})();
