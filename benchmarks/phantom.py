"""Seconds to make phantoms: whole volumes of each look, and what training draws.

Run as ``python -m benchmarks.phantom`` from the repository.
"""

from __future__ import annotations

import os
import time

from napari_octseg.phantom import FINDINGS, PhantomSettings, make_phantom

ONE, THREE = (1, 496, 512), (3, 496, 512)
CASES = (
    ("one B-scan, healthy", PhantomSettings(shape=ONE)),
    ("one B-scan, IRF + SRF", PhantomSettings(shape=ONE, findings=("IRF", "SRF"))),
    ("three B-scans, all findings", PhantomSettings(shape=THREE, findings=FINDINGS)),
    ("Spectralis volume, healthy", PhantomSettings()),
    ("Spectralis volume, all findings", PhantomSettings(findings=FINDINGS)),
    ("Topcon volume", PhantomSettings("topcon")),
    ("Cirrus volume", PhantomSettings("cirrus")),
)


def main() -> None:
    """Print one line per case: the best of three for B-scans, one run for volumes."""
    make_phantom(PhantomSettings(shape=(1, 64, 64)))
    print(f"{os.cpu_count()} cores")
    for name, settings in CASES:
        seconds = []
        for _ in range(3 if settings.shape else 1):
            start = time.perf_counter()
            shape = make_phantom(settings).volume.shape
            seconds.append(time.perf_counter() - start)
        print(f"{name:32s} {shape!s:18s} {min(seconds):7.2f} s")


if __name__ == "__main__":
    main()
