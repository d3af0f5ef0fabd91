// A collection: its videos are moved and taken out in place, and what was taken out is put back where it was by undo.

import { call, pageOf, say, submitForm } from "/static/core.js";
import { tell } from "/static/toast.js";

const list = () => document.getElementById("ordered");

function show(page, focused) {
  list().replaceWith(document.adoptNode(page.getElementById("ordered")));
  const [row, move] = focused;
  (document.querySelector(`#${row} [value="${move}"]`) ?? list()).focus({ preventScroll: true });
}

async function reload(focused) {
  show(await pageOf(await fetch(location.href, { headers: { Accept: "text/html" } }), "ordered"), focused);
}

async function takeOut(row, id) {
  const fields = new URLSearchParams({ mark: "uncollect", titles: list().dataset.title, id });
  const done = await call("POST", "/library/mark", fields);
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  next?.querySelector("[value=out]").focus({ preventScroll: true });
  tell(done, () => reload([row.id, "out"]));
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches(".moves")) return;
  event.preventDefault();
  const row = form.closest("li");
  const { value: move } = event.submitter;
  const fields = new FormData(form, event.submitter);
  try {
    if (move === "out") await takeOut(row, fields.get("id"));
    else show(await submitForm(form.action, fields, "ordered"), [row.id, move]);
    say("");
  } catch (problem) {
    say(problem.message, problem.help);
  }
});
