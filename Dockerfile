# The playground and its workers in one image: by itself it does all in one process, and compose.yaml says what each container does.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
RUN python -m venv --without-pip /venv
COPY requirements-run.lock ./
RUN python -m pip --python /venv/bin/python install --quiet --require-hashes --requirement requirements-run.lock \
    && find /venv/lib/*/site-packages/twisted -type d -name test -prune -exec rm -r {} +
COPY . ./
RUN SAGA_DATA=/tmp/build SAGA_STATIC=/app/collected /venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && /venv/bin/python -m compileall -q sagas playground

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 SAGA_DATA=/data SAGA_STATIC=/app/collected HOST=0.0.0.0 PORT=8000
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin saga && install -d -o saga -g saga /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER saga
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
CMD ["python", "manage.py", "play"]
