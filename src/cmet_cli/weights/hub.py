"""The Hub client's calls, with its errors turned into ours and its answers checked."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub import errors as hub_errors
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import tqdm

from ..errors import CmetError, HubError, MediaError
from .hub_bounds import NOT_A_HUB, bounded
from .record import is_inside

CONNECT_TIMEOUT_S = 8.0  # twice, at worst, before we say that the Hub cannot be reached
WAYS_OUT = (
    "copy a weights folder from a machine that has one and give it with --weights-dir, "
    "or set HF_ENDPOINT to a mirror that you trust"
)
MAX_LISTED = 5000
#: A broken download goes on where it stopped; one that starts again and again is given up.
MOST_TIMES_SENT = 3
_SMALL_BYTES = 1 << 20
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class RemoteFile:
    """One file on the Hub, by its own metadata.

    revision: the commit it is of; sha256: of large files; git_sha1: git's name for the content of
    small ones. Where the Hub states neither, both are ``None``.
    """

    repo: str
    repo_type: str
    path: str
    revision: str
    size: int
    sha256: str | None = None
    git_sha1: str | None = None


def endpoint_in_use(endpoint: str | None) -> str:
    """The Hub's address: as given, else ``$HF_ENDPOINT``, else the public one."""
    return endpoint or constants.ENDPOINT


def remote_file(
    repo: str, path: str, revision: str, repo_type: str = "model", endpoint: str | None = None
) -> RemoteFile:
    """Ask the Hub what a file is. Raises :class:`HubError` within about 15 seconds."""
    what = f"{repo}/{path}"
    with _translated(what, endpoint), bounded(what):
        if constants.HF_HUB_OFFLINE:
            raise hub_errors.OfflineModeIsEnabled("offline")
        url = hf_hub_url(repo, path, repo_type=repo_type, revision=revision, endpoint=endpoint)
        meta = get_hf_file_metadata(url, timeout=CONNECT_TIMEOUT_S, endpoint=endpoint)
    commit, tag = meta.commit_hash or "", meta.etag or ""
    if not _SHA1.fullmatch(commit) or meta.size is None or meta.size < 0:
        raise _not_a_hub(what, endpoint, "no commit or size")
    return RemoteFile(
        repo,
        repo_type,
        path,
        commit,
        meta.size,
        sha256=tag if _SHA256.fullmatch(tag) else None,
        git_sha1=tag if _SHA1.fullmatch(tag) else None,
    )


def list_files(
    repo: str, folder: str, repo_type: str, endpoint: str | None = None
) -> list[RemoteFile]:
    """Every file below a folder of a repository, all at one revision. Raises :class:`HubError`."""
    api, what = HfApi(endpoint=endpoint), f"{repo}/{folder}"
    with _translated(what, endpoint), bounded(what):
        revision = api.repo_info(repo, repo_type=repo_type, timeout=CONNECT_TIMEOUT_S).sha or ""
        if not _SHA1.fullmatch(revision):
            raise _not_a_hub(what, endpoint, "no commit")
        tree = api.list_repo_tree(
            repo, folder, recursive=True, revision=revision, repo_type=repo_type
        )
        items = list(islice(tree, MAX_LISTED + 1))
        if len(items) > MAX_LISTED:
            raise HubError(f"{what}: more than {MAX_LISTED} files are listed", NOT_A_HUB)
        return [
            RemoteFile(
                repo,
                repo_type,
                item.path,
                revision,
                int(item.size),
                sha256=item.lfs.sha256 if item.lfs else None,
                git_sha1=None if item.lfs else item.blob_id,
            )
            for item in items
            if isinstance(item, RepoFile) and is_inside(item.path)
        ]


def fetch(
    remote: RemoteFile,
    into: Path,
    on_bytes: Callable[[int, int | None], None],
    endpoint: str | None = None,
) -> Path:
    """Download one file below ``into``; a connection that breaks off is taken up again.

    on_bytes: called with bytes so far and in all. Raises :class:`HubError`, also for more bytes
    than the file has; :class:`MediaError` where they cannot be written.
    """
    what = f"{remote.repo}/{remote.path}"
    most = MOST_TIMES_SENT * remote.size + _SMALL_BYTES
    with _translated(what, endpoint), bounded(what, most):
        path = hf_hub_download(
            remote.repo,
            remote.path,
            repo_type=remote.repo_type,
            revision=remote.revision,
            local_dir=into,
            etag_timeout=CONNECT_TIMEOUT_S,
            endpoint=endpoint,
            tqdm_class=_bar_class(remote, on_bytes),
        )
    return Path(path)


def _bar_class(remote: RemoteFile, on_bytes: Callable[[int, int | None], None]) -> Any:
    class CountingBar(tqdm):
        """The client's progress bar, drawn by nobody, counted by us."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._seen = int(kwargs.get("initial") or 0)
            super().__init__(*args, **(kwargs | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            self._seen += int(n or 0)
            if self._seen > remote.size:
                raise HubError(
                    f"{remote.repo}/{remote.path}: the Hub sends more than it announced "
                    f"({remote.size} bytes)",
                    NOT_A_HUB,
                )
            on_bytes(self._seen, remote.size)

    return CountingBar


# ---------------------------------------------------------------- errors


@contextmanager
def _translated(what: str, endpoint: str | None) -> Iterator[None]:
    try:
        yield
    except CmetError:
        raise
    except Exception as error:
        raise _judged(error, what, endpoint) from error


_ABSENT = (
    hub_errors.RepositoryNotFoundError,
    hub_errors.RevisionNotFoundError,
    hub_errors.RemoteEntryNotFoundError,
)
#: What the client makes of an answer that is no metadata, no JSON, or JSON of another kind.
_NOT_UNDERSTOOD = (
    hub_errors.FileMetadataError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


def _judged(error: Exception, what: str, endpoint: str | None) -> CmetError:
    """Any error of the Hub client, or of the HTTP library below it, as one of ours."""
    cause = error.__cause__
    if isinstance(error, hub_errors.LocalEntryNotFoundError) and isinstance(cause, Exception):
        error = cause
    if isinstance(error, hub_errors.OfflineModeIsEnabled):
        message = f"{what} is not on this machine, and HF_HUB_OFFLINE forbids fetching it"
        return HubError(message, WAYS_OUT)
    if isinstance(error, hub_errors.HfHubHTTPError):
        return _answered(error, what, endpoint)
    if isinstance(error, _NOT_UNDERSTOOD):
        return _not_a_hub(what, endpoint, _reason(error))
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return MediaError(f"{what}: No space left on device", "free some disk space")
    if isinstance(error, OSError) and error.filename is not None:
        return MediaError(f"{error.filename} cannot be written ({error.strerror})")
    if type(error) is OSError and error.errno is None:  # the client's own check of the size
        return HubError(f"{what}: broken off, or not of the stated size", "run the download again")
    return HubError(
        f"the Hub at {endpoint_in_use(endpoint)} cannot be reached for {what} ({_reason(error)})",
        WAYS_OUT,
    )


def _answered(error: hub_errors.HfHubHTTPError, what: str, endpoint: str | None) -> HubError:
    """The Hub's own refusals."""
    status = getattr(error.response, "status_code", 0)
    if isinstance(error, hub_errors.GatedRepoError) or status in (401, 403):
        return HubError(
            f"{what}: the Hub refused access ({status or 'gated'})",
            "log in with `hf auth login` or set HF_TOKEN, and accept the repository's terms",
        )
    if isinstance(error, _ABSENT):
        return HubError(
            f"{what} is not where it is expected on {endpoint_in_use(endpoint)}",
            "its publisher may have moved it; look there, and give files by hand with "
            "--weights-dir",
        )
    return HubError(f"{what}: the Hub answered {status}", "try again in a few minutes")


def _not_a_hub(what: str, endpoint: str | None, reason: str) -> HubError:
    return HubError(
        f"{what}: {endpoint_in_use(endpoint)} did not answer as a Hub does ({reason})", NOT_A_HUB
    )


def _reason(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:120] or type(error).__name__
