"""The demo's frontend, run by the estate's supervisord: healthy on `/`."""

from deployments.demo.program import begin, say
from deployments.demo.web import serve

if __name__ == "__main__":
    started = begin()
    say(f"{started.name} listens on port {started.port}")
    serve(started.port, path="/")
