// The copy button of a new token. Browsers let a page write to the clipboard over TLS and on this machine alone.

const copy = document.getElementById("copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById("fresh-token").textContent);
    copy.querySelector("span").textContent = copy.dataset.done;
  });
}
