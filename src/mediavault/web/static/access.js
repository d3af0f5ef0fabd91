// The bookmarklet is dragged, not pressed: the page's own policy would stop it.
document.querySelector(".bookmarklet")?.addEventListener("click", (event) => event.preventDefault());

// The copy button of a new token. Browsers allow writing to the clipboard only over TLS and on localhost.

const copy = document.getElementById("copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById("fresh-token").textContent);
    copy.querySelector("span").textContent = copy.dataset.done;
  });
}
