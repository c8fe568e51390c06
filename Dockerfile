# Berth's API, its worker and its migration are one image: docker-compose.yml says which.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY domain domain
COPY projections projections
COPY workers workers
COPY api api
# PostgreSQL and NATS have containers of their own.
RUN python -m venv /opt/berth \
    && /opt/berth/bin/pip install -c constraints.txt '.[server,otel]'

FROM python:3.11-slim
COPY --from=build /opt/berth /opt/berth
# Nothing is written but below /tmp, where tasks have their folders.
ENV PATH=/opt/berth/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    BERTH_HOST=0.0.0.0
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
# An API is asked on BERTH_PORT, a worker on BERTH_METRICS_PORT, where it tells how it is.
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-m", "api.commands.readiness"]
ENTRYPOINT ["berth"]
CMD ["api"]
