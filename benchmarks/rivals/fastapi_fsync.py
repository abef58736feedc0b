"""What an engineer writes in an afternoon with FastAPI who has read that files must be synced.

Both files of a result are written aside, synced and renamed, and the directory is synced, before
the answer. Functions without `async`, so that FastAPI runs them in its threads and a slow disk does
not stop the loop. `python -m benchmarks.rivals.fastapi_fsync PORT ROOT`
"""

import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Form
from pydantic import BaseModel

LINE = re.compile(r"\[(\d+):([\d.]+),(\d+):([\d.]+)(?:,(\d+))?\]\s*(.*)")

app = FastAPI()


class TencentCallback(BaseModel):
    """The form that Tencent sends."""

    code: int
    requestId: str  # noqa: N815 - the vendor's name
    appid: str = ""
    text: str = ""
    message: str = ""
    audioTime: float | None = None  # noqa: N815 - the vendor's name
    resultDetail: str = ""  # noqa: N815 - the vendor's name


@app.post("/callbacks/tencent")
def tencent(callback: Annotated[TencentCallback, Form()]) -> dict[str, Any]:
    """Keep a result."""
    segments = []
    for number, line in enumerate(callback.text.splitlines()):
        match = LINE.match(line)
        if match:
            start = int(match[1]) * 60 + float(match[2])
            end = int(match[3]) * 60 + float(match[4])
            segments.append({"id": number, "start": start, "end": end, "text": match[6]})
    store(callback.requestId, segments, callback.model_dump())
    return {"code": 0, "message": "success"}


def store(id_: str, segments: list[dict[str, Any]], payload: dict[str, Any]) -> None:
    """Write a result as text and JSON, durably."""
    now = datetime.now(UTC)
    text = "\n".join(segment["text"] for segment in segments)
    document: dict[str, Any] = {"provider": "tencent", "id": id_, "received_at": now.isoformat()}
    document |= {"text": text, "segments": segments, "payload": payload}
    folder = Path(sys.argv[2]) / f"tencent/{now:%Y/%m/%d}"
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / f"{id_}.txt", text + "\n")
    write_durably(folder / f"{id_}.json", json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: str) -> None:
    """Write a file aside, sync it, and give it its name."""
    aside = path.with_name(f".{path.name}.part")
    with open(aside, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False)
