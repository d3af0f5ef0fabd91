// Ctrl+K, or Command+K on a Mac, and the button in the header open the command palette. It is loaded when first asked for.

const isMac = /^(Mac|iP)/.test(navigator.platform); // there, Ctrl+K deletes to the end of a line
const button = document.getElementById("palette-open");

async function open(only) {
  const { toggle } = await import("/static/palette.js");
  toggle(only);
}

button.hidden = false;
button.addEventListener("click", () => open());
for (const finder of document.querySelectorAll("[data-palette]")) { // opens it for settings alone
  finder.hidden = false;
  finder.addEventListener("click", () => open(finder.textContent.trim()));
}
document.addEventListener("keydown", (event) => {
  if (!(isMac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey) || event.altKey || event.shiftKey) return;
  if (event.key.toLowerCase() !== "k" || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  open();
});
