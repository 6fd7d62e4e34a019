"""The demo's backend, run by the estate's supervisord: healthy on `/health`."""

from deployments.demo.program import begin, say
from deployments.demo.web import serve

if __name__ == "__main__":
    started = begin()
    say(f"{started.name} listens on port {started.port}")
    serve(started.port, path="/health")
