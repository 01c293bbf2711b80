"""An app for ASGI servers, with an async view and one that runs in a thread."""

from calls import call
from fastapi import FastAPI

app = FastAPI()


@app.get("/async/{user}")
async def asynchronous(user: str) -> str:
    call(user)
    return "ok"


@app.get("/sync/{user}")
def synchronous(user: str) -> str:
    call(user)
    return "ok"
