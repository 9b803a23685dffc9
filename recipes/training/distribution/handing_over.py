"""What a run's directory holds for training to go on, packed to be sent to another worker."""

import io
import pathlib
import tarfile

_LEFT_OUT = {"export", "plots"}  # what training never reads


def packed(folder):
    """The files of a run's directory, as bytes."""
    folder, buffer = pathlib.Path(folder), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and name.parts[0] not in _LEFT_OUT and not name.name.startswith("."):
                archive.add(path, str(name))
    return buffer.getvalue()


def unpacked(content, folder):
    """Write what `packed` gave into `folder`; returns it."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")
    return pathlib.Path(folder)
