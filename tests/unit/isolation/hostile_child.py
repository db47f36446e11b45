"""A child that does what it is told, whatever harm that is; also one that answers what makes no sense."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from allstation.isolation import frames, serving


def _spin():
    while True:
        pass


def _thread():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


HARM = {
    "crash": lambda _: ctypes.string_at(0),
    "spin": lambda _: _spin(),
    "sleep": lambda _: time.sleep(600),
    "connect": lambda _: socket.socket().connect(("127.0.0.1", 9)),
    "write": lambda request: Path(request["path"]).write_text("x"),
    "remove": lambda request: Path(request["path"]).unlink(),
    "rename": lambda request: Path(request["path"]).rename(request["path"] + ".x"),
    "mode": lambda request: Path(request["path"]).chmod(0o700),
    "read": lambda request: Path(request["path"]).read_bytes(),
    "fork": lambda _: os.fork(),
    "run": lambda _: os.execv("/bin/true", ["true"]),  # noqa: S606
    "kill": lambda _: os.kill(os.getppid(), signal.SIGTERM),
    "thread": lambda _: _thread(),
    "exit": lambda _: os._exit(7),
}


def obey(request, content):
    """Do what the request or, if that says nothing, the environment says."""
    do = request.get("do", "")
    do = do if do in {*HARM, "eat", "answer"} else os.environ.get("HOSTILE", "")
    if do == "eat":
        return {"bytes": len(bytearray(request.get("bytes", 8 << 30)))}, ()
    if do == "answer":
        answer = json.loads(os.environ["HOSTILE_ANSWER"])
        return answer, [bytes(answer.pop("bytes", 0))]
    if do in HARM:
        HARM[do](request)
    return {"pid": os.getpid()}, [content]


def main() -> int:
    """Serve, or send what is no frame."""
    kind, *limits = sys.argv[1:]
    if kind == "garbage":
        os.write(1, b"what is this" * 10)
        return 0
    if kind == "claim":
        os.write(1, (10).to_bytes(4, "little") + (1 << 60).to_bytes(8, "little") + b"{}")
        time.sleep(60)
    if kind == "silent":
        time.sleep(60)
    if kind == "no object":
        frames.send(serving.open_channel(), [1, 2])
        return 0
    idle = 0.2 if kind == "idle" else 300.0
    return serving.serve(obey, limits, most=1 << 30, idle=idle)


if __name__ == "__main__":
    sys.exit(main())
