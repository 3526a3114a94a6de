"""Where studies live on disk, and where nothing should."""

import os
from pathlib import Path

from autocompress.errors import StudyError

SHARED = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "lustre", "gpfs", "fuse.sshfs", "ceph", "beegfs"}


def home() -> Path:
    """AUTOCOMPRESS_HOME, else the XDG data folder."""
    chosen = os.environ.get("AUTOCOMPRESS_HOME")
    if chosen:
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "autocompress"


def study_folder(name: str) -> Path:
    return home() / "studies" / name


def cache_folder() -> Path:
    return home() / "cache"


def study_names() -> list[str]:
    """Studies that have been run here, by name."""
    return sorted(p.parent.name for p in (home() / "studies").glob("*/study.json"))


def refuse_network(folder: Path) -> None:
    """SQLite corrupts on network file systems; better to say so before than to lose a study."""
    kind = filesystem(folder)
    if kind in SHARED:
        raise StudyError(
            f"{folder} is on a network file system ({kind}), where SQLite loses data; "
            "set AUTOCOMPRESS_HOME to a local folder, or give --storage postgresql+psycopg://..."
        )


def filesystem(folder: Path) -> str:
    """The type of the file system that holds a folder, as the kernel names it; empty where it does not say."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    where = folder.resolve()
    best, kind = "", ""
    for line in lines:
        _, mount, fs, *_ = line.split(" ")
        mount = mount.replace("\\040", " ")
        if where.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, fs
    return kind
