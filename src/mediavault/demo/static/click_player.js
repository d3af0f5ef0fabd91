// The address of the video is asked for only when a person presses the picture.
for (const button of document.querySelectorAll(".player button")) {
  button.addEventListener("click", async () => {
    const video = button.parentElement.querySelector("video");
    const answer = await fetch(button.dataset.ask);
    video.src = (await answer.json()).src;
    video.controls = true;
    button.remove();
    video.play().catch(() => {});
  });
}
