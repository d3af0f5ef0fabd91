// Menus close on Escape, on a click elsewhere, and when one of their buttons is pressed.

const openMenus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener(
  "keydown",
  (event) => {
    const [menu] = openMenus();
    if (event.key !== "Escape" || !menu || document.querySelector("dialog[open]")) return;
    event.preventDefault(); // what else the key does is for the next press
    menu.open = false;
    menu.querySelector("summary").focus();
  },
  { capture: true },
);

document.addEventListener("click", ({ target }) => {
  for (const menu of openMenus()) if (!menu.contains(target) || target.closest("button")) menu.open = false;
});
