"""The services over HTTP, for whoever drives sagas elsewhere: `POST /services/<service>/<command>`; docs/SERVICES.md."""
