# The server without databases, installed by the same commands as `make serve`. How digests are renewed: docs/operating.md, Compose.

FROM node:24-slim@sha256:a9f5f7c91a432850b2a8a7797adf5eadb6c733ceed61167806cee7ea7fbc29df AS assets
WORKDIR /srv/dno-api/app/web/graphiql
COPY app/web/graphiql/ ./
RUN npm ci --silent
RUN npm run --silent build

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS install
WORKDIR /srv/dno-api
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv .venv
COPY requirements/runtime.txt requirements/
RUN .venv/bin/python -m pip install --quiet --require-hashes --requirement requirements/runtime.txt
COPY pyproject.toml README.md CHANGELOG.md ./
COPY docs/ docs/
COPY app/ app/
COPY dno_api/ dno_api/
COPY loaders/ loaders/
COPY schema/ schema/
COPY --from=assets /srv/dno-api/app/web/assets/ app/web/assets/
RUN .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
WORKDIR /srv/dno-api
RUN useradd --system --uid 10001 --no-create-home dno
COPY --from=install /srv/dno-api/ ./
USER 10001
# All other settings are passed at run time; docs/configuration.md lists them.
ENV HOST=0.0.0.0 LOG_FORMAT=json PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=40s --start-interval=1s \
  CMD [".venv/bin/python", "-m", "app.cli.health_check"]
ENTRYPOINT [".venv/bin/dno"]
CMD ["serve"]
