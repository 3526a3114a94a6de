"""Files that machines share which see no common folder: a store that fsspec knows, S3 for one. What lies on a machine
is the fast copy; what it lacks is fetched, what it makes is put up."""

import os
from copy import copy
from functools import cache

from autocompress.errors import StoreAway, StudyError

VARIABLE = "AUTOCOMPRESS_FILES"
WHOLE = {"s3", "gs", "gcs", "abfs", "az", "memory"}  # these show an object when all of it is there


class Depot:
    """Objects by name. Nothing is locked: two machines may do the same work, and equal names mean equal content."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec

            # what others have put up since must be seen
            self._files, self._root = fsspec.url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            extra = "pip install 'autocompress[s3]'" if url.startswith("s3://") else str(error)
            raise StudyError(f"{VARIABLE}={_shown(url)} cannot be opened: {extra}") from None
        except ValueError as error:
            raise StudyError(f"{VARIABLE}={_shown(url)} cannot be opened: {error}") from None
        self._url = _shown(url)
        protocol = self._files.protocol
        self._whole = bool(WHOLE & {protocol, *((protocol,) if isinstance(protocol, str) else protocol)})

    def under(self, folder: str) -> "Depot":
        """The same store, one folder deeper."""
        deeper = copy(self)
        deeper._root = self._place(folder)
        return deeper

    def names(self) -> set[str]:
        """Of all that is there, however deep."""
        try:
            return {place.removeprefix(f"{self._root}/") for place in self._files.find(self._root)}
        except FileNotFoundError:
            return set()
        except Exception as error:  # of many kinds
            raise self._away(error) from error

    def get(self, name: str) -> bytes | None:
        """None if nobody has put it up."""
        try:
            return bytes(self._files.cat_file(self._place(name)))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._away(error) from error

    def put(self, name: str, content: bytes) -> None:
        """All of it or nothing."""
        place = self._place(name)
        try:
            if self._whole:
                self._files.pipe_file(place, content)
                return
            draft = f"{place}.part-{os.urandom(8).hex()}"
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(draft, content)
            self._files.mv(draft, place)
        except Exception as error:
            raise self._away(error) from error

    def size(self, name: str) -> int | None:
        """In bytes; None if it is not there."""
        try:
            return int(self._files.info(self._place(name))["size"])
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._away(error) from error

    def remove(self, name: str) -> None:
        """If it is there."""
        try:
            self._files.rm_file(self._place(name))
        except FileNotFoundError:
            pass
        except Exception as error:
            raise self._away(error) from error

    def tried(self) -> None:
        """A store that is away is better known before work is begun."""
        name, content = "autocompress.txt", b"Models, caches and files of autocompress: see AUTOCOMPRESS_FILES.\n"
        self.put(name, content)
        if self.get(name) != content:
            raise self._away(ValueError("what was just put there does not come back"))

    def _place(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _away(self, error: Exception) -> StoreAway:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return StoreAway(f"the store {self._url} cannot be used: {reason} (see {VARIABLE}, and its credentials)")


def depot() -> Depot | None:
    """The one that the environment names, if any."""
    url = os.environ.get(VARIABLE)
    return _opened(url) if url else None


@cache
def _opened(url: str) -> Depot:
    return Depot(url)


def _shown(url: str) -> str:
    """Without a password: what is said of a store ends in files."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"
