"""Run as a program: swaps a folder for a link and back, as fast as it can, until its standard input closes.

Arguments: the folder's name, the link's name. Both stay where they are and change their roles in one step each, where the system can (renameat2 with
RENAME_EXCHANGE); elsewhere by way of a third name.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading

AT_FDCWD, RENAME_EXCHANGE = -100, 2


def main(folder: str, link: str) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    swaps = 0
    print("ready", flush=True)
    while not ended.is_set():
        for _ in range(100):
            if exchange is None or exchange(AT_FDCWD, folder.encode(), AT_FDCWD, link.encode(), RENAME_EXCHANGE):
                os.rename(folder, f"{folder}.away")
                os.rename(link, folder)
                os.rename(f"{folder}.away", link)
            swaps += 1
    print(swaps, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
