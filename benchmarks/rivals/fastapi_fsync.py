"""What an engineer writes in an afternoon with FastAPI who has read that files must be synced.

Both files of a result are written aside, synced and renamed, and the directory is synced, before
the answer. Functions without `async`, so that FastAPI runs them in its threads and a slow disk does
not stop the loop. Served by `uvicorn benchmarks.rivals.fastapi_fsync:app`; $ROOT is the tree.
"""

import json
import os
import re
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Form, Header, HTTPException
from pydantic import BaseModel

ROOT = Path(os.environ["ROOT"])
TOKEN_LIFETIME_S = 3600
LINE = re.compile(r"\[(\d+):([\d.]+),(\d+):([\d.]+)(?:,(\d+))?\]\s*(.*)")

app = FastAPI()
tokens: dict[str, float] = {}


class Credentials(BaseModel):
    """What a token is asked with."""

    appKey: str  # noqa: N815 - the vendor's name
    appSecret: str  # noqa: N815 - the same


class Lattice(BaseModel):
    """A sentence of Huawei's."""

    lid: int
    begin: int
    end: int
    onebest: str
    spk: int


class State(BaseModel):
    """Whether Huawei's task succeeded."""

    code: int
    success: bool


class Inner(BaseModel):
    """The result of Huawei's task."""

    aid: str
    lattices: list[Lattice]


class Outer(BaseModel):
    """State and result."""

    state: State
    body: Inner


class HuaweiCallback(BaseModel):
    """The whole callback."""

    body: Outer


class TencentCallback(BaseModel):
    """The form that Tencent sends."""

    code: int
    requestId: str  # noqa: N815 - the vendor's name
    appid: str = ""
    text: str = ""
    message: str = ""
    audioTime: float | None = None  # noqa: N815 - the vendor's name
    resultDetail: str = ""  # noqa: N815 - the vendor's name


@app.post("/oifde/rest/api/gettoken")
def get_token(credentials: Credentials) -> dict[str, Any]:
    """Hand out a token."""
    token = secrets.token_hex(32)
    tokens[token] = time.time() + TOKEN_LIFETIME_S
    return {"errorCode": 0, "errorMsg": "", "authToken": token, "expireTime": TOKEN_LIFETIME_S}


@app.post("/oifde/rest/sysapi/asrcallback")
def huawei(callback: HuaweiCallback, token: Annotated[str, Header()]) -> dict[str, str]:
    """Keep a result of Huawei's."""
    if tokens.get(token, 0.0) < time.time():
        raise HTTPException(401)
    result = callback.body.body
    segments = [
        {
            "id": number,
            "start": each.begin / 1000,
            "end": each.end / 1000,
            "text": each.onebest,
            "speaker": str(each.spk),
        }
        for number, each in enumerate(result.lattices)
    ]
    store("huawei", result.aid, segments, callback.model_dump())
    return {"retCode": "0", "retMsg": "success"}


@app.post("/callbacks/tencent")
def tencent(callback: Annotated[TencentCallback, Form()]) -> dict[str, Any]:
    """Keep a result of Tencent's."""
    segments = []
    for number, line in enumerate(callback.text.splitlines()):
        match = LINE.match(line)
        if match:
            start = int(match[1]) * 60 + float(match[2])
            end = int(match[3]) * 60 + float(match[4])
            segments.append({"id": number, "start": start, "end": end, "text": match[6]})
    store("tencent", callback.requestId, segments, callback.model_dump())
    return {"code": 0, "message": "success"}


def store(provider: str, id_: str, segments: list[dict[str, Any]], payload: dict[str, Any]) -> None:
    """Write a result as text and JSON, durably."""
    now = datetime.now(UTC)
    text = "\n".join(each["text"] for each in segments)
    document = {
        "provider": provider,
        "id": id_,
        "received_at": now.isoformat(),
        "text": text,
        "segments": segments,
        "payload": payload,
    }
    folder = ROOT / provider / f"{now:%Y/%m/%d}"
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
