"""obstore behind a small interface: S3, Google Cloud Storage and Azure as one kind of bucket. Its
only importer.

Every method may raise StorageFailure or NoSpace. obstore itself retries 5xx responses and
interrupted reads, but not a write whose response was lost, since only the writer can find out what
became of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, GCSStore, S3Store

from mediavault.core.failures import BadSetting, StorageFailure
from mediavault.core.messages import Message
from mediavault.library.bucket_address import (
    BucketAddress,
    BucketRefusal,
    Provider,
    is_missing_bucket,
    translate_refusal,
)

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, ObjectStore, RetryConfig, S3Config

STREAM_BYTES = 4 << 20
LIST_BATCH = 1000  # S3's largest page
CONTENT_TYPE = "Content-Type"
ABORT_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class BucketRetries:
    """How long the storage may take. Uploads have no stall limit, so that a slow line is enough."""

    connect_s: float = 10.0
    stall_s: float = 30.0  # between two pieces of a response
    request_s: float = 900.0  # one part of 8 MiB at 10 kB/s
    retries: int = 8
    first_wait_s: float = 0.2
    retry_within_s: float = 90.0


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """``record`` is what was written with the object, except its media type.
    ``etag`` is "" where there is none.
    """

    size: int
    etag: str
    record: Mapping[str, str]


class Bucket:
    """The objects below a prefix. Keys are relative to it, with forward slashes."""

    def __init__(self, address: BucketAddress, reader: ObjectStore, writer: ObjectStore) -> None:
        self.address = address
        self._reader, self._writer = reader, writer

    async def head(self, key: str) -> ObjectFacts | None:
        """Return the object's facts; None when there is no such object."""
        try:
            with self._translate_unexpected():
                response = await obstore.get_async(self._reader, key, options={"head": True})
        except FileNotFoundError:
            return None
        record = {
            str(name): value for name, value in response.attributes.items() if name != CONTENT_TYPE
        }
        return ObjectFacts(response.meta["size"], response.meta.get("e_tag") or "", record)

    async def create(self, key: str, body: bytes, kind: str, record: Mapping[str, str]) -> bool:
        """Put an object where none is, in one request; False when there is one."""
        if self.address.checks_first:
            if await self.head(key) is not None:
                return False
            await self.put(key, body, kind, record)
            return True
        with self._translate_errors():
            try:
                attributes = {CONTENT_TYPE: kind, **record}
                await obstore.put_async(
                    self._writer, key, body, attributes=attributes, mode="create"
                )
            except AlreadyExistsError:
                return False
        return True

    async def put(self, key: str, body: bytes, kind: str, record: Mapping[str, str]) -> None:
        """Put an object, replacing any other."""
        with self._translate_errors():
            await obstore.put_async(
                self._writer,
                key,
                body,
                attributes={CONTENT_TYPE: kind, **record},
                use_multipart=False,
            )

    async def upload(
        self,
        key: str,
        body: AsyncIterator[bytes],
        kind: str,
        record: Mapping[str, str],
        *,
        part: int,
        at_once: int,
    ) -> None:
        """Put an object in parts of ``part`` bytes; it appears with the last. Whatever ``body``
        raises ends it.

        An upload that fails or is cancelled is aborted, so that no parts are left behind and paid
        for.
        """
        stop = asyncio.Event()
        sending = asyncio.ensure_future(
            self._send(key, _until_stopped(stop, body), kind, record, part, at_once)
        )
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            # obstore aborts when its source fails; cancelling its task would leave the parts
            stop.set()
            await asyncio.wait({sending}, timeout=ABORT_WAIT_S)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            raise

    async def _send(
        self,
        key: str,
        body: AsyncIterator[bytes],
        kind: str,
        record: Mapping[str, str],
        part: int,
        at_once: int,
    ) -> None:
        attributes = {CONTENT_TYPE: kind, **record}
        with self._translate_errors():
            await obstore.put_async(
                self._writer,
                key,
                body,
                attributes=attributes,
                use_multipart=True,
                chunk_size=part,
                max_concurrency=at_once,
            )

    async def read(self, key: str, start: int, end: int, *, etag: str) -> bytes | None:
        """Return the bytes from ``start`` up to ``end`` of exactly that version;
        None when it is gone.
        """
        try:
            with self._translate_unexpected():
                options: obstore.GetOptions = {"range": (start, end)}
                if etag:
                    options["if_match"] = etag
                response = await obstore.get_async(self._reader, key, options=options)
                return bytes(await response.bytes_async())
        except (FileNotFoundError, PreconditionError):
            return None

    async def stream(self, key: str) -> AsyncIterator[bytes] | None:
        """Stream the whole object in pieces of some MB; None when there is none."""
        try:
            with self._translate_unexpected():
                response = await obstore.get_async(self._reader, key)
        except FileNotFoundError:
            return None
        return self._pieces(response)

    async def _pieces(self, response: obstore.GetResult) -> AsyncIterator[bytes]:
        with self._translate_errors():
            async for piece in response.stream(min_chunk_size=STREAM_BYTES):
                yield bytes(piece)

    async def remove(self, key: str) -> None:
        """Remove the object; a missing one is ignored."""
        with contextlib.suppress(FileNotFoundError), self._translate_unexpected():
            await obstore.delete_async(self._writer, key)

    async def walk(self) -> AsyncIterator[tuple[str, int]]:
        """Yield every object's key and size, in the order of the keys' bytes."""
        with self._translate_errors():
            async for page in obstore.list(self._reader, chunk_size=LIST_BATCH):
                for entry in page:
                    yield entry["path"], entry["size"]

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Translate all of obstore's errors."""
        try:
            with self._translate_unexpected():
                yield
        except (FileNotFoundError, AlreadyExistsError, PreconditionError) as exc:
            # of an upload: it was completed, and obstore, which did not know, could no longer abort
            # it
            raise translate_refusal(BucketRefusal.NOT_FOUND, str(exc), self.address) from exc

    @contextlib.contextmanager
    def _translate_unexpected(self) -> Iterator[None]:
        """Translate obstore's errors except those that are results.

        These are FileNotFoundError, AlreadyExistsError and PreconditionError.
        """
        try:
            yield
        except FileNotFoundError as exc:
            if is_missing_bucket(str(exc)):
                raise translate_refusal(BucketRefusal.NOT_FOUND, str(exc), self.address) from exc
            raise
        except (AlreadyExistsError, PreconditionError):
            raise
        except (PermissionDeniedError, UnauthenticatedError) as exc:
            raise translate_refusal(BucketRefusal.DENIED, str(exc), self.address) from exc
        except InvalidPathError as exc:
            raise StorageFailure(
                Message(
                    "%(address)s has an object whose name is not a path: %(error)s",
                    address=self.address,
                    error=str(exc).partition(chr(10))[0],
                ),
                help="Rename or remove that object: no key may have empty or dotted parts.",
            ) from exc
        except BaseError as exc:
            raise translate_refusal(BucketRefusal.OTHER, str(exc), self.address) from exc


async def _until_stopped(stop: asyncio.Event, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in body:
        if stop.is_set():
            break
        yield piece
    if stop.is_set():
        raise StorageFailure("The upload was given up.")


def open_bucket(address: BucketAddress, patience: BucketRetries | None = None) -> Bucket:
    """Return a bucket, without any request. Credentials come from obstore's environment variables.

    Raises BadSetting.
    """
    patience = patience or BucketRetries()
    stall: ClientConfig = {"read_timeout": timedelta(seconds=patience.stall_s)}
    try:
        return Bucket(address, _store(address, patience, stall), _store(address, patience, {}))
    except (BaseError, ValueError) as exc:
        raise BadSetting(f"MEDIAVAULT_VAULT_URL: {str(exc).partition(chr(10))[0]}") from exc


def _store(address: BucketAddress, patience: BucketRetries, more: ClientConfig) -> ObjectStore:
    client: ClientConfig = {
        "allow_http": (address.endpoint or "").startswith("http:"),
        "connect_timeout": timedelta(seconds=patience.connect_s),
        "timeout": timedelta(seconds=patience.request_s),
        **more,
    }
    retry: RetryConfig = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retry_within_s),
        "backoff": {"init_backoff": timedelta(seconds=patience.first_wait_s)},
    }
    prefix = address.prefix or None
    if address.provider is Provider.GOOGLE:
        return GCSStore(address.bucket, prefix=prefix, client_options=client, retry_config=retry)
    if address.provider is Provider.AZURE:
        azure: AzureConfig = {}
        if address.account:
            azure["account_name"] = address.account
        if address.endpoint:
            azure["endpoint"] = address.endpoint
        return AzureStore(
            address.bucket, prefix=prefix, config=azure, client_options=client, retry_config=retry
        )
    s3: S3Config = {"virtual_hosted_style_request": address.virtual_hosts}
    if address.endpoint:
        s3["endpoint"] = address.endpoint
    if address.region:
        s3["region"] = address.region
    return S3Store(
        address.bucket, prefix=prefix, config=s3, client_options=client, retry_config=retry
    )
