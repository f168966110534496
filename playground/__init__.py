"""The website: pages, API and sockets over the engine in `sagas`, which knows nothing of it."""
