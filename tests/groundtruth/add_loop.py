"""A program that adds to a data set again and again, until it is killed."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.graded_scan import GradedScan
from tests.groundtruth.random_scans import LABEL_SET, patient, plain_scan

N_PIXELS = (2, 40, 30)


def scan_of(step: int, writer: int = 0) -> GradedScan:
    """What is added in that step: by turns a new scan, and other labels of one.

    The labels tell step and writer.
    """
    seed = step // 3
    scan = plain_scan(seed, name=f"s{seed}", patient=patient(seed), shape=N_PIXELS)
    labels = np.random.default_rng((step, writer)).integers(
        0, len(LABEL_SET), N_PIXELS, np.uint8
    )
    return replace(scan, labels=labels)


def add(folder: Path, steps: range, writer: int, told: Connection) -> None:
    """Wait for a word, then add the scans of these steps; tell of each."""
    data_set = DataSet.open(folder)
    told.send("ready")
    told.recv()
    for step in steps:
        version = data_set.add(scan_of(step, writer))
        told.send((step, version.name, version.number))
    told.send("done")


class Writer:
    """A process that adds."""

    def __init__(self, folder: Path, steps: range, writer: int = 0) -> None:
        context = _context()
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=add, args=(folder, steps, writer, theirs))
        self.process.start()
        theirs.close()
        assert self.pipe.recv() == "ready"

    def go(self) -> None:
        """Begin."""
        self.pipe.send("go")

    def reported(self) -> list[tuple[int, str, int]]:
        """What was added, until the end, which may be a violent one."""
        found = []
        try:
            while (one := self.pipe.recv()) != "done":
                found.append(one)
        except (EOFError, ConnectionResetError):
            pass
        self.process.join()
        self.pipe.close()
        return found


def _context() -> multiprocessing.context.BaseContext:
    # Processes that start at once, and hold nothing of this one.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "tifffile", "imagecodecs", "filelock"])
    return context
