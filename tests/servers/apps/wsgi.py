"""An app for WSGI servers."""

from calls import call
from flask import Flask

app = Flask(__name__)


@app.get("/sync/<user>")
def view(user: str) -> str:
    call(user)
    return "ok"
