# Page assets, then the wheel with them in it, then a runtime that has neither npm nor a compiler.

FROM node:22-slim AS assets
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --ignore-scripts

FROM python:3.11-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/vigie
# Dependencies first: they change less often than the code.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        print(*project['dependencies'], *sum(project['optional-dependencies'].values(), []), sep='\n')" \
        > requirements.txt \
    && /opt/vigie/bin/pip install -c constraints.txt -r requirements.txt
COPY README.md LICENSE ./
COPY scripts scripts
COPY slo slo
COPY collectors collectors
COPY incidents incidents
COPY runbooks runbooks
COPY dashboards dashboards
COPY vigie vigie
COPY package.json ./
COPY --from=assets /src/node_modules node_modules
RUN python scripts/assets.py \
    && /opt/vigie/bin/pip wheel --no-deps --wheel-dir /wheels . \
    && /opt/vigie/bin/pip install --no-deps /wheels/*.whl

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Vigie" \
      org.opencontainers.image.description="SLOs as YAML to paged incidents, runbooks and Grafana dashboards" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/vigie /opt/vigie
ENV PATH=/opt/vigie/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080 4317
ENTRYPOINT ["vigie"]
CMD ["serve", "--config", "/etc/vigie/vigie.yaml"]
