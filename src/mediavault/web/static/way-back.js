// A page's link to the library leads to the same place in it, if the reader came from there.

export const LEFT = "mediavault_library"; // per tab: the place that the library was left at, see library.js

export function leadBack(link) {
  link.addEventListener("click", ({ ctrlKey, metaKey, shiftKey }) => {
    const left = JSON.parse(sessionStorage.getItem(LEFT) ?? "null");
    if (ctrlKey || metaKey || shiftKey || !new URL(link.href).pathname.endsWith("/library") || left?.filter !== String(new URL(link.href).searchParams)) return;
    link.href = left.address; // with the month that the page began at
    sessionStorage.setItem(LEFT, JSON.stringify({ ...left, returns: true }));
  });
}
