// Plays a playlist through Media Source Extensions: to the page, the video's address is a blob: only.
const video = document.querySelector("video[data-playlist]");

const get = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer;
};
const lines = async (address) => (await (await get(address)).text()).split("\n").map((line) => line.trim());
const happens = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));

async function play() {
  const master = new URL(video.dataset.playlist, location.href);
  const variants = await lines(master);
  const codecs = /CODECS="([^"]+)"/.exec(variants.find((line) => line.startsWith("#EXT-X-STREAM-INF")))[1];
  const playlist = new URL(variants.find((line) => line && !line.startsWith("#")), master);
  const rows = await lines(playlist);
  const init = /URI="([^"]+)"/.exec(rows.find((row) => row.startsWith("#EXT-X-MAP")))[1];
  const segments = rows.filter((row) => row && !row.startsWith("#"));

  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await happens(source, "sourceopen");
  const buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
  for (const name of [init, ...segments]) {
    const bytes = await (await get(new URL(name, playlist))).arrayBuffer();
    buffer.appendBuffer(bytes);
    await happens(buffer, "updateend");
  }
  source.endOfStream();
}

play().catch((error) => {
  document.querySelector(".note").textContent = `The player stopped: ${error.message}`;
});
