// The bookmarklet is dragged, not pressed: the page's own policy would stop it.
document.querySelector(".bookmarklet")?.addEventListener("click", (event) => event.preventDefault());

// The copy buttons of new tokens and of feeds. Browsers allow writing to the clipboard only over TLS and on localhost.

for (const copy of navigator.clipboard ? document.querySelectorAll("#copy, [data-copies]") : []) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(copy.dataset.copies ?? "fresh-token").textContent);
    copy.querySelector("span").textContent = copy.dataset.done;
  });
}
