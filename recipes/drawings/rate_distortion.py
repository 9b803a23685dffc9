"""What a lossy codec is looked at by: its curve beside those of others, and pictures of equal size."""

import numpy as np

from recipes import plots

_LINES = {
    "model": ("autoencoder, one file", "#cc3311", "-"),
    "jpeg": ("JPEG, all images on a sheet", "#4477aa", "-"),
    "jpeg2000": ("JPEG 2000, all images on a sheet", "#228833", "-"),
    "jpeg_files": ("JPEG, a file an image", "#4477aa", ":"),
    "jpeg2000_files": ("JPEG 2000, a file an image", "#228833", ":"),
}


def curves(path, points):
    """PSNR over bits per pixel, a line a codec, from rows of `bits_per_pixel` and `psnr`; the left part.

    Args:
        path: The PNG.
        points: By the names of `recipes.tasks.compression.curves`, rows of `setting` and measures.
    """
    figure, axis = plots.blank(1, 1, (6.4, 4.6))
    for name, rows in points.items():
        label, colour, line = _LINES[name]
        bits, psnr = ([row[key] for row in rows] for key in ("bits_per_pixel", "psnr"))
        axis.plot(bits, psnr, line, marker=".", color=colour, label=label)
    own = points["model"]
    trained = next(row for row in own if row["setting"] == 1)
    axis.plot(trained["bits_per_pixel"], trained["psnr"], "o", color=_LINES["model"][1], label="as trained")
    axis.set(xscale="log", ylim=(None, max(row["psnr"] for row in own) + 8))
    axis.set(xlabel="bits per pixel", ylabel="PSNR, dB", title="Test images")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.grid(alpha=0.3, which="both")
    axis.legend(frameon=False, fontsize=8)
    plots.save(figure, path)


def examples(path, originals, points):
    """Originals `(n, h, w, c)` above what each codec makes of them at about the same size.

    `points` holds a `recipes.tasks.compression.Point` by name.
    """
    rows = {"original": originals}
    for name, point in points.items():
        measures = point.measures
        codec = _LINES[name][0].split(",")[0]
        rows[f"{codec}: {measures['bits_per_pixel']:.3f} bits per pixel, {measures['psnr']:.1f} dB"] = (
            point.pictures
        )
    figure, axes = plots.blank(len(rows), len(originals), (0.8 * len(originals), 1.2 * len(rows)))
    for (title, pictures), line in zip(rows.items(), axes, strict=True):
        for picture, axis in zip(pictures, line, strict=True):
            shown = np.clip(picture, 0, 1).squeeze()
            axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.axis("off")
        # Outside the layout: a long text would widen the first column.
        line[0].text(0, 1.08, title, transform=line[0].transAxes, fontsize=8, in_layout=False)
    plots.save(figure, path)
