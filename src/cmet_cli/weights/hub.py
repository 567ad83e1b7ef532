"""The Hub client's calls, with its errors turned into ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub import errors as hub_errors

from ..errors import HubError, MediaError

CONNECT_TIMEOUT_S = 8.0  # twice, at worst, before we say that the Hub cannot be reached
WAYS_OUT = (
    "copy a weights folder from a machine that has one and give it with --weights-dir, "
    "or set HF_ENDPOINT to a mirror that you trust"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RemoteFile:
    """One file on the Hub, by its own metadata. sha256 only where the Hub states one."""

    repo: str
    repo_type: str
    path: str
    revision: str
    size: int | None
    sha256: str | None


def endpoint_in_use(endpoint: str | None) -> str:
    """The Hub's address: as given, else ``$HF_ENDPOINT``, else the public one."""
    return endpoint or constants.ENDPOINT


@contextmanager
def _translated(what: str, endpoint: str | None) -> Iterator[None]:
    try:
        yield
    except (HubError, KeyboardInterrupt):
        raise
    except hub_errors.OfflineModeIsEnabled as error:
        raise HubError(
            f"{what} is not on this machine, and HF_HUB_OFFLINE forbids fetching it", WAYS_OUT
        ) from error
    except hub_errors.GatedRepoError as error:
        raise _refused(what, error) from error
    except hub_errors.RepositoryNotFoundError as error:
        if _status(error) in (401, 403):
            raise _refused(what, error) from error
        raise _absent(what, endpoint) from error
    except (hub_errors.RevisionNotFoundError, hub_errors.RemoteEntryNotFoundError) as error:
        raise _absent(what, endpoint) from error
    except hub_errors.HfHubHTTPError as error:
        if _status(error) in (401, 403):
            raise _refused(what, error) from error
        raise HubError(
            f"{what}: the Hub answered {_status(error)}", "try again in a few minutes"
        ) from error
    except OSError as error:
        if getattr(error, "errno", None) == 28:
            raise MediaError(f"{what}: No space left on device", "free some disk space") from error
        raise _unreachable(what, endpoint, error) from error
    except Exception as error:  # the HTTP library's own errors, whichever library it is
        raise _unreachable(what, endpoint, error) from error


def _status(error: Exception) -> int:
    return getattr(getattr(error, "response", None), "status_code", 0)


def _refused(what: str, error: Exception) -> HubError:
    return HubError(
        f"{what}: the Hub refused access ({_status(error) or 'gated'})",
        "log in with `hf auth login` or set HF_TOKEN, and accept the repository's terms",
    )


def _absent(what: str, endpoint: str | None) -> HubError:
    return HubError(
        f"{what} is not where it is expected on {endpoint_in_use(endpoint)}",
        "its publisher may have moved it; look there, and give files by hand with --weights-dir",
    )


def _unreachable(what: str, endpoint: str | None, error: Exception) -> HubError:
    reason = (str(error).strip().splitlines() or [""])[0][:120] or type(error).__name__
    return HubError(
        f"the Hub at {endpoint_in_use(endpoint)} cannot be reached for {what} ({reason})", WAYS_OUT
    )


def remote_file(
    repo: str, path: str, revision: str, repo_type: str = "model", endpoint: str | None = None
) -> RemoteFile:
    """Ask the Hub what a file is. Raises :class:`HubError` within about 15 seconds."""
    with _translated(f"{repo}/{path}", endpoint):
        if constants.HF_HUB_OFFLINE:
            raise hub_errors.OfflineModeIsEnabled("offline")
        url = hf_hub_url(repo, path, repo_type=repo_type, revision=revision, endpoint=endpoint)
        meta = get_hf_file_metadata(url, timeout=CONNECT_TIMEOUT_S, endpoint=endpoint)
    digest = meta.etag if meta.etag and _SHA256.fullmatch(meta.etag) else None
    return RemoteFile(repo, repo_type, path, meta.commit_hash or revision, meta.size, digest)


def list_files(
    repo: str, folder: str, repo_type: str, endpoint: str | None = None
) -> list[RemoteFile]:
    """Every file below a folder of a repository, all at one revision."""
    api = HfApi(endpoint=endpoint)
    with _translated(f"{repo}/{folder}", endpoint):
        revision = api.repo_info(repo, repo_type=repo_type, timeout=CONNECT_TIMEOUT_S).sha or "main"
        tree = api.list_repo_tree(
            repo, folder, recursive=True, revision=revision, repo_type=repo_type
        )
        return [
            RemoteFile(
                repo,
                repo_type,
                item.path,
                revision,
                item.size,
                item.lfs.sha256 if item.lfs else None,
            )
            for item in tree
            if hasattr(item, "size")
        ]


def fetch(
    remote: RemoteFile,
    into: Path,
    on_bytes: Callable[[int, int | None], None],
    endpoint: str | None = None,
) -> Path:
    """Download one file below ``into``; an interrupted download is resumed by the next call."""
    with _translated(f"{remote.repo}/{remote.path}", endpoint):
        path = hf_hub_download(
            remote.repo,
            remote.path,
            repo_type=remote.repo_type,
            revision=remote.revision,
            local_dir=into,
            etag_timeout=CONNECT_TIMEOUT_S,
            endpoint=endpoint,
            tqdm_class=_bar_class(on_bytes),
        )
    return Path(path)


def _bar_class(on_bytes: Callable[[int, int | None], None]) -> Any:
    from tqdm.auto import tqdm

    class ReportingBar(tqdm):
        """The client's progress bar, drawn by nobody, counted by us."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            total, initial = kwargs.get("total"), kwargs.get("initial", 0)
            super().__init__(*args, **(kwargs | {"disable": True}))
            self._seen, self._total = initial or 0, total

        def update(self, n: float | None = 1) -> None:
            self._seen += int(n or 0)
            on_bytes(self._seen, self._total)

    return ReportingBar
