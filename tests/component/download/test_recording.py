"""A running HLS stream from a loopback server is recorded segment by segment,
and nothing that is missing is hidden.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import LinkExpired
from mediavault.core.media import DownloadedFile, Expected, LiveNow, SourceType
from mediavault.core.recordings import Recording, RecordingEnd
from mediavault.download.port import RecordingOrder
from mediavault.download.recording_state import STATE_FILE, load_state
from mediavault.media import library as media_library
from mediavault.media import probe_child
from mediavault.media.judgement import problems
from tests import media
from tests.component.download.conftest import LIMITS, Fetch
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, Reply, Request, serve

media_library.quiet()

pytestmark = pytest.mark.usefixtures("joined_here")

SEGMENT_S = 2.0
FIRST = 40  # the number of the first segment of the clip


@dataclass
class Broadcast:
    """Sends a clip as a stream: at each moment the ``window`` newest segments, by the clock; it
    ends after the clip.

    ``answers`` replace those of the server, by the number of the request for the playlist (from 1).
    """

    server: FaultServer
    clock: FakeClock
    files: Mapping[str, bytes] = field(default_factory=lambda: media.hls("ts", seconds=24.0))
    window: int = 3
    first: int = FIRST
    tags: tuple[str, ...] = ()
    key: bool = False
    under: str = "/"
    tag_before: Mapping[int, str] = field(default_factory=dict)
    answers: dict[int, Reply] = field(default_factory=dict)
    when: Callable[[int], None] = lambda _asked: None
    ends: bool = True
    asked: int = 0

    def __post_init__(self) -> None:
        self.began_s = self.clock.monotonic()
        self.names = sorted(name for name in self.files if name.startswith("seg"))
        self.server.on(f"{self.under}index.m3u8", self._playlist)
        for name, body in self.files.items():
            if name != "index.m3u8":
                self.server.on(self.under + name, self._segment(name, body))

    @property
    def newest(self) -> int:
        return min(
            len(self.names) - 1,
            self.window - 1 + int((self.clock.monotonic() - self.began_s) / SEGMENT_S),
        )

    @property
    def oldest(self) -> int:
        return (
            0
            if "#EXT-X-PLAYLIST-TYPE:EVENT" in self.tags
            else max(0, self.newest - self.window + 1)
        )

    def _playlist(self, request: Request) -> Reply:
        self.asked += 1
        self.when(self.asked)
        if self.asked in self.answers:
            return self.answers[self.asked]
        lines = [
            "#EXTM3U",
            "#EXT-X-TARGETDURATION:2",
            f"#EXT-X-MEDIA-SEQUENCE:{self.first + self.oldest}",
            *self.tags,
        ]
        if "init.mp4" in self.files:
            lines.append('#EXT-X-MAP:URI="init.mp4"')
        if self.key:
            lines.append('#EXT-X-KEY:METHOD=AES-128,URI="key.bin"')
        for number in range(self.oldest, self.newest + 1):
            lines += [tag] if (tag := self.tag_before.get(number)) else []
            lines += [f"#EXTINF:{SEGMENT_S},", f"{self.names[number]}?token={self.asked}"]
        if self.ends and self.newest == len(self.names) - 1:
            lines.append("#EXT-X-ENDLIST")
        return serve("\n".join(lines).encode())(request)

    def _segment(self, name: str, body: bytes) -> Callable[[Request], Reply]:
        def script(request: Request) -> Reply:
            if name in self.names and self.names.index(name) < self.oldest - 1:
                return Reply(status=404)
            return serve(body)(request)

        return script


@dataclass
class Recorder:
    """Calls the downloader with an order whose folder stays from one call to the next."""

    fetch: Fetch
    folder: Path
    seen: list[Recording] = field(default_factory=list)
    began: int = 0

    def order(self, **facts: Any) -> RecordingOrder:
        async def begin() -> None:
            self.began += 1

        folder = self.folder / "recording"
        folder.mkdir(exist_ok=True)
        return RecordingOrder(folder, begin, self.seen.append, **facts)

    async def record(
        self, order: RecordingOrder | None = None, path: str = "/index.m3u8", **facts: Any
    ) -> DownloadedFile:
        into = self.folder / "media"
        into.mkdir(exist_ok=True)
        return await self.fetch(
            path, source_type=SourceType.HLS, into=into, recording=order or self.order(), **facts
        )


@pytest.fixture
def recorder(fetch: Fetch, tmp_path: Path) -> Recorder:
    return Recorder(fetch, tmp_path)


def recorded(file: DownloadedFile) -> Recording:
    assert file.recording is not None
    return file.recording


def faults(file: DownloadedFile, duration_s: float) -> tuple[object, ...]:
    return problems(probe_child.examine(file.path), Expected(duration_s=duration_s, audio=True))


async def test_a_stream_is_recorded_from_its_oldest_listed_segment_to_its_end(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    Broadcast(server, clock)
    file = await recorder.record()

    assert faults(file, 24.0) == ()
    assert replace(recorded(file), bytes=0) == Recording(24.0, 0, end=RecordingEnd.ENDED)
    assert (file.expected.duration_s, file.segmented) == (None, True)
    assert len(server.asked("/seg003.ts")) == 1
    assert recorder.began == 1
    assert recorder.seen[0].recorded_s == 0
    assert recorder.seen[-1].recorded_s == 24.0


async def test_the_playlist_is_requested_once_in_a_target_duration_and_twice_after_no_news(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    broadcast = Broadcast(server, clock, ends=False)
    await recorder.record()
    waits = [seconds for seconds in clock.slept if seconds > 0]

    assert waits[:5] == pytest.approx([2.0] * 5)
    assert waits[-5:] == pytest.approx([1.0] * 5)
    assert broadcast.asked > 300


@pytest.mark.parametrize(
    ("files", "key"),
    [(lambda: media.hls("fmp4", seconds=24.0), False), (media.hls_aes, True)],
    ids=["initialisation section", "encrypted"],
)
async def test_a_stream_of_any_form_is_recorded(
    files: Callable[[], Mapping[str, bytes]],
    key: bool,
    server: FaultServer,
    clock: FakeClock,
    recorder: Recorder,
) -> None:
    clip = files()
    Broadcast(server, clock, clip, window=1, first=0, key=key)
    file = await recorder.record()

    length_s = SEGMENT_S * sum(name.startswith("seg") for name in clip)
    assert faults(file, length_s) == ()
    assert recorded(file).recorded_s == length_s
    assert len(server.asked("/init.mp4")) <= 1
    assert len(server.asked("/key.bin")) <= 1


async def test_separate_sound_is_recorded_with_the_pictures(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    clip = media.hls_split()
    for name in ("high", "sound"):
        files = {
            path.removeprefix(f"{name}/"): body
            for path, body in clip.items()
            if path.startswith(f"{name}/")
        }
        Broadcast(server, clock, files, window=1, under=f"/{name}/")
    server.on("/index.m3u8", serve(clip["index.m3u8"]))
    file = await recorder.record()

    assert faults(file, 6.0) == ()
    assert recorded(file).gaps == 0
    assert not server.asked("/low/index.m3u8")


async def test_of_an_event_everything_is_recorded_from_its_start(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    broadcast = Broadcast(server, clock, first=0, tags=("#EXT-X-PLAYLIST-TYPE:EVENT",))
    broadcast.began_s -= 12.0
    file = await recorder.record()

    assert (recorded(file).offset_s, recorded(file).recorded_s) == (0.0, 24.0)


@pytest.mark.parametrize(("offset", "begins"), [("3", 2), ("-1", 4), ("99", 4), ("-99", 0)])
async def test_a_recording_begins_where_the_playlist_says(
    offset: str, begins: int, server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    """The window has the segments that begin after 0, 2 and 4 seconds."""
    Broadcast(server, clock, first=0, tags=(f"#EXT-X-START:TIME-OFFSET={offset}",))
    file = await recorder.record()

    assert (recorded(file).offset_s, recorded(file).recorded_s) == (begins, 24.0 - begins)


async def test_the_offset_is_known_where_the_site_says_when_the_stream_began(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    date = (clock.now() - timedelta(seconds=20)).isoformat()
    Broadcast(server, clock, tag_before={0: f"#EXT-X-PROGRAM-DATE-TIME:{date}"})
    file = await recorder.record(recorder.order(began_at=clock.now() - timedelta(seconds=770)))

    assert recorded(file).offset_s == 750.0


async def test_without_dates_the_newest_segment_counts_as_sent_now(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    Broadcast(server, clock)
    file = await recorder.record(recorder.order(began_at=clock.now() - timedelta(seconds=100)))

    assert recorded(file).offset_s == 94.0


async def test_what_slid_out_of_the_list_is_a_gap_and_the_rest_plays(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    broadcast = Broadcast(server, clock)
    broadcast.when = lambda asked: clock.advance(8.0) if asked == 3 else None
    file = await recorder.record()

    assert replace(recorded(file), bytes=0) == Recording(
        20.0, 0, gaps=1, missing_s=4.0, end=RecordingEnd.ENDED
    )
    assert faults(file, 20.0) == ()


async def test_a_gap_in_both_tracks_is_one_gap(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    clip = media.hls_split()
    for name in ("high", "sound"):
        files = {
            path.removeprefix(f"{name}/"): body
            for path, body in clip.items()
            if path.startswith(f"{name}/")
        }
        Broadcast(server, clock, files, window=1, under=f"/{name}/")
    server.on("/high/seg001.m4s", lambda _: Reply(status=404))
    server.on("/sound/seg001.m4s", lambda _: Reply(status=404))
    server.on("/index.m3u8", serve(clip["index.m3u8"]))
    file = await recorder.record()

    assert (recorded(file).gaps, recorded(file).missing_s) == (1, 2.0)
    assert faults(file, 4.0) == ()


async def test_a_segment_that_stays_damaged_is_a_gap(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    broadcast = Broadcast(server, clock)
    server.on("/seg004.ts", serve(broadcast.files["seg004.ts"][:5_000]))
    file = await recorder.record()

    assert (recorded(file).gaps, recorded(file).recorded_s, recorded(file).missing_s) == (
        1,
        22.0,
        2.0,
    )
    assert faults(file, 22.0) == ()


async def test_a_segment_that_the_site_marks_as_missing_is_a_gap(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    Broadcast(server, clock, tag_before={5: "#EXT-X-GAP"})
    file = await recorder.record()

    assert (recorded(file).gaps, recorded(file).recorded_s) == (1, 22.0)
    assert not server.asked("/seg005.ts")


async def test_a_site_that_is_away_for_a_while_ends_nothing(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    Broadcast(server, clock, answers={asked: Reply(status=502) for asked in range(3, 6)})
    file = await recorder.record()

    assert recorded(file).end is RecordingEnd.ENDED
    assert recorded(file).gaps <= 1
    assert faults(file, recorded(file).recorded_s) == ()


async def test_discontinuities_are_joined_even_where_the_site_does_not_count_them(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    """The window slides past the tag, after which the segments would seem to belong to the part
    before it.
    """
    Broadcast(server, clock, tag_before={4: "#EXT-X-DISCONTINUITY", 8: "#EXT-X-DISCONTINUITY"})
    file = await recorder.record()
    state = load_state(recorder.folder / "recording")

    assert faults(file, 24.0) == ()
    assert recorded(file).gaps == 0
    assert state is not None
    assert [run.part for run in state.tracks[0].runs] == [0, 1, 2]


async def test_a_stream_that_counts_from_the_start_again_goes_on_after_a_gap(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    broadcast = Broadcast(server, clock)

    def restart(asked: int) -> None:
        if asked == 6:
            broadcast.first, broadcast.under = 0, "/again/"
            broadcast.names = broadcast.names[6:]
            broadcast.began_s = clock.monotonic()

    broadcast.when = restart
    file = await recorder.record()

    assert recorded(file).gaps == 1
    assert recorded(file).end is RecordingEnd.ENDED


# --- the end --------------------------------------------------------------------------------------


async def test_a_playlist_that_is_gone_ends_the_recording(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    Broadcast(server, clock, answers={asked: Reply(status=404) for asked in range(5, 20)})
    file = await recorder.record()

    assert recorded(file).end is RecordingEnd.GONE
    assert faults(file, recorded(file).recorded_s) == ()


async def test_a_stream_that_brings_nothing_new_for_five_minutes_has_ended(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    Broadcast(server, clock, ends=False)
    began_s = clock.monotonic()
    file = await recorder.record()

    assert replace(recorded(file), bytes=0) == Recording(24.0, 0, end=RecordingEnd.QUIET)
    assert 300 <= clock.monotonic() - began_s - 18 < 302


async def test_a_running_stream_of_which_nothing_comes_is_live(
    server: FaultServer, recorder: Recorder
) -> None:
    server.on("/index.m3u8", serve(b"#EXTM3U\n#EXT-X-TARGETDURATION:2"))

    with pytest.raises(LiveNow):
        await recorder.record()


async def test_a_stopped_recording_keeps_what_there_is(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    order = recorder.order()
    Broadcast(server, clock, when=lambda asked: order.stop.set() if asked == 4 else None)
    file = await recorder.record(order)

    assert replace(recorded(file), bytes=0) == Recording(12.0, 0, end=RecordingEnd.STOPPED)
    assert faults(file, 12.0) == ()


async def test_the_size_limit_ends_the_recording_and_keeps_what_there_is(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    broadcast = Broadcast(server, clock)
    most = sum(len(broadcast.files[name]) for name in broadcast.names[:7]) + 1_000
    file = await recorder.record(limits=replace(LIMITS, max_bytes=most))

    assert replace(recorded(file), bytes=0) == Recording(14.0, 0, end=RecordingEnd.SIZE)
    assert faults(file, 14.0) == ()


async def test_a_disk_without_room_to_join_what_is_recorded_ends_the_recording(
    server: FaultServer, clock: FakeClock, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast = Broadcast(server, clock)
    room = sum(len(broadcast.files[name]) for name in broadcast.names[:6])
    usage = type("Usage", (), {"free": room})
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: usage)
    file = await recorder.record()

    assert recorded(file).end is RecordingEnd.DISK
    assert 0 < recorded(file).recorded_s <= 14.0


async def test_a_refused_playlist_asks_for_another_url(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    Broadcast(server, clock, answers={4: Reply(status=403)})
    with pytest.raises(LinkExpired):
        await recorder.record()
    file = await recorder.record()

    assert recorded(file).end is RecordingEnd.ENDED
    assert recorded(file).recorded_s + recorded(file).missing_s == 24.0


# --- a later call goes on -------------------------------------------------------------------------


async def interrupted(recorder: Recorder, broadcast: Broadcast, *, at: int) -> None:
    """Record until the playlist is asked for the ``at``th time, then cancel,
    as a worker that is stopped does.
    """

    def cancel(asked: int) -> None:
        if asked == at:
            task.cancel()

    broadcast.when = cancel
    task = asyncio.create_task(recorder.record())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_later_call_goes_on_without_a_gap_where_nothing_was_lost(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    await interrupted(recorder, Broadcast(server, clock), at=4)
    file = await recorder.record()

    assert replace(recorded(file), bytes=0) == Recording(24.0, 0, end=RecordingEnd.ENDED)
    assert len(server.asked("/seg002.ts")) == 1
    assert faults(file, 24.0) == ()


async def test_a_later_call_counts_what_it_missed_as_a_gap(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    await interrupted(recorder, Broadcast(server, clock), at=4)
    clock.advance(10.0)
    file = await recorder.record()

    assert recorded(file).gaps == 1
    assert recorded(file).recorded_s + recorded(file).missing_s == 24.0
    assert faults(file, recorded(file).recorded_s) == ()


async def test_bytes_that_the_state_does_not_name_are_cut_off(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    """A killed process leaves half a segment behind."""
    await interrupted(recorder, Broadcast(server, clock), at=4)
    folder = recorder.folder / "recording"
    run = max(folder.glob("video-*.part"))
    whole = run.read_bytes()
    run.write_bytes(whole + b"G" * 100)
    assert load_state(folder) is not None
    assert run.read_bytes() == whole

    run.write_bytes(whole + b"G" * 100)
    file = await recorder.record()

    assert recorded(file).recorded_s == 24.0
    assert faults(file, 24.0) == ()


async def test_a_stream_that_is_gone_meanwhile_becomes_what_there_is(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    await interrupted(recorder, Broadcast(server, clock), at=4)
    server.on("/index.m3u8", lambda _: Reply(status=404))
    file = await recorder.record()

    assert replace(recorded(file), bytes=0) == Recording(10.0, 0, end=RecordingEnd.GONE)


async def test_a_stream_that_has_ended_meanwhile_is_fetched_as_a_whole_where_the_site_has_it(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    broadcast = Broadcast(server, clock)
    await interrupted(recorder, broadcast, at=4)
    server.files(broadcast.files)
    file = await recorder.record()

    assert file.recording is None
    assert faults(file, 24.0) == ()


async def test_an_ended_list_without_the_beginning_completes_the_recording(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    await interrupted(recorder, Broadcast(server, clock), at=7)
    clock.advance(60.0)
    file = await recorder.record()

    assert recorded(file).end is RecordingEnd.ENDED
    assert recorded(file).recorded_s == 22.0


async def test_a_finished_recording_is_joined_again_without_a_request(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    """A worker may be killed between the end of the recording and its place in the library."""
    Broadcast(server, clock)
    first = await recorder.record()
    requests = len(server.requests)
    again = await recorder.record()

    assert (recorded(again), again.bytes) == (recorded(first), first.bytes)
    assert len(server.requests) == requests


async def test_an_order_that_is_given_up_ends_with_what_an_earlier_call_recorded(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    await interrupted(recorder, Broadcast(server, clock), at=4)
    order = recorder.order()
    order.give_up()
    file = await recorder.record(order)

    assert recorded(file).end is RecordingEnd.REFUSED


async def test_a_state_whose_files_are_shorter_than_it_says_is_not_trusted(
    server: FaultServer, clock: FakeClock, recorder: Recorder
) -> None:
    await interrupted(recorder, Broadcast(server, clock), at=4)
    folder = recorder.folder / "recording"
    run = max(folder.glob("video-*.part"))
    assert load_state(folder) is not None
    run.write_bytes(run.read_bytes()[:-1])

    assert load_state(folder) is None
    (folder / STATE_FILE).write_text("[")
    assert load_state(folder) is None


async def test_without_an_order_a_running_stream_is_live(
    server: FaultServer, clock: FakeClock, fetch: Fetch
) -> None:
    Broadcast(server, clock)

    with pytest.raises(LiveNow):
        await fetch("/index.m3u8", source_type=SourceType.HLS)
