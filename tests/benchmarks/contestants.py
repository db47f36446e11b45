"""The ways a user would classify a folder of fields today, each a program of its own.

    python tests/benchmarks/contestants.py NAME FOLDER WORK OUT.csv

FOLDER has one level of sub-folders. Each writes a table of path and probabilities and prints a JSON
line with what it did. All use the network in WORK.
"""

from __future__ import annotations

import builtins
import csv
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def fields_in(folder: Path) -> list[Path]:
    """Return every field below a folder, in order."""
    return sorted(path for path in folder.rglob("*.jpg"))


def write_table(target: Path, paths: Sequence[Path | str], rows: Iterable[Sequence[float]]) -> None:
    """Write what every contestant has to write."""
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "Benign", "Early", "Pre", "Pro"])
        for path, row in zip(paths, rows, strict=True):
            writer.writerow([path, *(f"{value:.6f}" for value in row)])


def generator(folder: Path, work: Path, out: Path) -> dict:
    """(a) The papers' way: ImageDataGenerator.flow_from_directory and predict, batches of 64."""
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    model = keras.models.load_model(work / "network.keras")
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        folder, target_size=model.input_shape[1:3], batch_size=64, shuffle=False, class_mode=None
    )
    probabilities = model.predict(flow, verbose=0)
    write_table(out, flow.filenames, probabilities)
    return {"fields": len(probabilities)}


def one_by_one(folder: Path, work: Path, out: Path) -> dict:
    """(b) As desktop programs do: load_img and predict for each field."""
    import keras
    import numpy as np

    model = keras.models.load_model(work / "network.keras")
    paths, rows = fields_in(folder), []
    for path in paths:
        array = keras.utils.img_to_array(keras.utils.load_img(path, target_size=model.input_shape[1:3])) / 255
        rows.append(model.predict(np.expand_dims(array, 0), verbose=0)[0])
    write_table(out, paths, rows)
    return {"fields": len(paths)}


def tf_data(folder: Path, work: Path, out: Path) -> dict:
    """(c) tf.data with parallel decoding and prefetching, predict in batches of 64."""
    import keras
    import tensorflow as tf

    def load(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, model.input_shape[1:3]) / 255.0

    model = keras.models.load_model(work / "network.keras")
    paths = fields_in(folder)
    names = tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
    batches = names.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(64).prefetch(tf.data.AUTOTUNE)
    write_table(out, paths, model.predict(batches, verbose=0))
    return {"fields": len(paths)}


def station(folder: Path, work: Path, out: Path) -> dict:
    """(d) ``allstation classify`` with a table, which is what the others write too."""
    return _classify(folder, work, ["--csv", str(out)])


def kept(folder: Path, work: Path, out: Path) -> dict:
    """(e) The same into a case, with every white cell of every field."""
    return _classify(folder, work, ["--csv", str(out), "--case", str(out.with_suffix(".allcase"))])


def _classify(folder: Path, work: Path, options: list[str]) -> dict:
    from allstation.__main__ import main

    status = main(["classify", str(folder), "--model", str(work / "network.allmodel"), *options])
    return {"fields": len(fields_in(folder)), "status": status}


def window(folder: Path, _work: Path, out: Path) -> dict:
    """(f) The window's queue, offscreen: folder added to a new case, until the last field is done."""
    total = len(fields_in(folder))
    case = out.with_suffix(".allcase")
    command = ["--profile", str(out.with_suffix(".profile")), "--case", str(case), str(folder)]
    return _run_window(command, total)


def window_start(_folder: Path, _work: Path, _out: Path) -> dict:
    """The window alone, as a click on its icon starts it, until it is whole."""
    return _run_window([], 0)


class _Moments:
    """Watches the program's own main: when it painted, was whole, had a first result, was done."""

    def __init__(self, total: int) -> None:
        self._began = float(os.environ["BENCH_STARTED"])
        self._total = total
        self.seen: dict = {"fields": total}

    def note(self, name: str) -> None:
        """Note a moment, from the start of the process, and the processor time until then."""
        self.seen.setdefault(name, time.time() - self._began)
        self.seen.setdefault(f"{name}_processor", time.process_time())

    def wait_for_program(self) -> None:
        """Take hold of the window's program as soon as main has loaded it, as late as that may be."""
        real = builtins.__import__

        def imported(name, *rest, **named):
            module = real(name, *rest, **named)
            if hasattr(sys.modules.get("allstation.app"), "main"):
                builtins.__import__ = real
                self._watch()
            return module

        builtins.__import__ = imported

    def _watch(self) -> None:
        from allstation import app

        show, build = app.AppController.show, app.AppController._build

        def watched(station) -> None:
            station.window.start.painted.connect(lambda: self.note("painted"))
            show(station)

        def built(station) -> None:
            build(station)
            self.note("whole")
            self._go_on(station)

        app.AppController.show, app.AppController._build = watched, built

    def _go_on(self, station) -> None:
        from PySide6.QtCore import QMetaObject, Qt

        def leave() -> None:
            QMetaObject.invokeMethod(station.workbench, "leave", Qt.ConnectionType.QueuedConnection)

        def look(status) -> None:
            done = status.counts.get("done", 0) + status.counts.get("failed", 0)
            if done:
                self.note("first_result")
            if done == self._total:
                self.note("done")
                leave()

        if self._total:
            station.context.session.worker.queue_changed.connect(look)
        else:
            leave()


def _run_window(command: list[str], total: int) -> dict:
    from allstation import __main__

    moments = _Moments(total)
    moments.wait_for_program()
    status = __main__.main(command)
    return moments.seen | {"status": status}


def bare_window(_folder: Path, _work: Path, _out: Path) -> dict:
    """Show an empty QMainWindow of PySide6 in the Fusion style and leave behind its first paint."""
    return _bare(styled=False)


def styled_window(_folder: Path, _work: Path, _out: Path) -> dict:
    """The same with the program's own fonts, palette and style sheet."""
    return _bare(styled=True)


def _bare(*, styled: bool) -> dict:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QMainWindow

    began = float(os.environ["BENCH_STARTED"])
    seen: dict = {"fields": 0}

    class Window(QMainWindow):
        def paintEvent(self, event) -> None:
            super().paintEvent(event)
            seen.setdefault("painted", time.time() - began)
            seen.setdefault("painted_processor", time.process_time())
            QTimer.singleShot(0, program.quit)

    program = QApplication(["bare"])
    if styled:
        from allstation.ui.common.theme import Theme

        theme = Theme(program)
    else:
        program.setStyle("Fusion")
    shown = Window()
    shown.resize(1440, 900)
    shown.show()
    program.exec()
    if styled:
        del theme
    return seen


def limit(folder: Path, work: Path, _out: Path) -> dict:
    """(f) The machine's limit: the LiteRT network alone on prepared arrays, one engine a processor.

    Each engine has one thread, which is faster than one engine on all processors: that is measured beside
    it, as are decoding alone and decoding and finding cells, on the same threads. About 1,000 fields are
    looked at, as rates need no more; no start of any program is part of a rate.
    """
    from concurrent.futures import ThreadPoolExecutor

    import cv2
    from ai_edge_litert.interpreter import Interpreter

    from allstation.imaging import preprocess
    from allstation.imaging.formats import decode
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.engine_pool import EnginePool
    from allstation.inference.pipeline import default_threads

    cv2.setNumThreads(1)
    bundle = ModelBundle.open(work / "network.allmodel")
    paths, threads, pool = fields_in(folder), default_threads(), EnginePool(bundle)
    size = bundle.preprocessing.size

    def rate(job, things) -> float:
        with ThreadPoolExecutor(threads) as workers:
            list(workers.map(job, things[: 4 * threads]))
            began = time.perf_counter()
            list(workers.map(job, things))
            return len(things) / (time.perf_counter() - began)

    def ready(path):
        return preprocess.prepare(decode.decode_reduced(path, size), bundle.preprocessing).tensor

    def on_all(things) -> float:
        """One engine on all processors."""
        network = bundle.read(bundle.info["network"]["file"])
        engine = Interpreter(model_content=network, num_threads=threads)
        engine.allocate_tensors()
        place = engine.get_input_details()[0]["index"]
        began = time.perf_counter()
        for tensor in things:
            engine.set_tensor(place, tensor[None])
            engine.invoke()
        return len(things) / (time.perf_counter() - began)

    total, paths = len(paths), paths[:: max(1, len(paths) // 1000)]
    tensors = [ready(path) for path in paths[:256]]
    some = (tensors * (len(paths) // len(tensors) + 1))[: max(len(paths), 256)]
    return {
        "fields": total,
        "network_rate": rate(lambda tensor: pool.engine().run(tensor)["logits"].sum(), some),
        "one_engine_rate": on_all(some[:256]),
        "decode_rate": rate(lambda path: decode.decode_reduced(path, size).sum(), paths),
        "prepare_rate": rate(lambda path: ready(path).sum(), paths),
    }


CONTESTANTS = {
    "generator": generator,
    "one_by_one": one_by_one,
    "tf_data": tf_data,
    "station": station,
    "kept": kept,
    "window": window,
    "window_start": window_start,
    "bare_window": bare_window,
    "styled_window": styled_window,
    "limit": limit,
}

if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    print("\n" + json.dumps(CONTESTANTS[name](*(Path(text) for text in rest))))
